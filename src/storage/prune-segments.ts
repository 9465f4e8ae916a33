import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter, StoredEntry } from './adapter.ts'
import { orphanParts } from './orphan-parts.ts'
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
  /** Tells what would be removed, and removes nothing. Default false. */
  readonly dryRun?: boolean
  readonly clock?: Clock
  readonly signal?: AbortSignal
}

export interface PrunedSegments {
  /** Nothing was removed: `removed`, `kept` and `orphans` are what they would be. */
  readonly dryRun: boolean
  readonly removed: { readonly segments: number; readonly sizeBytes: number }
  readonly kept: { readonly segments: number; readonly sizeBytes: number }
  /** Parts without their segment that were removed too: a process died while it deleted or sealed one over plain objects (`objectSegments`). */
  readonly orphans: { readonly parts: number; readonly sizeBytes: number }
}

const dayMs = 86_400_000

/**
 * Removes old segments of the logs below a prefix: sealed ones, and those of writers that went on to another one or died, the oldest first; never one that is
 * being written. Parts whose segment is gone go at any age. Ages are by the storage's own clock, of a dry run, which writes nothing, by this process's. What removes them may be stopped or killed at any moment, and may run in several processes at once.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` when neither `keepBytes` nor `keepMs` is given.
 * @example
 * const { removed } = await pruneSegments(storage, 'predictions/flight-delay', { keepMs: 90 * 86_400_000, keepBytes: 10e9 })
 * removed.segments // 0
 */
export async function pruneSegments(storage: StorageAdapter, prefix: string, options: PruneSegmentsOptions = {}): Promise<PrunedSegments> {
  const {
    keepBytes = Number.POSITIVE_INFINITY,
    keepMs = Number.POSITIVE_INFINITY,
    deadAfterMs = 7 * dayMs,
    dryRun = false,
    clock = systemClock,
  } = options
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  assertOptions(options)
  const now = dryRun ? clock.now() : await storageTime(storage, clock, signal)
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
    if (!dryRun) await whole.delete(segment.key, signal)
    kept.segments--
    kept.sizeBytes -= segment.sizeBytes
    removed.segments++
    removed.sizeBytes += segment.sizeBytes
  }
  // After the segments, so that what a process left in the middle of removing one goes with this call.
  const orphans = { parts: 0, sizeBytes: 0 }
  for (const part of await orphanParts(storage, prefix, signal)) {
    if (!dryRun) await storage.delete(part.key, signal)
    orphans.parts++
    orphans.sizeBytes += part.sizeBytes
  }
  return { dryRun, removed, kept, orphans }
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
