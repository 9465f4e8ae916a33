import type { CategoryKey } from './category-key.ts'
import type { BlockFolds, FittedFeature } from './fitted-feature.ts'
import type { HeadFitter } from './lookup-fitter.ts'
import { OneHotFeature } from './one-hot-feature.ts'
import type { SourceSet } from './source-set.ts'
import { TargetAccumulator } from './target-accumulator.ts'
import { TargetFeature } from './target-feature.ts'
import type { TargetKind } from './target-table.ts'

/** Counts the target by category and fold. */
export class TargetHeadFitter implements HeadFitter {
  readonly needsTarget = true
  readonly #key: CategoryKey
  readonly #smoothing: number
  readonly #folds: number
  readonly #accumulator: TargetAccumulator

  constructor(key: CategoryKey, kind: TargetKind, options: { readonly smoothing: number; readonly folds: number }) {
    this.#key = key
    this.#smoothing = options.smoothing
    this.#folds = options.folds
    this.#accumulator = new TargetAccumulator(kind, options.folds)
  }

  observe(rows: number, labels: Float64Array, folds: BlockFolds): void {
    const entries = this.#key.add(rows)
    this.#accumulator.add(entries, rows, labels, folds(this.#folds), this.#key.index.size)
  }

  finish(): FittedFeature {
    return TargetFeature.fit(this.#key, this.#accumulator.finish(this.#key.index.size, this.#smoothing))
  }
}

/** Counts rows by category. */
export class OneHotHeadFitter implements HeadFitter {
  readonly needsTarget = false
  readonly #key: CategoryKey
  readonly #maxCategories: number
  readonly #sources: SourceSet
  #counts: Int32Array = new Int32Array(1024)

  constructor(key: CategoryKey, maxCategories: number, sources: SourceSet) {
    this.#key = key
    this.#maxCategories = maxCategories
    this.#sources = sources
  }

  observe(rows: number): void {
    const entries = this.#key.add(rows)
    const { size } = this.#key.index
    if (size > this.#counts.length) {
      const counts = new Int32Array(Math.max(size, this.#counts.length * 2))
      counts.set(this.#counts)
      this.#counts = counts
    }
    for (let row = 0; row < rows; row++) this.#counts[entries[row] as number] = (this.#counts[entries[row] as number] as number) + 1
  }

  /** The most frequent first; of equally frequent ones that which appeared first. */
  finish(): FittedFeature {
    const { size } = this.#key.index
    const counts = this.#counts
    const order = Uint32Array.from({ length: size }, (_, entry) => entry)
    order.sort((left, right) => (counts[right] as number) - (counts[left] as number) || left - right)
    const others = size > this.#maxCategories
    const kept = others ? order.subarray(0, this.#maxCategories - 1) : order
    return new OneHotFeature(this.#key.restrictedTo(kept, this.#sources), others)
  }
}
