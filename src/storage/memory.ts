import { throwIfAborted } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type {
  SegmentStore,
  SegmentWriter,
  StorageAdapter,
  StorageCapabilities,
  StorageChangeOptions,
  StorageGetOptions,
  StorageListOptions,
  StoredEntry,
  StoredObject,
} from './adapter.ts'
import { assertBytes, assertChangeArguments, assertGetArguments, assertListArguments, assertPutArguments } from './arguments.ts'
import { conflict, unavailable } from './faults.ts'
import { folderCollision, foldersOf, isBelow } from './key.ts'
import { clampRange } from './range.ts'

export interface MemoryStorageOptions {
  /** Default `memory`. */
  readonly name?: string
  /** Whose time `modifiedAt` is. */
  readonly clock?: Clock
}

interface HeldObject {
  readonly bytes: Uint8Array
  readonly modifiedAt: number
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
  readonly #clock: Clock
  readonly #objects = new Map<string, HeldObject>()
  /** How many objects lie below each folder. */
  readonly #folders = new Map<string, number>()
  /** The sorted keys; undefined after a change. */
  #sorted: readonly string[] | undefined

  constructor(options: MemoryStorageOptions = {}) {
    this.name = options.name ?? 'memory'
    this.#clock = options.clock ?? systemClock
  }

  async get(key: string, options: StorageGetOptions = {}): Promise<StoredObject | undefined> {
    assertGetArguments(key, options)
    const bytes = this.#objects.get(key)?.bytes
    if (bytes === undefined) return undefined
    const { start, end } = clampRange(options.range, bytes.length)
    return { bytes: bytes.slice(start, end), sizeBytes: bytes.length }
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertPutArguments(key, bytes, options)
    if (this.#objects.has(key)) throw conflict(key)
    this.#insert(key, new Uint8Array(bytes))
  }

  async put(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertPutArguments(key, bytes, options)
    if (this.#objects.has(key)) this.#hold(key, new Uint8Array(bytes))
    else this.#insert(key, new Uint8Array(bytes))
  }

  async delete(key: string, options: StorageChangeOptions = {}): Promise<void> {
    assertChangeArguments(key, options)
    if (!this.#objects.delete(key)) return
    this.#sorted = undefined
    for (const folder of foldersOf(key)) {
      const count = (this.#folders.get(folder) ?? 1) - 1
      if (count === 0) this.#folders.delete(folder)
      else this.#folders.set(folder, count)
    }
  }

  async *list(prefix: string, options: StorageListOptions = {}): AsyncGenerator<StoredEntry, void, undefined> {
    assertListArguments(prefix, options)
    const { after, limit = Number.POSITIVE_INFINITY, signal } = options
    this.#sorted ??= [...this.#objects.keys()].sort()
    let yielded = 0
    for (const key of this.#sorted) {
      if (yielded >= limit) return
      if (!isBelow(key, prefix) || (after !== undefined && key <= after)) continue
      const held = this.#objects.get(key)
      if (held === undefined) continue
      yielded++
      yield { key, sizeBytes: held.bytes.length, modifiedAt: held.modifiedAt }
      throwIfAborted(signal)
    }
  }

  async createSegment(key: string, options: StorageChangeOptions = {}): Promise<SegmentWriter> {
    await this.putIfAbsent(key, new Uint8Array(0), options)
    return new MemorySegmentWriter(key, (bytes) => {
      // A segment that was deleted meanwhile stays deleted.
      if (this.#objects.has(key)) this.#hold(key, bytes)
    })
  }

  #insert(key: string, bytes: Uint8Array): void {
    const folders = foldersOf(key)
    const parent = folders.find((folder) => this.#objects.has(folder))
    if (parent !== undefined) throw folderCollision(key, parent)
    if (this.#folders.has(key)) throw folderCollision(key, `${key}/...`)
    for (const folder of folders) this.#folders.set(folder, (this.#folders.get(folder) ?? 0) + 1)
    this.#hold(key, bytes)
    this.#sorted = undefined
  }

  #hold(key: string, bytes: Uint8Array): void {
    this.#objects.set(key, { bytes, modifiedAt: this.#clock.now() })
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
    assertBytes(bytes)
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
