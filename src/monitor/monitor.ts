import type { RecordBatch } from 'apache-arrow'
import type { Json } from '../core/json.ts'

/** Predictions made together. Row i has the id `<batchId>.<i>`. */
export interface PredictionObservation {
  readonly batchId: string
  /** When they were made, milliseconds since 1970 UTC. */
  readonly time: number
  readonly version: number
  /** The raw columns, as the signature names them. */
  readonly inputs: RecordBatch
  readonly scores: Float32Array
  readonly durationMs: number
}
/** What came true, later. `rows` are indices into the batch; absent: all its rows in order. */
export interface OutcomeObservation {
  readonly batchId: string
  readonly time: number
  readonly rows?: Uint32Array
  readonly labels: Float32Array
}
/** What the host did about predictions. */
export interface ActionObservation {
  readonly batchId: string
  readonly time: number
  readonly rows: Uint32Array
  readonly action: string
}

/** Watches a deployment. All state is explicit: `toJSON` at any point, the class's own `fromJSON`, and it goes on as if nothing had happened. */
export interface Monitor {
  readonly name: string
  observePredictions?(observation: PredictionObservation): void
  observeOutcomes?(observation: OutcomeObservation): void
  observeActions?(observation: ActionObservation): void
  observeFailure?(failure: { readonly time: number; readonly rows: number; readonly durationMs: number; readonly error: unknown }): void
  toJSON(): Json
}
