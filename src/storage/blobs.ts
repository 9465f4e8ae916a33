import { sha256Hex } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from './adapter.ts'

/** Where a blob lives. */
export function blobKey(digest: string): string {
  return `blobs/${digest.slice(0, 2)}/${digest}`
}

/** Stores bytes under their SHA-256 and returns it. Writing the same content again is cheap and no fault. */
export async function putBlob(storage: StorageAdapter, bytes: Uint8Array, options: { signal?: AbortSignal } = {}): Promise<string> {
  const digest = sha256Hex(bytes)
  try {
    await storage.putIfAbsent(blobKey(digest), bytes, options)
  } catch (error) {
    if (!MillraceError.is(error, 'STORAGE_CONFLICT')) throw error
  }
  return digest
}

/**
 * The bytes of a blob, verified.
 *
 * @throws {@link MillraceError} `STORAGE_NOT_FOUND` naming the blob's key; `STORAGE_CORRUPT` when the bytes have another digest.
 */
export async function getBlob(storage: StorageAdapter, digest: string, options: { signal?: AbortSignal } = {}): Promise<Uint8Array> {
  const key = blobKey(digest)
  const object = await storage.get(key, options)
  if (object === undefined) {
    throw new MillraceError('STORAGE_NOT_FOUND', {
      message: `Expected the blob ${digest} in storage "${storage.name}". Received nothing at "${key}".`,
      details: { key },
    })
  }
  const received = sha256Hex(object.bytes)
  if (received !== digest) {
    throw new MillraceError('STORAGE_CORRUPT', {
      message: `Expected bytes of SHA-256 ${digest} at "${key}". Received ${object.sizeBytes} bytes of ${received}.`,
      details: { key, reason: 'digest mismatch' },
    })
  }
  return object.bytes
}
