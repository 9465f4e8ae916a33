import type { Json } from '../core/json.ts'
import type { KeyIndex } from './key-index.ts'
import { blockRows, createKeyIndex, keyIndexFrom } from './key-index.ts'
import type { BlobReader, BlobWriter } from './plan-blobs.ts'
import { invalidPlan, listOf, recordOf, textOf } from './plan-blobs.ts'
import type { CodeSourceDefinition, SourceSet } from './source-set.ts'
import type { CodeSource } from './sources.ts'
import { timeParts } from './time-part.ts'

/** The category of a row, made of one or several codes, and the numbering of the categories that were seen. */
export class CategoryKey {
  readonly name: string
  readonly parts: readonly CodeSourceDefinition[]
  /** Of the current block, after `find` or `add`; -1 is a category never seen. */
  readonly entries: Int32Array = new Int32Array(blockRows)
  readonly #sources: readonly CodeSource[]
  readonly #codes: readonly Int32Array[]
  #index: KeyIndex

  constructor(name: string, parts: readonly CodeSourceDefinition[], sources: SourceSet, keys?: Float64Array | readonly string[]) {
    this.name = name
    this.parts = parts
    this.#sources = parts.map((part) => sources.codes(part))
    this.#codes = this.#sources.map((source) => source.codes)
    const radices = this.#sources.map((source) => source.radix)
    this.#index = keys === undefined ? createKeyIndex(radices) : keyIndexFrom(radices, keys)
  }

  get index(): KeyIndex {
    return this.#index
  }

  get columns(): readonly string[] {
    return [...new Set(this.#sources.map((source) => source.column))]
  }

  find(rows: number): Int32Array {
    this.index.find(this.#codes, rows, this.entries)
    return this.entries
  }

  add(rows: number): Int32Array {
    this.index.add(this.#codes, rows, this.entries)
    return this.entries
  }

  /** The same parts with only some of the entries, numbered anew in the given order. */
  restrictedTo(entries: ArrayLike<number>, sources: SourceSet): CategoryKey {
    const keys = this.index.keys()
    const kept =
      keys instanceof Float64Array
        ? Float64Array.from(entries, (entry) => keys[entry] as number)
        : Array.from(entries, (entry) => keys[entry] as string)
    return new CategoryKey(this.name, this.parts, sources, kept)
  }

  /** Whether each code of a source is in one of the entries; undefined where the source is not among the parts. */
  usedCodesOf(source: CodeSource): Uint8Array | undefined {
    const part = this.#sources.indexOf(source)
    if (part < 0) return undefined
    const used = new Uint8Array(source.radix)
    for (let entry = 0; entry < this.#index.size; entry++) used[this.#index.codesOf(entry)[part] as number] = 1
    return used
  }

  /** Numbers the codes of a source anew, in a radix of its own: entry for entry the categories stay what they are. */
  recode(source: CodeSource, newCodes: Int32Array, radix: number): void {
    const radices = this.#sources.map((other) => (other === source ? radix : other.radix))
    const index = createKeyIndex(radices, this.#index.size)
    const added = new Int32Array(1)
    for (let entry = 0; entry < this.#index.size; entry++) {
      const codes = this.#index.codesOf(entry)
      const parts = codes.map((code, part) => Int32Array.of(this.#sources[part] === source ? (newCodes[code] as number) : code))
      index.add(parts, 1, added)
    }
    this.#index = index
  }

  /** What people read, such as `SEA|14`. */
  labelOf(entry: number): string {
    return this.index
      .codesOf(entry)
      .map((code, part) => (this.#sources[part] as CodeSource).labelOf(code))
      .join('|')
  }

  pack(writer: BlobWriter, blobName: string): Json {
    const keys = this.index.keys()
    return {
      name: this.name,
      parts: this.parts.map((part) => ({ ...part })),
      keys: keys instanceof Float64Array ? writer.numbers(`${blobName}-keys`, keys) : writer.list(`${blobName}-keys`, keys),
    }
  }

  static unpack(stored: unknown, sources: SourceSet, reader: BlobReader): CategoryKey {
    const record = recordOf(stored, 'a category key')
    const parts = listOf(record.parts, 'parts').map((item): CodeSourceDefinition => {
      const part = recordOf(item, 'a part')
      if (part.time === undefined) return { column: textOf(part.column, 'a column') }
      const timePart = timeParts.find((known) => known === part.part)
      if (timePart === undefined) throw invalidPlan('a part of a moment', String(part.part))
      return { time: textOf(part.time, 'a column'), part: timePart }
    })
    if (parts.length === 0) throw invalidPlan('a category of one part or more', 'none')
    const keys =
      recordOf(record.keys, 'keys').type === undefined
        ? (reader.list(record.keys) as readonly string[])
        : Float64Array.from(reader.numbers(record.keys))
    return new CategoryKey(textOf(record.name, 'a name'), parts, sources, keys)
  }
}
