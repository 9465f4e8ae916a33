import { chiSquared } from '../math/distributions.ts'
import type { CountPair } from './sparse-categories.ts'
import { poolRare, sumOf } from './sparse-categories.ts'
import type { TestResult } from './verdict.ts'

/** Added to each count, so that an empty bin is not infinitely far away: the same at every sample size, unlike a fixed share. */
const pseudoCount = 0.5

/**
 * The population stability index, sum of (P - Q) ln(P / Q) over bin shares, with a p-value that the usual limits of 0.1 and 0.25 lack: without
 * drift it is distributed as (1/n + 1/m) chi-squared with one degree of freedom less than bins (Yurdakul 2018). Rare bins are put together, and
 * with the smallest of the others where they are too few.
 *
 * @example
 * populationStabilityIndex([100, 100], [100, 100]).effect.value // 0
 */
export function populationStabilityIndex(reference: ArrayLike<number>, current: ArrayLike<number>): TestResult {
  const bins = fullBins(reference, current)
  const { length } = bins.reference
  const n = sumOf(bins.reference)
  const m = sumOf(bins.current)
  let index = 0
  if (length > 1 && n > 0 && m > 0) {
    for (let bin = 0; bin < length; bin++) {
      const p = ((bins.reference[bin] as number) + pseudoCount) / (n + pseudoCount * length)
      const q = ((bins.current[bin] as number) + pseudoCount) / (m + pseudoCount * length)
      index += (p - q) * Math.log(p / q)
    }
  }
  const pValue = index === 0 ? 1 : chiSquared.sf(index / (1 / n + 1 / m), length - 1)
  return { test: 'population-stability-index', pValue, effect: { name: 'population-stability-index', value: index } }
}

function fullBins(reference: ArrayLike<number>, current: ArrayLike<number>): CountPair {
  const bins = poolRare(reference, current, sumOf(reference), sumOf(current))
  let smallest = 0
  for (let bin = 1; bin < bins.reference.length; bin++) {
    if (pooled(bins, bin) < pooled(bins, smallest)) smallest = bin
  }
  if (bins.reference.length > 0) {
    bins.reference[smallest] = (bins.reference[smallest] as number) + bins.rareReference
    bins.current[smallest] = (bins.current[smallest] as number) + bins.rareCurrent
  }
  return bins
}

function pooled({ reference, current }: CountPair, bin: number): number {
  return (reference[bin] as number) + (current[bin] as number)
}
