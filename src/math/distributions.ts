import { erfc } from './error-function.ts'
import { regularizedGammaP, regularizedGammaQ } from './gamma.ts'

const rootTwoPi = Math.sqrt(2 * Math.PI)

/** Probability distributions as SciPy names their functions: `sf` is the survival function, P(X > x), right in the tail where `1 - cdf` is not. */
export interface Distribution<Parameters extends readonly number[]> {
  cdf(x: number, ...parameters: Parameters): number
  sf(x: number, ...parameters: Parameters): number
}

/**
 * The standard normal distribution.
 *
 * @example
 * normal.sf(1.959963984540054) // about 0.025
 * normal.quantile(0.975) // about 1.96
 */
export const normal: Distribution<readonly []> & { density(x: number): number; quantile(probability: number): number } = {
  density: (x) => Math.exp((-x * x) / 2) / rootTwoPi,
  cdf: (x) => erfc(-x / Math.SQRT2) / 2,
  sf: (x) => erfc(x / Math.SQRT2) / 2,
  quantile: normalQuantile,
}

/**
 * Chi-squared with `degreesOfFreedom` > 0, which need not be whole.
 *
 * @example
 * chiSquared.sf(3.841458820694124, 1) // about 0.05
 */
export const chiSquared: Distribution<readonly [degreesOfFreedom: number]> = {
  cdf: (x, degreesOfFreedom) => (x <= 0 ? 0 : regularizedGammaP(degreesOfFreedom / 2, x / 2)),
  sf: (x, degreesOfFreedom) => (x <= 0 ? 1 : regularizedGammaQ(degreesOfFreedom / 2, x / 2)),
}

/** The start of Abramowitz and Stegun 26.2.23 (error under 4.5e-4), then Halley's iteration on the tail's own scale. */
function normalQuantile(probability: number): number {
  if (!(probability >= 0 && probability <= 1)) return Number.NaN
  if (probability === 0) return Number.NEGATIVE_INFINITY
  if (probability === 1) return Number.POSITIVE_INFINITY
  if (probability === 0.5) return 0
  const upper = probability > 0.5
  const tail = upper ? 1 - probability : probability
  const t = Math.sqrt(-2 * Math.log(tail))
  let x = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
  for (let step = 0; step < 4; step++) {
    const error = (normal.sf(x) - tail) / normal.density(x)
    const move = error / (1 - (x * error) / 2)
    x += move
    if (Math.abs(move) < 1e-16 * Math.abs(x)) break
  }
  return upper ? x : -x
}
