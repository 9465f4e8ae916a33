/**
 * Preparation that becomes part of the model: transforms such as {@link oneHot} and {@link targetEncode} define it, {@link fitFeaturePlan} fits it to the training
 * part, and the {@link FeaturePlan} turns raw columns into tensors, the same in training and in serving. In a pipeline it is the stage `prepare` of `millrace/prepare`.
 *
 * @module millrace/features
 */

export { oneHot, targetEncode } from './category-transforms.ts'
export { cyclic } from './cyclic.ts'
export type { FeaturePlan, FeaturePlanPackage } from './feature-plan.ts'
export type { Cross, CrossPart, Features, TimeColumnOf } from './features.ts'
export type { FitOptions } from './fit-feature-plan.ts'
export { fitFeaturePlan } from './fit-feature-plan.ts'
export { impute, logarithm, minMax, standardize } from './number-transforms.ts'
export { featurePlanFromPackage } from './plan-package.ts'
export { featurePlanPortable } from './portable.ts'
export type { Tensor, TensorSpec, Tensors } from './tensors.ts'
export type { TimePart } from './time-part.ts'
export { timePartCount, timePartOf, timeParts } from './time-part.ts'
export type { ImputeStrategy, Transform, TransformStep } from './transform.ts'
