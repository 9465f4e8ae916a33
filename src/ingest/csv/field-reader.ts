import type { ByteWindow } from './byte-window.ts'

/** How fields are written. */
export interface Dialect {
  /** Bytes. The quote is -1 where there is none. */
  readonly delimiter: number
  readonly quote: number
  readonly maxFieldBytes: number
}

/** What {@link FieldReader.read} answers instead of a position. */
export const incomplete = -1
export const strayQuote = -2
export const unterminatedQuote = -3
export const fieldTooLong = -4

/** For each byte whether an unquoted field ends there: 1 at a delimiter, 2 at a line feed, 3 at a carriage return. */
export function fieldEnds(delimiter: number): Uint8Array {
  const ends = new Uint8Array(256)
  ends[delimiter] = 1
  ends[10] = 2
  ends[13] = 3
  return ends
}

/** Finds one field, whatever is in it: the general way, beside which the scanner has fast ones for what is frequent. */
export class FieldReader {
  readonly #window: ByteWindow
  readonly #dialect: Dialect
  readonly #ends: Uint8Array
  #scratch = new Uint8Array(256)
  /** The field is bytes [from, to) of this, quotes taken off. */
  content: Uint8Array
  from = 0
  to = 0
  isQuoted = false
  /** Ends of lines inside quotes, counted on from field to field. */
  lines = 0

  constructor(window: ByteWindow, dialect: Dialect) {
    this.#window = window
    this.#dialect = dialect
    this.#ends = fieldEnds(dialect.delimiter)
    this.content = window.bytes
  }

  /** Where the field that begins at the position ends: at a delimiter, or at the end of its line. Below 0: what is wrong with it. */
  read(position: number): number {
    const { bytes } = this.#window
    this.isQuoted = bytes[position] === this.#dialect.quote
    return this.isQuoted ? this.#quoted(position + 1) : this.#unquoted(position)
  }

  /** The beginning of the field, for a report. */
  text(): string {
    return textOf(this.content, this.from, this.to)
  }

  #unquoted(start: number): number {
    const { bytes, end, isLast } = this.#window
    const ends = this.#ends
    let position = start
    while (ends[bytes[position] as number] === 0) position++
    this.#found(bytes, start, position)
    if (position - start > this.#dialect.maxFieldBytes) return fieldTooLong
    return position === end && !isLast ? incomplete : position
  }

  #quoted(start: number): number {
    const { bytes, end, isLast } = this.#window
    const { quote, maxFieldBytes } = this.#dialect
    let position = start
    let doubled = 0
    for (;;) {
      const byte = bytes[position] as number
      if (position >= end) {
        this.#found(bytes, start, end)
        if (end - start > maxFieldBytes) return fieldTooLong
        return isLast ? unterminatedQuote : incomplete
      }
      if (byte === quote) {
        if (position + 1 >= end || bytes[position + 1] !== quote) break
        doubled++
        position++
      } else if (byte === 10 || (byte === 13 && bytes[position + 1] !== 10)) this.lines++
      position++
    }
    if (position - start > maxFieldBytes) {
      this.#found(bytes, start, position)
      return fieldTooLong
    }
    if (position + 1 >= end && !isLast) return incomplete
    if (doubled === 0) this.#found(bytes, start, position)
    else this.#undouble(start, position)
    return this.#ends[bytes[position + 1] as number] === 0 ? strayQuote : position + 1
  }

  #undouble(start: number, end: number): void {
    const { bytes } = this.#window
    const { quote } = this.#dialect
    if (this.#scratch.length < end - start) this.#scratch = new Uint8Array((end - start) * 2)
    let length = 0
    for (let position = start; position < end; position++) {
      const byte = bytes[position] as number
      if (byte === quote) position++
      this.#scratch[length++] = byte
    }
    this.#found(this.#scratch, 0, length)
  }

  #found(content: Uint8Array, from: number, to: number): void {
    this.content = content
    this.from = from
    this.to = to
  }
}

const longestText = 200

/** The first 200 characters of bytes [from, to), for a report; what is no UTF-8 reads as U+FFFD. */
export function textOf(bytes: Uint8Array, from: number, to: number): string {
  // No character has more than four bytes.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(from, Math.min(to, from + 4 * longestText)))
  return text.slice(0, longestText)
}
