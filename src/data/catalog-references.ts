import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { BlobReferences } from '../storage/blob-references.ts'
import { Catalog } from './catalog.ts'
import { getManifest } from './dataset-manifest.ts'

/**
 * The blobs of all data versions that are named in a storage's catalog, earlier ones too: what keeps them when blobs are collected.
 *
 * @example
 * const { found } = await collectBlobs(storage, { references: [catalogReferences(storage)], dryRun: true })
 * found.blobs // 0
 */
export function catalogReferences(storage: StorageAdapter): BlobReferences {
  return {
    name: 'catalog',
    async *references(options) {
      const catalog = new Catalog({ storage })
      const seen = new Set<string>()
      for (const name of await catalog.names(options)) {
        for (const { manifestDigest } of await catalog.list(name, options))
          yield* blobsOfManifest(storage, manifestDigest, seen, options.signal)
      }
    },
  }
}

/** Of a manifest that is gone, only its name: what it named is of no use without it. A damaged one is thrown, since it could be mended. */
async function* blobsOfManifest(
  storage: StorageAdapter,
  digest: string,
  seen: Set<string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<string, void, undefined> {
  if (seen.has(digest)) return
  seen.add(digest)
  yield digest
  const manifest = await getManifest(storage, digest, signal).catch((error: unknown) => {
    if (MillraceError.is(error, 'STORAGE_NOT_FOUND')) return undefined
    throw error
  })
  if (manifest?.form === 'table') {
    for (const { chunks } of manifest.columns) for (const { blob } of chunks) yield blob
  } else if (manifest !== undefined) {
    if ('bitmap' in manifest.selection) yield manifest.selection.bitmap
    yield* blobsOfManifest(storage, manifest.base, seen, signal)
  }
}
