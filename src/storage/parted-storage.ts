import type {
  StorageAdapter,
  StorageCapabilities,
  StorageChangeOptions,
  StorageGetOptions,
  StorageListOptions,
  StoredEntry,
  StoredObject,
} from './adapter.ts'
import { assertGetArguments, assertListArguments } from './arguments.ts'
import { corrupt } from './faults.ts'
import { clampRange } from './range.ts'
import { isPartKey, maxNoteBytes, partsFolder, partsOf, writerInNote } from './segment-parts.ts'

const attempts = 5

/** A storage as its readers should see it: segments that are in parts appear as the objects that they will be, and their parts not at all. */
export class PartedStorage implements StorageAdapter {
  readonly name: string
  readonly capabilities: StorageCapabilities
  protected readonly storage: StorageAdapter

  constructor(storage: StorageAdapter) {
    this.name = storage.name
    this.capabilities = storage.capabilities
    this.storage = storage
  }

  async get(key: string, options: StorageGetOptions = {}): Promise<StoredObject | undefined> {
    assertGetArguments(key, options)
    const signal = options.signal === undefined ? {} : { signal: options.signal }
    for (let attempt = 1; ; attempt++) {
      const object = await this.storage.get(key, options)
      if (object === undefined || object.sizeBytes > maxNoteBytes) return object
      const note = options.range === undefined ? object : await this.storage.get(key, signal)
      const writer = note === undefined ? undefined : writerInNote(note.bytes)
      if (writer === undefined) return object
      const whole = await this.#assemble(key, writer, options)
      if (whole !== undefined) return whole
      // Sealed while it was read: its key tells more now.
      if (attempt === attempts) throw corrupt(key, 'a part of the segment is missing')
    }
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    await this.storage.putIfAbsent(key, bytes, options)
  }

  async put(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    await this.storage.put(key, bytes, options)
  }

  /** With its parts; they go last, since without the note at its key they are nothing. */
  async delete(key: string, options: StorageChangeOptions = {}): Promise<void> {
    await this.storage.delete(key, options)
    const parts: string[] = []
    for await (const entry of this.storage.list(partsFolder(key), options)) if (isPartKey(entry.key)) parts.push(entry.key)
    for (const part of parts) await this.storage.delete(part, options)
  }

  async *list(prefix: string, options: StorageListOptions = {}): AsyncGenerator<StoredEntry, void, undefined> {
    assertListArguments(prefix, options)
    const { limit = Number.POSITIVE_INFINITY, ...rest } = options
    if (limit === 0) return
    let yielded = 0
    for await (const entry of this.storage.list(prefix, rest)) {
      if (isPartKey(entry.key)) continue
      const seen = entry.sizeBytes > maxNoteBytes ? entry : await this.#entryOf(entry, options)
      if (seen === undefined) continue
      yield seen
      yielded++
      if (yielded === limit) return
    }
  }

  /** The entry of a segment in parts is that of all of them. */
  async #entryOf(entry: StoredEntry, options: StorageListOptions): Promise<StoredEntry | undefined> {
    const signal = options.signal === undefined ? {} : { signal: options.signal }
    const note = await this.storage.get(entry.key, signal)
    if (note === undefined) return undefined
    const writer = writerInNote(note.bytes)
    if (writer === undefined) return { ...entry, sizeBytes: note.sizeBytes }
    const parts = await partsOf(this.storage, entry.key, writer, signal)
    const modifiedAt = parts.reduce((latest, part) => Math.max(latest, part.modifiedAt), entry.modifiedAt)
    return { key: entry.key, sizeBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0), modifiedAt }
  }

  /** The bytes of the parts, undefined when one went away. */
  async #assemble(key: string, writer: string, options: StorageGetOptions): Promise<StoredObject | undefined> {
    const signal = options.signal === undefined ? {} : { signal: options.signal }
    const parts = await partsOf(this.storage, key, writer, signal)
    const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0)
    const { start, end } = clampRange(options.range, sizeBytes)
    const bytes = new Uint8Array(end - start)
    let offset = 0
    for (const part of parts) {
      const range = { start: Math.max(0, start - offset), end: Math.min(part.sizeBytes, end - offset) }
      if (range.start < range.end) {
        const object = await this.storage.get(part.key, { ...signal, range })
        if (object === undefined) return undefined
        bytes.set(object.bytes, offset + range.start - start)
      }
      offset += part.sizeBytes
    }
    // Parts go from the first on when a segment was sealed: none left means that it was, unless nothing was written yet.
    if (parts.length === 0 && !(await this.#isStill(key, writer, signal))) return undefined
    return { bytes, sizeBytes }
  }

  async #isStill(key: string, writer: string, options: { readonly signal?: AbortSignal }): Promise<boolean> {
    const note = await this.storage.get(key, options)
    return note !== undefined && writerInNote(note.bytes) === writer
  }
}
