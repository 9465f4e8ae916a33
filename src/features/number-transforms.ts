import { MillraceError } from '../core/error.ts'
import type { ImputeStrategy, Transform } from './transform.ts'
import { transformOf } from './transform.ts'

/**
 * Fills missing numbers (null, NaN and infinities) with the mean or the median of the training data or with a constant; comes first in its
 * chain. With `indicator` a second feature beside the value is 1 where it was missing; the steps that follow leave it as it is.
 * The median is exact.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for another strategy or a constant that is not finite.
 * @example
 * pipeline.pipe(prepare({ target: 'late', features: { distance: impute('median', { indicator: true }).pipe(standardize()) } }))
 */
export function impute(strategy: ImputeStrategy, options: { readonly indicator?: boolean } = {}): Transform<number | null, number> {
  const known = strategy === 'mean' || strategy === 'median' || (typeof strategy === 'object' && Number.isFinite(strategy?.constant))
  if (!known) {
    const received = typeof strategy === 'object' ? `{ constant: ${strategy?.constant} }` : `"${strategy}"`
    throw new MillraceError('ARGUMENT_INVALID', {
      message: `Expected 'mean', 'median' or { constant } with a finite number. Received ${received}.`,
      details: { argument: 'strategy', expected: "'mean', 'median' or { constant }", received },
    })
  }
  return transformOf({
    kind: 'impute',
    strategy: typeof strategy === 'object' ? { constant: strategy.constant } : strategy,
    indicator: options.indicator ?? false,
  })
}

/**
 * Mean 0 and standard deviation 1 (of the population) on the training data; a constant column becomes 0.
 *
 * @example
 * pipeline.pipe(prepare({ target: 'late', features: { distance: logarithm().pipe(standardize()) } }))
 */
export function standardize(): Transform<number, number> {
  return transformOf({ kind: 'standardize' })
}

/**
 * The least value of the training data becomes 0, the greatest 1; later values may lie outside. A constant column becomes 0.
 *
 * @example
 * pipeline.pipe(prepare({ target: 'late', features: { distance: minMax() } }))
 */
export function minMax(): Transform<number, number> {
  return transformOf({ kind: 'min-max' })
}

/**
 * ln(1 + x), for amounts and distances with a long tail. The training data must not be negative (`FEATURE_INVALID` when fitted); a negative
 * number that comes later counts as 0.
 *
 * @example
 * pipeline.pipe(prepare({ target: 'late', features: { distance: logarithm().pipe(standardize()) } }))
 */
export function logarithm(): Transform<number, number> {
  return transformOf({ kind: 'logarithm' })
}
