import type { Json } from '../core/json.ts'
import type { ColumnType } from '../data/column-type.ts'

/** The raw columns a model takes (as rows on the wire have them) and what it answers. */
export interface Signature {
  readonly inputs: readonly ColumnType[]
  readonly outputs: readonly { readonly name: string; readonly type: 'float32'; readonly shape: readonly number[] }[]
}

/** Where a model came from. */
export interface Lineage {
  readonly runId: string
  readonly dataDigest: string
  readonly trainDigest: string
  readonly testDigest: string
  readonly codeVersion: string | null
  readonly packages: Readonly<Record<string, string>>
  readonly learner: string
  readonly parameters: Json
  /** The learner's own account: backend, best epoch. */
  readonly details: Json
}

/** What the registry stores of a model: names and digests only, never a path or an address. */
export interface Manifest {
  readonly format: 'millrace-model'
  readonly formatVersion: number
  readonly minReaderVersion: number
  readonly signature: Signature
  readonly target: string
  readonly task: string
  readonly model: {
    readonly kind: string
    readonly digest: string
    readonly json: Json
    readonly blobs: Readonly<Record<string, BlobReference>>
  }
  readonly plan: { readonly json: Json; readonly blobs: Readonly<Record<string, BlobReference>> }
  /** Of the training part: what drift is measured against. */
  readonly profile: BlobReference
  /** Raw rows and what the model answered to them: checked at every load. */
  readonly golden: BlobReference
  readonly metrics: Readonly<Record<string, number>>
  readonly lineage: Lineage
}
export interface BlobReference {
  readonly digest: string
  readonly sizeBytes: number
}

/** A manifest and the blobs that it names. */
export interface ModelPackage {
  readonly manifest: Manifest
  /** SHA-256 of the manifest's canonical JSON. */
  readonly manifestDigest: string
  /** The bytes of a blob that the manifest names, verified. @throws {@link MillraceError} `STORAGE_NOT_FOUND` or `STORAGE_CORRUPT`. */
  blob(digest: string, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array>
}
