import { mapConcurrently } from '../core/concurrency.ts'
import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { isPlainObject } from '../core/json.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { blobKey, getBlob, putBlob } from '../storage/blobs.ts'
import type { Portable } from '../storage/portable.ts'
import type { Dataset } from './dataset.ts'
import { getManifest } from './dataset-manifest.ts'
import { asStored, isStored } from './dataset-views.ts'
import { openDataset } from './stored-dataset.ts'
import { writeDataset } from './write-dataset.ts'

const copiesAtOnce = 8

/** How a dataset is kept among a stage's outputs: by the SHA-256 of its manifest. A dataset of another storage is copied, one of another kind is written. */
export const datasetPortable: Portable<Dataset> = {
  kind: 'dataset',
  matches: (value): value is Dataset =>
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<Dataset>).digest === 'string' &&
    typeof (value as Partial<Dataset>).rowCount === 'number' &&
    typeof (value as Partial<Dataset>).batches === 'function',
  async encode(value, { storage, signal }) {
    if (!isStored(value)) {
      const written = await writeDataset(
        storage,
        value.columns,
        value.batches(signal === undefined ? {} : { signal }),
        signal === undefined ? {} : { signal },
      )
      return { stored: { manifest: written.manifestDigest }, digest: written.digest }
    }
    const dataset = asStored(value)
    if (dataset.storage !== storage) {
      const blobs = await blobsOfDataset(dataset.storage, dataset.manifestDigest, signal)
      await mapConcurrently(
        blobs,
        copiesAtOnce,
        async (blob) => putBlob(storage, await getBlob(dataset.storage, blob, signal === undefined ? {} : { signal })),
        signal,
      )
    }
    return { stored: { manifest: dataset.manifestDigest }, digest: dataset.digest }
  },
  decode: async (stored, { storage, signal }) => openDataset(storage, manifestOf(stored), signal === undefined ? {} : { signal }),
  blobs: async (stored, { storage, signal }) => blobsOfDataset(storage, manifestOf(stored), signal),
}

/** The blobs of a stored dataset, its manifests included: for copying, verification and garbage collection. */
export async function blobsOfDataset(
  storage: StorageAdapter,
  manifestDigest: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const manifest = await getManifest(storage, manifestDigest, signal)
  if (manifest.form === 'table')
    return [manifestDigest, ...new Set(manifest.columns.flatMap((column) => column.chunks.map(({ blob }) => blob)))]
  const base = await blobsOfDataset(storage, manifest.base, signal)
  return [manifestDigest, ...('bitmap' in manifest.selection ? [manifest.selection.bitmap] : []), ...base]
}

function manifestOf(stored: Json): string {
  const value: unknown = stored
  if (isPlainObject(value) && typeof value.manifest === 'string') return value.manifest
  throw new MillraceError('STORAGE_CORRUPT', {
    message: 'Expected a stored dataset, { manifest }. Received something else.',
    details: { key: blobKey('unknown'), reason: 'not a stored dataset' },
  })
}
