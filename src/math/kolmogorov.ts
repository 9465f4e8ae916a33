import { binomialDensity, stirlingError } from './gamma.ts'
import { kolmogorovByMatrix } from './kolmogorov-matrix.ts'
import { kolmogorovByPelzGood } from './kolmogorov-pelz-good.ts'

/** Beyond this many values Smirnov's sum would take too long. */
const smirnovLimit = 1_000_000

/**
 * The limiting distribution of sqrt(n) D: P(sup |Brownian bridge| > x) (Kolmogorov 1933). SciPy's `kstwobign.sf`.
 *
 * @example
 * kolmogorovLimitSf(1.358) // about 0.05
 */
export function kolmogorovLimitSf(x: number): number {
  if (x <= 0) return 1
  if (x < 1) {
    // The theta function turned round, which converges fast where the alternating sum does not.
    const q = Math.exp((-Math.PI * Math.PI) / (8 * x * x))
    let sum = 0
    for (let k = 9; k >= 1; k -= 2) sum += q ** (k * k)
    return 1 - (Math.sqrt(2 * Math.PI) / x) * sum
  }
  let sum = 0
  for (let k = 8; k >= 1; k--) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * x * x)
  return sum
}

/**
 * P(D_n >= d) of the two-sided one-sample statistic of Kolmogorov and Smirnov over `n` values, by the choice of methods of Simard and
 * L'Ecuyer ("Computing the two-sided Kolmogorov-Smirnov distribution", Journal of Statistical Software 39, 2011). SciPy's `kstwo.sf`.
 *
 * @example
 * kolmogorovSf(0.41, 10) // about 0.05
 */
export function kolmogorovSf(d: number, n: number): number {
  if (!Number.isInteger(n) || n <= 0 || Number.isNaN(d)) return Number.NaN
  const t = n * d
  if (d >= 1) return 0
  if (t <= 0.5) return 1
  if (t <= 1) return 1 - Math.exp(n * Math.log(2 * t - 1) + logFactorialOverPower(n))
  if (t >= n - 1) return 2 * (1 - d) ** n
  if (d >= 0.5) return 2 * smirnovSf(d, n)
  const z2 = t * d
  if (n <= 140) return z2 <= 4 ? clip(1 - kolmogorovByMatrix(d, n)) : clip(2 * smirnovSf(d, n))
  if (z2 >= 2.2) return z2 >= 370 ? 0 : clip(2 * smirnovSf(d, n))
  return clip(1 - (n <= 100_000 && n * d ** 1.5 <= 1.4 ? kolmogorovByMatrix(d, n) : kolmogorovByPelzGood(d, n)))
}

/** log(n! / n^n). */
function logFactorialOverPower(n: number): number {
  return 0.5 * Math.log(2 * Math.PI * n) - n + stirlingError(n)
}

/**
 * P(D+_n >= d) of the one-sided statistic: the sum of Smirnov (1944) over binomial densities. SciPy's `special.smirnov`; beyond a million
 * values the approximation of Maag and Dicaire (1971), as there.
 *
 * @example
 * smirnovSf(0.5, 2) // about 0.25
 */
export function smirnovSf(d: number, n: number): number {
  if (d <= 0) return 1
  if (d >= 1) return 0
  if (n > smirnovLimit) return Math.exp(-((6 * n * d + 1) ** 2) / (18 * n))
  const last = Math.floor(n * (1 - d))
  let sum = 0
  for (let j = last; j >= 0; j--) {
    const p = d + j / n
    const complement = (n - j) / n - d
    if (complement <= 0) continue
    sum += (binomialDensity(j, n, p, complement) * d) / p
  }
  return sum
}

/**
 * P(D >= d) of the two-sample statistic when both samples come from one continuous distribution, exact: `steps` is d in units of
 * 1 / lcm(n, m). Paths through the lattice from (0, 0) to (n, m) that leave the band |x/n - y/m| < d, counted as a share
 * of all paths, so that nothing overflows and nothing cancels (Hodges, "The significance probability of the Smirnov two-sample test", 1958).
 * n x m steps at most.
 *
 * @example
 * twoSampleSf(2, 4, 4) // about 0.771
 */
export function twoSampleSf(steps: number, n: number, m: number): number {
  if (steps <= 0) return 1
  if (n === m) return equalSizesSf(steps, n)
  const long = Math.max(n, m)
  const short = Math.min(n, m)
  const divisor = greatestCommonDivisor(long, short)
  const longStep = long / divisor
  const shortStep = short / divisor
  // outside[j]: the share of paths to (i, j) that have left the band. Points that are themselves outside hold 1.
  const outside = new Float64Array(short + 1).fill(1)
  outside.fill(0, 0, Math.min(Math.ceil(steps / longStep), short + 1))
  let result = 1
  for (let i = 1; i <= long; i++) {
    const from = Math.min(Math.max(Math.floor((shortStep * i - steps) / longStep) + 1, 0), short)
    const to = Math.min(Math.ceil((shortStep * i + steps) / longStep), short + 1)
    if (to <= from) return 1
    let share = from === 0 ? 0 : 1
    for (let j = from; j < to; j++) {
      share = ((outside[j] as number) * i + share * j) / (i + j)
      outside[j] = share
    }
    result = share
  }
  return result
}

/** The closed form for n = m (Gnedenko and Korolyuk 1951), its alternating sum nested so that it does not cancel. */
function equalSizesSf(steps: number, n: number): number {
  let nested = 0
  for (let k = Math.floor(n / steps); k >= 0; k--) {
    let ratio = 1
    for (let j = 0; j < steps; j++) ratio *= (n - k * steps - j) / (n + k * steps + j + 1)
    nested = ratio * (1 - nested)
  }
  return clip(2 * nested)
}

export function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

function clip(probability: number): number {
  return Math.min(1, Math.max(0, probability))
}
