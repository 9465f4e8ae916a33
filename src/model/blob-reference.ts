import { MillraceError } from '../core/error.ts'
import { isPlainObject } from '../core/json.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { getBlob, putBlob } from '../storage/blobs.ts'
import type { BlobReference } from './model-package.ts'

/** A SHA-256 as digests are written. What does not look like one never becomes part of a storage key. */
export function isDigest(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

export function isBlobReference(value: unknown): value is BlobReference {
  return isPlainObject(value) && isDigest(value.digest) && Number.isSafeInteger(value.sizeBytes) && (value.sizeBytes as number) >= 0
}

export function isBlobReferences(value: unknown): value is Readonly<Record<string, BlobReference>> {
  return isPlainObject(value) && Object.values(value).every(isBlobReference)
}

/** Stores bytes and says how to find them. */
export async function storeBlob(
  storage: StorageAdapter,
  bytes: Uint8Array,
  options: { signal?: AbortSignal } = {},
): Promise<BlobReference> {
  return { digest: await putBlob(storage, bytes, options), sizeBytes: bytes.byteLength }
}

export async function storeBlobs(
  storage: StorageAdapter,
  blobs: Readonly<Record<string, Uint8Array>>,
  options: { signal?: AbortSignal } = {},
): Promise<Readonly<Record<string, BlobReference>>> {
  const entries: [string, BlobReference][] = []
  for (const name of Object.keys(blobs).sort()) entries.push([name, await storeBlob(storage, blobs[name] as Uint8Array, options)])
  return Object.fromEntries(entries)
}

/**
 * The bytes, with digest and size verified.
 *
 * @throws {@link MillraceError} `STORAGE_NOT_FOUND` or `STORAGE_CORRUPT`.
 */
export async function readBlob(
  storage: StorageAdapter,
  reference: BlobReference,
  options: { signal?: AbortSignal } = {},
): Promise<Uint8Array> {
  const bytes = await getBlob(storage, reference.digest, options)
  checkSize(bytes, reference)
  return bytes
}

export function checkSize(bytes: Uint8Array, reference: BlobReference): void {
  if (bytes.byteLength === reference.sizeBytes) return
  throw new MillraceError('STORAGE_CORRUPT', {
    message: `Expected ${reference.sizeBytes} bytes in the blob ${reference.digest}. Received ${bytes.byteLength}.`,
    details: { key: reference.digest, reason: 'size mismatch' },
  })
}
