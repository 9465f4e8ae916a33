import { mapConcurrently } from '../core/concurrency.ts'
import { sha256HexAsync } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { ByteRange, StorageAdapter } from './adapter.ts'
import type { BlobCopy } from './blob-copies.ts'
import { blobKey, copiesOf, firstUnmarkedCopy, keyOfCopy } from './blob-copies.ts'
import type { ChunkList } from './chunk-list.ts'
import { decodeChunkList, encodeChunkList } from './chunk-list.ts'
import { wasEverCollected } from './collection-log.ts'
import { corrupt } from './faults.ts'

export { blobKey } from './blob-copies.ts'

interface Options {
  readonly signal?: AbortSignal
}

/** Blobs above this are stored in chunks of this size, so that no backend sees a larger object and no upload starts again from nothing. */
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
    await create(storage, digest, bytes, { ...options, isList: false })
    return digest
  }
  const starts = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, index) => index * chunkBytes)
  const write = (start: number): Promise<string> => storeBlob(storage, bytes.subarray(start, start + chunkBytes), options)
  const chunks = await mapConcurrently(starts, chunksAtOnce, write, options.signal)
  await create(storage, digest, encodeChunkList({ sizeBytes: bytes.length, chunkBytes, chunks }), { ...options, isList: true })
  return digest
}

/**
 * The bytes of a blob, verified. Of a blob that was damaged and stored again, the sound copy.
 *
 * @throws {@link MillraceError} `STORAGE_NOT_FOUND` naming the key of the blob or of the chunk; `STORAGE_CORRUPT` when the bytes have another digest, or the list
 * of the chunks of a large blob is damaged; `FORMAT_UNSUPPORTED` when a newer library wrote that list.
 * @example
 * const digest = await putBlob(storage, bytes)
 * const again = await getBlob(storage, digest)
 * again.length === bytes.length // true
 */
export async function getBlob(storage: StorageAdapter, digest: string, options: { signal?: AbortSignal } = {}): Promise<Uint8Array> {
  const faults = new CopyFaults()
  for await (const found of copiesOf(storage, digest, options)) {
    try {
      return found.isList ? await assemble(storage, found, options) : await verified(found)
    } catch (error) {
      faults.add(error)
    }
  }
  throw faults.worst ?? notFound(storage, digest)
}

/**
 * True when something is stored under the name, and of a large blob an undamaged list of its chunks and something under the name of each. That it is what was
 * stored is not read: {@link getBlob} and `verifyBlob` tell.
 *
 * @throws {@link MillraceError} `FORMAT_UNSUPPORTED` when a newer library wrote the list.
 * @example
 * await hasBlob(storage, sha256Hex('never stored')) // false
 */
export async function hasBlob(storage: StorageAdapter, digest: string, options: { signal?: AbortSignal } = {}): Promise<boolean> {
  const faults = new CopyFaults()
  for await (const { isList, key, object } of copiesOf(storage, digest, { ...options, range: presenceRange })) {
    if (!isList) return true
    try {
      const { chunks } = intactList(key, object.bytes)
      const there = await mapConcurrently(chunks, chunksAtOnce, (chunk) => hasContent(storage, chunk, options), options.signal)
      if (there.every(Boolean)) return true
    } catch (error) {
      faults.add(error)
    }
  }
  if (MillraceError.is(faults.worst, 'FORMAT_UNSUPPORTED')) throw faults.worst
  return false
}

/**
 * The digests of the chunks that a large blob needs, none for a small one or for one that is not there: what keeps them from being collected.
 *
 * @throws {@link MillraceError} `STORAGE_CORRUPT` when its list is damaged, and there is no other copy of it: then nobody knows; `FORMAT_UNSUPPORTED` when a
 * newer library wrote it.
 */
export async function blobChunks(
  storage: StorageAdapter,
  digest: string,
  options: { signal?: AbortSignal } = {},
): Promise<readonly string[]> {
  const lists: BlobCopy[] = []
  for await (const found of copiesOf(storage, digest, { ...options, range: presenceRange })) if (found.isList) lists.push(found)
  return chunksInLists(lists)
}

/**
 * The chunks that the lists of one blob name, all its copies of them: one that was damaged is made good by another.
 *
 * @throws {@link MillraceError} `STORAGE_CORRUPT` when all are damaged; `FORMAT_UNSUPPORTED` when one is a newer library's.
 */
export function chunksInLists(lists: readonly Pick<BlobCopy, 'key' | 'object'>[]): readonly string[] {
  const chunks = new Set<string>()
  let [damaged, isKnown]: [MillraceError | undefined, boolean] = [undefined, false]
  for (const { key, object } of lists) {
    const list = decodeChunkList(object.bytes)
    if (list === undefined) damaged ??= damagedList(key)
    else isKnown = true
    for (const chunk of list?.chunks ?? []) chunks.add(chunk)
  }
  if (damaged !== undefined && !isKnown) throw damaged
  return [...chunks]
}

/** What a read needs to tell that something is there. */
export const presenceRange: ByteRange = { start: 0, end: 1 }

async function hasContent(storage: StorageAdapter, digest: string, options: Options): Promise<boolean> {
  for await (const _ of copiesOf(storage, digest, { ...options, range: presenceRange, contentOnly: true })) return true
  return false
}

/** What was wrong with the copies of a blob that were tried, of which another may be sound. */
class CopyFaults {
  /** What to tell when none is sound: that a newer library can read it rather than that a copy is damaged, else of the first. */
  worst: MillraceError | undefined

  /** @throws the error when it is of something else than the copy. */
  add(error: unknown): void {
    if (MillraceError.is(error, 'FORMAT_UNSUPPORTED')) this.worst = error
    else if (MillraceError.is(error, 'STORAGE_CORRUPT') || MillraceError.is(error, 'STORAGE_NOT_FOUND')) this.worst ??= error
    else throw error
  }
}

async function create(
  storage: StorageAdapter,
  digest: string,
  bytes: Uint8Array,
  options: Options & { readonly mayBeMarked: boolean; readonly isList: boolean },
): Promise<void> {
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const copy = options.mayBeMarked ? await firstUnmarkedCopy(storage, digest, signal) : 0
  try {
    await storage.putIfAbsent(keyOfCopy({ digest, copy, isList: options.isList }), bytes, signal)
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

async function verified({ key, digest, object }: BlobCopy): Promise<Uint8Array> {
  const received = await sha256HexAsync(object.bytes)
  if (received !== digest) throw corrupt(key, `digest mismatch: ${object.bytes.length} bytes of SHA-256 ${received}`)
  return object.bytes
}

function intactList(key: string, bytes: Uint8Array): ChunkList {
  const list = decodeChunkList(bytes)
  if (list === undefined) throw damagedList(key)
  return list
}

function damagedList(key: string): MillraceError<'STORAGE_CORRUPT'> {
  return corrupt(key, 'its list of chunks is damaged')
}

async function assemble(storage: StorageAdapter, { key, digest, object }: BlobCopy, options: Options): Promise<Uint8Array> {
  const list = intactList(key, object.bytes)
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

async function readChunk(storage: StorageAdapter, digest: string, options: Options): Promise<Uint8Array> {
  const faults = new CopyFaults()
  for await (const found of copiesOf(storage, digest, { ...options, contentOnly: true })) {
    try {
      return await verified(found)
    } catch (error) {
      faults.add(error)
    }
  }
  throw faults.worst ?? notFound(storage, digest)
}
