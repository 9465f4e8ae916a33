import { MillraceError } from '../core/error.ts'
import { brownianBridgeSf } from '../math/brownian-bridge.ts'
import { greatestCommonDivisor, kolmogorovSf, twoSampleSf } from '../math/kolmogorov.ts'
import { sumOf } from './sparse-categories.ts'
import type { TestResult } from './verdict.ts'

/** Up to this many values on the larger side the p-value is exact. */
const exactLimit = 10_000

/**
 * The two-sample Kolmogorov-Smirnov test on the values themselves, two-sided: D is the largest difference of the two empirical distribution
 * functions, taken after ties. The p-value is exact (by lattice paths) up to 10,000 values on the larger side, beyond that the one-sample
 * distribution at n = round(nm / (n+m)). With ties it is on the safe side. SciPy's `ks_2samp`.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for a side without values, or with NaN.
 * @example
 * const { statistic, pValue } = ksTwoSample([1, 2, 3, 4], [3, 4, 5, 6])
 * statistic // 0.5
 * pValue // about 0.771
 */
export function ksTwoSample(
  reference: ArrayLike<number>,
  current: ArrayLike<number>,
): { readonly statistic: number; readonly pValue: number; readonly method: 'exact' | 'asymptotic' } {
  const a = sorted('reference', reference)
  const b = sorted('current', current)
  const divisor = greatestCommonDivisor(a.length, b.length)
  const aStep = b.length / divisor
  const bStep = a.length / divisor
  // In steps of 1 / lcm(n, m), so that nothing is rounded.
  let steps = 0
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const value = Math.min(a[i] as number, b[j] as number)
    while (a[i] === value) i++
    while (b[j] === value) j++
    steps = Math.max(steps, Math.abs(i * aStep - j * bStep))
  }
  const statistic = steps / (a.length * aStep)
  if (Math.max(a.length, b.length) <= exactLimit) return { statistic, pValue: twoSampleSf(steps, a.length, b.length), method: 'exact' }
  const effective = Math.max(1, Math.round((a.length * b.length) / (a.length + b.length)))
  return { statistic, pValue: kolmogorovSf(statistic, effective), method: 'asymptotic' }
}

/**
 * The Kolmogorov-Smirnov test on counts between frozen edges: D is the largest difference of the two distribution functions at the edges, and
 * its null is the largest value of a Brownian bridge at the pooled shares under them ({@link brownianBridgeSf}), not over the whole interval.
 * So the p-value is right at any number of rows with 32 bins as with 1,000.
 */
export function binnedKolmogorovSmirnov(reference: ArrayLike<number>, current: ArrayLike<number>): TestResult {
  const n = sumOf(reference)
  const m = sumOf(current)
  const edges = Math.max(0, reference.length - 1)
  const shares = new Float64Array(edges)
  let distance = 0
  let below = 0
  let belowCurrent = 0
  for (let edge = 0; edge < edges; edge++) {
    below += reference[edge] as number
    belowCurrent += current[edge] as number
    shares[edge] = (below + belowCurrent) / (n + m)
    distance = Math.max(distance, Math.abs(below / n - belowCurrent / m))
  }
  if (!(n > 0 && m > 0)) distance = 0
  const pValue = distance === 0 ? 1 : brownianBridgeSf(distance * Math.sqrt((n * m) / (n + m)), shares)
  return { test: 'kolmogorov-smirnov', pValue, effect: { name: 'kolmogorov-smirnov-distance', value: distance } }
}

function sorted(argument: string, values: ArrayLike<number>): Float64Array {
  const copy = Float64Array.from(values).sort()
  // NaN sorts to the end.
  if (copy.length > 0 && !Number.isNaN(copy.at(-1))) return copy
  const received = copy.length === 0 ? 'none' : 'NaN among them'
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to have values, and all of them numbers. Received ${received}.`,
    details: { argument, expected: 'one number or more', received },
  })
}
