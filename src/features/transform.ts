import type { TimePart } from './time-part.ts'

/** Carries type arguments that no value has. */
declare const valueType: unique symbol

/** One step of a transform as plain JSON: what a stage's parameters record and fitting reads. */
export type TransformStep =
  | { readonly kind: 'impute'; readonly strategy: ImputeStrategy; readonly indicator: boolean }
  | { readonly kind: 'standardize' }
  | { readonly kind: 'min-max' }
  | { readonly kind: 'logarithm' }
  | { readonly kind: 'cyclic'; readonly part: TimePart }
  | { readonly kind: 'one-hot'; readonly maxCategories: number }
  | { readonly kind: 'target-encode'; readonly smoothing: number; readonly folds: number }

/** What stands in for a missing number. */
export type ImputeStrategy = 'mean' | 'median' | { readonly constant: number }

/**
 * How a column's value becomes another value or numbers for the model: an immutable definition without data. What it learns from the
 * training data is in the {@link FeaturePlan}.
 */
export interface Transform<in From, out To> {
  readonly [valueType]?: (value: From) => To
  /** Its steps by name, such as `impute | standardize`. */
  readonly name: string
  readonly steps: readonly TransformStep[]
  /** This transform, then `next`. Neither is changed. */
  pipe<Next>(next: Transform<To, Next>): Transform<From, Next>
}

/** Any transform, where its types do not matter. */
export type AnyTransform = Transform<never, unknown>

/** A transform of one step. */
export function transformOf<From, To>(step: TransformStep): Transform<From, To> {
  return new StepChain([step])
}

class StepChain<in From, out To> implements Transform<From, To> {
  declare readonly [valueType]?: (value: From) => To
  readonly name: string
  readonly steps: readonly TransformStep[]

  constructor(steps: readonly TransformStep[]) {
    this.steps = Object.freeze(steps.map((step) => Object.freeze(step)))
    this.name = steps.map((step) => step.kind).join(' | ')
    Object.freeze(this)
  }

  pipe<Next>(next: Transform<To, Next>): Transform<From, Next> {
    return new StepChain([...this.steps, ...next.steps])
  }
}
