import type { ColumnOf, Flow, RowOf, SplitPart } from '../data/flow.ts'
import { profileDataset } from '../data/profile-dataset.ts'
import { profilePortable } from '../data/profile-portable.ts'
import type { PlanDefinition } from '../features/definition.ts'
import { definitionJson } from '../features/definition.ts'
import type { Cross, Features } from '../features/features.ts'
import { fitPlan } from '../features/fit-feature-plan.ts'
import { targetKindOf } from '../features/labels.ts'
import { featurePlanPortable } from '../features/portable.ts'
import type { PreparedPart } from '../model/flow.ts'
import { requireDistinctLabels } from '../model/labels.ts'
import { Stage } from '../pipeline/stage.ts'
import type { StageContext } from '../pipeline/stage-definition.ts'

/** What the model learns to tell, and what from. */
export interface PrepareOptions<Row, Target extends keyof Row> {
  /** The column of labels: booleans or 0 and 1 make a binary task, other numbers a regression. */
  readonly target: Target
  /** By column, the transforms that make features of it. */
  readonly features: Features<Row, Target>
  /** By a name of your own, categories made of several columns. */
  readonly crosses?: Readonly<Record<string, Cross<Omit<Row, Target>>>>
}

/**
 * The stage `prepare`: fits a feature plan to the training part, and only to that, and profiles the columns that it reads. Nothing is
 * copied or transformed here: the plan is applied batch by batch on the way to the model, and becomes part of it.
 *
 * When run, throws {@link MillraceError} `FEATURE_INVALID` where definition and data do not fit (the compiler finds most of it before), `LABEL_INVALID`
 * for numbers too large for differences so small.
 *
 * @example
 * pipeline.pipe(
 *   prepare({
 *     target: 'late',
 *     features: { date: [cyclic('hour'), cyclic('day-of-week')], distance: logarithm().pipe(standardize()), origin: targetEncode() },
 *     crosses: { route: { of: ['origin', 'destination'], as: targetEncode() } },
 *   }),
 * )
 */
export function prepare<F extends Flow & SplitPart, const Target extends ColumnOf<F>>(
  options: PrepareOptions<RowOf<NoInfer<F>>, Target>,
): Stage<F, F & PreparedPart> {
  const definition = { target: options.target, features: options.features, crosses: options.crosses } as PlanDefinition
  return new Stage<F, F & PreparedPart>({
    name: 'prepare',
    version: '1',
    parameters: definitionJson(definition),
    portables: [featurePlanPortable, profilePortable],
    run: async (input, context) => ({ ...input, ...(await preparedPart(definition, input, context)) }),
  })
}

async function preparedPart(definition: PlanDefinition, { train }: SplitPart, context: StageContext): Promise<PreparedPart> {
  const { signal, random, logger } = context
  const { target } = definition
  const plan = await fitPlan(definition, {
    train,
    random: random.split('folds'),
    signal,
    progress: (done, total) => context.progress(done, total, 'rows'),
  })
  const task = await targetKindOf(train, target, { signal })
  if (task === 'regression') await requireDistinctLabels(train, target, { signal })
  const trainingProfile = await profileDataset(train, { columns: plan.columns.map((column) => column.name), signal })
  logger.info('feature plan fitted', { rows: train.rowCount, features: plan.inputs.features?.featureNames.length ?? 0, task })
  return { plan, target, task, trainingProfile }
}
