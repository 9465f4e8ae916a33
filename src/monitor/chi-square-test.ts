import { chiSquared } from '../math/distributions.ts'
import { proportionTest } from './proportion-test.ts'
import { isFull, poolRare, sumOf, totalVariation } from './sparse-categories.ts'
import type { TestResult } from './verdict.ts'

/**
 * Pearson's chi-squared test that two rows of counts come from one distribution: a 2 x k contingency table with k - 1 degrees of freedom (not
 * goodness of fit, which takes the reference for the truth). With one category, or nothing on one side, p is 1. SciPy's `chi2_contingency`
 * without correction. Counts are taken as they are: see {@link compareCategories} for rare ones.
 *
 * @example
 * chiSquareTest([10, 20], [20, 10]).pValue // about 0.0098
 */
export function chiSquareTest(
  reference: ArrayLike<number>,
  current: ArrayLike<number>,
): { readonly statistic: number; readonly degreesOfFreedom: number; readonly pValue: number } {
  const n = sumOf(reference)
  const m = sumOf(current)
  let statistic = 0
  let categories = 0
  for (let index = 0; index < reference.length; index++) {
    const a = reference[index] as number
    const b = current[index] as number
    if (a + b === 0) continue
    categories++
    // Both cells of a column at once: (a m - b n)^2 / (n m (a + b)).
    const difference = a * m - b * n
    statistic += (difference / (n * m)) * (difference / (a + b))
  }
  const degreesOfFreedom = categories - 1
  if (degreesOfFreedom < 1 || n === 0 || m === 0) return { statistic: 0, degreesOfFreedom: Math.max(0, degreesOfFreedom), pValue: 1 }
  return { statistic, degreesOfFreedom, pValue: chiSquared.sf(statistic, degreesOfFreedom) }
}

/**
 * Compares counts by category: {@link chiSquareTest} with the rare categories put together, the effect being total variation. `newReference` and
 * `newCurrent` count rows of categories that the reference does not list: a bin of their own. What is too rare for chi-squared even so is judged
 * by an exact test of its share, and p is the smallest times the number of tests: so a hundred rows of a category that was hardly ever
 * seen do not disappear among a million others.
 *
 * @example
 * const { pValue, effect } = compareCategories([100, 200], [200, 100])
 * pValue < 0.001 // true
 * effect.value // about 0.3333
 */
export function compareCategories(reference: ArrayLike<number>, current: ArrayLike<number>, newReference = 0, newCurrent = 0): TestResult {
  const n = sumOf(reference) + newReference
  const m = sumOf(current) + newCurrent
  const { reference: before, current: now, rareReference, rareCurrent } = poolRare(reference, current, n, m)
  const pValues: number[] = []
  const fullBefore = [...before]
  const fullNow = [...now]
  if (rareReference + rareCurrent > 0) pValues.push(proportionTest(rareReference, n, rareCurrent, m).pValue)
  if (newReference + newCurrent > 0) {
    if (isFull(newReference + newCurrent, n, m)) {
      fullBefore.push(newReference)
      fullNow.push(newCurrent)
    } else pValues.push(proportionTest(newReference, n, newCurrent, m).pValue)
  }
  if (fullBefore.length > 1) pValues.push(chiSquareTest(fullBefore, fullNow).pValue)
  const effect = totalVariation({
    reference: Float64Array.of(...before, rareReference, newReference),
    current: Float64Array.of(...now, rareCurrent, newCurrent),
  })
  const pValue = pValues.length === 0 ? 1 : Math.min(1, pValues.length * Math.min(...pValues))
  return { test: 'chi-square', pValue, effect: { name: 'total-variation', value: effect } }
}
