/**
 * The exact median of a stream that can be read again, in four passes and bounded memory: each pass settles 16 bits of the two middle values,
 * most significant first, by counting (a radix selection over the doubles' bits, which sort as the doubles do once the sign is turned).
 */
export class MedianFinder {
  #count = 0
  #level = 0
  readonly #lower = new Selector()
  readonly #upper = new Selector()

  get done(): boolean {
    return this.#level === 4
  }

  /** A finite number. */
  add(value: number): void {
    if (this.#level === 0) this.#count++
    // -0 and 0 are one value.
    double[0] = value === 0 ? 0 : value
    const high = words[1] as number
    const negative = high >>> 31 === 1
    const sortedHigh = (negative ? ~high : high | 0x8000_0000) >>> 0
    const sortedLow = (negative ? ~(words[0] as number) : (words[0] as number)) >>> 0
    this.#lower.add(sortedHigh, sortedLow, this.#level)
    this.#upper.add(sortedHigh, sortedLow, this.#level)
  }

  /** Ends a pass over all values. */
  endPass(): void {
    if (this.#level === 0) {
      this.#lower.rank = Math.floor((this.#count - 1) / 2)
      this.#upper.rank = Math.floor(this.#count / 2)
    }
    this.#lower.narrow(this.#level)
    this.#upper.narrow(this.#level)
    this.#level++
  }

  /** The mean of the two middle values; 0 when nothing was added. */
  get median(): number {
    return this.#count === 0 ? 0 : (this.#lower.value + this.#upper.value) / 2
  }
}

const double = new Float64Array(1)
const words = new Uint32Array(double.buffer)

class Selector {
  rank = 0
  #high = 0
  #low = 0
  readonly #counts = new Uint32Array(65_536)

  add(high: number, low: number, level: number): void {
    if (level === 0) this.#count(high >>> 16)
    else if (level === 1) {
      if (high >>> 16 === this.#high >>> 16) this.#count(high & 0xffff)
    } else if (high === this.#high) {
      if (level === 2) this.#count(low >>> 16)
      else if (low >>> 16 === this.#low >>> 16) this.#count(low & 0xffff)
    }
  }

  #count(bin: number): void {
    this.#counts[bin] = (this.#counts[bin] as number) + 1
  }

  narrow(level: number): void {
    let bin = 0
    while (bin < 65_535 && this.rank >= (this.#counts[bin] as number)) this.rank -= this.#counts[bin++] as number
    if (level === 0) this.#high = (bin << 16) >>> 0
    else if (level === 1) this.#high = (this.#high | bin) >>> 0
    else if (level === 2) this.#low = (bin << 16) >>> 0
    else this.#low = (this.#low | bin) >>> 0
    this.#counts.fill(0)
  }

  get value(): number {
    const negative = this.#high >>> 31 === 0
    words[1] = negative ? ~this.#high : this.#high & 0x7fff_ffff
    words[0] = negative ? ~this.#low : this.#low
    return double[0] as number
  }
}
