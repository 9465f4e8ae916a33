import { mapConcurrently } from '../core/concurrency.ts'
import { sha256HexAsync } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from './adapter.ts'
import type { ChunkList } from './chunk-list.ts'
import { chunkListSignature, decodeChunkList, encodeChunkList, isChunkList } from './chunk-list.ts'
import { corrupt } from './faults.ts'

interface Options {
  readonly signal?: AbortSignal
}

/** Blobs above this are stored in chunks of this size, so that no backend sees a larger object and no upload starts again from nothing. */
export const chunkBytes: number = 8 * 1024 * 1024
const chunksAtOnce = 4

/**
 * Where a blob lives.
 *
 * @example
 * blobKey('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad').slice(0, 12) // 'blobs/ba/ba7'
 */
export function blobKey(digest: string): string {
  return `blobs/${digest.slice(0, 2)}/${digest}`
}

/**
 * Stores bytes under their SHA-256 and returns it. Writing the same content again is cheap and no fault. Above 8 MB the bytes are stored as chunks,
 * each a blob of its own, and the blob is a list of them, written last: a blob that is there has all its chunks.
 *
 * @throws {@link MillraceError} `STORAGE_NO_SPACE`, `STORAGE_OUTCOME_UNKNOWN` (writing it again is safe).
 * @example
 * const digest = await putBlob(storage, new TextEncoder().encode('abc'))
 * digest // 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
 */
export async function putBlob(storage: StorageAdapter, bytes: Uint8Array, options: { signal?: AbortSignal } = {}): Promise<string> {
  const digest = await sha256HexAsync(bytes)
  if (bytes.length <= chunkBytes) {
    await create(storage, digest, bytes, options)
    return digest
  }
  const starts = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, index) => index * chunkBytes)
  const write = (start: number): Promise<string> => putBlob(storage, bytes.subarray(start, start + chunkBytes), options)
  const chunks = await mapConcurrently(starts, chunksAtOnce, write, options.signal)
  await create(storage, digest, encodeChunkList({ sizeBytes: bytes.length, chunkBytes, chunks }), options)
  return digest
}

/**
 * The bytes of a blob, verified.
 *
 * @throws {@link MillraceError} `STORAGE_NOT_FOUND` naming the key of the blob or of the chunk; `STORAGE_CORRUPT` when the bytes have another digest.
 * @example
 * const digest = await putBlob(storage, bytes)
 * const again = await getBlob(storage, digest)
 * again.length === bytes.length // true
 */
export async function getBlob(storage: StorageAdapter, digest: string, options: { signal?: AbortSignal } = {}): Promise<Uint8Array> {
  const bytes = await read(storage, digest, options)
  // First the digest: content that only looks like a list of chunks is content.
  const received = await sha256HexAsync(bytes)
  if (received === digest) return bytes
  const list = decodeChunkList(bytes)
  if (list === undefined) throw corrupt(blobKey(digest), `digest mismatch: ${bytes.length} bytes of SHA-256 ${received}`)
  return await assemble(storage, digest, list, options)
}

/**
 * True when the blob and all its chunks are there. It is not read whole: {@link getBlob} verifies.
 *
 * @example
 * await hasBlob(storage, sha256Hex('never stored')) // false
 */
export async function hasBlob(storage: StorageAdapter, digest: string, options: { signal?: AbortSignal } = {}): Promise<boolean> {
  const key = blobKey(digest)
  const start = await storage.get(key, { ...options, range: { start: 0, end: chunkListSignature.length } })
  if (start === undefined) return false
  if (!isChunkList(start.bytes)) return true
  const object = await storage.get(key, options)
  if (object === undefined) return false
  const list = (await sha256HexAsync(object.bytes)) === digest ? undefined : decodeChunkList(object.bytes)
  if (list === undefined) return true
  const there = await mapConcurrently(list.chunks, chunksAtOnce, (chunk) => hasBlob(storage, chunk, options), options.signal)
  return there.every(Boolean)
}

/** The digests of the chunks that a large blob needs, none for a small one: what keeps them from being collected. */
export async function blobChunks(
  storage: StorageAdapter,
  digest: string,
  options: { signal?: AbortSignal } = {},
): Promise<readonly string[]> {
  const start = await storage.get(blobKey(digest), { ...options, range: { start: 0, end: chunkListSignature.length } })
  if (start === undefined || !isChunkList(start.bytes)) return []
  const bytes = await read(storage, digest, options)
  return (await sha256HexAsync(bytes)) === digest ? [] : (decodeChunkList(bytes)?.chunks ?? [])
}

async function create(storage: StorageAdapter, digest: string, bytes: Uint8Array, options: Options): Promise<void> {
  try {
    await storage.putIfAbsent(blobKey(digest), bytes, options)
  } catch (error) {
    if (!MillraceError.is(error, 'STORAGE_CONFLICT')) throw error
  }
}

async function read(storage: StorageAdapter, digest: string, options: Options): Promise<Uint8Array> {
  const key = blobKey(digest)
  const object = await storage.get(key, options)
  if (object !== undefined) return object.bytes
  throw new MillraceError('STORAGE_NOT_FOUND', {
    message: `Expected the blob ${digest} in storage "${storage.name}". Received nothing at "${key}".`,
    details: { key },
  })
}

async function assemble(storage: StorageAdapter, digest: string, list: ChunkList, options: Options): Promise<Uint8Array> {
  const bytes = new Uint8Array(list.sizeBytes)
  await mapConcurrently(
    list.chunks,
    chunksAtOnce,
    async (chunkDigest, index) => {
      const chunk = await read(storage, chunkDigest, options)
      const expected = Math.min(list.chunkBytes, list.sizeBytes - index * list.chunkBytes)
      if (chunk.length !== expected || (await sha256HexAsync(chunk)) !== chunkDigest) throw corrupt(blobKey(chunkDigest), 'digest mismatch')
      bytes.set(chunk, index * list.chunkBytes)
    },
    options.signal,
  )
  const received = await sha256HexAsync(bytes)
  if (received !== digest) throw corrupt(blobKey(digest), `digest mismatch: its chunks add up to SHA-256 ${received}`)
  return bytes
}
