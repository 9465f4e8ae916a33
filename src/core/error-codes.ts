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
  /** A value that must be JSON is not: NaN, a function, a cycle, a class instance. `path` says where. */
  readonly VALUE_NOT_JSON: { readonly path: string; readonly received: string }
  /** An option or argument makes no sense; the message says what was expected. */
  readonly ARGUMENT_INVALID: { readonly argument: string; readonly expected: string; readonly received: string }
  /** A package that this part needs is not installed; `install` is the command. */
  readonly DEPENDENCY_MISSING: { readonly package: string; readonly install: string }
  /** Stored by a newer version of the library than this one can read. */
  readonly FORMAT_UNSUPPORTED: { readonly format: string; readonly formatVersion: number; readonly supportedVersion: number }
  // storage
  /** An object that something else names is not there. */
  readonly STORAGE_NOT_FOUND: { readonly key: string }
  /** Somebody else's object is there; ours was not written. */
  readonly STORAGE_CONFLICT: { readonly key: string }
  /** It may or may not have been written: read it back and compare. */
  readonly STORAGE_OUTCOME_UNKNOWN: { readonly key: string }
  /** The disk or the quota is full; nothing of the write is left. */
  readonly STORAGE_NO_SPACE: { readonly key: string }
  /** Stored bytes are not what was written there: another digest or checksum, or not the format. */
  readonly STORAGE_CORRUPT: { readonly key: string; readonly offsetBytes?: number; readonly reason: string }
  /** The store cannot be reached, refuses, or is closed. */
  readonly STORAGE_UNAVAILABLE: { readonly storage: string; readonly reason: string }
  /** The store does not let these credentials in, or not do this: it may be read-only. */
  readonly STORAGE_DENIED: { readonly storage: string; readonly reason: string }
  /** A name that is no storage key, or that is the folder of another. */
  readonly STORAGE_INVALID_KEY: { readonly key: string; readonly reason: string }
  /** The storage lacks what is asked of it, such as put-if-absent for a registry. */
  readonly STORAGE_CAPABILITY_MISSING: { readonly storage: string; readonly capability: string }
  // data
  /** A type that a column cannot have, such as a nested object. */
  readonly SCHEMA_UNSUPPORTED: { readonly path: string; readonly type: string }
  /** Columns are not what they must be: missing, of another kind, or null where they may not. */
  readonly SCHEMA_MISMATCH: { readonly columns: readonly ColumnMismatch[] }
  /** More rows did not fit the schema than `maxRejectedShare` allows (or one, with `fail`); `sample` describes the first. */
  readonly ROWS_REJECTED: { readonly rejected: number; readonly read: number; readonly sample: readonly Json[] }
  /** A source that cannot be read: absent, or not in its format. */
  readonly SOURCE_UNREADABLE: { readonly source: string; readonly reason: string }
  /** A record (or the heading) of a source that is not well-formed, where that was to fail. `line` is where the record begins, `value` how. */
  readonly SOURCE_MALFORMED: {
    readonly source: string
    readonly line: number
    readonly column: string | null
    readonly reason: string
    readonly value: string
  }
  /** No column of that name; `nearest` is the likeliest that was meant. */
  readonly COLUMN_NOT_FOUND: { readonly column: string; readonly nearest?: string }
  /** The catalog has no such version of the named data. */
  readonly DATASET_NOT_FOUND: { readonly name: string }
  /** A part of the data has no rows where some are needed. */
  readonly SPLIT_EMPTY: { readonly part: string; readonly rows: number }
  // features
  /** The definition of a feature does not fit the columns or the data. */
  readonly FEATURE_INVALID: { readonly feature: string; readonly reason: string }
  // pipeline
  /** A name, version, parameter or limit of a stage or pipeline that does not fit. */
  readonly STAGE_INVALID: { readonly stage: string; readonly reason: string }
  /** A stage threw at its last attempt; `cause` is what it threw. */
  readonly STAGE_FAILED: { readonly stage: string; readonly attempt: number }
  /** An attempt took longer than the stage's `timeoutMs`. */
  readonly STAGE_TIMED_OUT: { readonly stage: string; readonly timeoutMs: number }
  /** A stage returned what cannot be stored; `path` says where. Give the stage a portable for it. */
  readonly OUTPUT_NOT_STORABLE: { readonly path: string; readonly received: string }
  /** A run failed. The record says which stages ran, which failed and why; `cause` is the first failure. */
  readonly RUN_FAILED: { readonly runId: string; readonly stage: string; readonly record: Json }
  /** No run of that id in this storage. */
  readonly RUN_NOT_FOUND: { readonly runId: string }
  /** A run of that id is there already. */
  readonly RUN_EXISTS: { readonly runId: string }
  /** Another process has the run: it resumed it first (its epoch is the higher one), or is at work on it. This one changed nothing. */
  readonly RUN_OWNED: { readonly runId: string; readonly epoch: number }
  /** The pipeline is not the one that the run was begun with: its stages changed, came or went. */
  readonly CODE_MISMATCH: { readonly runId: string; readonly stages: readonly string[] }
  /** A stage does not keep what every stage promises. */
  readonly STAGE_CHECK_FAILED: { readonly stage: string; readonly check: string; readonly reason: string }
  // model, train, tfjs
  /** A backend of TensorFlow.js did not start. */
  readonly BACKEND_UNAVAILABLE: { readonly backend: string; readonly reason: string }
  /** The host's tfjs ran out of the memory that its backend can address, or a training step would need too much of it. */
  readonly BACKEND_OUT_OF_MEMORY: { readonly backend: string; readonly sizeBytes: number }
  /** A label that cannot be learned or measured: null, not finite, or not 0 or 1 in a binary task. */
  readonly LABEL_INVALID: { readonly target: string; readonly reason: string; readonly row?: number }
  /** The loss or its gradient is no longer finite: lower the learning rate, or look at the features. */
  readonly TRAINING_DIVERGED: { readonly epoch: number; readonly loss: string }
  /** No loader for a model of this kind; give one in `models`. */
  readonly MODEL_KIND_UNKNOWN: { readonly kind: string; readonly known: readonly string[] }
  /** A model or package whose parts do not belong together, or that answers what is no number. */
  readonly MODEL_INVALID: { readonly reason: string }
  /** A loaded model no longer answers as it did when it was packaged: it must not serve. */
  readonly GOLDEN_MISMATCH: { readonly row: number; readonly expected: number; readonly received: number }
  // evaluate
  /** The rows do not define the metric, such as the AUC of one class. */
  readonly METRIC_UNDEFINED: { readonly metric: string; readonly reason: string }
  // registry
  /** No such model, version or alias in the registry. */
  readonly MODEL_NOT_FOUND: { readonly name: string; readonly version?: number; readonly alias?: string }
  /** Somebody moved the alias since it was read; look again, then decide again. */
  readonly ALIAS_MOVED: { readonly name: string; readonly alias: string; readonly expectedVersion: number; readonly version: number | null }
  /** The alias had no version before, so it cannot be rolled back. */
  readonly ALIAS_NOTHING_BEFORE: { readonly name: string; readonly alias: string; readonly version: number }
  /** The alias is protected: a move needs `expectedVersion`, `reason` and `by`, and it cannot be removed. */
  readonly ALIAS_PROTECTED: { readonly name: string; readonly alias: string; readonly missing: readonly string[] }
  /** The hook `beforeAliasMove` refused the move; `cause` is what it threw. */
  readonly ALIAS_MOVE_REFUSED: { readonly name: string; readonly alias: string; readonly version: number | null }
  /** The version was deleted: its number stays taken, its record in the history. */
  readonly VERSION_DELETED: { readonly name: string; readonly version: number }
  /** Aliases point at the version, so it cannot be deleted. */
  readonly VERSION_IN_USE: { readonly name: string; readonly version: number; readonly aliases: readonly string[] }
  /** This kind of registry cannot do what is asked; `reason` says why. */
  readonly REGISTRY_UNSUPPORTED: { readonly registry: string; readonly operation: string; readonly reason: string }
  /** The registry's server cannot be reached, or fails. */
  readonly REGISTRY_UNAVAILABLE: { readonly registry: string; readonly reason: string; readonly status?: number }
  /** The registry's server does not let these credentials in. */
  readonly REGISTRY_DENIED: { readonly registry: string; readonly status: number }
  /** A stream of exported files that is damaged, cut short or not one; nothing was imported from it. */
  readonly EXPORT_INVALID: { readonly path: string; readonly reason: string }
  /** Other writers came first at every attempt; nothing was changed. */
  readonly REGISTRY_BUSY: { readonly name: string; readonly attempts: number }
  // deploy
  /** Rows or a request that do not fit what the model takes; `path` says where. */
  readonly REQUEST_INVALID: { readonly reason: string; readonly path?: string }
  /** An identifier that no prediction can have. */
  readonly PREDICTION_NOT_FOUND: { readonly id: string }
  /** The deployment takes no more calls. */
  readonly DEPLOYMENT_CLOSED: { readonly model: string }
  /** The answer was not there in time. */
  readonly DEADLINE_EXCEEDED: { readonly deadlineMs: number }
  // monitor
  /** States or profiles that are to be merged or restored do not belong together. */
  readonly MONITOR_STATE_MISMATCH: { readonly reason: string }
  // testing
  /** An implementation does not do what its contract says. */
  readonly CONFORMANCE_FAILED: { readonly subject: string; readonly expected: string; readonly received: string }
}

/** One of the codes of {@link ErrorDetails}. */
export type ErrorCode = keyof ErrorDetails
