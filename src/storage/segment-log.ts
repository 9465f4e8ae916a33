import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import { createIdentifierSource } from '../core/identifiers.ts'
import type { Random } from '../core/random.ts'
import { systemRandom } from '../core/random.ts'
import type { SegmentStore } from './adapter.ts'
import { assertPrefix } from './key.ts'
import type { FsyncPolicy, QueuePolicy, SegmentLog } from './segment-log-types.ts'
import { SegmentLogWriter } from './segment-log-writer.ts'
import { syncIntervalOf } from './sync-interval.ts'

export type { FsyncPolicy, QueuePolicy, SegmentLog, SegmentLogEvent } from './segment-log-types.ts'

export interface SegmentLogOptions {
  /** Default `{ ms: 50, records: 1000 }`, over plain objects (`objectSegments`) what they say. */
  readonly fsync?: FsyncPolicy
  /** A segment is sealed when it is larger than this at the next record, or older, also when no record comes; default 64 MB, 1 h. */
  readonly rotation?: { readonly sizeBytes?: number; readonly ageMs?: number }
  /** Records that wait to be written; default `block`, without a time limit. */
  readonly queue?: QueuePolicy
  readonly clock?: Clock
  readonly random?: Random
}

/**
 * Opens a log of framed, checksummed segments below `prefix`, for this one writer: any number of writers, in any number of processes, may have logs at
 * the same prefix, each with segments of its own. Memory is bounded by the queue. The first segment is made with the first record. After a
 * crash there is nothing to repair: a new writer begins a new segment, and `readSegments` reports the torn end of the old one.
 *
 * @throws {@link MillraceError} `STORAGE_INVALID_KEY`, `ARGUMENT_INVALID`.
 * @example
 * const log = await openSegmentLog(storage, 'predictions/churn', { fsync: 'always' })
 * await log.append(new TextEncoder().encode('{"id":1}\n'))
 * await log.close()
 */
export async function openSegmentLog(store: SegmentStore, prefix: string, options: SegmentLogOptions = {}): Promise<SegmentLog> {
  assertPrefix(prefix)
  const { clock = systemClock, random = systemRandom, fsync = syncIntervalOf(store) } = options
  const rotation = { sizeBytes: 64 * 1024 * 1024, ageMs: 3_600_000, ...options.rotation }
  const unlimited = { timeoutMs: Number.POSITIVE_INFINITY, above: 0.5, rate: 0.1 }
  const queue = { maxBytes: 16 * 1024 * 1024, policy: 'block' as const, ...unlimited, ...options.queue }
  if (typeof fsync === 'object') {
    assertPositive('fsync.ms', fsync.ms)
    assertPositive('fsync.records', fsync.records)
  }
  assertPositive('rotation.sizeBytes', rotation.sizeBytes)
  assertPositive('rotation.ageMs', rotation.ageMs)
  assertPositive('queue.maxBytes', queue.maxBytes)
  assertPositive('queue.timeoutMs', queue.timeoutMs)
  assertShare('queue.above', queue.above)
  assertShare('queue.rate', queue.rate)
  const writer = createIdentifierSource({ clock, random })()
  return new SegmentLogWriter({ store, prefix, writer, fsync, rotation, queue, clock })
}

function assertShare(argument: string, value: number): void {
  if (value >= 0 && value <= 1) return
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} from 0 to 1. Received ${value}.`,
    details: { argument, expected: 'a number from 0 to 1', received: String(value) },
  })
}

function assertPositive(argument: string, value: number): void {
  if (value > 0) return
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} above 0. Received ${value}.`,
    details: { argument, expected: 'a number above 0', received: String(value) },
  })
}
