import { throwIfAborted } from '../core/abort.ts'
import type { ByteRange, SegmentStore, SegmentWriter, StorageAdapter, StorageCapabilities, StoredEntry, StoredObject } from './adapter.ts'
import { conflict, unavailable } from './faults.ts'
import { assertKey, assertPrefix, folderCollision, foldersOf, isBelow } from './key.ts'
import { assertLimit, assertRange, clampRange } from './range.ts'

interface Options {
  readonly signal?: AbortSignal
}

/**
 * Storage in this process's memory: for tests, notebooks and pages that keep nothing. Bytes are copied in and out, so that neither side sees the
 * other's changes. A change takes
 * effect in one turn of the event loop, so all of them are atomic.
 *
 * @example
 * const storage = new MemoryStorage()
 * await storage.putIfAbsent('models/churn/log/0000000000000001', new TextEncoder().encode('{}'))
 */
export class MemoryStorage implements StorageAdapter, SegmentStore {
  readonly name: string
  readonly capabilities: StorageCapabilities = { putIfAbsent: true, multiProcess: false, durability: 'none' }
  readonly #objects = new Map<string, Uint8Array>()
  /** How many objects lie below each folder. */
  readonly #folders = new Map<string, number>()
  /** The sorted keys; undefined after a change. */
  #sorted: readonly string[] | undefined

  constructor(options: { name?: string } = {}) {
    this.name = options.name ?? 'memory'
  }

  async get(key: string, options: Options & { readonly range?: ByteRange } = {}): Promise<StoredObject | undefined> {
    throwIfAborted(options.signal)
    assertKey(key)
    assertRange(options.range)
    const bytes = this.#objects.get(key)
    if (bytes === undefined) return undefined
    const { start, end } = clampRange(options.range, bytes.length)
    return { bytes: bytes.slice(start, end), sizeBytes: bytes.length }
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options: Options = {}): Promise<void> {
    throwIfAborted(options.signal)
    assertKey(key)
    if (this.#objects.has(key)) throw conflict(key)
    this.#insert(key, new Uint8Array(bytes))
  }

  async put(key: string, bytes: Uint8Array, options: Options = {}): Promise<void> {
    throwIfAborted(options.signal)
    assertKey(key)
    if (this.#objects.has(key)) this.#objects.set(key, new Uint8Array(bytes))
    else this.#insert(key, new Uint8Array(bytes))
  }

  async delete(key: string, options: Options = {}): Promise<void> {
    throwIfAborted(options.signal)
    assertKey(key)
    if (!this.#objects.delete(key)) return
    this.#sorted = undefined
    for (const folder of foldersOf(key)) {
      const count = (this.#folders.get(folder) ?? 1) - 1
      if (count === 0) this.#folders.delete(folder)
      else this.#folders.set(folder, count)
    }
  }

  async *list(
    prefix: string,
    options: { readonly after?: string; readonly limit?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<StoredEntry, void, undefined> {
    const { after, limit = Number.POSITIVE_INFINITY, signal } = options
    throwIfAborted(signal)
    assertPrefix(prefix)
    if (after !== undefined) assertKey(after)
    assertLimit(limit)
    this.#sorted ??= [...this.#objects.keys()].sort()
    let yielded = 0
    for (const key of this.#sorted) {
      if (yielded >= limit) return
      if (!isBelow(key, prefix) || (after !== undefined && key <= after)) continue
      const bytes = this.#objects.get(key)
      if (bytes === undefined) continue
      yielded++
      yield { key, sizeBytes: bytes.length }
      throwIfAborted(signal)
    }
  }

  async createSegment(key: string, options: Options = {}): Promise<SegmentWriter> {
    await this.putIfAbsent(key, new Uint8Array(0), options)
    return new MemorySegmentWriter(key, (bytes) => {
      // A segment that was deleted meanwhile stays deleted.
      if (this.#objects.has(key)) this.#objects.set(key, bytes)
    })
  }

  #insert(key: string, bytes: Uint8Array): void {
    const folders = foldersOf(key)
    const parent = folders.find((folder) => this.#objects.has(folder))
    if (parent !== undefined) throw folderCollision(key, parent)
    if (this.#folders.has(key)) throw folderCollision(key, `${key}/...`)
    for (const folder of folders) this.#folders.set(folder, (this.#folders.get(folder) ?? 0) + 1)
    this.#objects.set(key, bytes)
    this.#sorted = undefined
  }
}

/** Grows by doubling; readers are given the written part only. */
class MemorySegmentWriter implements SegmentWriter {
  readonly key: string
  readonly #publish: (bytes: Uint8Array) => void
  #buffer = new Uint8Array(1024)
  #length = 0
  #sealed = false

  constructor(key: string, publish: (bytes: Uint8Array) => void) {
    this.key = key
    this.#publish = publish
  }

  get sizeBytes(): number {
    return this.#length
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#assertOpen()
    const length = this.#length + bytes.length
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(length, this.#buffer.length * 2))
      grown.set(this.#buffer.subarray(0, this.#length))
      this.#buffer = grown
    }
    this.#buffer.set(bytes, this.#length)
    this.#length = length
    this.#publish(this.#buffer.subarray(0, length))
  }

  async sync(): Promise<void> {
    this.#assertOpen()
  }

  async seal(): Promise<void> {
    this.#assertOpen()
    this.#sealed = true
    this.#publish(this.#buffer.slice(0, this.#length))
  }

  #assertOpen(): void {
    if (this.#sealed) throw unavailable(this.key, new Error('the segment is sealed'))
  }
}
