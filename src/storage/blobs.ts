import { mapConcurrently } from '../core/concurrency.ts'
import { sha256HexAsync } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from './adapter.ts'
import { blobKey, copiesOf, copyKey, firstUnmarkedCopy } from './blob-copies.ts'
import type { ChunkList, ReadChunkList } from './chunk-list.ts'
import { chunkListSignature, decodeChunkList, encodeChunkList, isChunkList } from './chunk-list.ts'
import { wasEverCollected } from './collection-log.ts'
import { corrupt } from './faults.ts'

export { blobKey } from './blob-copies.ts'

interface Options {
  readonly signal?: AbortSignal
}

/**
 * Blobs above this are stored in chunks of this size, so that no backend sees a larger object and no upload starts again from nothing. Collecting rests
 * on every large blob having a first chunk of exactly this size.
 */
export const chunkBytes: number = 8 * 1024 * 1024
const chunksAtOnce = 4

/**
 * Stores bytes under their SHA-256 and returns it. Writing the same content again is cheap and no fault. Above 8 MB the bytes are stored as chunks,
 * each a blob of its own, and the blob is a list of them, written last: a blob that is there has all its chunks.
 *
 * Where blobs are collected (`collectBlobs`), what is stored here is safe for as long as it is young; whoever names blobs in a log entry and must not lose
 * them uses a `BlobWriter`. One read more than the write itself: whether anything was ever collected.
 *
 * @throws {@link MillraceError} `STORAGE_NO_SPACE`, `STORAGE_OUTCOME_UNKNOWN` (writing it again is safe).
 * @example
 * const digest = await putBlob(storage, new TextEncoder().encode('abc'))
 * digest // 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
 */
export async function putBlob(storage: StorageAdapter, bytes: Uint8Array, options: { signal?: AbortSignal } = {}): Promise<string> {
  return await storeBlob(storage, bytes, { ...options, mayBeMarked: await wasEverCollected(storage, options) })
}

/** Stores bytes under their SHA-256, in the first copy that is not marked; without `mayBeMarked` no marker is looked for. */
export async function storeBlob(
  storage: StorageAdapter,
  bytes: Uint8Array,
  options: Options & { readonly mayBeMarked: boolean },
): Promise<string> {
  const digest = await sha256HexAsync(bytes)
  if (bytes.length <= chunkBytes) {
    await create(storage, digest, bytes, options)
    return digest
  }
  const starts = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, index) => index * chunkBytes)
  const write = (start: number): Promise<string> => storeBlob(storage, bytes.subarray(start, start + chunkBytes), options)
  const chunks = await mapConcurrently(starts, chunksAtOnce, write, options.signal)
  await create(storage, digest, encodeChunkList({ sizeBytes: bytes.length, chunkBytes, chunks }), options)
  return digest
}

/**
 * The bytes of a blob, verified. Of a blob that was damaged and stored again, the sound copy.
 *
 * @throws {@link MillraceError} `STORAGE_NOT_FOUND` naming the key of the blob or of the chunk; `STORAGE_CORRUPT` when the bytes have another digest.
 * @example
 * const digest = await putBlob(storage, bytes)
 * const again = await getBlob(storage, digest)
 * again.length === bytes.length // true
 */
export async function getBlob(storage: StorageAdapter, digest: string, options: { signal?: AbortSignal } = {}): Promise<Uint8Array> {
  let fault: MillraceError | undefined
  for await (const { key, object } of copiesOf(storage, digest, options)) {
    // First the digest: content that only looks like a list of chunks is content.
    const received = await sha256HexAsync(object.bytes)
    if (received === digest) return object.bytes
    const list = decodeChunkList(object.bytes)
    if (list?.isIntact !== true) {
      fault ??= corrupt(key, `digest mismatch: ${object.bytes.length} bytes of SHA-256 ${received}`)
      continue
    }
    try {
      return await assemble(storage, key, digest, list, options)
    } catch (error) {
      if (!MillraceError.is(error, 'STORAGE_CORRUPT') && !MillraceError.is(error, 'STORAGE_NOT_FOUND')) throw error
      fault ??= error
    }
  }
  throw fault ?? notFound(storage, digest)
}

/**
 * True when the blob and all its chunks are there. It is not read whole: {@link getBlob} verifies.
 *
 * @example
 * await hasBlob(storage, sha256Hex('never stored')) // false
 */
export async function hasBlob(storage: StorageAdapter, digest: string, options: { signal?: AbortSignal } = {}): Promise<boolean> {
  for await (const { key, object } of copiesOf(storage, digest, { ...options, range: signatureRange })) {
    if (!isChunkList(object.bytes)) return true
    const list = await listAt(storage, key, digest, options)
    if (list === 'absent') continue
    if (list === undefined) return true
    if (!list.isIntact) continue
    const there = await mapConcurrently(list.chunks, chunksAtOnce, (chunk) => hasBlob(storage, chunk, options), options.signal)
    if (there.every(Boolean)) return true
  }
  return false
}

/** The digests of the chunks that a large blob needs, in all its copies, none for a small one: what keeps them from being collected. */
export async function blobChunks(
  storage: StorageAdapter,
  digest: string,
  options: { signal?: AbortSignal } = {},
): Promise<readonly string[]> {
  const chunks = new Set<string>()
  // All copies: where a list was damaged, the sound one is another.
  for await (const { key, object } of copiesOf(storage, digest, { ...options, range: signatureRange })) {
    if (!isChunkList(object.bytes)) continue
    const list = await listAt(storage, key, digest, options)
    if (list !== 'absent') for (const chunk of list?.chunks ?? []) chunks.add(chunk)
  }
  return [...chunks]
}

/** What a read needs to tell a list of chunks from content. */
export const signatureRange: { readonly start: number; readonly end: number } = { start: 0, end: chunkListSignature.length }

/** The list of chunks at a key, undefined when what is there is content that only looks like one. */
export async function listAt(
  storage: StorageAdapter,
  key: string,
  digest: string,
  options: Options,
): Promise<ReadChunkList | 'absent' | undefined> {
  const object = await storage.get(key, options)
  if (object === undefined) return 'absent'
  return (await sha256HexAsync(object.bytes)) === digest ? undefined : decodeChunkList(object.bytes)
}

async function create(
  storage: StorageAdapter,
  digest: string,
  bytes: Uint8Array,
  options: Options & { readonly mayBeMarked: boolean },
): Promise<void> {
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const copy = options.mayBeMarked ? await firstUnmarkedCopy(storage, digest, signal) : 0
  try {
    await storage.putIfAbsent(copyKey(digest, copy), bytes, signal)
  } catch (error) {
    if (!MillraceError.is(error, 'STORAGE_CONFLICT')) throw error
  }
}

function notFound(storage: StorageAdapter, digest: string): MillraceError<'STORAGE_NOT_FOUND'> {
  const key = blobKey(digest)
  return new MillraceError('STORAGE_NOT_FOUND', {
    message: `Expected the blob ${digest} in storage "${storage.name}". Received nothing at "${key}".`,
    details: { key },
  })
}

async function assemble(storage: StorageAdapter, key: string, digest: string, list: ChunkList, options: Options): Promise<Uint8Array> {
  const chunkAt = async (index: number): Promise<Uint8Array> => {
    const chunkDigest = list.chunks[index] ?? ''
    const chunk = await readChunk(storage, chunkDigest, options)
    const expected = Math.min(list.chunkBytes, list.sizeBytes - index * list.chunkBytes)
    if (chunk.length !== expected) throw corrupt(blobKey(chunkDigest), `${chunk.length} bytes instead of ${expected}`)
    return chunk
  }
  // Before there is room for all: a list may say any size, and then has no such chunk.
  const first = list.chunks.length === 0 ? new Uint8Array(0) : await chunkAt(0)
  const bytes = roomFor(key, list.sizeBytes)
  bytes.set(first)
  await mapConcurrently(
    list.chunks.slice(1),
    chunksAtOnce,
    async (_, index) => bytes.set(await chunkAt(index + 1), (index + 1) * list.chunkBytes),
    options.signal,
  )
  const received = await sha256HexAsync(bytes)
  if (received !== digest) throw corrupt(key, `digest mismatch: its chunks add up to SHA-256 ${received}`)
  return bytes
}

function roomFor(key: string, sizeBytes: number): Uint8Array {
  try {
    return new Uint8Array(sizeBytes)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw corrupt(key, `its list of chunks asks for ${sizeBytes} bytes, more than can be had`)
  }
}

/** A chunk is never a list of chunks itself, whatever it looks like. */
async function readChunk(storage: StorageAdapter, digest: string, options: Options): Promise<Uint8Array> {
  let fault: MillraceError | undefined
  for await (const { key, object } of copiesOf(storage, digest, options)) {
    if ((await sha256HexAsync(object.bytes)) === digest) return object.bytes
    fault ??= corrupt(key, 'digest mismatch')
  }
  throw fault ?? notFound(storage, digest)
}
