import type { Json } from '../core/json.ts'
import type { Tensors } from '../features/tensors.ts'

/** A loaded model. Whoever opens it disposes it. */
export interface Model {
  readonly kind: string
  /** Output tensors by name; a binary classifier has one, `probability`, of [rows, 1]. */
  predict(inputs: Tensors, options?: { readonly signal?: AbortSignal }): Tensors | Promise<Tensors>
  dispose(): void
}

/** A model as it is stored: small JSON (topology, `format`, `formatVersion`, `minReaderVersion`) and blobs (weights). */
export interface StoredModel {
  readonly kind: string
  readonly json: Json
  readonly blobs: Readonly<Record<string, Uint8Array>>
}

/** Makes a live model of one kind of stored model. */
export interface ModelLoader {
  readonly kind: string
  /** @throws {@link MillraceError} `MODEL_INVALID` when shapes, lengths or values do not fit (NaN weights included). */
  load(stored: StoredModel, options?: { readonly signal?: AbortSignal }): Promise<Model>
}

/** What flows instead of a live model: serialisable, crosses to a worker or another machine, and costs nothing until opened. */
export interface ModelReference {
  /** SHA-256 over kind, JSON and blobs. */
  readonly digest: string
  readonly kind: string
  /** What is stored, verified: for packaging. */
  stored(options?: { readonly signal?: AbortSignal }): Promise<StoredModel>
  open(options?: { readonly signal?: AbortSignal }): Promise<Model>
}
