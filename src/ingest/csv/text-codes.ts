import { adoptDictionary } from '../../data/text-dictionary.ts'
import { isUtf8 } from './utf-8.ts'

/** Distinct texts and bytes of them that are kept from batch to batch. */
const textsKept = 65_536
const bytesKept = 1 << 24
/** Texts are decoded in pieces of so many bytes: a text that somebody keeps keeps the piece alive that it was cut from. */
const pieceBytes = 4_096

/** One step of the hash of a field's bytes, which {@link TextCodes.code} takes. */
export function hashStep(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x9e3779b1)
}

/**
 * The distinct texts of a column as codes, looked up by their bytes: a text is decoded once, not once a row. Equal texts have one code, also where nearly all are
 * distinct: to look into a table that is empty there costs less than to make sure later that they are.
 */
export class TextCodes {
  /** The texts one after the other, text i from `#offsets[i]` to `#offsets[i + 1]`. What is written there once never changes: dictionaries are views of it. */
  #bytes = new Uint8Array(1_024)
  #offsets = new Int32Array(129)
  #hashes = new Int32Array(128)
  /** A code and 1, or 0. At most half of them are taken. */
  #slots = new Int32Array(256)
  #count = 0
  #texts: string[] = []
  #dictionary: readonly string[] = []
  #isAscii = true
  #countAtStart = 0
  readonly #added: { sizeBytes: number }

  /** `added` counts the bytes of new texts, of several columns together. */
  constructor(added: { sizeBytes: number }) {
    this.#added = added
  }

  /** Bytes of all texts. */
  get sizeBytes(): number {
    return this.#offsets[this.#count] as number
  }

  /** The code of a text; -1 when it is not UTF-8. */
  code(source: Uint8Array, from: number, to: number, hash: number): number {
    const mixed = hash ^ (hash >>> 15)
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = mixed & mask; ; slot = (slot + 1) & mask) {
      const code = (slots[slot] as number) - 1
      if (code < 0) return this.#add(source, from, to, mixed, slot)
      if (this.#hashes[code] === mixed && this.#isEqual(code, source, from, to)) return code
    }
  }

  #isEqual(code: number, source: Uint8Array, from: number, to: number): boolean {
    const start = this.#offsets[code] as number
    if ((this.#offsets[code + 1] as number) - start !== to - from) return false
    const bytes = this.#bytes
    for (let position = from, other = start; position < to; position++, other++) if (bytes[other] !== source[position]) return false
    return true
  }

  #add(source: Uint8Array, from: number, to: number, hash: number, slot: number): number {
    let all = 0
    for (let position = from; position < to; position++) all |= source[position] as number
    if (all > 0x7f) {
      if (!isUtf8(source, from, to)) return -1
      this.#isAscii = false
    }
    const code = this.#count
    const start = this.sizeBytes
    const end = start + (to - from)
    if (end > this.#bytes.length) this.#growBytes(end)
    if (to - from < 128)
      for (let position = from, other = start; position < to; position++, other++) this.#bytes[other] = source[position] as number
    else this.#bytes.set(source.subarray(from, to), start)
    if (code === this.#hashes.length) this.#growTexts()
    this.#offsets[code + 1] = end
    this.#hashes[code] = hash
    this.#slots[slot] = code + 1
    this.#count++
    this.#added.sizeBytes += to - from
    if (this.#count * 2 > this.#slots.length) this.#growSlots()
    return code
  }

  #growBytes(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes)
    this.#bytes = grown
  }

  #growTexts(): void {
    const capacity = this.#hashes.length * 2
    const hashes = new Int32Array(capacity)
    hashes.set(this.#hashes)
    this.#hashes = hashes
    const offsets = new Int32Array(capacity + 1)
    offsets.set(this.#offsets)
    this.#offsets = offsets
  }

  #growSlots(): void {
    const slots = new Int32Array(this.#slots.length * 4)
    const mask = slots.length - 1
    for (let code = 0; code < this.#count; code++) {
      let slot = (this.#hashes[code] as number) & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = code + 1
    }
    this.#slots = slots
  }

  /** The texts as they stand; the same array as long as none is added, so that what is made of it can be reused. */
  dictionary(): readonly string[] {
    if (this.#dictionary.length === this.#count) return this.#dictionary
    this.#decode()
    const dictionary = this.#texts.slice()
    adoptDictionary(dictionary, {
      bytes: this.#bytes.subarray(0, this.sizeBytes),
      offsets: this.#offsets.subarray(0, this.#count + 1),
    })
    this.#dictionary = dictionary
    return dictionary
  }

  /** A batch of so many rows is done: starts again when most of them were new texts, or when there are many. */
  endBatch(rows: number): void {
    const added = this.#count - this.#countAtStart
    if (this.#count > textsKept || this.sizeBytes > bytesKept || (this.#count > 1_024 && added * 2 > rows)) this.#clear()
    this.#countAtStart = this.#count
  }

  #clear(): void {
    this.#bytes = new Uint8Array(Math.min(this.#bytes.length, bytesKept))
    this.#offsets = new Int32Array(this.#offsets.length)
    this.#hashes = new Int32Array(this.#hashes.length)
    this.#slots.fill(0)
    this.#count = 0
    this.#texts = []
    this.#dictionary = []
    this.#isAscii = true
  }

  /** Decodes the texts that are new, many at once. */
  #decode(): void {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    const offsets = this.#offsets
    for (let first = this.#texts.length; first < this.#count; ) {
      const start = offsets[first] as number
      let end = first + 1
      while (end < this.#count && (offsets[end + 1] as number) - start <= pieceBytes) end++
      const piece = decoder.decode(this.#bytes.subarray(start, offsets[end]))
      let position = 0
      for (let code = first; code < end; code++) {
        const next = position + this.#units(code)
        this.#texts.push(piece.slice(position, next))
        position = next
      }
      first = end
    }
  }

  /** UTF-16 units of a text: one for each byte that begins a character, two where the character has four bytes. */
  #units(code: number): number {
    const start = this.#offsets[code] as number
    const end = this.#offsets[code + 1] as number
    if (this.#isAscii) return end - start
    let units = 0
    for (let position = start; position < end; position++) {
      const byte = this.#bytes[position] as number
      if (byte < 0x80 || byte >= 0xc0) units += byte >= 0xf0 ? 2 : 1
    }
    return units
  }
}
