import { MillraceError } from '../../core/error.ts'
import { daysFromCivil, daysInMonth } from './iso-time-parser.ts'
import { NumberParser } from './number-parser.ts'

/** Reads a moment, in milliseconds since 1970 UTC; NaN when it is none. */
export type TimeParser = (bytes: Uint8Array, from: number, to: number) => number

type Unit = 'year' | 'month' | 'day' | 'hour' | 'hour12' | 'minute' | 'second' | 'millisecond' | 'half'
/** A number of so many digits, or a text that must stand there. */
type Part = { readonly unit: Unit; readonly least: number; readonly most: number } | { readonly literal: Uint8Array }

const parts: Readonly<Record<string, Part>> = {
  yyyy: { unit: 'year', least: 4, most: 4 },
  MM: { unit: 'month', least: 2, most: 2 },
  M: { unit: 'month', least: 1, most: 2 },
  dd: { unit: 'day', least: 2, most: 2 },
  d: { unit: 'day', least: 1, most: 2 },
  HH: { unit: 'hour', least: 2, most: 2 },
  H: { unit: 'hour', least: 1, most: 2 },
  hh: { unit: 'hour12', least: 2, most: 2 },
  h: { unit: 'hour12', least: 1, most: 2 },
  mm: { unit: 'minute', least: 2, most: 2 },
  ss: { unit: 'second', least: 2, most: 2 },
  SSS: { unit: 'millisecond', least: 3, most: 3 },
  a: { unit: 'half', least: 2, most: 2 },
}
const tokens = /'((?:[^']|'')*)'|y+|M+|d+|H+|h+|m+|s+|S+|a+|[^A-Za-z']+/gy

/**
 * A parser of moments of one form, in UTC. `dd/MM/yyyy HH:mm:ss.SSS`; `M`, `d`, `H`, `h` take one digit or two; `hh` with `a` is the hour of a half day (AM, PM).
 * Letters stand between quotes: `yyyy-MM-dd'T'HH:mm`.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID`
 */
export function timePattern(pattern: string): TimeParser {
  const program = compile(pattern)
  const found: Record<Unit, number> = { year: 0, month: 0, day: 0, hour: 0, hour12: 0, minute: 0, second: 0, millisecond: 0, half: 0 }
  const isHalfDay = program.some((part) => 'unit' in part && part.unit === 'hour12')
  return (bytes, from, to) => {
    let position = from
    for (const part of program) {
      position = 'literal' in part ? afterLiteral(part.literal, bytes, position, to) : readUnit(part, found, bytes, position, to)
      if (position < 0) return Number.NaN
    }
    if (position !== to) return Number.NaN
    const { year, month, day, minute, second, millisecond } = found
    if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month) || minute > 59 || second > 59) return Number.NaN
    if (isHalfDay && (found.hour12 < 1 || found.hour12 > 12)) return Number.NaN
    const hour = isHalfDay ? (found.hour12 % 12) + found.half * 12 : found.hour
    if (hour > 23) return Number.NaN
    return daysFromCivil(year, month, day) * 86_400_000 + ((hour * 60 + minute) * 60 + second) * 1_000 + millisecond
  }
}

/** Seconds (or what the factor makes milliseconds of) since 1970; a fraction of a millisecond is cut off. */
export function epochTime(factorMs: number): TimeParser {
  const numbers = new NumberParser()
  return (bytes, from, to) => (numbers.parse(bytes, from, to, true) ? Math.floor(numbers.value * factorMs) : Number.NaN)
}

function compile(pattern: string): readonly Part[] {
  const program: Part[] = []
  const seen = new Set<Unit>()
  let end = 0
  for (const match of pattern.matchAll(tokens)) {
    const [token, quoted] = match
    const part = parts[token]
    if (part !== undefined && 'unit' in part) {
      if (seen.has(part.unit)) throw invalid(pattern, `"${token}" twice`)
      seen.add(part.unit)
      program.push(part)
    } else if (/^[A-Za-z]/.test(token)) throw invalid(pattern, `"${token}"`)
    else
      program.push({ literal: new TextEncoder().encode(quoted === undefined ? token : quoted === '' ? "'" : quoted.replaceAll("''", "'")) })
    end = match.index + token.length
  }
  if (end !== pattern.length) throw invalid(pattern, `"${pattern.slice(end)}"`)
  for (const unit of ['year', 'month', 'day'] as const) if (!seen.has(unit)) throw invalid(pattern, `no ${unit}`)
  if (seen.has('hour12') !== seen.has('half')) throw invalid(pattern, 'the hour of a half day without its half, or the other way round')
  return program
}

function readUnit(
  { unit, least, most }: { readonly unit: Unit; readonly least: number; readonly most: number },
  found: Record<Unit, number>,
  bytes: Uint8Array,
  from: number,
  to: number,
): number {
  if (unit === 'half') {
    const letter = ((bytes[from] as number) | 32) === 97 ? 0 : ((bytes[from] as number) | 32) === 112 ? 1 : -1
    if (from + 2 > to || letter < 0 || ((bytes[from + 1] as number) | 32) !== 109) return -1
    found.half = letter
    return from + 2
  }
  let position = from
  let value = 0
  for (; position < to && position - from < most; position++) {
    const digit = (bytes[position] as number) - 48
    if (digit < 0 || digit > 9) break
    value = value * 10 + digit
  }
  if (position - from < least) return -1
  found[unit] = value
  return position
}

function afterLiteral(literal: Uint8Array, bytes: Uint8Array, from: number, to: number): number {
  if (from + literal.length > to) return -1
  for (let index = 0; index < literal.length; index++) if (bytes[from + index] !== literal[index]) return -1
  return from + literal.length
}

function invalid(pattern: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  const expected =
    "iso, epoch-s, epoch-ms, or a pattern of yyyy, MM, M, dd, d, HH, H, hh, h, mm, ss, SSS, a and other characters ('letters' between quotes)"
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${expected}. Received "${pattern}", which has ${received}.`,
    details: { argument: 'format', expected, received: pattern },
  })
}
