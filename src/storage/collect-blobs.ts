import { systemClock } from '../core/clock.ts'
import { mapConcurrently } from '../core/concurrency.ts'
import { invalidArgument } from '../core/invalid-argument.ts'
import { receivedText } from '../core/received.ts'
import type { StorageAdapter } from './adapter.ts'
import { keyOfCopy } from './blob-copies.ts'
import type { BlobTotal, CollectBlobsOptions, CollectedBlobs } from './blob-references.ts'
import type { CollectionLog } from './collection-log.ts'
import { collectionLog } from './collection-log.ts'
import { markCopy } from './collection-marker.ts'
import type { ListedCopy } from './needed-blobs.ts'
import { neededBlobs } from './needed-blobs.ts'
import { storageTime } from './storage-time.ts'

const writesAtOnce = 8
const dayMs = 86_400_000
/**
 * Deletes the blobs that nothing names. Any number of processes may collect and write at the same time, and any of them may be stopped or killed at any moment:
 * no blob goes that a confirmed reference needs (`BlobWriter`). There is no lock. A pass reads the references, marks what it means to delete, for good, tells
 * the log of collections, reads the references again and deletes what is still not named: a writer that named a marked blob was either seen by the second read,
 * or sees the marker and stores the content again under another key. See docs/decisions/0006-collection-without-locks.md.
 *
 * What was stored with `putBlob` and is not named yet is kept while it is younger than `olderThanMs`: longer than the longest run. A marker of about 100
 * bytes stays for each copy that was ever collected. Memory, measured with 1,000,000 blobs on Node 20: 105 bytes for each that is named, 410 for each that is not.
 *
 * @throws {@link MillraceError} `STORAGE_CAPABILITY_MISSING`; `ARGUMENT_INVALID` (no sources, a name that is no SHA-256); what a source throws; `STORAGE_CORRUPT`
 * when the list of the chunks of a large blob that is named is damaged in all its copies (store its content again, or delete what names it), `FORMAT_UNSUPPORTED`
 * when it is of a newer library: then nothing was deleted.
 * @example
 * const digest = await putBlob(storage, bytes)
 * const nobody = { name: 'nobody', async *references() {} }
 * const { young } = await collectBlobs(storage, { references: [nobody], dryRun: true })
 * young.blobs // 1
 */
export async function collectBlobs(storage: StorageAdapter, options: CollectBlobsOptions): Promise<CollectedBlobs> {
  assertCollectOptions(options)
  const { references, olderThanMs = dayMs, dryRun = false, clock = systemClock } = options
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const log = collectionLog(storage, options)
  const now = dryRun ? clock.now() : await storageTime(storage, clock, signal)
  const found = new Total()
  const unnamed: ListedCopy[] = []
  const tell = { onListed: (listed: ListedCopy): void => found.add(listed), onUnnamed: (listed: ListedCopy) => unnamed.push(listed) }
  const needed = await neededBlobs(storage, references, tell, signal)
  const [candidates, young, collected] = [[] as ListedCopy[], new Total(), new Total()]
  for (const listed of unnamed) {
    if (needed.has(listed.digest)) continue
    // An age that is not known is no age.
    if (now - listed.modifiedAt >= olderThanMs) candidates.push(listed)
    else young.add(listed)
  }
  if (dryRun) for (const listed of candidates) collected.add(listed)
  else if (candidates.length > 0) await removeUnneeded(storage, candidates, log, collected, options)
  return { dryRun, found: found.toJSON(), collected: collected.toJSON(), young: young.toJSON() }
}

async function removeUnneeded(
  storage: StorageAdapter,
  candidates: readonly ListedCopy[],
  log: CollectionLog,
  collected: Total,
  options: CollectBlobsOptions,
): Promise<void> {
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const marker = { kind: 'pass', time: (options.clock ?? systemClock).now() } as const
  await mapConcurrently(candidates, writesAtOnce, (listed) => markCopy(storage, listed, marker, signal), options.signal)
  await log.append(() => ({ operation: { kind: 'pass', marked: candidates.length } }), signal)
  // From here on a writer sees the markers when it confirms; who had confirmed before is read here.
  const needed = await neededBlobs(storage, options.references, { onListed: () => {}, onUnnamed: () => {} }, signal)
  await mapConcurrently(
    candidates.filter(({ digest }) => !needed.has(digest)),
    writesAtOnce,
    async (listed) => {
      await storage.delete(keyOfCopy(listed), signal)
      collected.add(listed)
    },
    options.signal,
  )
}

/** A running total. */
class Total {
  #blobs = 0
  #sizeBytes = 0

  add(listed: ListedCopy): void {
    this.#blobs++
    this.#sizeBytes += listed.sizeBytes
  }

  toJSON(): BlobTotal {
    return { blobs: this.#blobs, sizeBytes: this.#sizeBytes }
  }
}

/** @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function assertCollectOptions({ references, dryRun, olderThanMs }: CollectBlobsOptions): void {
  if (!Array.isArray(references) || references.length === 0)
    throw invalidArgument('references', 'at least one source', receivedText(references))
  // A text that is meant to be true or false would be true.
  if (dryRun !== undefined && typeof dryRun !== 'boolean') throw invalidArgument('dryRun', 'true or false', receivedText(dryRun))
  if (olderThanMs !== undefined && !(typeof olderThanMs === 'number' && olderThanMs >= 0))
    throw invalidArgument('olderThanMs', 'a number of milliseconds, 0 or more', receivedText(olderThanMs))
}
