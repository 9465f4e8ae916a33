import { catalogReferences } from '../data/catalog-references.ts'
import { cacheReferences } from '../pipeline/cache-references.ts'
import type { BlobReferences, CollectBlobsOptions, CollectedBlobs } from '../storage/blob-references.ts'
import { assertCollectOptions, collectBlobs } from '../storage/collect-blobs.ts'
import { forgetDeadImports } from './export/import-staging.ts'
import { assertObject } from './names.ts'
import { registryReferences } from './registry-references.ts'
import type { VersionReaderOptions } from './version-reader.ts'

export interface CollectGarbageOptions extends Pick<CollectBlobsOptions, 'dryRun' | 'olderThanMs' | 'signal'> {
  /** What else in this storage names blobs: the host's own. */
  readonly references?: readonly BlobReferences[]
}

/** Deletes the blobs that nothing in the storage names: no version, no data version in the catalog, nothing in the pipeline's cache, nothing of the host's. */
export async function collectGarbage(shared: VersionReaderOptions, options: CollectGarbageOptions): Promise<CollectedBlobs> {
  assertObject('options', options)
  const { storage, clock, random } = shared
  const { references: own = [], ...rest } = options
  const references = [registryReferences(storage), catalogReferences(storage), cacheReferences(storage), ...own]
  // Before anything is done.
  assertCollectOptions({ ...rest, references })
  const { dryRun = false, signal } = options
  if (!dryRun) await forgetDeadImports(storage, { clock, ...(signal === undefined ? {} : { signal }) })
  return await collectBlobs(storage, { ...rest, references, clock, random })
}
