/**
 * Learners and baselines on plain typed arrays: {@link logisticRegression} for `train`, {@link prior} and {@link meanBy} for the `baselines` of `evaluate`.
 *
 * @module millrace/learners
 */

export type { LogisticRegressionOptions } from './logistic-regression.ts'
export { logisticRegression } from './logistic-regression.ts'
export type { GroupBy, MeanByOptions } from './mean-by.ts'
export { meanBy } from './mean-by.ts'
export { prior } from './prior.ts'
