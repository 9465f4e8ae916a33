import { MillraceError } from '../core/error.ts'
import type { ByteRange } from './adapter.ts'

/**
 * The part of an object that a range names, cut to the object's size; a start past the end is an empty part.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for a range that is negative, reversed or not of whole bytes.
 */
export function clampRange(range: ByteRange | undefined, sizeBytes: number): ByteRange {
  if (range === undefined) return { start: 0, end: sizeBytes }
  assertRange(range)
  const start = Math.min(range.start, sizeBytes)
  return { start, end: Math.max(start, Math.min(range.end, sizeBytes)) }
}

/** The check of {@link clampRange} before any input or output. */
export function assertRange(range: ByteRange | undefined): void {
  if (range === undefined) return
  const { start, end } = range
  if (!(Number.isSafeInteger(start) && start >= 0 && (Number.isSafeInteger(end) || end === Number.POSITIVE_INFINITY) && end >= start)) {
    throw new MillraceError('ARGUMENT_INVALID', {
      message: `Expected a range of whole bytes with 0 <= start <= end. Received ${start} to ${end}.`,
      details: { argument: 'range', expected: '0 <= start <= end', received: `${start} to ${end}` },
    })
  }
}

/** @throws {@link MillraceError} `ARGUMENT_INVALID` for a limit that is no whole number from 0 on. */
export function assertLimit(limit: number | undefined): void {
  if (limit === undefined || limit === Number.POSITIVE_INFINITY || (Number.isSafeInteger(limit) && limit >= 0)) return
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected a limit of 0 or more entries. Received ${limit}.`,
    details: { argument: 'limit', expected: 'a whole number >= 0', received: String(limit) },
  })
}
