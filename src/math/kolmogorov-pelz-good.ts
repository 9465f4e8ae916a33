const pi2 = Math.PI ** 2
const pi4 = pi2 ** 2
const pi6 = pi2 ** 3
const rootHalfPi = Math.sqrt(Math.PI / 2)

/**
 * P(D_n <= d) up to O(n^-2): the expansion of Li-Chien and Korolyuk in the form that converges for small d (Pelz and Good, "Approximating the
 * lower tail-areas of the Kolmogorov-Smirnov one-sample statistic", Journal of the Royal Statistical Society B 38, 1976).
 */
export function kolmogorovByPelzGood(d: number, n: number): number {
  const z = d * Math.sqrt(n)
  const z2 = z * z
  const z4 = z2 * z2
  const z6 = z4 * z2
  let k0 = 0
  let k1 = 0
  let k2 = 0
  let k3 = 0
  for (let k = Math.ceil((16 * z) / Math.PI); k > 0; k--) {
    const odd2 = (2 * k - 1) ** 2
    const odd4 = odd2 * odd2
    const weight = Math.exp((-pi2 * odd2) / (8 * z2))
    k0 += weight
    k1 += weight * ((pi2 / 4) * odd2 - z2)
    k2 += weight * (6 * z6 + 2 * z4 + (pi2 / 4) * (2 * z4 - 5 * z2) * odd2 + (pi4 / 16) * (1 - 2 * z2) * odd4)
    k3 +=
      weight *
      (-30 * z6 -
        90 * z4 * z4 +
        (pi2 / 4) * (135 * z4 - 96 * z6) * odd2 +
        (pi4 / 16) * (212 * z4 - 60 * z2) * odd4 +
        (pi6 / 64) * (5 - 30 * z2) * odd4 * odd2)
    const whole2 = k * k
    const evenWeight = Math.exp((-pi2 * whole2) / (2 * z2)) * whole2 * pi2
    k2 -= evenWeight * z4 * 2
    k3 += evenWeight * (3 * z2 - pi2 * whole2) * 30 * z4
  }
  return 2 * rootHalfPi * (k0 / z + k1 / (6 * z4 * Math.sqrt(n)) + k2 / (72 * z6 * z * n) + k3 / (6480 * z4 * z6 * n * Math.sqrt(n)))
}
