import type { Random } from '../core/random.ts'
import type { BooleanColumn, Column, NumberColumn, TimeColumn } from './column.ts'

/** Whole numbers in a span up to this are counted one by one, which gives exact quantiles. */
const tableSpan = 1 << 20
/** Numbers that are kept of a column that cannot be counted one by one: their quantiles are within about 0.2 % of the column's. */
const sampleSize = 1 << 16

/** Collects a numeric column to place edges at its quantiles. */
export class EdgeFinder {
  readonly #random: Random
  readonly #stride: number
  #sample: Float64Array | undefined
  #sampled = 0
  #untilNext = 0
  /** Counts of whole numbers from `#least` on; undefined once a number did not fit. */
  #table: Uint32Array | undefined = new Uint32Array(0)
  #least = 0

  /** `rowCount` is how many rows there will be. */
  constructor(rowCount: number, random: Random) {
    this.#random = random
    this.#stride = Math.max(1, Math.ceil(rowCount / sampleSize))
    this.#untilNext = random.int(this.#stride)
  }

  add(column: Column): void {
    if (column.kind === 'text') return
    const { values, nulls, length } = column as NumberColumn | TimeColumn | BooleanColumn
    for (let row = 0; row < length; row++) {
      const value = values[row] as number
      if ((nulls !== undefined && nulls[row] === 1) || !Number.isFinite(value)) continue
      if (this.#untilNext-- === 0) this.#keep(value)
      if (this.#table !== undefined) this.#countWhole(value)
    }
  }

  /** At most `bins - 1` distinct edges at the quantiles; an edge a value where there are no more values than bins. */
  edges(bins: number): readonly number[] {
    const distinct = this.#distinct()
    if (distinct.values.length <= bins) return distinct.values
    const total = distinct.counts.reduce((sum, count) => sum + count, 0)
    const edges: number[] = []
    let below = 0
    let next = 1
    for (let index = 0; index < distinct.values.length - 1 && next < bins; index++) {
      below += distinct.counts[index] as number
      if (below < (next * total) / bins) continue
      edges.push(distinct.values[index] as number)
      while (next < bins && below >= (next * total) / bins) next++
    }
    return edges
  }

  #keep(value: number): void {
    this.#sample ??= new Float64Array(sampleSize)
    if (this.#sampled < sampleSize) this.#sample[this.#sampled++] = value
    // One of each stride of values on average, at a place drawn at random: with shorter steps the sample would be full before the last rows.
    const half = this.#stride >> 1
    this.#untilNext = this.#stride - 1 - half + this.#random.int(2 * half + 1)
  }

  #countWhole(value: number): void {
    if (!Number.isSafeInteger(value)) {
      this.#table = undefined
      return
    }
    let table = this.#table as Uint32Array
    if (table.length === 0) this.#least = value
    const offset = value - this.#least
    if (offset < 0 || offset >= table.length) {
      const grown = this.#grow(table, value)
      if (grown === undefined) {
        this.#table = undefined
        return
      }
      table = grown
    }
    const place = value - this.#least
    table[place] = (table[place] as number) + 1
  }

  /** A table that reaches the value, at least twice as long. */
  #grow(table: Uint32Array, value: number): Uint32Array | undefined {
    const most = this.#least + table.length - 1
    const span = Math.max(most, value) - Math.min(this.#least, value) + 1
    if (span > tableSpan) return undefined
    const length = Math.min(tableSpan, Math.max(1024, span, table.length * 2))
    const least = value < this.#least ? Math.max(value - (length - span), most - length + 1) : this.#least
    const grown = new Uint32Array(length)
    grown.set(table, this.#least - least)
    this.#least = least
    this.#table = grown
    return grown
  }

  /** Distinct values, ascending, and how often each occurs (in the sample, where all could not be counted). */
  #distinct(): { readonly values: number[]; readonly counts: number[] } {
    const values: number[] = []
    const counts: number[] = []
    if (this.#table !== undefined) {
      for (let offset = 0; offset < this.#table.length; offset++) {
        if (this.#table[offset] === 0) continue
        values.push(this.#least + offset)
        counts.push(this.#table[offset] as number)
      }
      return { values, counts }
    }
    for (const value of (this.#sample ?? new Float64Array(0)).subarray(0, this.#sampled).sort()) {
      if (value === values.at(-1)) counts[counts.length - 1] = (counts.at(-1) as number) + 1
      else {
        // Without -0, which JSON has not.
        values.push(value + 0)
        counts.push(1)
      }
    }
    return { values, counts }
  }
}
