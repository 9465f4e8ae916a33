import { mapConcurrently } from '../core/concurrency.ts'
import { sha256HexAsync } from '../core/digest.ts'
import type { StorageAdapter } from './adapter.ts'
import { copyKey, firstUnmarkedCopy, listKey } from './blob-copies.ts'
import { presenceRange, storeBlob } from './blobs.ts'
import { decodeChunkList } from './chunk-list.ts'
import type { CollectionLog } from './collection-log.ts'
import { collectionLog, wasEverCollected } from './collection-log.ts'
import { condemnBlob } from './condemn-blob.ts'
import { corrupt } from './faults.ts'

interface Options {
  readonly signal?: AbortSignal
}

const checksAtOnce = 8

/**
 * For whoever stores blobs and then names them, while others may be collecting: begin, put the blobs, write the reference (a log entry, a cache entry) durably,
 * confirm, and only then acknowledge. A confirmed reference keeps its blobs for as long as it is there, whatever collectors do, stopped ones included:
 * see docs/decisions/0006-collection-without-locks.md.
 *
 * In a storage that nothing was ever collected from, `begin` and `confirm` cost one failed read each, and `put` no more than its write.
 *
 * @example
 * const writer = await BlobWriter.begin(storage)
 * const digest = await writer.put(bytes)
 * await storage.putIfAbsent('reports/1', new TextEncoder().encode(digest))
 * await writer.confirm([digest], async () => bytes)
 */
export class BlobWriter {
  readonly #storage: StorageAdapter
  /** How many entries of the log of collections were seen. */
  #generation = 0
  #log: CollectionLog | undefined
  /** Blobs, with all their chunks, and up to which generation each is known to have a copy that is not marked. */
  readonly #kept = new Map<string, number>()

  private constructor(storage: StorageAdapter) {
    this.#storage = storage
  }

  /**
   * `since`: the generation that an earlier writer on this storage had seen, where one is known. Then nothing is read: what was marked since is found when the
   * references are confirmed, as is what is marked from now on.
   */
  static async begin(
    storage: StorageAdapter,
    options: { readonly since?: number; readonly signal?: AbortSignal } = {},
  ): Promise<BlobWriter> {
    const { since, ...io } = options
    const writer = new BlobWriter(storage)
    if (since === undefined) await writer.#look(io)
    else writer.#generation = since
    return writer
  }

  /** How often something was marked so far, as this writer knows: what was found intact under one generation is in use for as long as that is the newest. */
  get generation(): number {
    return this.#generation
  }

  /** Stores bytes under their SHA-256 and returns it, as `putBlob` does. @throws {@link MillraceError} as `putBlob` does. */
  async put(bytes: Uint8Array, options: { readonly signal?: AbortSignal } = {}): Promise<string> {
    // Read first: a pass that ends meanwhile is one that `confirm` must find to be new.
    const generation = this.#generation
    const digest = await storeBlob(this.#storage, bytes, { ...options, mayBeMarked: generation > 0 })
    this.#kept.set(digest, Math.max(generation, this.#kept.get(digest) ?? 0))
    return digest
  }

  /** Stores bytes where what is stored under their SHA-256 may be damaged: it is taken out of use first (`condemnBlob`). */
  async mend(bytes: Uint8Array, options: { readonly signal?: AbortSignal } = {}): Promise<string> {
    const digest = await sha256HexAsync(bytes)
    if (await condemnBlob(this.#storage, digest, options)) await this.#look(options)
    return await this.put(bytes, options)
  }

  /**
   * After the reference is durably written, and before it is acknowledged: all blobs that it needs, those that were stored earlier or by somebody else too, are
   * in copies that no collector has marked when it resolves; those that are not, and large ones whose list of chunks is damaged, are stored again. `bytesOf` is asked for the content of a blob, large ones
   * whole; where the bytes are gone, give `(digest) => getBlob(storage, digest)`: what is marked is mostly still there. A reference that was found to be
   * written already (a retry with the same idempotency key) must be confirmed too, since whoever wrote it may have died before.
   *
   * @throws what `bytesOf` throws: the reference is not safe and must not be acknowledged. `STORAGE_CORRUPT` when it gives other bytes.
   */
  async confirm(
    digests: readonly string[],
    bytesOf: (digest: string) => Promise<Uint8Array>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    const needed = [...new Set(digests)]
    for (;;) {
      const generation = await this.#look(options)
      if (generation === 0) return
      const doubtful = needed.filter((digest) => (this.#kept.get(digest) ?? 0) < generation)
      if (doubtful.length === 0) return
      await mapConcurrently(doubtful, checksAtOnce, (digest) => this.#keep(digest, generation, bytesOf, options), options.signal)
    }
  }

  async #keep(digest: string, generation: number, bytesOf: (digest: string) => Promise<Uint8Array>, options: Options): Promise<void> {
    const state = await stateOf(this.#storage, digest, options)
    if (state === 'kept') {
      this.#kept.set(digest, Math.max(generation, this.#kept.get(digest) ?? 0))
      return
    }
    const bytes = await bytesOf(digest)
    // A damaged list is there, and so would not be written again.
    const stored = state === 'damaged' ? await this.mend(bytes, options) : await this.put(bytes, options)
    if (stored !== digest) throw corrupt(copyKey(digest, 0), `digest mismatch: the bytes to store again have SHA-256 ${stored}`)
  }

  /** The newest generation of the log of collections. */
  async #look(options: Options): Promise<number> {
    if (this.#log === undefined) {
      if (!(await wasEverCollected(this.#storage, options))) return 0
      this.#log = collectionLog(this.#storage)
    }
    const head = await this.#log.head(options)
    this.#generation = Math.max(this.#generation, head?.generation ?? 0)
    return this.#generation
  }
}

/** Kept when the first copy without a marker is there, and those of its chunks; damaged when the list of its chunks is, and so nobody knows of those. */
async function stateOf(storage: StorageAdapter, digest: string, options: Options): Promise<'kept' | 'gone' | 'damaged'> {
  const copy = await firstUnmarkedCopy(storage, digest, options)
  if ((await storage.get(copyKey(digest, copy), { ...options, range: presenceRange })) !== undefined) return 'kept'
  const object = await storage.get(listKey(digest, copy), options)
  if (object === undefined) return 'gone'
  const list = decodeChunkList(object.bytes)
  if (list === undefined) return 'damaged'
  const isKept = async (chunk: string): Promise<boolean> => {
    const key = copyKey(chunk, await firstUnmarkedCopy(storage, chunk, options))
    return (await storage.get(key, { ...options, range: presenceRange })) !== undefined
  }
  return (await mapConcurrently(list.chunks, checksAtOnce, isKept, options.signal)).every(Boolean) ? 'kept' : 'gone'
}
