/**
 * Storage in a browser's IndexedDB: {@link IndexedDbStorage}.
 *
 * @module millrace/storage/indexeddb
 */

import { promisifyRequest } from 'idb-keyval'
import { isAbortOf, throwIfAborted } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
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
import { assertChangeArguments, assertGetArguments, assertListArguments, assertPutArguments } from './arguments.ts'
import { conflict, noSpace, unavailable } from './faults.ts'
import { Connection, isNamed } from './indexeddb/connection.ts'
import type { EntryRecord } from './indexeddb/records.ts'
import { behind, bytesKey, entriesBelow, entryKey, partsRange } from './indexeddb/records.ts'
import { IndexedDbSegmentWriter } from './indexeddb/segment-writer.ts'
import { folderCollision, foldersOf } from './key.ts'
import { clampRange } from './range.ts'

export interface IndexedDbStorageOptions {
  /** Asks the browser not to evict the data; a browser may ask its user. Default true. */
  readonly persist?: boolean
  /** Default: the platform's. */
  readonly factory?: IDBFactory
  /** Whose time `modifiedAt` is: IndexedDB has none of its own, so it is that of whoever writes. */
  readonly clock?: Clock
}

const entriesAtOnce = 500

/**
 * Storage in the browser's IndexedDB, for any number of tabs and workers at once. Every change is one transaction with strict durability, acknowledged
 * when it is complete. A connection that was closed is opened again, once for each call.
 *
 * @example
 * const storage = await IndexedDbStorage.open('millrace')
 * await storage.putIfAbsent('models/churn/log/0000000000000001', bytes)
 */
export class IndexedDbStorage implements StorageAdapter, SegmentStore {
  readonly name: string
  readonly capabilities: StorageCapabilities = { putIfAbsent: true, multiProcess: true, durability: 'device' }
  readonly #connection: Connection
  readonly #clock: Clock

  private constructor(name: string, connection: Connection, clock: Clock) {
    this.name = `indexeddb:${name}`
    this.#connection = connection
    this.#clock = clock
  }

  /**
   * Opens the database of that name, which is made when it is missing.
   *
   * @throws {@link MillraceError} `STORAGE_UNAVAILABLE` where there is no IndexedDB, or the database belongs to something else; `STORAGE_NO_SPACE`.
   */
  static async open(name: string, options: IndexedDbStorageOptions = {}): Promise<IndexedDbStorage> {
    const factory = options.factory ?? (typeof indexedDB === 'undefined' ? undefined : indexedDB)
    if (factory === undefined) throw unavailable(`indexeddb:${name}`, new Error('this platform has no IndexedDB'))
    const connection = new Connection(name, factory)
    try {
      await connection.open()
    } catch (error) {
      throw faultOf(error, '', `indexeddb:${name}`)
    }
    // A refusal changes nothing for us: the browser may evict the data when its disk is full, as it may by default.
    if (options.persist !== false) await askToPersist()
    return new IndexedDbStorage(name, connection, options.clock ?? systemClock)
  }

  async get(key: string, options: StorageGetOptions = {}): Promise<StoredObject | undefined> {
    assertGetArguments(key, options)
    const bytes = await this.#guard(key, () => this.#read(key))
    throwIfAborted(options.signal)
    if (bytes === undefined || options.range === undefined) return bytes && { bytes, sizeBytes: bytes.length }
    const { start, end } = clampRange(options.range, bytes.length)
    return { bytes: bytes.slice(start, end), sizeBytes: bytes.length }
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertPutArguments(key, bytes, options)
    // A copy: a view would be stored with the whole buffer behind it.
    await this.#create(key, this.#entryOf(bytes), new Uint8Array(bytes), options.signal)
  }

  async put(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertPutArguments(key, bytes, options)
    const copy = new Uint8Array(bytes)
    await this.#change(
      key,
      (store, abort) => {
        refuseFolders(store, key, abort)
        const entry = this.#entryOf(copy)
        store.put(entry, entryKey(key))
        store.put(copy, bytesKey(key))
        store.delete(partsRange(key))
      },
      options.signal,
    )
  }

  async delete(key: string, options: StorageChangeOptions = {}): Promise<void> {
    assertChangeArguments(key, options)
    await this.#change(
      key,
      (store) => {
        store.delete(entryKey(key))
        store.delete(bytesKey(key))
        store.delete(partsRange(key))
      },
      options.signal,
    )
  }

  async *list(prefix: string, options: StorageListOptions = {}): AsyncGenerator<StoredEntry, void, undefined> {
    assertListArguments(prefix, options)
    const { after, limit = Number.POSITIVE_INFINITY, signal } = options
    const all = entriesBelow(prefix)
    let range = after === undefined ? all : behind(all, entryKey(after))
    let left = limit
    while (range !== undefined && left > 0) {
      const page = range
      const entries = await this.#guard(prefix, () => this.#entries(page, Math.min(left, entriesAtOnce)))
      for (const entry of entries) {
        throwIfAborted(signal)
        yield entry
        throwIfAborted(signal)
      }
      left -= entries.length
      const last = entries.at(-1)
      range = last === undefined ? undefined : behind(all, entryKey(last.key))
    }
  }

  async createSegment(key: string, options: StorageChangeOptions = {}): Promise<SegmentWriter> {
    assertChangeArguments(key, options)
    await this.#create(key, { sizeBytes: 0, modifiedAt: this.#clock.now(), parts: 0 }, undefined, options.signal)
    return new IndexedDbSegmentWriter(key, (segment, work) => this.#change(segment, work), this.#clock)
  }

  /** Closes the connection; the next call opens it again. */
  close(): Promise<void> {
    return this.#connection.close()
  }

  /** In one transaction, so that it is one object, whatever replaces it meanwhile. */
  async #read(key: string): Promise<Uint8Array | undefined> {
    const [entry, bytes, parts] = await this.#connection.useStore('readonly', (store) =>
      Promise.all([
        promisifyRequest<EntryRecord | undefined>(store.get(entryKey(key))),
        promisifyRequest<Uint8Array | undefined>(store.get(bytesKey(key))),
        promisifyRequest<Uint8Array[]>(store.getAll(partsRange(key))),
      ]),
    )
    if (entry === undefined || bytes !== undefined) return bytes
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
    let offset = 0
    for (const part of parts) {
      whole.set(part, offset)
      offset += part.length
    }
    return whole
  }

  async #entries(range: IDBKeyRange, count: number): Promise<StoredEntry[]> {
    return await this.#connection.useStore('readonly', async (store) => {
      const [keys, records] = await Promise.all([
        promisifyRequest(store.getAllKeys(range, count)),
        promisifyRequest<EntryRecord[]>(store.getAll(range, count)),
      ])
      return records.map(({ sizeBytes, modifiedAt }, index) => ({ key: String(keys[index]).slice(2), sizeBytes, modifiedAt }))
    })
  }

  #entryOf(bytes: Uint8Array): EntryRecord {
    return { sizeBytes: bytes.length, modifiedAt: this.#clock.now() }
  }

  async #create(key: string, entry: EntryRecord, bytes: Uint8Array | undefined, signal: AbortSignal | undefined): Promise<void> {
    await this.#change(
      key,
      (store, abort) => {
        refuseFolders(store, key, abort)
        const added = store.add(entry, entryKey(key))
        added.onerror = () => {
          if (isNamed(added.error, 'ConstraintError')) abort(conflict(key, added.error))
        }
        if (bytes !== undefined) store.put(bytes, bytesKey(key))
      },
      signal,
    )
  }

  /** One transaction: all of the work is durable when it resolves, or none of it is there. */
  async #change(key: string, work: (store: IDBObjectStore, abort: (fault: unknown) => void) => void, signal?: AbortSignal): Promise<void> {
    const transact = (store: IDBObjectStore): Promise<void> =>
      new Promise((resolve, reject) => {
        const { transaction } = store
        let fault: unknown
        const abort = (reason: unknown): void => {
          fault ??= reason
          try {
            transaction.abort()
          } catch {
            // It is over already, and its own event tells how it ended.
          }
        }
        const onAbort = (): void => abort(signal?.reason)
        signal?.addEventListener('abort', onAbort, { once: true })
        transaction.oncomplete = () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        }
        transaction.onabort = () => {
          signal?.removeEventListener('abort', onAbort)
          reject(fault ?? transaction.error ?? new Error('the transaction was aborted'))
        }
        try {
          work(store, abort)
        } catch (error) {
          // Else what was asked for before it threw would be committed.
          abort(error)
        }
      })
    await this.#guard(key, () => this.#connection.useStore('readwrite', transact), signal)
  }

  async #guard<Result>(key: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      if (isAbortOf(signal, error)) throw error
      throw faultOf(error, key, this.name)
    }
  }
}

/** Aborts when an object is one of the key's folders, or the key is the folder of an object. */
function refuseFolders(store: IDBObjectStore, key: string, abort: (fault: unknown) => void): void {
  const refuse = (query: string | IDBKeyRange, other: string): void => {
    const found = store.getKey(query)
    found.onsuccess = () => {
      if (found.result !== undefined) abort(folderCollision(key, other))
    }
  }
  for (const folder of foldersOf(key)) refuse(entryKey(folder), folder)
  refuse(entriesBelow(key), `${key}/...`)
}

function faultOf(error: unknown, key: string, storage: string): unknown {
  if (MillraceError.is(error)) return error
  return isNamed(error, 'QuotaExceededError') ? noSpace(key, error) : unavailable(storage, error)
}

async function askToPersist(): Promise<void> {
  try {
    if (typeof navigator !== 'undefined') await navigator.storage?.persist?.()
  } catch {
    // Some browsers refuse by throwing.
  }
}
