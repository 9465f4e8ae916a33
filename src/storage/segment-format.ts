import { toJson } from '../core/json.ts'

/** What the frames of a segment say beside its records. All of it is JSON, so that a person can read it. */

export const segmentFormatVersion = 1

/** The first frame. */
export interface SegmentHeader {
  /** Of the writer: its identifier, and the number of this segment among its own. */
  readonly writer: string
  readonly index: number
  /** Milliseconds since 1970 UTC by the writer's clock. */
  readonly openedAt: number
}

/** The last frame of a sealed segment; what has none was cut short. */
export interface SegmentFooter {
  readonly records: number
  readonly sealedAt: number
  /** Of all bytes before the footer, by blocks: see `BlockDigest`. */
  readonly sha256: string
}

/** Stands where records are missing. */
export interface SegmentGap {
  readonly records: number
  readonly sizeBytes: number
  readonly reason: SegmentGapReason
  /** Of `sampled`: the share of records that was kept while there was a sample. */
  readonly rate?: number
}

/**
 * The queue was full; it was filling, and a sample was kept; a write failed; an fsync failed, and what was written before it may or may not be there.
 */
export type SegmentGapReason = 'queue-full' | 'sampled' | 'write-failed' | 'sync-failed'

const gapReasons: readonly SegmentGapReason[] = ['queue-full', 'sampled', 'write-failed', 'sync-failed']

export function encodeHeader(header: SegmentHeader): Uint8Array {
  return encode({ format: 'millrace-segment', formatVersion: segmentFormatVersion, minReaderVersion: 1, ...header })
}

/** The oldest reader that the segment is for, undefined when the header is none. */
export function minReaderVersionOf(payload: Uint8Array): number | undefined {
  const { format, minReaderVersion } = decode(payload)
  return format === 'millrace-segment' && typeof minReaderVersion === 'number' ? minReaderVersion : undefined
}

export function encodeFooter(footer: SegmentFooter): Uint8Array {
  return encode(footer)
}

export function decodeFooter(payload: Uint8Array): SegmentFooter | undefined {
  const { records, sealedAt, sha256 } = decode(payload)
  if (typeof records !== 'number' || typeof sealedAt !== 'number' || typeof sha256 !== 'string') return undefined
  return { records, sealedAt, sha256 }
}

export function encodeGap(gap: SegmentGap): Uint8Array {
  return encode(gap)
}

export function decodeGap(payload: Uint8Array): SegmentGap | undefined {
  const { records, sizeBytes, reason, rate } = decode(payload)
  const known = gapReasons.find((candidate) => candidate === reason)
  return typeof records === 'number' && typeof sizeBytes === 'number' && known !== undefined
    ? { records, sizeBytes, reason: known, ...(typeof rate === 'number' ? { rate } : {}) }
    : undefined
}

/** Segments sort by the time their writer began, then by their number. */
export function segmentKey(prefix: string, writer: string, index: number): string {
  return `${prefix}/${writer}-${String(index).padStart(8, '0')}`
}

/** True for keys that {@link segmentKey} makes. */
export function isSegmentKey(key: string): boolean {
  return /(^|\/)[0-9a-z]{26}-\d{8}$/.test(key)
}

/** The writer's part of a segment's key. */
export function writerOf(key: string): string {
  return key.slice(0, key.lastIndexOf('-'))
}

function encode(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(toJson(value)))
}

function decode(payload: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(payload))
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  } catch {
    return {}
  }
}
