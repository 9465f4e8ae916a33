import { throwIfAborted } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter, StoredEntry } from './adapter.ts'
import { BlockDigest } from './block-digest.ts'
import { corrupt } from './faults.ts'
import type { DecodedFrame } from './frame.ts'
import { PartedStorage } from './parted-storage.ts'
import { SegmentBytes } from './segment-bytes.ts'
import type { SegmentGapReason } from './segment-format.ts'
import { decodeFooter, decodeGap, isSegmentKey, minReaderVersionOf, segmentFormatVersion, writerOf } from './segment-format.ts'

/** What a reader finds beside records. */
export type SegmentIssue =
  /** The writer died in the middle of a frame, the last of its last segment: that frame was not acknowledged as durable. */
  | { readonly type: 'torn'; readonly key: string; readonly offsetBytes: number; readonly sizeBytes: number }
  /** No footer: its writer is at work, or died. */
  | { readonly type: 'unsealed'; readonly key: string }
  /** The writer tells that records are missing here. */
  | {
      readonly type: 'gap'
      readonly key: string
      readonly records: number
      readonly sizeBytes: number
      readonly reason: SegmentGapReason
      /** Of `sampled`: the share of records that was kept while there was a sample. */
      readonly rate?: number
    }
  /** Bytes that are not what was written; reading goes on behind them. */
  | { readonly type: 'corrupt'; readonly key: string; readonly offsetBytes: number; readonly error: MillraceError<'STORAGE_CORRUPT'> }

export interface ReadSegmentsOptions {
  /** Told of everything that is not a record. Without it, corruption is thrown and the rest is passed over. */
  readonly onIssue?: (issue: SegmentIssue) => void
  readonly signal?: AbortSignal
}

/**
 * The records of all logs below a prefix: those of one writer in the order of their appends, writers in the order in which they began. Memory is
 * bounded by a window of 4 MB and the largest record; the payloads are the caller's. Segments may be appended to, and removed, at the same time.
 *
 * Guarantee: a payload is exactly what was appended (CRC-32 for each record, SHA-256 over each sealed segment). Frames behind damage are salvaged.
 *
 * @throws {@link MillraceError} `STORAGE_CORRUPT` with the offset, unless there is an `onIssue`; `FORMAT_UNSUPPORTED` for segments of a newer library.
 * @example
 * let sizeBytes = 0
 * const onIssue = (issue: SegmentIssue): void => logger.warn('segment', { ...issue })
 * for await (const payload of readSegments(storage, 'predictions/churn', { onIssue })) sizeBytes += payload.length
 */
export async function* readSegments(
  storage: StorageAdapter,
  prefix: string,
  options: ReadSegmentsOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { onIssue, signal } = options
  const report = (issue: SegmentIssue): void => {
    if (onIssue !== undefined) onIssue(issue)
    else if (issue.type === 'corrupt') throw issue.error
  }
  // Segments over plain objects may be in parts.
  const whole = new PartedStorage(storage)
  let current: StoredEntry | undefined
  for await (const next of whole.list(prefix, signal === undefined ? {} : { signal })) {
    if (!isSegmentKey(next.key)) continue
    if (current !== undefined) yield* readSegment(whole, current, next, report, signal)
    current = next
  }
  if (current !== undefined) yield* readSegment(whole, current, undefined, report, signal)
}

async function* readSegment(
  storage: StorageAdapter,
  entry: StoredEntry,
  next: StoredEntry | undefined,
  report: (issue: SegmentIssue) => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { key } = entry
  const bytes = new SegmentBytes(storage, key, entry.sizeBytes, signal)
  const follower = next !== undefined && writerOf(next.key) === writerOf(key) ? next : undefined
  const damage = (offsetBytes: number, reason: string): void =>
    report({ type: 'corrupt', key, offsetBytes, error: corrupt(key, reason, offsetBytes) })
  const digest = new BlockDigest()
  let [offset, sequence, records, sound] = [0, 0, 0, true]
  while (offset < bytes.sizeBytes) {
    throwIfAborted(signal)
    const frame = await bytes.frameAt(offset)
    // Old segments may be removed at any time.
    if (bytes.isGone) return
    if ('fault' in frame || frame.sequence <= sequence) {
      const found = await bytes.findFrame(offset, sequence)
      if (found === -1 && follower === undefined)
        return report({ type: 'torn', key, offsetBytes: offset, sizeBytes: bytes.sizeBytes - offset })
      damage(offset, reasonOf(frame))
      if (found === -1) return
      sound = false
      offset = found
      continue
    }
    const end = offset + frame.sizeBytes
    sequence = frame.sequence
    if (frame.kind === 'footer') {
      const footer = decodeFooter(frame.payload)
      if (sound && (footer?.records !== records || footer.sha256 !== (await digest.digestHex())))
        damage(offset, "the segment's digest does not fit")
      if (end < bytes.sizeBytes) damage(end, 'bytes follow the end of the segment')
      return
    }
    if (sound) await digest.update(await bytes.slice(offset, frame.sizeBytes))
    offset = end
    if (frame.kind === 'header') assertReadable(frame.payload)
    if (frame.kind === 'gap') reportGap(frame.payload, key, report)
    if (frame.kind === 'data') {
      records++
      yield frame.payload.slice()
    }
  }
  if (follower !== undefined && (await firstSequence(storage, follower, signal)) > sequence + 1)
    damage(offset, 'the segment ends too early')
  report({ type: 'unsealed', key })
}

function reasonOf(frame: DecodedFrame | { readonly fault: string; readonly reason?: string }): string {
  if (!('fault' in frame)) return 'a frame is out of order'
  return frame.reason ?? 'a frame is cut short'
}

function reportGap(payload: Uint8Array, key: string, report: (issue: SegmentIssue) => void): void {
  const gap = decodeGap(payload)
  if (gap !== undefined) report({ type: 'gap', key, ...gap })
}

/** Where the next segment of the same writer goes on; 0 when its header cannot be read. */
async function firstSequence(storage: StorageAdapter, entry: StoredEntry, signal: AbortSignal | undefined): Promise<number> {
  const frame = await new SegmentBytes(storage, entry.key, entry.sizeBytes, signal).frameAt(0)
  return 'fault' in frame ? 0 : frame.sequence
}

function assertReadable(payload: Uint8Array): void {
  const minReaderVersion = minReaderVersionOf(payload)
  if (minReaderVersion === undefined || minReaderVersion <= segmentFormatVersion) return
  throw new MillraceError('FORMAT_UNSUPPORTED', {
    message: `Expected a segment that version ${segmentFormatVersion} can read. Received one for version ${minReaderVersion} and later.`,
    details: { format: 'millrace-segment', formatVersion: minReaderVersion, supportedVersion: segmentFormatVersion },
  })
}
