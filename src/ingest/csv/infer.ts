import { booleanOf } from './boolean-parser.ts'
import { IsoTimeParser } from './iso-time-parser.ts'
import { NumberParser } from './number-parser.ts'

/** What a column without a declared type is read as. `unknown`: it has had no value yet. */
export type InferredKind = 'unknown' | 'integer' | 'number' | 'boolean' | 'time' | 'text'

const numbers = new NumberParser()
const times = new IsoTimeParser()

/**
 * The narrowest kind that says all of a value. What a number would lose stays text: leading zeros, a plus, whole numbers that a double does not hold. `-0` is no
 * integer, and NaN and Infinity are no numbers, as they may be names.
 */
export function kindOfField(bytes: Uint8Array, from: number, to: number): InferredKind {
  if (numbers.parse(bytes, from, to, false)) {
    if (!numbers.isWhole) return Number.isFinite(numbers.value) ? 'number' : 'text'
    if (!Number.isSafeInteger(numbers.value)) return 'text'
    return numbers.value === (numbers.value | 0) && !Object.is(numbers.value, -0) ? 'integer' : 'number'
  }
  if (booleanOf(bytes, from, to, false) >= 0) return 'boolean'
  if (times.parseAll(bytes, from, to)) return 'time'
  return 'text'
}

/** The narrowest kind that says all of values of both. */
export function widen(left: InferredKind, right: InferredKind): InferredKind {
  if (left === right || right === 'unknown') return left
  if (left === 'unknown') return right
  const areNumbers = (left === 'integer' || left === 'number') && (right === 'integer' || right === 'number')
  return areNumbers ? 'number' : 'text'
}
