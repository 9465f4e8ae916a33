import type { Clock } from '../core/clock.ts'
import type { SegmentStore } from './adapter.ts'

/**
 * When records become durable, and when `append` resolves. `always`: `append` resolves when the record is durable; concurrent ones share an fsync.
 * An interval: `append` resolves when the record is queued; it is durable within `ms` milliseconds of being written or after `records`
 * records, whichever comes first, so a loss of power takes that much. `never`: durable when the segment is sealed.
 */
export type FsyncPolicy = 'always' | 'never' | { readonly ms: number; readonly records: number }

/**
 * What happens to records that come faster than they can be written; `maxBytes` of them wait at most, default 16 MB.
 *
 * `block`: `append` waits for room, for at most `timeoutMs` (default without end): then it rejects with `STORAGE_UNAVAILABLE`, and the record is counted as
 * dropped. `drop-newest`: what finds no room is dropped. `sample`: as soon as the queue is filled to the share `above` (default 0.5), only the share `rate` of the
 * records (default 0.1) is kept, chosen by a hash of their ids, so that of all logs the same ones are kept; what finds no room is dropped.
 *
 * All that is dropped is counted, and told in the log as a gap.
 */
export type QueuePolicy =
  | { readonly policy?: 'block'; readonly maxBytes?: number; readonly timeoutMs?: number }
  | { readonly policy: 'drop-newest'; readonly maxBytes?: number }
  | { readonly policy: 'sample'; readonly maxBytes?: number; readonly above?: number; readonly rate?: number }

export type SegmentLogEvent =
  | { readonly type: 'segment-opened'; readonly key: string }
  | { readonly type: 'segment-sealed'; readonly key: string; readonly sizeBytes: number }
  /** A write or an fsync failed; the next record goes to a new segment. */
  | { readonly type: 'segment-failed'; readonly key: string; readonly error: unknown }
  /** The numbers are of this one call. */
  | {
      readonly type: 'records-dropped'
      readonly reason: 'queue-full' | 'sampled'
      readonly records: number
      readonly sizeBytes: number
    }

/** What `openSegmentLog` returns. */
export interface SegmentLog {
  /** Records that found the queue full or were not in the sample, since the log was opened. Each gap is told in the log too. */
  readonly dropped: { readonly records: number; readonly sizeBytes: number }
  /**
   * Adds a record, in the order of the calls. With `fsync: 'always'` it resolves when the record is durable, else when it is queued, for which it
   * waits under `block`; under the other policies a record that finds no room is dropped, counted, and the call resolves. The payload must not change
   * before it resolves.
   *
   * `id` is what `sample` goes by: records of one id are kept or dropped together. Without it, every record has its own.
   *
   * @throws `MillraceError` with `fsync: 'always'`: `STORAGE_NO_SPACE`, `STORAGE_UNAVAILABLE`: the record is not acknowledged, and the log goes on
   * with the next one. `ARGUMENT_INVALID` above 64 MB. `STORAGE_UNAVAILABLE` when the log is closed, or when the time limit of `block` is over.
   */
  append(payload: Uint8Array, options?: { readonly id?: string }): Promise<void>
  /** Everything that was appended before is durable when it resolves. @throws what kept records from that since the last flush. */
  flush(): Promise<void>
  /** Writes what waits and seals the segment; idempotent. @throws as `flush` does; the log is closed all the same. */
  close(): Promise<void>
  /** Adds a listener; the function that comes back takes it off. */
  on(listener: (event: SegmentLogEvent) => void): () => void
}

/** The options of `openSegmentLog` with all defaults in place. */
export interface SegmentLogWriterOptions {
  readonly store: SegmentStore
  readonly prefix: string
  /** Unique, and later writers have later ones. */
  readonly writer: string
  readonly fsync: FsyncPolicy
  readonly rotation: { readonly sizeBytes: number; readonly ageMs: number }
  readonly queue: {
    readonly maxBytes: number
    readonly policy: 'block' | 'drop-newest' | 'sample'
    readonly timeoutMs: number
    readonly above: number
    readonly rate: number
  }
  readonly clock: Clock
}
