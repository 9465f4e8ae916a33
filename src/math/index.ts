/**
 * Distributions, null distributions of tests and false-discovery control, each after a published method and compared with SciPy. Pure functions, no state.
 * The drift tests of `millrace/monitor` are made of them.
 *
 * @module millrace/math
 */

export { regularizedBeta } from './beta.ts'
export { brownianBridgeSf } from './brownian-bridge.ts'
export type { Distribution } from './distributions.ts'
export { chiSquared, normal } from './distributions.ts'
export { erf, erfc } from './error-function.ts'
export { fisherExact } from './fisher-exact.ts'
export { logGamma, regularizedGammaP, regularizedGammaQ } from './gamma.ts'
export { kolmogorovLimitSf, kolmogorovSf, smirnovSf, twoSampleSf } from './kolmogorov.ts'
export { adjustFalseDiscoveryRate } from './multiple-testing.ts'
export type { QuadratureRule } from './quadrature.ts'
export { gaussLegendre } from './quadrature.ts'
