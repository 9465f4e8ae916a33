import { mapConcurrently } from '../core/concurrency.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from './adapter.ts'
import { copyKey, copyOfKey } from './blob-copies.ts'
import type { BlobReferences } from './blob-references.ts'
import { chunkBytes, listAt, signatureRange } from './blobs.ts'
import { isChunkList, isSizeOfChunkList } from './chunk-list.ts'

interface Options {
  readonly signal?: AbortSignal
}

/** A copy of a blob that a list told of. */
export interface ListedCopy {
  readonly digest: string
  readonly copy: number
  readonly sizeBytes: number
  readonly modifiedAt: number
}

const readsAtOnce = 8

/**
 * The blobs that are needed: those that are named, and the chunks of the large ones among them. Lists all blobs, and tells `onUnnamed` of those that nothing
 * names, chunks of large blobs among them, and `onListed` of all.
 *
 * The list comes after the references: what a confirmed reference needs is in it. So only a named blob that has a copy of a size that a list of chunks can
 * have, in a storage that has a full chunk, must be read to see whether it is large.
 */
export async function neededBlobs(
  storage: StorageAdapter,
  references: readonly BlobReferences[],
  tell: { readonly onListed: (listed: ListedCopy) => void; readonly onUnnamed: (listed: ListedCopy) => void },
  options: Options,
): Promise<ReadonlySet<string>> {
  const needed = await namedBlobs(references, options)
  const perhapsLarge: ListedCopy[] = []
  let hasFullChunk = false
  for await (const { key, sizeBytes, modifiedAt } of storage.list('blobs', options)) {
    const found = copyOfKey(key)
    if (found === undefined) continue
    const listed = { ...found, sizeBytes, modifiedAt }
    tell.onListed(listed)
    if (sizeBytes === chunkBytes) hasFullChunk = true
    if (!needed.has(listed.digest)) tell.onUnnamed(listed)
    else if (isSizeOfChunkList(sizeBytes, chunkBytes)) perhapsLarge.push(listed)
  }
  if (!hasFullChunk) return needed
  const chunks = await mapConcurrently(perhapsLarge, readsAtOnce, (listed) => chunksOf(storage, listed, options), options.signal)
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

async function chunksOf(storage: StorageAdapter, { digest, copy }: ListedCopy, options: Options): Promise<readonly string[]> {
  const key = copyKey(digest, copy)
  const start = await storage.get(key, { ...options, range: signatureRange })
  if (start === undefined || !isChunkList(start.bytes)) return []
  const list = await listAt(storage, key, digest, options)
  return list === 'absent' ? [] : (list?.chunks ?? [])
}
