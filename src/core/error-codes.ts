import type { Json } from './json-value.ts'

/** A column that does not fit: what was expected of it, what came. */
export interface ColumnMismatch {
  readonly name: string
  readonly expected: string
  readonly received: string
}

/**
 * The closed table of faults: one line a code, with the details that the code carries. A code is never reused for another meaning, and
 * details never hold a secret.
 */
export interface ErrorDetails {
  // core
  readonly VALUE_NOT_JSON: { readonly path: string; readonly received: string }
  readonly ARGUMENT_INVALID: { readonly argument: string; readonly expected: string; readonly received: string }
  readonly DEPENDENCY_MISSING: { readonly package: string; readonly install: string }
  readonly FORMAT_UNSUPPORTED: { readonly format: string; readonly formatVersion: number; readonly supportedVersion: number }
  // storage
  readonly STORAGE_NOT_FOUND: { readonly key: string }
  /** Somebody else's object is there; ours was not written. */
  readonly STORAGE_CONFLICT: { readonly key: string }
  /** It may or may not have been written: read it back and compare. */
  readonly STORAGE_OUTCOME_UNKNOWN: { readonly key: string }
  readonly STORAGE_NO_SPACE: { readonly key: string }
  readonly STORAGE_CORRUPT: { readonly key: string; readonly offsetBytes?: number; readonly reason: string }
  readonly STORAGE_UNAVAILABLE: { readonly storage: string; readonly reason: string }
  readonly STORAGE_INVALID_KEY: { readonly key: string; readonly reason: string }
  /** The storage lacks what is asked of it, such as put-if-absent for a registry. */
  readonly STORAGE_CAPABILITY_MISSING: { readonly storage: string; readonly capability: string }
  // data
  readonly SCHEMA_UNSUPPORTED: { readonly path: string; readonly type: string }
  readonly SCHEMA_MISMATCH: { readonly columns: readonly ColumnMismatch[] }
  readonly ROWS_REJECTED: { readonly rejected: number; readonly read: number; readonly sample: readonly Json[] }
  /** A source that cannot be read: absent, or not in its format. */
  readonly SOURCE_UNREADABLE: { readonly source: string; readonly reason: string }
  readonly COLUMN_NOT_FOUND: { readonly column: string; readonly nearest?: string }
  readonly DATASET_NOT_FOUND: { readonly name: string }
  readonly SPLIT_EMPTY: { readonly part: string; readonly rows: number }
  // features
  readonly FEATURE_INVALID: { readonly feature: string; readonly reason: string }
  // pipeline
  readonly STAGE_INVALID: { readonly stage: string; readonly reason: string }
  readonly STAGE_FAILED: { readonly stage: string; readonly attempt: number }
  readonly STAGE_TIMED_OUT: { readonly stage: string; readonly timeoutMs: number }
  readonly OUTPUT_NOT_STORABLE: { readonly path: string; readonly received: string }
  /** The record of the failed run: which stages ran, which failed and why. */
  readonly RUN_FAILED: { readonly runId: string; readonly stage: string; readonly record: Json }
  readonly RUN_NOT_FOUND: { readonly runId: string }
  readonly RUN_EXISTS: { readonly runId: string }
  /** A stage does not keep what every stage promises. */
  readonly STAGE_CHECK_FAILED: { readonly stage: string; readonly check: string; readonly reason: string }
  // model, train, tfjs
  readonly BACKEND_UNAVAILABLE: { readonly backend: string; readonly reason: string }
  /** The host's tfjs ran out of the memory that its backend can address. */
  readonly BACKEND_OUT_OF_MEMORY: { readonly backend: string; readonly sizeBytes: number }
  readonly LABEL_INVALID: { readonly target: string; readonly reason: string; readonly row?: number }
  readonly TRAINING_DIVERGED: { readonly epoch: number; readonly loss: string }
  readonly MODEL_KIND_UNKNOWN: { readonly kind: string; readonly known: readonly string[] }
  readonly MODEL_INVALID: { readonly reason: string }
  readonly GOLDEN_MISMATCH: { readonly row: number; readonly expected: number; readonly received: number }
  // evaluate
  readonly METRIC_UNDEFINED: { readonly metric: string; readonly reason: string }
  // registry
  readonly MODEL_NOT_FOUND: { readonly name: string; readonly version?: number; readonly alias?: string }
  readonly ALIAS_MOVED: { readonly name: string; readonly alias: string; readonly expectedVersion: number; readonly version: number | null }
  readonly ALIAS_NOTHING_BEFORE: { readonly name: string; readonly alias: string; readonly version: number }
  readonly REGISTRY_BUSY: { readonly name: string; readonly attempts: number }
  // deploy
  readonly REQUEST_INVALID: { readonly reason: string; readonly path?: string }
  readonly PREDICTION_NOT_FOUND: { readonly id: string }
  readonly DEPLOYMENT_CLOSED: { readonly model: string }
  readonly DEADLINE_EXCEEDED: { readonly deadlineMs: number }
  // monitor
  readonly MONITOR_STATE_MISMATCH: { readonly reason: string }
  // testing
  /** An implementation does not do what its contract says. */
  readonly CONFORMANCE_FAILED: { readonly subject: string; readonly expected: string; readonly received: string }
}

/** One of the codes of {@link ErrorDetails}. */
export type ErrorCode = keyof ErrorDetails
