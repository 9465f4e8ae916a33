import type { Clock } from '../core/clock.ts'
import type { Json } from '../core/json.ts'
import type { Random } from '../core/random.ts'
import type { TensorSpec, Tensors } from '../features/tensors.ts'
import type { LogTarget } from '../log/log-target.ts'
import type { ModelLoader, StoredModel } from './model.ts'

/** What is learned: the label is 0 or 1, or a number. */
export type Task = 'binary' | 'regression'

/** Prepared rows: tensors of [rows, ...] with their labels. The arrays are reused for the next batch: copy what must last. */
export interface Examples {
  readonly rows: number
  readonly inputs: Tensors
  readonly labels: Float32Array
}

/** Examples, batch by batch, as often as wanted; the plan is applied on the way, so memory is bounded by the batch and the shuffle window. */
export interface ExampleSource {
  readonly rowCount: number
  /** With `shuffle` in an order drawn from it, else in the data's. The last batch may be smaller. */
  batches(options: { readonly batchRows: number; readonly shuffle?: Random; readonly signal?: AbortSignal }): AsyncIterable<Examples>
}

export interface TrainingSet {
  readonly task: Task
  readonly inputs: Readonly<Record<string, TensorSpec>>
  readonly train: ExampleSource
  readonly validation: ExampleSource
}

export interface EpochRecord {
  /** From 1. */
  readonly epoch: number
  readonly loss: number
  readonly validationLoss?: number
}

export interface LearnerContext {
  readonly signal: AbortSignal
  readonly logger: LogTarget
  readonly random: Random
  readonly clock: Clock
  progress(done: number, total?: number, unit?: string, fields?: Readonly<Record<string, number>>): void
  /** Figures of an epoch, as soon as they are known: they are kept with the run. What a learner does not tell so is taken from its `history`. */
  metrics(values: Readonly<Record<string, number>>, step?: number): void
}

export interface LearnedModel {
  readonly model: StoredModel
  readonly history: readonly EpochRecord[]
  /** What lineage should know beside the parameters: backend and why it was chosen, the best epoch, and under `packages` the versions of the libraries that made it. No times: equal training, equal details. */
  readonly details: Json
}

/** What `train` is given: networks come from millrace/tfjs, others from millrace/learners and plugins. */
export interface Learner {
  readonly kind: string
  /** Part of the cache key: raise it when `learn` changes its meaning, or models of the old one are served from the cache. */
  readonly version: string
  /** Part of the cache key. */
  readonly parameters: Json
  /** Opens what this learner makes. */
  readonly loader: ModelLoader
  learn(data: TrainingSet, context: LearnerContext): Promise<LearnedModel>
}
