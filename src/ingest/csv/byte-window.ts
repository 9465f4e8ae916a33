/** Bytes after the end that may be read: parsers of fixed forms look ahead without asking where the end is. */
const padding = 64
const lineFeed = 10

/**
 * The bytes of a stream that are not read yet, in one piece. After the last byte stands a line feed, so that a loop that looks for the end of a field needs no
 * other end; whether it found a real one it sees by the position.
 */
export class ByteWindow {
  bytes: Uint8Array
  /** Of the first byte that is not read yet. */
  start = 0
  /** After the last byte. */
  end = 0
  /** No more will come. */
  isLast = false
  /** Bytes that were there when it was last looked at in vain. */
  #seen = 0

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity + padding)
  }

  get length(): number {
    return this.end - this.start
  }

  /** Enough is new: a record that comes in small pieces is not looked at for every one of them, or its cost would grow with the square of its length. */
  get isWorthReading(): boolean {
    return this.isLast || this.length >= 2 * this.#seen
  }

  /** Copies a chunk to the end; what is not read yet moves to the front. */
  append(chunk: Uint8Array): void {
    const needed = this.length + chunk.length + padding
    if (this.bytes.length < needed) {
      const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2))
      grown.set(this.bytes.subarray(this.start, this.end))
      this.bytes = grown
    } else if (this.start > 0) this.bytes.copyWithin(0, this.start, this.end)
    this.end -= this.start
    this.start = 0
    this.bytes.set(chunk, this.end)
    this.end += chunk.length
    this.bytes[this.end] = lineFeed
  }

  close(): void {
    this.isLast = true
    this.bytes[this.end] = lineFeed
  }

  /** What is there is not enough. */
  needMore(): void {
    this.#seen = this.length
  }
}
