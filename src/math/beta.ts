import { binomialDensity } from './gamma.ts'

const epsilon = 2 ** -53
const tiny = 1e-300

/**
 * Regularised incomplete beta function I_x(a, b), for a, b > 0 and 0 <= x <= 1. Give `complement` (1 - x) where it is known more exactly.
 *
 * Source: DLMF 8.17.22 (continued fraction, by the modified method of Lentz) on the side where it converges fast, 8.17.4 on the other.
 *
 * @example
 * regularizedBeta(0.5, 2, 3) // about 0.6875
 */
export function regularizedBeta(x: number, a: number, b: number, complement: number = 1 - x): number {
  if (!(a > 0) || !(b > 0) || !(x >= 0 && x <= 1)) return Number.NaN
  if (x === 0) return 0
  if (complement === 0) return 1
  if (x <= (a + 1) / (a + b + 2)) return (binomialDensity(a, a + b, x, complement) * b * fraction(x, a, b)) / (a + b)
  return 1 - (binomialDensity(b, a + b, complement, x) * a * fraction(complement, b, a)) / (a + b)
}

function fraction(x: number, a: number, b: number): number {
  let c = 1
  let d = guarded(1 - ((a + b) * x) / (a + 1))
  d = 1 / d
  let value = d
  for (let m = 1; m < 1e6; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / guarded(1 + even * d)
    c = guarded(1 + even / c)
    value *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / guarded(1 + odd * d)
    c = guarded(1 + odd / c)
    const factor = d * c
    value *= factor
    if (Math.abs(factor - 1) <= 2 * epsilon) break
  }
  return value
}

function guarded(value: number): number {
  return Math.abs(value) < tiny ? tiny : value
}
