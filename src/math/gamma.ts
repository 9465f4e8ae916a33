const halfLogTwoPi = 0.9189385332046727
const eulerGamma = 0.5772156649015329
const epsilon = 2 ** -53

/** Zeta(k) - 1 for k from 2, by Euler and Maclaurin: the coefficients of log gamma around 1. */
const zetaMinusOne: readonly number[] = /* @__PURE__ */ Array.from({ length: 60 }, (_, index) => {
  const k = index + 2
  let sum = 0
  for (let n = 12; n >= 2; n--) sum += n ** -k
  const last = 13
  return (
    sum +
    last ** (1 - k) / (k - 1) +
    last ** -k / 2 +
    (k * last ** (-k - 1)) / 12 -
    (k * (k + 1) * (k + 2) * last ** (-k - 3)) / 720 +
    (k * (k + 1) * (k + 2) * (k + 3) * (k + 4) * last ** (-k - 5)) / 30_240
  )
})

/** log Gamma(1 + z) for |z| <= 0.5, without loss near 0. */
function logGammaNearOne(z: number): number {
  let sum = 0
  let power = z
  for (let index = 0; index < zetaMinusOne.length; index++) {
    power *= -z
    const term = ((zetaMinusOne[index] as number) * power) / (index + 2)
    sum -= term
    if (Math.abs(term) < epsilon * Math.abs(sum) * 0.1) break
  }
  return z * (1 - eulerGamma) - Math.log1p(z) + sum
}

/** The sum of Stirling's series for x >= 10: log Gamma(x + 1) less its leading terms. */
function stirlingSeries(x: number): number {
  const s = 1 / (x * x)
  return (
    (1 / 12 -
      s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - s * (691 / 360_360 - s * (1 / 156 - (s * 3617) / 122_400))))))) /
    x
  )
}

/**
 * Natural logarithm of the gamma function, for x > 0. Relative error about 1e-14, near its zeros at 1 and 2 too.
 *
 * Source: DLMF 5.7.3 and 5.11.1.
 *
 * @example
 * logGamma(5) // about 3.178
 */
export function logGamma(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.POSITIVE_INFINITY : Number.NaN
  if (x < 0.5) return logGammaNearOne(x) - Math.log(x)
  if (x <= 1.5) return logGammaNearOne(x - 1)
  if (x <= 2.5) return logGammaNearOne(x - 2) + Math.log1p(x - 2)
  if (x >= 10) return (x - 0.5) * Math.log(x) - x + halfLogTwoPi + stirlingSeries(x)
  let product = 1
  let reduced = x
  while (reduced > 2.5) {
    reduced -= 1
    product *= reduced
  }
  return logGamma(reduced) + Math.log(product)
}

/** log Gamma(x + 1) - [(x + 1/2) log x - x + log(2 pi) / 2]: what Stirling's formula leaves out. */
export function stirlingError(x: number): number {
  if (x >= 10) return stirlingSeries(x)
  if (x === 0) return 0
  return logGamma(x + 1) - (x + 0.5) * Math.log(x) + x - halfLogTwoPi
}

/** x log(x / mean) + mean - x without cancellation near x = mean (Loader, "Fast and accurate computation of binomial probabilities", 2000). */
export function deviance(x: number, mean: number): number {
  if (x === 0) return mean
  if (Math.abs(x - mean) < 0.1 * (x + mean)) {
    const v = (x - mean) / (x + mean)
    let sum = (x - mean) * v
    let power = 2 * x * v
    for (let k = 1; k < 1000; k++) {
      power *= v * v
      const next = sum + power / (2 * k + 1)
      if (next === sum) break
      sum = next
    }
    return sum
  }
  return x * Math.log(x / mean) + mean - x
}

/** mean^x e^-mean / Gamma(x + 1), for real x >= 0, in Loader's saddle-point form: the relative error does not grow with x. */
export function poissonDensity(x: number, mean: number): number {
  if (x === 0) return Math.exp(-mean)
  if (mean === 0) return 0
  return Math.exp(-stirlingError(x) - deviance(x, mean)) / Math.sqrt(2 * Math.PI * x)
}

/** Gamma(n + 1) / (Gamma(x + 1) Gamma(n - x + 1)) p^x (1 - p)^(n - x), for real 0 <= x <= n, in Loader's saddle-point form. */
export function binomialDensity(x: number, n: number, p: number, complement: number = 1 - p): number {
  if (p === 0) return x === 0 ? 1 : 0
  if (complement === 0) return x === n ? 1 : 0
  const rest = n - x
  if (x === 0) return Math.exp(p < 0.1 ? n * Math.log1p(-p) : n * Math.log(complement))
  if (rest === 0) return Math.exp(complement < 0.1 ? n * Math.log1p(-complement) : n * Math.log(p))
  const exponent = stirlingError(n) - stirlingError(x) - stirlingError(rest) - deviance(x, n * p) - deviance(rest, n * complement)
  return Math.exp(exponent) * Math.sqrt(n / (2 * Math.PI * x * rest))
}

/**
 * Regularised lower incomplete gamma function P(a, x), for a > 0 and x >= 0.
 *
 * @example
 * regularizedGammaP(1, 1) // about 0.63212
 */
export function regularizedGammaP(a: number, x: number): number {
  if (!(a > 0) || !(x >= 0)) return Number.NaN
  if (x === 0) return 0
  return x < a + 1 ? gammaSeries(a, x) : 1 - gammaFraction(a, x)
}

/**
 * Regularised upper incomplete gamma function Q(a, x), for a > 0 and x >= 0: relative error about 1e-13 down to the smallest doubles.
 *
 * Source: DLMF 8.7.1 (the series, below a + 1) and 8.9.2 (the continued fraction, above), with Loader's form of the Poisson density as prefactor.
 *
 * @example
 * regularizedGammaQ(1, 1) // about 0.36788
 */
export function regularizedGammaQ(a: number, x: number): number {
  if (!(a > 0) || !(x >= 0)) return Number.NaN
  if (x === 0) return 1
  if (x === Number.POSITIVE_INFINITY) return 0
  return x < a + 1 ? 1 - gammaSeries(a, x) : gammaFraction(a, x)
}

function gammaSeries(a: number, x: number): number {
  let term = 1
  let sum = 1
  for (let n = 1; term > sum * epsilon; n++) {
    term *= x / (a + n)
    sum += term
  }
  return Math.min(1, poissonDensity(a, x) * sum)
}

/** The modified method of Lentz. */
function gammaFraction(a: number, x: number): number {
  const density = poissonDensity(a, x)
  if (density === 0) return 0
  const tiny = 1e-300
  let b = x + 1 - a
  let c = 1 / tiny
  let d = 1 / b
  let fraction = d
  for (let i = 1; i < 1e6; i++) {
    const numerator = -i * (i - a)
    b += 2
    d = numerator * d + b
    if (Math.abs(d) < tiny) d = tiny
    c = b + numerator / c
    if (Math.abs(c) < tiny) c = tiny
    d = 1 / d
    const factor = c * d
    fraction *= factor
    if (Math.abs(factor - 1) <= 2 * epsilon) break
  }
  return density * a * fraction
}
