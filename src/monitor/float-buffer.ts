/** A Float32Array that grows. */
export class FloatBuffer {
  #values: Float32Array
  #length: number

  constructor(values: Float32Array = new Float32Array(0)) {
    this.#values = values
    this.#length = values.length
  }

  get length(): number {
    return this.#length
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const grown = new Float32Array(Math.max(64, this.#length * 2))
      grown.set(this.#values)
      this.#values = grown
    }
    this.#values[this.#length++] = value
  }

  /** A view, valid until the next push. */
  view(): Float32Array {
    return this.#values.subarray(0, this.#length)
  }
}
