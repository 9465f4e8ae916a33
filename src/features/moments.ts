const blockSize = 1024

/**
 * Mean, deviation and extremes of a stream, in one pass and exactly enough: blocks of a fixed number of values, each summed twice (mean,
 * then squares about it), merged as Chan, Golub and LeVeque (1979) do. The blocks do not depend on how the stream was cut, so equal values give equal bits.
 */
export class Moments {
  count = 0
  minimum: number = Number.POSITIVE_INFINITY
  maximum: number = Number.NEGATIVE_INFINITY
  #mean = 0
  #squares = 0
  readonly #block: Float64Array = new Float64Array(blockSize)
  #filled = 0

  add(value: number): void {
    this.#block[this.#filled++] = value
    if (this.#filled === blockSize) this.#flush()
  }

  /** Takes in what another one has seen. */
  merge(other: Moments): void {
    this.#flush()
    other.#flush()
    this.#combine(other.count, other.#mean, other.#squares, other.minimum, other.maximum)
  }

  /** 0 when nothing was added. */
  get mean(): number {
    this.#flush()
    return this.#mean
  }

  /** Of the population. */
  get standardDeviation(): number {
    this.#flush()
    return this.count === 0 ? 0 : Math.sqrt(this.#squares / this.count)
  }

  /** Counts, extremes and sums cover every value from here on. */
  finish(): this {
    this.#flush()
    return this
  }

  #flush(): void {
    const count = this.#filled
    if (count === 0) return
    this.#filled = 0
    let sum = 0
    let minimum = Number.POSITIVE_INFINITY
    let maximum = Number.NEGATIVE_INFINITY
    for (let index = 0; index < count; index++) {
      const value = this.#block[index] as number
      sum += value
      if (value < minimum) minimum = value
      if (value > maximum) maximum = value
    }
    const mean = sum / count
    let squares = 0
    for (let index = 0; index < count; index++) squares += ((this.#block[index] as number) - mean) ** 2
    this.#combine(count, mean, squares, minimum, maximum)
  }

  #combine(count: number, mean: number, squares: number, minimum: number, maximum: number): void {
    if (count === 0) return
    const total = this.count + count
    const difference = mean - this.#mean
    this.#mean += (difference * count) / total
    this.#squares += squares + (difference * difference * this.count * count) / total
    this.count = total
    this.minimum = Math.min(this.minimum, minimum)
    this.maximum = Math.max(this.maximum, maximum)
  }
}
