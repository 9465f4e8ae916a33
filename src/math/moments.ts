const blockSize = 1024

/**
 * Count, mean, spread and extremes of a stream of finite numbers, in one pass: blocks of a fixed number of values, each summed twice (mean, then squares
 * about it), put together as Chan, Golub and LeVeque (1979) do. Blocks do not depend on how the stream was cut, so equal values give equal
 * bits, unless {@link Moments.endBlock} says where to cut.
 */
export class Moments {
  #count = 0
  #mean = 0
  #squares = 0
  #minimum = Number.POSITIVE_INFINITY
  #maximum = Number.NEGATIVE_INFINITY
  readonly #block: Float64Array = new Float64Array(blockSize)
  #filled = 0

  /** A finite number. */
  add(value: number): void {
    this.#block[this.#filled++] = value
    if (this.#filled === blockSize) this.endBlock()
  }

  /** Takes in what another one has seen. */
  merge(other: Moments): void {
    this.endBlock()
    other.endBlock()
    this.#combine(other.#count, other.#mean, other.#squares, other.#minimum, other.#maximum)
  }

  /** Goes on from sums that were read before, in place of what was seen. */
  restore(sums: {
    readonly count: number
    readonly mean: number
    readonly squares: number
    readonly minimum: number
    readonly maximum: number
  }): void {
    this.#filled = 0
    this.#count = 0
    this.#mean = 0
    this.#squares = 0
    this.#minimum = Number.POSITIVE_INFINITY
    this.#maximum = Number.NEGATIVE_INFINITY
    this.#combine(sums.count, sums.mean, sums.squares, sums.minimum, sums.maximum)
  }

  get count(): number {
    return this.#count + this.#filled
  }

  /** Infinity of nothing. */
  get minimum(): number {
    this.endBlock()
    return this.#minimum
  }

  /** -Infinity of nothing. */
  get maximum(): number {
    this.endBlock()
    return this.#maximum
  }

  /** 0 of nothing; not finite only near the largest double. */
  get mean(): number {
    this.endBlock()
    return this.#mean
  }

  /** The sum of squared distances from the mean: Infinity where it is beyond the largest double. */
  get squares(): number {
    this.endBlock()
    return this.#squares
  }

  /** Of the population; 0 of nothing. */
  get standardDeviation(): number {
    this.endBlock()
    return this.#count === 0 ? 0 : Math.sqrt(this.#squares / this.#count)
  }

  /** Cuts the stream here, as reading a figure does: whoever stores the sums and goes on from them gets the same bits as whoever goes on without. */
  endBlock(): void {
    const count = this.#filled
    if (count === 0) return
    this.#filled = 0
    const block = this.#block
    // Sums about the first value: numbers near the largest double still have a mean.
    const shift = block[0] as number
    let sum = 0
    let minimum = Number.POSITIVE_INFINITY
    let maximum = Number.NEGATIVE_INFINITY
    for (let index = 0; index < count; index++) {
      const value = block[index] as number
      sum += value - shift
      if (value < minimum) minimum = value
      if (value > maximum) maximum = value
    }
    const mean = shift + sum / count
    let squares = 0
    for (let index = 0; index < count; index++) squares += ((block[index] as number) - mean) ** 2
    this.#combine(count, mean, squares, minimum, maximum)
  }

  #combine(count: number, mean: number, squares: number, minimum: number, maximum: number): void {
    if (count === 0) return
    const total = this.#count + count
    const difference = mean - this.#mean
    if (this.#count === 0) {
      // What is put together with nothing stays as it is, to the bit and near the largest double too.
      this.#mean = mean
      this.#squares = squares
    } else {
      this.#mean += (difference * count) / total
      this.#squares += squares + (difference * difference * this.#count * count) / total
    }
    this.#count = total
    this.#minimum = Math.min(this.#minimum, minimum)
    this.#maximum = Math.max(this.#maximum, maximum)
  }
}
