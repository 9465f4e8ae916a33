import { mapConcurrently } from '../core/concurrency.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { BlobCondition } from '../storage/blob-collection.ts'
import { condemnBlob, verifyBlob } from '../storage/blob-collection.ts'

interface Options {
  readonly signal?: AbortSignal
}

const blobsAtOnce = 2

/**
 * Reads and hashes the blobs that hits need, each at most once, holding one stored object (8 MB at most) of each that is being read. One for
 * each run. A blob that is corrupt on a second reading too is taken out of use, since putting if absent would leave it there for ever; whoever makes
 * the content again stores it anew, and what another process has stored anew meanwhile stays.
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
    const first = await verifyBlob(this.#storage, digest, options)
    if (first !== 'corrupt') return first
    const second = await verifyBlob(this.#storage, digest, options)
    if (second === 'corrupt') await condemnBlob(this.#storage, digest, options)
    return second
  }
}
