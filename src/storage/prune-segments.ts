import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter, StoredEntry } from './adapter.ts'
import { PartedStorage } from './parted-storage.ts'
import { isSegmentKey, writerOf } from './segment-format.ts'
import { isSealed } from './segment-seal.ts'
import { storageTime } from './storage-time.ts'

export interface PruneSegmentsOptions {
  /** Segments go, the oldest first, until those that stay have no more bytes than this. */
  readonly keepBytes?: number
  /** Segments whose last write is longer ago than this go. */
  readonly keepMs?: number
  /**
   * A segment without a footer, the last of its writer, is one that is being written, or whose writer died. It stays until its last write is so long ago that its
   * writer must be dead: longer than the log's `rotation.ageMs`, and than any process is stopped and continued. Default 7 days.
   */
  readonly deadAfterMs?: number
  readonly clock?: Clock
  readonly signal?: AbortSignal
}

export interface PrunedSegments {
  readonly removed: { readonly segments: number; readonly sizeBytes: number }
  readonly kept: { readonly segments: number; readonly sizeBytes: number }
}

const dayMs = 86_400_000

/**
 * Removes old segments of the logs below a prefix: sealed ones, and those of writers that went on to another one or died, the oldest first; never one that is
 * being written. Ages are by the storage's own clock. What removes them may be stopped or killed at any moment, and may run in several processes at once.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` when neither `keepBytes` nor `keepMs` is given.
 * @example
 * const { removed } = await pruneSegments(storage, 'predictions/flight-delay', { keepMs: 90 * 86_400_000, keepBytes: 10e9 })
 * removed.segments // 0
 */
export async function pruneSegments(storage: StorageAdapter, prefix: string, options: PruneSegmentsOptions): Promise<PrunedSegments> {
  const { keepBytes = Number.POSITIVE_INFINITY, keepMs = Number.POSITIVE_INFINITY, deadAfterMs = 7 * dayMs, clock = systemClock } = options
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  assertOptions(options)
  const now = await storageTime(storage, clock, signal)
  // Segments over plain objects may be in parts.
  const whole = new PartedStorage(storage)
  const segments: StoredEntry[] = []
  for await (const entry of whole.list(prefix, signal)) if (isSegmentKey(entry.key)) segments.push(entry)
  const kept = { segments: segments.length, sizeBytes: segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) }
  const removed = { segments: 0, sizeBytes: 0 }
  const hasFollower = followed(segments)
  for (const segment of oldestFirst(segments)) {
    const age = now - segment.modifiedAt
    if (!(age > keepMs) && kept.sizeBytes <= keepBytes) continue
    if (!hasFollower.has(segment.key) && !(age > deadAfterMs) && !(await isSealed(whole, segment, signal))) continue
    await whole.delete(segment.key, signal)
    kept.segments--
    kept.sizeBytes -= segment.sizeBytes
    removed.segments++
    removed.sizeBytes += segment.sizeBytes
  }
  return { removed, kept }
}

function oldestFirst(segments: readonly StoredEntry[]): StoredEntry[] {
  return [...segments].sort((left, right) => left.modifiedAt - right.modifiedAt || (left.key < right.key ? -1 : 1))
}

/** Those whose writer has a later one: a writer opens one only when it is done with the one before. */
function followed(segments: readonly StoredEntry[]): ReadonlySet<string> {
  const keys = new Set<string>()
  for (const [index, { key }] of segments.entries()) {
    const next = segments[index + 1]
    if (next !== undefined && writerOf(next.key) === writerOf(key)) keys.add(key)
  }
  return keys
}

function assertOptions({ keepBytes, keepMs, deadAfterMs }: PruneSegmentsOptions): void {
  if (keepBytes === undefined && keepMs === undefined) throw invalid('keepBytes, keepMs', 'one of them', 'neither')
  for (const [name, value] of Object.entries({ keepBytes, keepMs, deadAfterMs })) {
    if (value !== undefined && !(value >= 0)) throw invalid(name, 'a number, 0 or more', String(value))
  }
}

function invalid(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${received}.`,
    details: { argument, expected, received },
  })
}
