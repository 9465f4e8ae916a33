import { mapConcurrently } from '../core/concurrency.ts'
import { Sha256, sha256HexAsync } from '../core/digest.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { blobKey } from '../storage/blobs.ts'
import { decodeChunkList } from '../storage/chunk-list.ts'

/** What a blob was found to be. */
export type BlobCondition = 'intact' | 'missing' | 'corrupt'
interface Options {
  readonly signal?: AbortSignal
}

const blobsAtOnce = 2

/**
 * Reads and hashes the blobs that hits need, each at most once, holding one stored object (8 MB at most) of each that is being read. One for
 * each run. A blob that is corrupt on a second reading too is deleted, since putting if absent would leave it there for ever; whoever makes the
 * content again writes it again.
 */
export class BlobVerifier {
  readonly #storage: StorageAdapter
  readonly #conditions = new Map<string, Promise<BlobCondition>>()

  constructor(storage: StorageAdapter) {
    this.#storage = storage
  }

  /** The worst condition among the blobs. */
  async verify(digests: readonly string[], options: Options = {}): Promise<BlobCondition> {
    const conditions = await mapConcurrently(digests, blobsAtOnce, (digest) => this.#verifyOnce(digest, options), options.signal)
    return conditions.includes('corrupt') ? 'corrupt' : conditions.includes('missing') ? 'missing' : 'intact'
  }

  #verifyOnce(digest: string, options: Options): Promise<BlobCondition> {
    let condition = this.#conditions.get(digest)
    if (condition === undefined) {
      condition = this.#verify(digest, options)
      this.#conditions.set(digest, condition)
      const forget = (): void => {
        this.#conditions.delete(digest)
      }
      condition.then((found) => found === 'intact' || forget(), forget)
    }
    return condition
  }

  async #verify(digest: string, options: Options): Promise<BlobCondition> {
    if (!/^[0-9a-f]{64}$/.test(digest)) return 'corrupt'
    const first = await this.#read(digest, options)
    if (first !== 'corrupt') return first
    const second = await this.#read(digest, options)
    if (second === 'corrupt') await this.#storage.delete(blobKey(digest), options)
    return second
  }

  async #read(digest: string, options: Options): Promise<BlobCondition> {
    const object = await this.#storage.get(blobKey(digest), options)
    if (object === undefined) return 'missing'
    if ((await sha256HexAsync(object.bytes)) === digest) return 'intact'
    const list = decodeChunkList(object.bytes)
    return list === undefined ? 'corrupt' : await this.#readChunks(digest, list.chunks, options)
  }

  async #readChunks(digest: string, chunks: readonly string[], options: Options): Promise<BlobCondition> {
    const whole = new Sha256()
    for (const chunk of chunks) {
      const part = await this.#storage.get(blobKey(chunk), options)
      if (part === undefined) return 'missing'
      // A corrupt chunk is deleted by itself; the list is right and stays.
      if ((await sha256HexAsync(part.bytes)) !== chunk) return (await this.#verify(chunk, options)) === 'intact' ? 'corrupt' : 'missing'
      whole.update(part.bytes)
    }
    return whole.digestHex() === digest ? 'intact' : 'corrupt'
  }
}
