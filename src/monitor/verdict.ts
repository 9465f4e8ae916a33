/** How a column is judged. `none`: there are too few values on one side to say anything. */
export type DriftTest = 'kolmogorov-smirnov' | 'chi-square' | 'population-stability-index' | 'proportions' | 'none'

/**
 * How far apart two distributions are, whatever the number of rows: the largest difference of the two distribution functions (D), half the sum
 * of the differences of shares (total variation), the population stability index, or the difference of two shares.
 */
export type EffectName = 'kolmogorov-smirnov-distance' | 'total-variation' | 'population-stability-index' | 'share-difference'

/** What was found of one column, or of a part of it: `distance`, `distance:missing`, `date:hour-of-day`, `date:day-of-week`. */
export interface ColumnVerdict {
  readonly column: string
  readonly test: DriftTest
  /** The adjusted p-value is under alpha and the effect reaches the least effect that matters. */
  readonly drifted: boolean
  readonly pValue: number
  /** Benjamini and Hochberg over the columns judged together. */
  readonly adjustedPValue: number
  readonly effect: { readonly name: EffectName; readonly value: number }
}

/** What a two-sample test says before other columns are looked at. */
export interface TestResult {
  readonly test: DriftTest
  readonly pValue: number
  readonly effect: { readonly name: EffectName; readonly value: number }
}
