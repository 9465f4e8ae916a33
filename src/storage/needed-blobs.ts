import { mapConcurrently } from '../core/concurrency.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from './adapter.ts'
import type { BlobCopy, CopyName } from './blob-copies.ts'
import { copyOfKey, keyOfCopy } from './blob-copies.ts'
import type { BlobReferences } from './blob-references.ts'
import { chunksInLists } from './blobs.ts'

interface Options {
  readonly signal?: AbortSignal
}

/** A copy of a blob that the storage told of when it was asked for all. */
export interface ListedCopy extends CopyName {
  readonly sizeBytes: number
  readonly modifiedAt: number
}

const readsAtOnce = 8

/**
 * The blobs that are needed: those that are named, and the chunks of the large ones among them. Lists all blobs, and tells `onUnnamed` of those that nothing
 * names, chunks of large blobs among them, and `onListed` of all.
 *
 * They are listed after the references were read: what a confirmed reference needs is among them. Nothing is read but the lists of chunks of the named ones,
 * which their keys tell from content.
 *
 * @throws {@link MillraceError} `STORAGE_CORRUPT` when the list of a named blob is damaged in all its copies, `FORMAT_UNSUPPORTED` when it is of a newer library:
 * then nobody knows which chunks are needed, and nothing may go.
 */
export async function neededBlobs(
  storage: StorageAdapter,
  references: readonly BlobReferences[],
  tell: { readonly onListed: (listed: ListedCopy) => void; readonly onUnnamed: (listed: ListedCopy) => void },
  options: Options,
): Promise<ReadonlySet<string>> {
  const needed = await namedBlobs(references, options)
  const large = new Map<string, CopyName[]>()
  for await (const { key, sizeBytes, modifiedAt } of storage.list('blobs', options)) {
    const found = copyOfKey(key)
    if (found === undefined) continue
    const listed = { ...found, sizeBytes, modifiedAt }
    tell.onListed(listed)
    if (!needed.has(listed.digest)) tell.onUnnamed(listed)
    else if (listed.isList) large.set(listed.digest, [...(large.get(listed.digest) ?? []), found])
  }
  const chunks = await mapConcurrently(large.values(), readsAtOnce, (lists) => chunksOf(storage, lists, options), options.signal)
  for (const chunk of chunks.flat()) needed.add(chunk)
  return needed
}

async function namedBlobs(references: readonly BlobReferences[], options: Options): Promise<Set<string>> {
  const named = new Set<string>()
  for (const source of references) {
    for await (const digest of source.references(options)) {
      if (!/^[0-9a-f]{64}$/.test(digest)) {
        // Whoever names something else may name all of it wrong: then nothing may go.
        throw new MillraceError('ARGUMENT_INVALID', {
          message: `Expected references to be SHA-256 names. Received "${digest}" of "${source.name}".`,
          details: { argument: 'references', expected: 'SHA-256 names', received: digest },
        })
      }
      named.add(digest)
    }
  }
  return named
}

async function chunksOf(storage: StorageAdapter, names: readonly CopyName[], options: Options): Promise<readonly string[]> {
  const lists: Pick<BlobCopy, 'key' | 'object'>[] = []
  for (const name of names) {
    const key = keyOfCopy(name)
    const object = await storage.get(key, options)
    if (object !== undefined) lists.push({ key, object })
  }
  return chunksInLists(lists)
}
