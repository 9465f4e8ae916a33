import type { StorageAdapter } from '../storage/adapter.ts'
import type { BlobReferences } from '../storage/blob-collection.ts'
import { listEntries } from './cache-contents.ts'
import { decodeKept, keptFolder } from './kept-outputs.ts'
import { listOpenRuns } from './open-runs.ts'
import { listRetired, readRetired } from './retired-blobs.ts'

/**
 * The blobs that the cache needs, those of outputs that are kept with runs which are open or can be resumed, and those that runs in progress may still
 * read though their entries have left the cache: for `collectBlobs`, without any codec.
 *
 * @example
 * await collectBlobs(storage, { references: [cacheReferences(storage)], dryRun: true })
 */
export function cacheReferences(storage: StorageAdapter): BlobReferences {
  return { name: 'cache', references: (options) => references(storage, options) }
}

/** In this order: what leaves the cache is among the retired before it goes. */
async function* references(storage: StorageAdapter, options: { readonly signal?: AbortSignal }): AsyncGenerator<string, void, undefined> {
  for await (const { blobs } of listEntries(storage, options)) yield* blobs
  const runs = new Set<string>()
  for await (const { runId } of listOpenRuns(storage, options)) runs.add(runId)
  for (const runId of runs) {
    for await (const { key } of storage.list(keptFolder(runId), options)) {
      const object = await storage.get(key, options)
      if (object !== undefined) yield* decodeKept(key, object.bytes)?.blobs ?? []
    }
  }
  for await (const { key } of listRetired(storage, options)) yield* await readRetired(storage, key, options)
}
