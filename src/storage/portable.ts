import type { Json } from '../core/json.ts'
import type { StorageAdapter } from './adapter.ts'

/**
 * How one kind of value is kept in storage by reference: a dataset, a feature plan, a model. A stage brings the portables of what it adds to
 * the flow, and the pipeline's JSON codec uses those of all its stages, so what flows may hold live objects and still be cached, digested
 * and read by another process.
 */
export interface Portable<Value = unknown> {
  /** Unique, such as `dataset`; stored beside the value. */
  readonly kind: string
  matches(value: unknown): value is Value
  /** Writes what is not in storage yet. `digest` stands for the value's *content*: equal content, equal digest, however it is stored. */
  encode(value: Value, options: PortableOptions): Promise<{ readonly stored: Json; readonly digest: string }>
  /** The value again. @throws {@link MillraceError} `STORAGE_NOT_FOUND`, `STORAGE_CORRUPT` or `FORMAT_UNSUPPORTED`. */
  decode(stored: Json, options: PortableOptions): Promise<Value>
  /** SHA-256 names of all blobs that the stored value needs, for verification of a cache hit and for garbage collection. */
  blobs(stored: Json, options: PortableOptions): Promise<readonly string[]>
}

export interface PortableOptions {
  readonly storage: StorageAdapter
  readonly signal?: AbortSignal
}
