import { MillraceError } from '../core/error.ts'
import type { Random } from '../core/random.ts'
import { shuffleInPlace } from '../core/random.ts'

/** Which part a row belongs to. */
export const part = { train: 0, validation: 1, test: 2, holdout: 3 } as const

/** How many rows each part gets: `validation` is a share of what is not test. */
export interface Shares {
  readonly test: number
  readonly validation: number
}

/** Parts by chance, of exactly the rounded sizes. */
export function randomParts(rowCount: number, shares: Shares, random: Random): Uint8Array {
  const parts = new Uint8Array(rowCount)
  const order = shuffledRows(rowCount, random)
  assign(parts, order, shares)
  return parts
}

/** Parts by chance within each stratum, so that every part has the strata in the same proportions (as far as whole rows go). */
export function stratifiedParts(strata: Int32Array, shares: Shares, random: Random): Uint8Array {
  const parts = new Uint8Array(strata.length)
  const order = shuffledRows(strata.length, random)
  const counts = countsOf(strata)
  const starts = new Uint32Array(counts.length + 1)
  for (let stratum = 0; stratum < counts.length; stratum++) starts[stratum + 1] = (starts[stratum] as number) + (counts[stratum] as number)
  const next = starts.slice()
  const sorted = new Uint32Array(strata.length)
  for (const row of order) {
    const stratum = strata[row] as number
    const place = next[stratum] as number
    sorted[place] = row
    next[stratum] = place + 1
  }
  // What rounding takes from one stratum it gives to another, so that the totals fit.
  let testOwed = 0
  let validationOwed = 0
  for (let stratum = 0; stratum < counts.length; stratum++) {
    const rows = sorted.subarray(starts[stratum], starts[stratum + 1])
    testOwed += rows.length * shares.test
    const test = Math.min(rows.length, Math.max(0, Math.round(testOwed)))
    testOwed -= test
    validationOwed += (rows.length - test) * shares.validation
    const validation = Math.min(rows.length - test, Math.max(0, Math.round(validationOwed)))
    validationOwed -= validation
    mark(parts, rows, test, validation)
  }
  return parts
}

/** Parts by chance, all rows of a group in one part: groups are taken until a part has its rows. */
export function groupedParts(groups: Int32Array, shares: Shares, random: Random): Uint8Array {
  const counts = countsOf(groups)
  const order = shuffledRows(counts.length, random)
  const partOf = new Uint8Array(counts.length)
  const test = groups.length * shares.test
  const validation = (groups.length - test) * shares.validation
  let testRows = 0
  let validationRows = 0
  for (const group of order) {
    const rows = counts[group] as number
    // A group goes where it brings the part nearer to its size than it was.
    if (testRows < test && testRows + rows / 2 <= test) {
      partOf[group] = part.test
      testRows += rows
    } else if (validationRows < validation && validationRows + rows / 2 <= validation) {
      partOf[group] = part.validation
      validationRows += rows
    }
  }
  return Uint8Array.from(groups, (group) => partOf[group] as number)
}

/** Explicit moments, in milliseconds. */
export interface Moments {
  readonly testFrom: number
  readonly testUntil: number
  readonly validationFrom: number | undefined
}

/**
 * Parts by the order of a column: the last rows are test, the last before them validation. Rows of one moment are never torn apart, so a part may be
 * a little larger or smaller than its share.
 */
export function orderedParts(values: Float64Array, test: number | Moments, validation: number): Uint8Array {
  const parts = new Uint8Array(values.length)
  const moments = typeof test === 'number' ? undefined : test
  const testFrom = moments?.testFrom ?? cutAt(values, Number.POSITIVE_INFINITY, test as number)
  const validationFrom = moments?.validationFrom ?? cutAt(values, testFrom, validation)
  const testUntil = moments?.testUntil ?? Number.POSITIVE_INFINITY
  for (let row = 0; row < values.length; row++) {
    const value = values[row] as number
    if (value >= testUntil) parts[row] = part.holdout
    else if (value >= testFrom) parts[row] = part.test
    else if (value >= validationFrom) parts[row] = part.validation
  }
  return parts
}

/** The value from which on lies the last `share` of those under `below`: of the two ends of a run of equal ones the nearer, if it leaves any before it. */
function cutAt(values: Float64Array, below: number, share: number): number {
  if (share === 0) return below
  const under = Number.isFinite(below) ? values.filter((value) => value < below) : values.slice()
  under.sort()
  const index = Math.min(under.length - 1, Math.round(under.length * (1 - share)))
  const value = under[index]
  if (value === undefined) return below
  let first = index
  while (first > 0 && under[first - 1] === value) first--
  let next = index
  while (next < under.length && under[next] === value) next++
  return next < under.length && (first === 0 || next - index < index - first) ? (under[next] as number) : value
}

function assign(parts: Uint8Array, order: Uint32Array, shares: Shares): void {
  const test = Math.round(order.length * shares.test)
  mark(parts, order, test, Math.round((order.length - test) * shares.validation))
}

function mark(parts: Uint8Array, rows: Uint32Array, test: number, validation: number): void {
  for (let index = 0; index < test; index++) parts[rows[index] as number] = part.test
  for (let index = test; index < test + validation; index++) parts[rows[index] as number] = part.validation
}

function shuffledRows(count: number, random: Random): Uint32Array {
  const rows = new Uint32Array(count)
  for (let row = 0; row < count; row++) rows[row] = row
  return shuffleInPlace(rows, random)
}

function countsOf(codes: Int32Array): Uint32Array {
  let most = -1
  for (const code of codes) if (code > most) most = code
  const counts = new Uint32Array(most + 1)
  for (const code of codes) counts[code] = (counts[code] as number) + 1
  return counts
}

/** @throws {@link MillraceError} `ARGUMENT_INVALID` unless it is a share. */
export function checkShare(argument: string, value: number, options: { readonly zero: boolean }): void {
  if (value < 1 && (options.zero ? value >= 0 : value > 0)) return
  const expected = options.zero ? 'a share from 0 to under 1' : 'a share above 0 and under 1'
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${value}.`,
    details: { argument, expected, received: String(value) },
  })
}
