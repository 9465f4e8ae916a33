import { exactPowers } from './exact-powers.ts'
import { longDecimal } from './long-decimal.ts'

const mostExactDigits = 15
/** More do not go into two doubles without a rest. */
const mostDigits = 19
const [plus, minus, point, zero] = [43, 45, 46, 48]

/**
 * Numbers from bytes, rounded as `Number` rounds them: a number of at most 15 digits and a power of ten up to 22 are both exact doubles, so one multiplication
 * or division gives the nearest double (Clinger, "How to Read Floating Point Numbers Accurately", PLDI 1990); up to 19 digits go through {@link longDecimal}, others through `Number`.
 */
export class NumberParser {
  value = 0
  /** Digits only, after a sign perhaps. */
  isWhole = false

  /** Whether the bytes are a number. `isLax`: also with a plus, leading zeros, a point at the end, NaN and Infinity. */
  parse(bytes: Uint8Array, from: number, to: number, isLax: boolean): boolean {
    let position = from
    const sign = bytes[position] as number
    const isNegative = sign === minus
    if (position < to && (isNegative || (isLax && sign === plus))) position++
    const first = position
    let mantissa = 0
    let tail = 0
    let digits = 0
    let decimals = 0
    for (; position < to; position++) {
      const digit = (bytes[position] as number) - zero
      if (digit < 0 || digit > 9) break
      if (digits > 0 || digit > 0) digits++
      if (digits <= mostExactDigits) mantissa = mantissa * 10 + digit
      else if (digits <= mostDigits) tail = tail * 10 + digit
    }
    const wholeDigits = position - first
    if (!isLax && wholeDigits > 1 && bytes[first] === zero) return false
    this.isWhole = position === to
    if (position < to && bytes[position] === point) {
      const start = ++position
      for (; position < to; position++) {
        const digit = (bytes[position] as number) - zero
        if (digit < 0 || digit > 9) break
        if (digits > 0 || digit > 0) digits++
        if (digits <= mostExactDigits) mantissa = mantissa * 10 + digit
        else if (digits <= mostDigits) tail = tail * 10 + digit
      }
      decimals = position - start
      if (decimals === 0 && !isLax) return false
    }
    if (wholeDigits + decimals === 0) return isLax && this.#named(bytes, from, to)
    let exponent = 0
    if (position < to) {
      if (((bytes[position] as number) | 32) !== 101) return false
      const parsed = exponentOf(bytes, position + 1, to)
      if (parsed === undefined) return false
      exponent = parsed
    }
    const power = exponent - decimals
    let size = Number.NaN
    if (power >= -22 && power <= 22) {
      if (digits <= mostExactDigits)
        size = power < 0 ? mantissa / (exactPowers[-power] as number) : mantissa * (exactPowers[power] as number)
      else if (digits <= mostDigits && power <= 0) size = longDecimal(mantissa, tail, digits - mostExactDigits, -power)
    }
    if (Number.isNaN(size)) this.value = Number(asciiText(bytes, from, to))
    else this.value = isNegative ? -size : size
    return true
  }

  #named(bytes: Uint8Array, from: number, to: number): boolean {
    const value = to - from > 9 ? undefined : names[asciiText(bytes, from, to)]
    if (value === undefined) return false
    this.value = value
    return true
  }
}

const names: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  nan: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  inf: Number.POSITIVE_INFINITY,
  '+Infinity': Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
}

/** The digits of an exponent; undefined when it is none. */
function exponentOf(bytes: Uint8Array, from: number, to: number): number | undefined {
  const sign = bytes[from]
  const start = from < to && (sign === minus || sign === plus) ? from + 1 : from
  if (start >= to) return undefined
  let exponent = 0
  for (let position = start; position < to; position++) {
    const digit = (bytes[position] as number) - zero
    if (digit < 0 || digit > 9) return undefined
    // Further digits change nothing: it is 0 or infinite long before.
    if (exponent < 100_000) exponent = exponent * 10 + digit
  }
  return sign === minus ? -exponent : exponent
}

/** Bytes below 128 as text. */
export function asciiText(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let position = from; position < to; position++) text += String.fromCharCode(bytes[position] as number)
  return text
}
