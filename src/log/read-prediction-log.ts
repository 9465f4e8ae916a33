import type { RecordBatch } from 'apache-arrow'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { SegmentIssue } from '../storage/read-segments.ts'
import { readSegments } from '../storage/read-segments.ts'
import type { PredictionRecordKind } from './prediction-log.ts'
import { decodePredictionRecord, kindOfPredictionRecord } from './prediction-record.ts'

/** What a reader finds beside records: torn ends, gaps, damage, and records that this version of the library cannot read. */
export type PredictionLogIssue = SegmentIssue | { readonly type: 'unreadable'; readonly error: unknown }

export interface ReadPredictionLogOptions {
  /** Default `predictions`. */
  readonly prefix?: string
  /** Default all; the batches of other kinds are not decoded. */
  readonly kinds?: readonly PredictionRecordKind[]
  /** Told of everything that is not a record; reading goes on. Without it, damage is thrown and the rest is passed over. */
  readonly onIssue?: (issue: PredictionLogIssue) => void
  readonly signal?: AbortSignal
}

/**
 * The record batches of a prediction log: those of one writer in the order in which they were appended, writers in the order in which they began. The log may be
 * written at the same time. A batch of more than 32,768 rows comes back in parts. Memory is bounded by the largest record.
 *
 * Guarantee: a batch is what was appended (its checksum is verified before Arrow reads it).
 *
 * @throws {@link MillraceError} `STORAGE_CORRUPT` with key and offset, unless there is an `onIssue`; `FORMAT_UNSUPPORTED` for what a newer library wrote.
 * @example
 * let rows = 0
 * for await (const { batch } of readPredictionLog(storage, { prefix: 'predictions/flight-delay', kinds: ['prediction'] })) rows += batch.numRows
 */
export async function* readPredictionLog(
  storage: StorageAdapter,
  options: ReadPredictionLogOptions = {},
): AsyncGenerator<{ readonly kind: PredictionRecordKind; readonly batch: RecordBatch }, void, undefined> {
  const { prefix = 'predictions', kinds, onIssue, signal } = options
  const segments = readSegments(storage, prefix, {
    ...(onIssue === undefined ? {} : { onIssue }),
    ...(signal === undefined ? {} : { signal }),
  })
  for await (const bytes of segments) {
    let record: { readonly kind: PredictionRecordKind; readonly batch: RecordBatch } | undefined
    try {
      if (kinds === undefined || kinds.includes(kindOfPredictionRecord(bytes))) record = decodePredictionRecord(bytes)
    } catch (error) {
      if (onIssue === undefined) throw error
      onIssue({ type: 'unreadable', error })
    }
    if (record !== undefined) yield record
  }
}
