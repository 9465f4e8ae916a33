import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { mapConcurrently } from '../core/concurrency.ts'
import { MillraceError } from '../core/error.ts'
import { invalidArgument } from '../core/invalid-argument.ts'
import { receivedText } from '../core/received.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { collectionKey, collectionsFolder } from './cache-collected.ts'
import type { CacheTotal, ListedEntry } from './cache-contents.ts'
import { CacheContents } from './cache-contents.ts'
import type { IsAbandoned } from './cache-protection.ts'
import { CacheProtection } from './cache-protection.ts'
import { listRetired, retireBlobs } from './retired-blobs.ts'
import { encodeStored } from './stored-json.ts'

const format = { format: 'millrace-cache-collection', formatVersion: 1, minReaderVersion: 1 } as const
const weekMs = 7 * 86_400_000
const deletesAtOnce = 8
const batchEntries = 500

interface Options {
  readonly signal?: AbortSignal
}

export interface CollectCacheOptions {
  /** Entries go, those first that were not used for the longest time, until no more than this is left. */
  readonly maxBytes?: number
  /** Entries go that were not used for longer than this. */
  readonly maxAgeMs?: number
  /**
   * What runs need that failed or whose process died stays for this long after their last sign of life, so that they can be resumed; default 7 days. However
   * short it is, no run counts as dead before its own lease (`leaseMs`) is over.
   */
  readonly abandonedAfterMs?: number
  /** True: only tells what would go, and writes nothing; ages are then by `clock`. */
  readonly dryRun?: boolean
  readonly clock?: Clock
  readonly signal?: AbortSignal
}

export interface CollectedCache {
  readonly dryRun: boolean
  readonly found: CacheTotal
  /** What went, or would. Blobs count that no other entry needs. */
  readonly collected: CacheTotal
  /** Entries that would have gone and stayed, since a run uses them or needs them to be resumed. */
  readonly held: number
}

/** The cache of a storage as a whole. */
export interface Cache {
  size(options?: { readonly signal?: AbortSignal }): Promise<CacheTotal>
  /**
   * Lets entries go that were not used for long. An entry stays that a run in progress uses, that the journal of a run names which can be resumed, or that is
   * younger than the oldest run in progress; the blobs of one that a run took in the very moment are held until that run has ended. Only entries go:
   * `collectBlobs`, or `registry.collectGarbage`, then finds that nothing names their blobs any more.
   *
   * An entry counts as used when it was stored and when it was taken, to a day.
   *
   * @throws {@link MillraceError} `ARGUMENT_INVALID` without `maxBytes` and `maxAgeMs`, and for limits that are no numbers; `FORMAT_UNSUPPORTED` for entries of a newer library.
   */
  collect(options: CollectCacheOptions): Promise<CollectedCache>
}

/**
 * The cache that runs over this storage share.
 *
 * @example
 * await pipeline.run({ storage })
 * const { collected } = await openCache(storage).collect({ maxBytes: 50_000_000_000, maxAgeMs: 30 * 86_400_000 })
 * collected.entries // 0
 */
export function openCache(storage: StorageAdapter): Cache {
  return Object.freeze({
    size: async (options: Options = {}): Promise<CacheTotal> => (await CacheContents.read(storage, options)).total(),
    collect: (options: CollectCacheOptions): Promise<CollectedCache> => collect(storage, options),
  })
}

async function collect(storage: StorageAdapter, options: CollectCacheOptions): Promise<CollectedCache> {
  assertOptions(options)
  const { maxBytes = Number.POSITIVE_INFINITY, maxAgeMs = Number.POSITIVE_INFINITY, abandonedAfterMs = weekMs, dryRun = false } = options
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const now = dryRun ? (options.clock ?? systemClock).now() : await storageTime(storage, signal)
  const isAbandoned = (lastSign: number, leaseMs: number): boolean => now - lastSign > Math.max(abandonedAfterMs, leaseMs)
  const protection = new CacheProtection(storage)
  await protection.refresh(isAbandoned, { ...signal, letGo: !dryRun })
  const contents = await CacheContents.read(storage, signal)
  const found = contents.total()
  const victims: ListedEntry[] = []
  let left = found.sizeBytes
  let held = 0
  for (const entry of contents.oldestFirst()) {
    const isOld = now - entry.modifiedAt > maxAgeMs
    if (!isOld && left <= maxBytes) continue
    if (protection.holds(entry)) held++
    else {
      left -= contents.remove(entry)
      victims.push(entry)
    }
  }
  if (dryRun) return { dryRun, found, collected: { entries: victims.length, sizeBytes: found.sizeBytes - left }, held }
  // What runs have begun to use since.
  await protection.refresh(isAbandoned, { ...signal, letGo: true })
  const going = victims.filter((entry) => !protection.holds(entry))
  for (const kept of victims) if (protection.holds(kept)) left += contents.add(kept)
  for (let start = 0; start < going.length; start += batchEntries) await remove(storage, going.slice(start, start + batchEntries), signal)
  await dropRetired(storage, protection, isAbandoned, signal)
  const collected = { entries: going.length, sizeBytes: found.sizeBytes - left }
  return { dryRun, found, collected, held: held + victims.length - going.length }
}

/** Their blobs are held before the entries go, and anew once they are gone: a run that began before that may still read them. */
async function remove(storage: StorageAdapter, entries: readonly ListedEntry[], options: Options): Promise<void> {
  const blobs = [...new Set(entries.flatMap((entry) => entry.blobs))].sort()
  if (blobs.length > 0) await retireBlobs(storage, blobs, options)
  await mapConcurrently(entries, deletesAtOnce, ({ storageKey }) => storage.delete(storageKey, options), options.signal)
  if (blobs.length > 0) await retireBlobs(storage, blobs, options)
}

/** What left the cache before the oldest run in progress began is in nobody's hands. */
async function dropRetired(
  storage: StorageAdapter,
  protection: CacheProtection,
  isAbandoned: IsAbandoned,
  options: Options,
): Promise<void> {
  await protection.refresh(isAbandoned, { ...options, letGo: true })
  for await (const { key, modifiedAt } of listRetired(storage, options))
    if (modifiedAt < protection.oldestStart) await storage.delete(key, options)
}

/** The store's own time, by an object that each collection writes anew; that it is there says that something may have been collected. */
async function storageTime(storage: StorageAdapter, options: Options): Promise<number> {
  await storage.put(collectionKey, encodeStored({ ...format }), options)
  for await (const { key, modifiedAt } of storage.list(collectionsFolder, options)) if (key === collectionKey) return modifiedAt
  throw new MillraceError('STORAGE_UNAVAILABLE', {
    message: `Expected the storage "${storage.name}" to list "${collectionKey}", which was just written. Received a list without it.`,
    details: { storage: storage.name, reason: 'a list without what was just written' },
  })
}

/** What a caller in plain JavaScript gives is compared as a number, and null and an empty text are 0: all would go. */
function assertOptions(options: CollectCacheOptions): void {
  if (typeof options !== 'object' || options === null) throw invalidArgument('options', 'maxBytes, maxAgeMs or both', receivedText(options))
  const { maxBytes, maxAgeMs, abandonedAfterMs, dryRun } = options
  if (maxBytes === undefined && maxAgeMs === undefined) throw invalidArgument('maxBytes', 'given, or maxAgeMs', 'neither')
  const limits = { bytes: { maxBytes }, milliseconds: { maxAgeMs, abandonedAfterMs } }
  for (const [unit, named] of Object.entries(limits))
    for (const [name, value] of Object.entries(named))
      if (value !== undefined && !(typeof value === 'number' && value >= 0))
        throw invalidArgument(name, `a number of ${unit}, 0 or more`, receivedText(value))
  if (dryRun !== undefined && typeof dryRun !== 'boolean') throw invalidArgument('dryRun', 'true or false', receivedText(dryRun))
}
