import { compact } from './plan-blobs.ts'
import type { FoldTable, TargetKind } from './target-table.ts'

/** Counts rows and sums labels by entry and fold; grows with the entries. */
export class TargetAccumulator {
  readonly #kind: TargetKind
  readonly #folds: number
  #counts: Int32Array
  #sums: Int32Array | Float64Array

  constructor(kind: TargetKind, folds: number) {
    this.#kind = kind
    this.#folds = folds
    this.#counts = new Int32Array(1024 * folds)
    this.#sums = kind === 'binary' ? new Int32Array(1024 * folds) : new Float64Array(1024 * folds)
  }

  /** `entryCount` entries are known by now. */
  add(entries: Int32Array, rows: number, labels: Float64Array, folds: Uint8Array, entryCount: number): void {
    this.#reserve(entryCount * this.#folds)
    const counts = this.#counts
    const sums = this.#sums
    const foldCount = this.#folds
    for (let row = 0; row < rows; row++) {
      const cell = (entries[row] as number) * foldCount + (folds[row] as number)
      counts[cell] = (counts[cell] as number) + 1
      sums[cell] = (sums[cell] as number) + (labels[row] as number)
    }
  }

  /** Adds what another one counted of the same entries. */
  merge(other: TargetAccumulator): void {
    this.#reserve(other.#counts.length)
    for (let cell = 0; cell < other.#counts.length; cell++) {
      this.#counts[cell] = (this.#counts[cell] as number) + (other.#counts[cell] as number)
      this.#sums[cell] = (this.#sums[cell] as number) + (other.#sums[cell] as number)
    }
  }

  finish(entryCount: number, smoothing: number): FoldTable {
    const cells = entryCount * this.#folds
    return {
      kind: this.#kind,
      folds: this.#folds,
      smoothing,
      counts: compact(this.#counts.subarray(0, cells)),
      sums: compact(this.#sums.subarray(0, cells)),
    }
  }

  #reserve(cells: number): void {
    if (cells <= this.#counts.length) return
    const length = Math.max(cells, this.#counts.length * 2)
    const counts = new Int32Array(length)
    counts.set(this.#counts)
    this.#counts = counts
    const sums = this.#sums instanceof Int32Array ? new Int32Array(length) : new Float64Array(length)
    sums.set(this.#sums)
    this.#sums = sums
  }
}
