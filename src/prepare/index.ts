/**
 * The steps between raw data and training: {@link derive} adds a column, {@link split} divides train, validation and test, {@link prepare} fits the feature plan.
 *
 * @module millrace/prepare
 */

export type { Derived, Widen } from './derive.ts'
export { derive } from './derive.ts'
export type { PrepareOptions } from './prepare.ts'
export { prepare } from './prepare.ts'
export type { SplitOptions } from './split.ts'
export { split } from './split.ts'
