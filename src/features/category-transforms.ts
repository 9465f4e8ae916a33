import { MillraceError } from '../core/error.ts'
import type { Transform } from './transform.ts'
import { transformOf } from './transform.ts'

/**
 * A feature for each category, 1 where the row has it. At most `maxCategories` features (default 50): where the training data has more, the
 * most frequent keep one each and the last is for all others. Null is a category where the training data has it. A category never seen is
 * among the others, or 0 everywhere when there are none.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` unless `maxCategories` is an integer of at least 2.
 * @example
 * pipeline.pipe(prepare({ target: 'late', features: { origin: oneHot({ maxCategories: 50 }) } }))
 */
export function oneHot(options: { readonly maxCategories?: number } = {}): Transform<string | boolean | null, number> {
  const maxCategories = options.maxCategories ?? 50
  requireInteger('maxCategories', maxCategories, 2, 65_536)
  return transformOf({ kind: 'one-hot', maxCategories })
}

/**
 * One number a category: the mean of the target over the rows of the category, drawn towards the overall mean as though `smoothing` more
 * rows (default 20) had it; for a binary target as log-odds; then standardised. Null is a category where the training data has it; a
 * category never seen has the overall mean.
 *
 * Guarantee: cross-fitted. On the rows it was fitted on (`applyTraining`) the fold of a row, one of `folds` (default 5), is left out, so no
 * row sees its own label; without that, rare categories give the label away and the model learns to trust them.
 *
 * Source: Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes in classification and prediction problems"
 * (2001), with the smoothing of the m-estimate.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for a negative `smoothing` or `folds` outside 2 to 64.
 * @example
 * pipeline.pipe(prepare({ target: 'late', features: { origin: targetEncode({ smoothing: 50 }) } }))
 */
export function targetEncode(options: { readonly smoothing?: number; readonly folds?: number } = {}): Transform<string | null, number> {
  const smoothing = options.smoothing ?? 20
  const folds = options.folds ?? 5
  requireInteger('folds', folds, 2, 64)
  if (!(Number.isFinite(smoothing) && smoothing >= 0)) throw invalid('smoothing', 'a number of at least 0', smoothing)
  return transformOf({ kind: 'target-encode', smoothing, folds })
}

function requireInteger(argument: string, value: number, least: number, most: number): void {
  if (!(Number.isInteger(value) && value >= least && value <= most)) throw invalid(argument, `an integer from ${least} to ${most}`, value)
}

function invalid(argument: string, expected: string, value: unknown): MillraceError<'ARGUMENT_INVALID'> {
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${String(value)}.`,
    details: { argument, expected, received: String(value) },
  })
}
