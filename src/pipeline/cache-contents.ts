import { mapConcurrently } from '../core/concurrency.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { copyOfKey } from '../storage/blob-copies.ts'
import { blobChunks } from '../storage/blobs.ts'
import { cacheFolder, decodeCacheEntry, keyOfCacheEntry } from './cache-entry.ts'

interface Options {
  readonly signal?: AbortSignal
}

const readsAtOnce = 8

/** An entry as a list and its content tell of it. */
export interface ListedEntry {
  readonly storageKey: string
  /** The cache key. */
  readonly key: string
  readonly sizeBytes: number
  /** When it was stored or last taken, by the store's clock. */
  readonly modifiedAt: number
  readonly blobs: readonly string[]
}

/** Entries and their bytes as they are stored, with the blobs that they need, each counted once. */
export interface CacheTotal {
  readonly entries: number
  readonly sizeBytes: number
}

/** All entries, and how many of them need each blob. */
export class CacheContents {
  readonly #entries: readonly ListedEntry[]
  readonly #sizes: ReadonlyMap<string, number>
  readonly #needed = new Map<string, number>()

  private constructor(entries: readonly ListedEntry[], sizes: ReadonlyMap<string, number>) {
    this.#entries = entries
    this.#sizes = sizes
    for (const { blobs } of entries) for (const blob of blobs) this.#needed.set(blob, (this.#needed.get(blob) ?? 0) + 1)
  }

  static async read(storage: StorageAdapter, options: Options): Promise<CacheContents> {
    const entries: ListedEntry[] = []
    const blobs = new Set<string>()
    for await (const entry of listEntries(storage, options)) {
      entries.push(entry)
      for (const blob of entry.blobs) blobs.add(blob)
    }
    return new CacheContents(entries, await sizesOfBlobs(storage, blobs, options))
  }

  /** Those first that were not used for the longest time. */
  oldestFirst(): readonly ListedEntry[] {
    return [...this.#entries].sort((left, right) => left.modifiedAt - right.modifiedAt || (left.key < right.key ? -1 : 1))
  }

  /** As read. */
  total(): CacheTotal {
    let sizeBytes = 0
    for (const entry of this.#entries) sizeBytes += entry.sizeBytes
    for (const size of this.#sizes.values()) sizeBytes += size
    return { entries: this.#entries.length, sizeBytes }
  }

  /** Takes an entry out of the account: how many bytes nothing needs any more. */
  remove(entry: ListedEntry): number {
    return entry.sizeBytes + this.#count(entry, -1, 0)
  }

  /** Takes it in again. */
  add(entry: ListedEntry): number {
    return entry.sizeBytes + this.#count(entry, 1, 1)
  }

  #count({ blobs }: ListedEntry, change: 1 | -1, turning: number): number {
    let sizeBytes = 0
    for (const blob of blobs) {
      const needed = (this.#needed.get(blob) ?? 0) + change
      this.#needed.set(blob, needed)
      if (needed === turning) sizeBytes += this.#sizes.get(blob) ?? 0
    }
    return sizeBytes
  }
}

/** All entries, a few read at a time. One that is corrupt has no blobs. @throws {@link MillraceError} `FORMAT_UNSUPPORTED`. */
export async function* listEntries(storage: StorageAdapter, options: Options = {}): AsyncGenerator<ListedEntry, void, undefined> {
  let listed: Omit<ListedEntry, 'blobs'>[] = []
  for await (const { key: storageKey, sizeBytes, modifiedAt } of storage.list(cacheFolder, options)) {
    const key = keyOfCacheEntry(storageKey)
    if (key === undefined) continue
    listed.push({ storageKey, key, sizeBytes, modifiedAt })
    if (listed.length < 8 * readsAtOnce) continue
    yield* await readBlobs(storage, listed, options)
    listed = []
  }
  yield* await readBlobs(storage, listed, options)
}

async function readBlobs(
  storage: StorageAdapter,
  listed: readonly Omit<ListedEntry, 'blobs'>[],
  options: Options,
): Promise<readonly ListedEntry[]> {
  const read = async (entry: Omit<ListedEntry, 'blobs'>): Promise<ListedEntry | undefined> => {
    const object = await storage.get(entry.storageKey, options)
    return object === undefined ? undefined : { ...entry, blobs: blobsIn(entry.storageKey, object.bytes) }
  }
  const entries = await mapConcurrently(listed, readsAtOnce, read, options.signal)
  return entries.filter((entry) => entry !== undefined)
}

function blobsIn(storageKey: string, bytes: Uint8Array): readonly string[] {
  try {
    // A name that is none cannot be needed by what cannot be read.
    return decodeCacheEntry(storageKey, bytes).blobs.filter((blob) => /^[0-9a-f]{64}$/.test(blob))
  } catch (error) {
    if (MillraceError.is(error, 'STORAGE_CORRUPT')) return []
    throw error
  }
}

/** The stored sizes of blobs in bytes, all their copies and chunks included; blobs that are not there have none. */
async function sizesOfBlobs(storage: StorageAdapter, digests: ReadonlySet<string>, options: Options): Promise<ReadonlyMap<string, number>> {
  const stored = new Map<string, number>()
  const large = new Set<string>()
  for await (const { key, sizeBytes } of storage.list('blobs', options)) {
    const found = copyOfKey(key)
    if (found === undefined) continue
    const { digest, isList } = found
    stored.set(digest, (stored.get(digest) ?? 0) + sizeBytes)
    if (isList && digests.has(digest)) large.add(digest)
  }
  const sizes = new Map<string, number>()
  for (const digest of digests) sizes.set(digest, stored.get(digest) ?? 0)
  await mapConcurrently(
    large,
    readsAtOnce,
    async (digest) => {
      let sizeBytes = sizes.get(digest) ?? 0
      for (const chunk of await chunksKnown(storage, digest, options)) sizeBytes += stored.get(chunk) ?? 0
      sizes.set(digest, sizeBytes)
    },
    options.signal,
  )
  return sizes
}

/** None when the list of them is damaged: an entry that needs such a blob can still go, and then no longer keeps blobs from being collected. */
async function chunksKnown(storage: StorageAdapter, digest: string, options: Options): Promise<readonly string[]> {
  try {
    return await blobChunks(storage, digest, options)
  } catch (error) {
    if (MillraceError.is(error, 'STORAGE_CORRUPT')) return []
    throw error
  }
}
