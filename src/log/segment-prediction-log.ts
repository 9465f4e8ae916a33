import type { RecordBatch } from 'apache-arrow'
import type { SegmentStore } from '../storage/adapter.ts'
import type { QueuePolicy, SegmentLog, SegmentLogEvent, SegmentLogOptions } from '../storage/segment-log.ts'
import { openSegmentLog } from '../storage/segment-log.ts'
import type { PredictionLog, PredictionRecordKind } from './prediction-log.ts'
import { encodePredictionRecord } from './prediction-record.ts'

export interface PredictionLogOptions extends SegmentLogOptions {
  /** Where segments are kept: `FileStorage`, `MemoryStorage`, or whatever else can append. */
  readonly storage: SegmentStore
  /** Default `predictions`. */
  readonly prefix?: string
}

/** A prediction log over framed segments. */
export interface SegmentPredictionLog extends PredictionLog {
  /** Records (of at most 32,768 rows) that found the queue full, or were not in the sample, since the log was opened; each gap is told in the log too. */
  readonly dropped: { readonly records: number; readonly sizeBytes: number }
  on(listener: (event: SegmentLogEvent) => void): () => void
}

/** Larger batches are more than one record, so that neither the queue nor a reader holds much at a time. */
const rowsPerRecord = 32_768

/**
 * Opens a log of what a deployment predicted, what came true and what was done about it: record batches as Arrow in framed, checksummed segments.
 * Read it with `readPredictionLog`. Any number of processes may log at one prefix.
 *
 * Serving never waits for it unless asked to: by default `append` resolves when the batch is queued, a record that finds the queue full (16 MB) is dropped, counted and told
 * of in the log, and a loss of power takes what was written in the last 50 ms or 1,000 records. With `{ queue: { policy: 'sample' } }` a share of the requests is kept instead
 * while the queue is filling, chosen by a hash of the request (a record's first `id`, up to its last dot), and the share is told in the log. For audits, `{ fsync: 'always' }`:
 * `append` resolves when the batch is durable, and waits for room; a time limit is `{ queue: { policy: 'block', timeoutMs } }`. For replaying a table,
 * `{ queue: { policy: 'block' } }`: it waits for room, and nothing is dropped.
 *
 * The batch may be reused when `append` has been called: it is encoded at once.
 *
 * @throws {@link MillraceError} `STORAGE_INVALID_KEY`, `ARGUMENT_INVALID`.
 * @example
 * const log = await openPredictionLog({ storage, prefix: 'predictions/flight-delay' })
 * const id = { kind: 'text', length: 1, codes: Int32Array.of(0), dictionary: ['01ja6m.0'] } as const
 * const time = { kind: 'time', length: 1, values: Float64Array.of(Date.UTC(2001, 5, 1)) } as const
 * const label = { kind: 'number', length: 1, values: Float32Array.of(1) } as const
 * await log.append('outcome', batchOf({ id, time, label }))
 * await log.close()
 */
export async function openPredictionLog(options: PredictionLogOptions): Promise<SegmentPredictionLog> {
  const { storage, prefix = 'predictions', ...segments } = options
  const queue = segments.queue ?? {}
  const isChosen = queue.policy !== undefined || queue.timeoutMs !== undefined || segments.fsync === 'always'
  const chosen: QueuePolicy = isChosen
    ? queue
    : { ...(queue.maxBytes === undefined ? {} : { maxBytes: queue.maxBytes }), policy: 'drop-newest' }
  return new Log(await openSegmentLog(storage, prefix, { ...segments, queue: chosen }))
}

class Log implements SegmentPredictionLog {
  readonly #segments: SegmentLog

  constructor(segments: SegmentLog) {
    this.#segments = segments
  }

  get dropped(): SegmentLog['dropped'] {
    return this.#segments.dropped
  }

  async append(kind: PredictionRecordKind, batch: RecordBatch): Promise<void> {
    const appended: Promise<void>[] = []
    for (let start = 0; start < batch.numRows; start += rowsPerRecord) {
      const rows = batch.numRows <= rowsPerRecord ? batch : batch.slice(start, Math.min(batch.numRows, start + rowsPerRecord))
      const id = requestOf(rows)
      appended.push(this.#segments.append(encodePredictionRecord(kind, rows), id === undefined ? {} : { id }))
    }
    await Promise.all(appended)
  }

  flush(): Promise<void> {
    return this.#segments.flush()
  }

  close(): Promise<void> {
    return this.#segments.close()
  }

  on(listener: (event: SegmentLogEvent) => void): () => void {
    return this.#segments.on(listener)
  }
}

/** Rows of one request share its id up to the last dot. */
function requestOf(batch: RecordBatch): string | undefined {
  const id: unknown = batch.getChild('id')?.get(0)
  if (typeof id !== 'string') return undefined
  const dot = id.lastIndexOf('.')
  return dot === -1 ? id : id.slice(0, dot)
}
