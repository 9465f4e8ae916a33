import { normal } from '../math/distributions.ts'
import { fisherExact } from '../math/fisher-exact.ts'
import { leastExpected } from './sparse-categories.ts'

export interface ProportionTest {
  readonly pValue: number
  readonly method: 'z' | 'fisher-exact'
  /** How far apart the shares are. */
  readonly difference: number
}

/**
 * Tests that `a` of `aTotal` and `b` of `bTotal` are one share, two-sided: the pooled z-test, or Fisher's exact test where an expected count is
 * under five. A pooled share of 0 or 1, or nothing on one side, gives p = 1.
 *
 * @example
 * proportionTest(30, 1000, 60, 1000).pValue // about 0.0012
 */
export function proportionTest(a: number, aTotal: number, b: number, bTotal: number): ProportionTest {
  if (aTotal === 0 || bTotal === 0) return { pValue: 1, method: 'z', difference: 0 }
  const difference = Math.abs(a / aTotal - b / bTotal)
  const share = (a + b) / (aTotal + bTotal)
  if (share === 0 || share === 1) return { pValue: 1, method: 'z', difference }
  if (Math.min(share, 1 - share) * Math.min(aTotal, bTotal) < leastExpected) {
    return { pValue: fisherExact(a, aTotal, b, bTotal), method: 'fisher-exact', difference }
  }
  const z = difference / Math.sqrt(share * (1 - share) * (1 / aTotal + 1 / bTotal))
  return { pValue: Math.min(1, 2 * normal.sf(z)), method: 'z', difference }
}
