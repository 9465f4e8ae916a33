import { exactPowers } from './exact-powers.ts'

const splitter = 134_217_729

/**
 * The double nearest to (head * 10^tailDigits + tail) / 10^decimals, for numbers of 16 to 19 digits; NaN where it lies too near to the middle of two doubles to be sure.
 *
 * The whole number is two doubles without a rest, and so is the rest of the division by an exact power of ten (Dekker, "A Floating-Point Technique for Extending
 * the Available Precision", 1971). So the quotient is known with an error below 2^-102 of it; where that much more and less round to one double, it is the one.
 */
export function longDecimal(head: number, tail: number, tailDigits: number, decimals: number): number {
  const scale = exactPowers[tailDigits] as number
  const product = head * scale
  const whole = restOfProduct(head, scale, product) + tail
  const high = product + whole
  const low = whole - (high - product)
  const divisor = exactPowers[decimals] as number
  const quotient = high / divisor
  const back = quotient * divisor
  const rest = high - back - restOfProduct(quotient, divisor, back)
  const more = (rest + low) / divisor
  const doubt = quotient * 2 ** -100
  const least = quotient + (more - doubt)
  return least === quotient + (more + doubt) ? least : Number.NaN
}

/** What the product of two doubles lost when it was rounded. */
function restOfProduct(left: number, right: number, product: number): number {
  const leftBig = left * splitter
  const leftHigh = leftBig - (leftBig - left)
  const leftLow = left - leftHigh
  const rightBig = right * splitter
  const rightHigh = rightBig - (rightBig - right)
  const rightLow = right - rightHigh
  return leftLow * rightLow - (product - leftHigh * rightHigh - leftLow * rightHigh - leftHigh * rightLow)
}
