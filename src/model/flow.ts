import type { Json } from '../core/json.ts'
import type { Profile } from '../data/profile.ts'
import type { FeaturePlan } from '../features/feature-plan.ts'
import type { Evaluation } from './evaluation.ts'
import type { EpochRecord, Task } from './learner.ts'
import type { ModelReference } from './model.ts'
import type { ModelVersion } from './model-registry.ts'

/** What `prepare` adds. */
export interface PreparedPart {
  readonly plan: FeaturePlan
  readonly target: string
  readonly task: Task
  /** Of the training part's raw columns: the drift monitor's reference. */
  readonly trainingProfile: Profile
}
/** What `train` adds. */
export interface TrainedPart {
  readonly model: ModelReference
  readonly history: readonly EpochRecord[]
  readonly training: { readonly learner: string; readonly parameters: Json; readonly details: Json }
}
/** What `evaluate` adds. */
export interface EvaluatedPart {
  readonly evaluation: Evaluation
}
/** What `gate` adds. */
export interface GatedPart {
  readonly verdict: Verdict
}
export interface Verdict {
  readonly passed: boolean
  readonly gates: readonly GateResult[]
}
export interface GateResult {
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'undecidable'
  readonly reason: string
}
/** What `register` adds. */
export interface RegisteredPart {
  readonly version: ModelVersion
  /** Whether the alias points at this version now. */
  readonly promoted: boolean
}
