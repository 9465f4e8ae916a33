/** What an unquoted field may say when it has no value, as bytes. */
export class NullTokens {
  readonly emptyIsNull: boolean
  /** Bit i: there is a token of i bytes other than the empty one; bit 31: one of 31 or more. So most fields need no comparison. */
  readonly lengths: number
  readonly #tokens: readonly Uint8Array[]

  constructor(tokens: readonly string[]) {
    const encoder = new TextEncoder()
    this.#tokens = tokens.filter((token) => token !== '').map((token) => encoder.encode(token))
    this.emptyIsNull = tokens.includes('')
    this.lengths = this.#tokens.reduce((mask, { length }) => mask | (1 << Math.min(length, 31)), 0)
  }

  has(bytes: Uint8Array, from: number, to: number): boolean {
    const length = to - from
    if (length === 0) return this.emptyIsNull
    if (((this.lengths >>> Math.min(length, 31)) & 1) === 0) return false
    return this.#tokens.some((token) => token.length === length && token.every((byte, index) => bytes[from + index] === byte))
  }
}
