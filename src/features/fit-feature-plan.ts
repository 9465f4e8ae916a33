import { throwIfAborted } from '../core/abort.ts'
import type { Random } from '../core/random.ts'
import { createRandom } from '../core/random.ts'
import type { ColumnType } from '../data/column-type.ts'
import type { Dataset } from '../data/dataset.ts'
import { columnOf } from '../data/read-column.ts'
import { OneHotHeadFitter, TargetHeadFitter } from './category-fitters.ts'
import { CategoryKey } from './category-key.ts'
import { CyclicFeature } from './cyclic-feature.ts'
import type { FeatureDefinition, PlanDefinition } from './definition.ts'
import { featureDefinitionsOf } from './definition.ts'
import type { FeatureFitter } from './feature-fitter.ts'
import type { FeaturePlan } from './feature-plan.ts'
import type { Cross, Features } from './features.ts'
import { FittedPlan } from './fitted-plan.ts'
import { FoldDealer, foldSeedFrom } from './folds.ts'
import { forgetUnusedCategories } from './forget-categories.ts'
import { blockRows } from './key-index.ts'
import { fillLabels, targetKindOf } from './labels.ts'
import { LookupFitter } from './lookup-fitter.ts'
import { NumberFitter } from './number-fitter.ts'
import { SourceSet } from './source-set.ts'
import type { TargetKind } from './target-table.ts'

/** How fitting runs. */
export interface FitOptions {
  /** The training part: nothing else is read. */
  readonly train: Dataset
  /** Deals the training rows to folds; the same stream gives the same plan. Default: a fixed seed. */
  readonly random?: Random | undefined
  readonly signal?: AbortSignal | undefined
  /** Rows read so far and in all, over all passes. */
  readonly progress?: ((done: number, total: number) => void) | undefined
}

/**
 * Fits a feature plan to training data, in a few streaming passes over the columns it needs: memory is bounded by the number of categories,
 * not of rows. Equal data, definition and seed give equal plans, bit for bit, however the data is cut into batches.
 *
 * @throws {@link MillraceError} `FEATURE_INVALID` when the definition does not fit the columns or the data; `LABEL_INVALID` when a target that is encoded
 * has a row without a label; aborts reject with `signal.reason`.
 * @example
 * const plan = await fitFeaturePlan({
 *   train: dataset,
 *   target: 'late',
 *   features: { date: cyclic('hour'), distance: logarithm().pipe(standardize()) },
 *   crosses: { route: { of: ['origin', 'destination'], as: targetEncode() } },
 * })
 * plan.inputs.features?.featureNames // ['date.hour.sine', 'date.hour.cosine', 'distance', 'route']
 */
export function fitFeaturePlan<Row extends object, const Target extends keyof Row & string>(
  options: Omit<FitOptions, 'train'> & {
    readonly train: Dataset<Row>
    readonly target: Target
    readonly features: Features<NoInfer<Row>, Target>
    readonly crosses?: Readonly<Record<string, Cross<Omit<NoInfer<Row>, Target>>>>
  },
): Promise<FeaturePlan> {
  const { target, features, crosses } = options
  return fitPlan({ target, features, crosses } as PlanDefinition, options as FitOptions)
}

/** {@link fitFeaturePlan} without its types. */
export async function fitPlan(definition: PlanDefinition, options: FitOptions): Promise<FeaturePlan> {
  const { train } = options
  const definitions = featureDefinitionsOf(definition, train.columns)
  const sources = new SourceSet(train.columns.filter((column) => column.name !== definition.target))
  const seed = foldSeedFrom(options.random ?? createRandom(0))
  const passes = new Passes(definition.target, sources, new FoldDealer(seed), options)
  for (const { of, steps } of definitions) {
    if (isCategorical(steps[0]?.kind)) for (const part of of) sources.codes(typeof part === 'string' ? { column: part } : part)
  }
  await passes.learnCategories()
  const needsTarget = definitions.some(({ steps }) => steps[0]?.kind === 'target-encode')
  const kind = needsTarget ? await targetKindOf(train, definition.target, options) : 'regression'
  const fitters = definitions.map((item) => fitterOf(item, sources, kind))
  while (fitters.some((fitter) => fitter.pending)) {
    await passes.run(
      fitters.filter((fitter) => fitter.pending),
      kind,
    )
  }
  passes.finish()
  const features = fitters.map((fitter) => fitter.finish())
  forgetUnusedCategories(sources, features)
  return new FittedPlan(sources, features, seed)
}

function isCategorical(kind: string | undefined): boolean {
  return kind === 'one-hot' || kind === 'target-encode'
}

function fitterOf({ name, of, steps }: FeatureDefinition, sources: SourceSet, kind: TargetKind): FeatureFitter {
  const [first, ...rest] = steps
  if (first?.kind === 'cyclic') return new LookupFitter(name, [name], new CyclicFeature(sources.timeParts(name, first.part)), rest)
  if (first?.kind !== 'one-hot' && first?.kind !== 'target-encode') return new NumberFitter(sources.numbers(name), steps)
  const parts = of.map((part) => (typeof part === 'string' ? { column: part } : { time: part.time, part: part.part }))
  const key = new CategoryKey(name, parts, sources)
  const head = first.kind === 'one-hot' ? new OneHotHeadFitter(key, first.maxCategories, sources) : new TargetHeadFitter(key, kind, first)
  return new LookupFitter(name, key.columns, head, rest)
}

/** Reads the training data, as often as the fitters need. */
class Passes {
  readonly #target: string
  readonly #sources: SourceSet
  readonly #dealer: FoldDealer
  readonly #options: FitOptions
  readonly #labels = new Float64Array(blockRows)
  #done = 0
  #total: number

  constructor(target: string, sources: SourceSet, dealer: FoldDealer, options: FitOptions) {
    this.#target = target
    this.#sources = sources
    this.#dealer = dealer
    this.#options = options
    this.#total = options.train.rowCount * 2
  }

  /** Codes of categories must be known before categories of several columns can be numbered. */
  async learnCategories(): Promise<void> {
    const learning = this.#sources.categorySources.filter((source) => source.kind !== 'boolean')
    if (learning.length === 0) return
    const columns = [...new Set(learning.map((source) => source.column))]
    await this.#read(columns, (batch) => {
      for (const source of learning) source.learn(columnOf(batch, source.column))
    })
  }

  async run(fitters: readonly FeatureFitter[], kind: TargetKind): Promise<void> {
    const columns = new Set(fitters.flatMap((fitter) => fitter.columns))
    const needsTarget = fitters.some((fitter) => fitter.needsTarget)
    await this.#read(needsTarget ? [...columns, this.#target] : [...columns], (batch, firstRow) => {
      this.#sources.bind(batch, columns)
      const target = needsTarget ? columnOf(batch, this.#target) : undefined
      for (let start = 0; start < batch.numRows; start += blockRows) {
        const rows = Math.min(blockRows, batch.numRows - start)
        this.#sources.fill(start, rows)
        if (target !== undefined) fillLabels(this.#labels, target, { target: this.#target, kind, start, rows, firstRow })
        const folds = (count: number): Uint8Array => this.#dealer.deal(firstRow + start, rows, count)
        for (const fitter of fitters) fitter.observe(rows, this.#labels, folds)
      }
      this.#sources.release()
    })
    for (const fitter of fitters) fitter.endPass()
  }

  finish(): void {
    this.#options.progress?.(this.#done, this.#done)
  }

  async #read(columns: readonly string[], take: (batch: Batch, firstRow: number) => void): Promise<void> {
    const { train, signal, progress } = this.#options
    this.#total = Math.max(this.#total, this.#done + train.rowCount)
    let firstRow = 0
    // A dataset of unknown rows has no column names in its type.
    const names = inOrder(train.columns, columns) as readonly never[]
    for await (const batch of train.batches(signal === undefined ? { columns: names } : { columns: names, signal })) {
      throwIfAborted(signal)
      take(batch, firstRow)
      firstRow += batch.numRows
      this.#done += batch.numRows
      progress?.(this.#done, this.#total)
    }
  }
}

type Batch = Parameters<SourceSet['bind']>[0]

function inOrder(columns: readonly ColumnType[], names: readonly string[]): readonly string[] {
  return columns.filter((column) => names.includes(column.name)).map((column) => column.name)
}
