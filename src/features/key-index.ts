/** Rows that are worked on at a time: what a block touches stays in the processor's cache. */
export const blockRows = 2048

/**
 * Numbers categories that are made of one or several codes: the first category added is entry 0, the next entry 1, and so on. A code is at
 * least 0 and below its part's radix; a code of -1 is unknown, and so is a category with one in it.
 */
export interface KeyIndex {
  readonly size: number
  /** Writes the entry of each row's category; -1 where there is none. `rows` is at most {@link blockRows}. */
  find(parts: readonly Int32Array[], rows: number, entries: Int32Array): void
  /** The same, but a category that is not there yet is added. No code may be unknown. */
  add(parts: readonly Int32Array[], rows: number, entries: Int32Array): void
  /** The codes of an entry, one a part. */
  codesOf(entry: number): readonly number[]
  /** Keys by entry, to be stored; {@link keyIndexFrom} brings the index back. */
  keys(): Float64Array | readonly string[]
}

/** An index for parts of these radices: on numbers where every category has a number below 2^53, else on text. */
export function createKeyIndex(radices: readonly number[], capacity = 0): KeyIndex {
  const product = radices.reduce((value, radix) => value * radix, 1)
  return product <= Number.MAX_SAFE_INTEGER ? new NumberKeyIndex(radices, capacity) : new TextKeyIndex()
}

/** An index again from its keys. */
export function keyIndexFrom(radices: readonly number[], keys: Float64Array | readonly string[]): KeyIndex {
  const index = createKeyIndex(radices, keys.length)
  if (index instanceof NumberKeyIndex && keys instanceof Float64Array) index.addKeys(keys)
  else if (index instanceof TextKeyIndex && !(keys instanceof Float64Array)) index.addKeys(keys)
  return index
}

/**
 * Open addressing on typed arrays with linear probing, at most six slots in ten filled: a category's codes are digits of one number (mixed
 * radix), so no text is made for a row.
 */
class NumberKeyIndex implements KeyIndex {
  readonly #radices: readonly number[]
  readonly #blockKeys = new Float64Array(blockRows)
  #slotKeys: Float64Array
  #slotEntries: Int32Array
  #mask: number
  #entryKeys: Float64Array
  #size = 0

  constructor(radices: readonly number[], capacity: number) {
    this.#radices = radices
    const slots = 2 ** Math.max(6, Math.ceil(Math.log2((capacity + 1) / 0.6)))
    this.#slotKeys = new Float64Array(slots).fill(-1)
    this.#slotEntries = new Int32Array(slots)
    this.#mask = slots - 1
    this.#entryKeys = new Float64Array(Math.max(16, capacity))
  }

  get size(): number {
    return this.#size
  }

  find(parts: readonly Int32Array[], rows: number, entries: Int32Array): void {
    this.#keysOf(parts, rows)
    const keys = this.#blockKeys
    const slotKeys = this.#slotKeys
    const slotEntries = this.#slotEntries
    const mask = this.#mask
    for (let row = 0; row < rows; row++) {
      const key = keys[row] as number
      if (key < 0) {
        entries[row] = -1
        continue
      }
      let slot = slotOf(key) & mask
      let held = slotKeys[slot] as number
      while (held !== key && held !== -1) {
        slot = (slot + 1) & mask
        held = slotKeys[slot] as number
      }
      entries[row] = held === key ? (slotEntries[slot] as number) : -1
    }
  }

  add(parts: readonly Int32Array[], rows: number, entries: Int32Array): void {
    this.#keysOf(parts, rows)
    const keys = this.#blockKeys
    for (let row = 0; row < rows; row++) entries[row] = this.#entryOf(keys[row] as number)
  }

  addKeys(keys: Float64Array): void {
    for (let entry = 0; entry < keys.length; entry++) this.#entryOf(keys[entry] as number)
  }

  codesOf(entry: number): readonly number[] {
    const codes: number[] = []
    let rest = this.#entryKeys[entry] as number
    for (let part = this.#radices.length - 1; part >= 0; part--) {
      const radix = this.#radices[part] as number
      codes.unshift(rest % radix)
      rest = Math.floor(rest / radix)
    }
    return codes
  }

  keys(): Float64Array {
    return this.#entryKeys.slice(0, this.#size)
  }

  #keysOf(parts: readonly Int32Array[], rows: number): void {
    const keys = this.#blockKeys
    const first = parts[0] as Int32Array
    for (let row = 0; row < rows; row++) keys[row] = first[row] as number
    for (let part = 1; part < parts.length; part++) {
      const codes = parts[part] as Int32Array
      const radix = this.#radices[part] as number
      for (let row = 0; row < rows; row++) {
        const code = codes[row] as number
        const key = keys[row] as number
        keys[row] = code < 0 || key < 0 ? -1 : key * radix + code
      }
    }
  }

  #entryOf(key: number): number {
    const slotKeys = this.#slotKeys
    let slot = slotOf(key) & this.#mask
    let held = slotKeys[slot] as number
    while (held !== key && held !== -1) {
      slot = (slot + 1) & this.#mask
      held = slotKeys[slot] as number
    }
    if (held === key) return this.#slotEntries[slot] as number
    const entry = this.#size++
    slotKeys[slot] = key
    this.#slotEntries[slot] = entry
    if (entry === this.#entryKeys.length) {
      const larger = new Float64Array(entry * 2)
      larger.set(this.#entryKeys)
      this.#entryKeys = larger
    }
    this.#entryKeys[entry] = key
    if (this.#size > slotKeys.length * 0.6) this.#grow()
    return entry
  }

  #grow(): void {
    const slots = this.#slotKeys.length * 2
    const slotKeys = new Float64Array(slots).fill(-1)
    const slotEntries = new Int32Array(slots)
    this.#mask = slots - 1
    for (let entry = 0; entry < this.#size; entry++) {
      const key = this.#entryKeys[entry] as number
      let slot = slotOf(key) & this.#mask
      while (slotKeys[slot] !== -1) slot = (slot + 1) & this.#mask
      slotKeys[slot] = key
      slotEntries[slot] = entry
    }
    this.#slotKeys = slotKeys
    this.#slotEntries = slotEntries
  }
}

/** A hash of a whole number below 2^53; the caller masks it. */
function slotOf(key: number): number {
  const high = (key / 0x1_0000_0000) | 0
  let hash = Math.imul((key - high * 0x1_0000_0000) | 0, 0x9e3779b1) ^ Math.imul(high, 0x85ebca77)
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad)
  return hash ^ (hash >>> 15)
}

/** For categories that no number below 2^53 can tell apart. */
class TextKeyIndex implements KeyIndex {
  readonly #entries = new Map<string, number>()
  readonly #keys: string[] = []

  get size(): number {
    return this.#keys.length
  }

  find(parts: readonly Int32Array[], rows: number, entries: Int32Array): void {
    for (let row = 0; row < rows; row++) entries[row] = this.#entries.get(textOf(parts, row)) ?? -1
  }

  add(parts: readonly Int32Array[], rows: number, entries: Int32Array): void {
    for (let row = 0; row < rows; row++) entries[row] = this.#entryOf(textOf(parts, row))
  }

  addKeys(keys: readonly string[]): void {
    for (const key of keys) this.#entryOf(key)
  }

  codesOf(entry: number): readonly number[] {
    return (this.#keys[entry] as string).split(',').map(Number)
  }

  keys(): readonly string[] {
    return this.#keys
  }

  #entryOf(key: string): number {
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    this.#keys.push(key)
    this.#entries.set(key, this.#keys.length - 1)
    return this.#keys.length - 1
  }
}

/** An unknown code makes a text with -1 in it, which is never added. */
function textOf(parts: readonly Int32Array[], row: number): string {
  let text = String((parts[0] as Int32Array)[row])
  for (let part = 1; part < parts.length; part++) text += `,${(parts[part] as Int32Array)[row]}`
  return text
}
