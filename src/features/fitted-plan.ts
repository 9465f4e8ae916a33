import type { RecordBatch } from 'apache-arrow'
import type { ColumnType } from '../data/column-type.ts'
import type { FeaturePlan, FeaturePlanPackage } from './feature-plan.ts'
import type { BlockFolds, FittedFeature } from './fitted-feature.ts'
import type { FoldSeed } from './folds.ts'
import { FoldDealer } from './folds.ts'
import { blockRows } from './key-index.ts'
import { packPlan } from './pack-plan.ts'
import type { SourceSet } from './source-set.ts'
import type { TensorSpec, Tensors } from './tensors.ts'

/** The plan that fitting makes and that a package brings back: one matrix, `features`. */
export class FittedPlan implements FeaturePlan {
  readonly columns: readonly ColumnType[]
  readonly inputs: Readonly<Record<string, TensorSpec>>
  readonly #sources: SourceSet
  readonly #features: readonly FittedFeature[]
  readonly #width: number
  readonly #dealer: FoldDealer

  constructor(sources: SourceSet, features: readonly FittedFeature[], seed: FoldSeed) {
    this.#sources = sources
    this.#features = features
    this.#dealer = new FoldDealer(seed)
    this.columns = sources.columns
    const featureNames = distinct(features.flatMap((feature) => feature.names))
    this.#width = featureNames.length
    this.inputs = { features: { shape: [featureNames.length], type: 'float32', featureNames } }
  }

  apply(batch: RecordBatch, into?: Tensors): Tensors {
    return this.#applyTo(batch, undefined, into)
  }

  applyTraining(batch: RecordBatch, firstRow: number, into?: Tensors): Tensors {
    return this.#applyTo(batch, firstRow, into)
  }

  applyRow(row: Readonly<Record<string, unknown>>, into?: Tensors): Tensors {
    this.#sources.setRow(row)
    const [tensors, output] = this.#output(1, into)
    this.#write(output, 0, 1, undefined)
    return tensors
  }

  /** With `training: false` without the tables by fold, which only `applyTraining` needs: half the size. */
  toPackage(options: { readonly training?: boolean } = {}): FeaturePlanPackage {
    return packPlan(this.#sources, this.#features, this.#dealer.seed, { training: options.training ?? true })
  }

  #applyTo(batch: RecordBatch, firstRow: number | undefined, into: Tensors | undefined): Tensors {
    const { numRows } = batch
    this.#sources.bind(batch)
    try {
      const [tensors, output] = this.#output(numRows, into)
      for (let start = 0; start < numRows; start += blockRows) {
        const rows = Math.min(blockRows, numRows - start)
        this.#sources.fill(start, rows)
        const folds: BlockFolds | undefined =
          firstRow === undefined ? undefined : (count) => this.#dealer.deal(firstRow + start, rows, count)
        this.#write(output, start * this.#width, rows, folds)
      }
      return tensors
    } finally {
      this.#sources.release()
    }
  }

  #write(output: Float32Array, start: number, rows: number, folds: BlockFolds | undefined): void {
    let at = start
    for (const feature of this.#features) {
      feature.write(output, at, this.#width, rows, folds)
      at += feature.names.length
    }
  }

  #output(rows: number, into: Tensors | undefined): readonly [Tensors, Float32Array] {
    const given = into?.features
    if (
      given?.data instanceof Float32Array &&
      given.data.length === rows * this.#width &&
      given.shape[0] === rows &&
      given.shape[1] === this.#width &&
      given.shape.length === 2
    ) {
      return [into as Tensors, given.data]
    }
    const data = new Float32Array(rows * this.#width)
    return [{ features: { shape: [rows, this.#width], data } }, data]
  }
}

/** Two transforms that make the same name get `#2` and so on. */
function distinct(names: readonly string[]): readonly string[] {
  const used = new Map<string, number>()
  return names.map((name) => {
    const count = (used.get(name) ?? 0) + 1
    used.set(name, count)
    return count === 1 ? name : `${name}#${count}`
  })
}
