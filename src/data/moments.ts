/** Mean and spread, batch by batch: sums about the first value of a batch, put together as Chan, Golub and LeVeque (1979) do. All 0 of nothing. */
export class Moments {
  #count = 0
  #mean = 0
  #squares = 0
  #minimum = Number.POSITIVE_INFINITY
  #maximum = Number.NEGATIVE_INFINITY
  #batchCount = 0
  #shift = 0
  #sum = 0
  #sumOfSquares = 0

  get count(): number {
    return this.#count
  }

  begin(): void {
    this.#batchCount = 0
    this.#sum = 0
    this.#sumOfSquares = 0
  }

  /** A finite number, `weight` times. */
  add(value: number, weight = 1): void {
    if (this.#batchCount === 0) this.#shift = value
    const distance = value - this.#shift
    this.#batchCount += weight
    this.#sum += distance * weight
    this.#sumOfSquares += distance * distance * weight
    if (value < this.#minimum) this.#minimum = value
    if (value > this.#maximum) this.#maximum = value
  }

  end(): void {
    const count = this.#batchCount
    if (count === 0) return
    const offset = this.#sum / count
    this.#join(count, this.#shift + offset, Math.max(0, this.#sumOfSquares - offset * this.#sum))
    this.#batchCount = 0
  }

  /** The sum of squared distances from the mean. */
  get squares(): number {
    return withinDoubles(this.#squares)
  }

  restore(count: number, mean: number, squares: number, minimum: number, maximum: number): void {
    if (count === 0) return
    this.#count = count
    this.#mean = mean
    this.#squares = squares
    this.#minimum = minimum
    this.#maximum = maximum
  }

  summary(): { readonly minimum: number; readonly maximum: number; readonly mean: number; readonly standardDeviation: number } {
    if (this.#count === 0) return { minimum: 0, maximum: 0, mean: 0, standardDeviation: 0 }
    return {
      minimum: this.#minimum + 0,
      maximum: this.#maximum + 0,
      mean: withinDoubles(this.#mean),
      standardDeviation: withinDoubles(Math.sqrt(this.#squares / this.#count)),
    }
  }

  #join(count: number, mean: number, squares: number): void {
    const total = this.#count + count
    const difference = mean - this.#mean
    this.#squares += squares + (difference * difference * this.#count * count) / total
    this.#mean += (difference * count) / total
    this.#count = total
  }
}

/** Values near the largest double have squares beyond it, and JSON knows no infinity. */
function withinDoubles(value: number): number {
  return Number.isNaN(value) ? 0 : Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value))
}
