import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'

/** Something in storage that names blobs, and so keeps them. */
export interface BlobReferences {
  /** Such as `registry` or `cache`. */
  readonly name: string
  /**
   * SHA-256 names of all blobs that are needed now; chunks of large ones need not be named, and a name may come more than once. What was durable
   * when the iteration began and is still there must be among them.
   */
  references(options: { readonly signal?: AbortSignal }): AsyncIterable<string>
}

export interface CollectBlobsOptions {
  /** Whoever names blobs in this storage, at least one: what none of them names goes. */
  readonly references: readonly BlobReferences[]
  /** Blobs written later than this are kept, referenced or not, by the storage's own clock; default 24 h. */
  readonly olderThanMs?: number
  /** True: only tells what would go, and writes nothing; ages are then by `clock`. */
  readonly dryRun?: boolean
  readonly clock?: Clock
  readonly random?: Random
  readonly signal?: AbortSignal
}

/** Copies of blobs and their bytes as they are stored; the chunks of a large blob count by themselves. */
export interface BlobTotal {
  readonly blobs: number
  readonly sizeBytes: number
}

export interface CollectedBlobs {
  readonly dryRun: boolean
  /** All blobs that were found. */
  readonly found: BlobTotal
  /** Those that went, or would. */
  readonly collected: BlobTotal
  /** Nobody names them, but they are too young. */
  readonly young: BlobTotal
}
