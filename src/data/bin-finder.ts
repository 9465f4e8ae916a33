/** Widest span of whole-number edges for which a table of bins is kept. */
const tableSpan = 1 << 16

/** Which bin a number falls in: bin i is (edges[i-1], edges[i]]. */
export class BinFinder {
  readonly #edges: Float64Array
  readonly #table: Uint16Array | undefined
  readonly #least: number = 0

  constructor(edges: readonly number[]) {
    this.#edges = Float64Array.from(edges)
    const least = Math.floor(edges[0] ?? Number.NaN)
    const most = Math.ceil(edges.at(-1) ?? Number.NaN)
    if (!Number.isSafeInteger(least) || !Number.isSafeInteger(most) || most - least > tableSpan || edges.length > 0xffff) return
    this.#least = least
    const table = new Uint16Array(most - least + 1)
    for (let offset = 0; offset < table.length; offset++) table[offset] = this.#search(this.#least + offset)
    this.#table = table
  }

  /** For a finite number. */
  bin(value: number): number {
    const table = this.#table
    if (table !== undefined && value === Math.floor(value)) {
      const offset = value - this.#least
      if (offset < 0) return 0
      if (offset >= table.length) return this.#edges.length
      return table[offset] as number
    }
    return this.#search(value)
  }

  /** The first edge that is not under the value. */
  #search(value: number): number {
    const edges = this.#edges
    let low = 0
    let high = edges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (value <= (edges[middle] as number)) high = middle
      else low = middle + 1
    }
    return low
  }
}
