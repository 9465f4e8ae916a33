import { MillraceError } from '../core/error.ts'
import type { ColumnOf, Flow, SplitPart } from '../data/flow.ts'
import { calibrationBins, rocCurve } from '../metrics/curves.ts'
import { type Metric, type MetricName, resolveMetric } from '../metrics/metric.ts'
import type { Baseline } from '../model/baseline.ts'
import type { Evaluation } from '../model/evaluation.ts'
import type { EvaluatedPart, PreparedPart, TrainedPart } from '../model/flow.ts'
import { Stage } from '../pipeline/stage.ts'
import type { StageContext } from '../pipeline/stage-definition.ts'
import { metricValuesOf, whereDefined } from './metric-values.ts'
import { type FittedBaseline, type Scores, scoreDataset } from './score-dataset.ts'

export interface EvaluateOptions<Column extends string = string> {
  /** Built-in ones by name, a plugin's as they are. */
  readonly metrics: readonly (MetricName | Metric)[]
  /** Columns by whose values the same metrics are computed. */
  readonly slices?: readonly Column[]
  /** What the model must beat; they are fitted on the training part here. */
  readonly baselines?: readonly Baseline[]
  /** Rows that go through plan and model together; default 8,192. It does not change the result. */
  readonly batchRows?: number
  /** Slices of fewer rows are left out; default 200. */
  readonly minSliceRows?: number
  /** Of each column; the largest are kept; default 100. */
  readonly maxSlices?: number
}

/**
 * Measures the model on the test part, in one pass: metrics with intervals where they have one, the same metrics of the baselines and of
 * slices, and for a binary task calibration and the ROC curve. Only figures flow on; those of the model are kept as metrics of the run.
 *
 * Memory: four bytes a test row for the labels, for the predictions and for each baseline and slice column.
 * A metric that a slice does not define (the AUC of one class) is missing there.
 *
 * @throws {@link MillraceError} `SPLIT_EMPTY` without test rows; `METRIC_UNDEFINED` when the test part does not define a metric that was
 * asked for; `LABEL_INVALID`; `ARGUMENT_INVALID` here for options that make no sense.
 * @example
 * pipeline.pipe(evaluate({ metrics: ['auc', 'log-loss'], slices: ['origin'], baselines: [prior(), meanBy('origin')] }))
 */
export function evaluate<F extends Flow & SplitPart & PreparedPart & TrainedPart>(
  options: EvaluateOptions<ColumnOf<F>>,
): Stage<F, F & EvaluatedPart> {
  const metrics = options.metrics.map(resolveMetric)
  const slices = options.slices ?? []
  const baselines = options.baselines ?? []
  const batchRows = wholeNumber('batchRows', options.batchRows ?? 8_192)
  const minRows = wholeNumber('minSliceRows', options.minSliceRows ?? 200)
  const maxSlices = wholeNumber('maxSlices', options.maxSlices ?? 100)
  if (metrics.length === 0) throw invalid('metrics', 'at least one metric', 'none')
  distinct('metrics', metrics)
  distinct('baselines', baselines)
  return new Stage<F, F & EvaluatedPart>({
    name: 'evaluate',
    version: '1',
    parameters: {
      metrics: options.metrics.map(metricParameters),
      slices,
      baselines: baselines.map(({ name, version, parameters }) => ({ name, version, parameters })),
      minRows,
      maxSlices,
    },
    async run(input, context) {
      const { test, task } = input
      if (test.rowCount === 0) {
        throw new MillraceError('SPLIT_EMPTY', {
          message: 'Expected rows in the test part. Received none.',
          details: { part: 'test', rows: 0 },
        })
      }
      const fitted = await fitBaselines(baselines, input, context)
      const scores = await scoreModel(input, fitted, { slices, batchRows }, context)
      const { labels, predictions } = scores
      const evaluation: Evaluation = {
        rows: test.rowCount,
        metrics: metricValuesOf(metrics, labels, predictions, 'fail'),
        baselines: Object.fromEntries(
          Object.entries(scores.baselines).map(([name, guesses]) => [name, metricValuesOf(metrics, labels, guesses, 'omit')]),
        ),
        slices: scores.slices.flatMap((slice) => slice.slices(metrics, labels, predictions, { minRows, maxSlices })),
        calibration: task === 'binary' ? calibrationBins(labels, predictions) : [],
        roc: task === 'binary' ? (whereDefined(() => rocCurve(labels, predictions)) ?? []) : [],
      }
      context.metrics(Object.fromEntries(Object.entries(evaluation.metrics).map(([name, { value }]) => [name, value])))
      return { ...input, evaluation }
    },
  })
}

async function fitBaselines(
  baselines: readonly Baseline[],
  { train, target }: SplitPart & PreparedPart,
  { signal }: StageContext,
): Promise<readonly FittedBaseline[]> {
  const fitted: FittedBaseline[] = []
  for (const baseline of baselines) fitted.push({ baseline, predict: await baseline.fit(train, target, { signal }) })
  return fitted
}

/** Whoever opens a model disposes it, however the pass ends. */
async function scoreModel(
  { test, plan, target, task, model: reference }: SplitPart & PreparedPart & TrainedPart,
  baselines: readonly FittedBaseline[],
  options: { readonly slices: readonly string[]; readonly batchRows: number },
  context: StageContext,
): Promise<Scores> {
  const model = await reference.open({ signal: context.signal })
  try {
    return await scoreDataset({ dataset: test, plan, model, target, task, baselines, ...options }, context)
  } finally {
    model.dispose()
  }
}

/** A plugin's metric counts by its source text, a built-in one by its name. */
function metricParameters(metric: MetricName | Metric): unknown {
  if (typeof metric === 'string') return metric
  const { name, compute, interval } = metric
  return { name, compute, interval: interval ?? null }
}

function distinct(argument: string, items: readonly { readonly name: string }[]): void {
  const names = items.map(({ name }) => name)
  const repeated = names.find((name, index) => names.indexOf(name) !== index)
  if (repeated !== undefined) throw invalid(argument, 'names that differ', `"${repeated}" twice`)
}

function wholeNumber(argument: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw invalid(argument, 'a whole number of at least 1', String(value))
}

function invalid(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${received}.`,
    details: { argument, expected, received },
  })
}
