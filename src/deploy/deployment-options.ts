import type { Clock } from '../core/clock.ts'
import type { IdentifierSource } from '../core/identifiers.ts'
import type { RowSchema } from '../data/row-schema.ts'
import type { LogTarget } from '../log/log-target.ts'
import type { PredictionLog } from '../log/prediction-log.ts'
import type { ModelLoader } from '../model/model.ts'
import type { Lineage, Signature } from '../model/model-package.ts'
import type { ModelRegistry } from '../model/model-registry.ts'
import type { Monitor } from '../monitor/monitor.ts'

export type DeploymentOptions<Wire extends object> = {
  readonly registry: ModelRegistry
  /** Name of the model in the registry. */
  readonly model: string
  /**
   * What the host calls this place, such as `checkout-api`: each version that serves here is recorded under it, where the registry can. That this fails is
   * reported (`record-failed`) and breaks nothing.
   */
  readonly name?: string
  /** What the host's rows are: checked against the model's signature when a version is opened. A schema may have columns that the model does not take. */
  readonly schema?: RowSchema<unknown, Wire>
  /** Loaders of the kinds of models that may come; default dense networks. */
  readonly models?: readonly ModelLoader[]
  /** Every prediction, outcome and action goes into it. The host closes it. */
  readonly log?: PredictionLog
  /** When the log cannot take a prediction: `report` answers all the same and tells by an event (default), `reject` fails the call, for audits. */
  readonly onLogFailure?: 'report' | 'reject'
  readonly monitors?: readonly Monitor[]
  /** Predictions at or above it are flagged. */
  readonly threshold?: number
  readonly clock?: Clock
  /** Makes the identifiers of batches; default one random identifier for the deployment and a number after it. */
  readonly identifiers?: IdentifierSource
  readonly logger?: LogTarget
  /** Cancels the opening. */
  readonly signal?: AbortSignal
} & (
  | {
      /** The version under this alias, now and after each `refresh`. */
      readonly alias: string
      readonly version?: never
    }
  | {
      /** This version and no other. */
      readonly version: number
      readonly alias?: never
    }
)

export interface PredictOptions {
  readonly signal?: AbortSignal
  /** Milliseconds from the call within which the answer must be there, and handed to the log; default none. */
  readonly deadlineMs?: number
}

/** Answers to rows, in their order. */
export interface Prediction {
  /** A probability for a binary classifier, a value for a regression. */
  readonly predictions: readonly number[]
  /** One a row: for `recordOutcome` and `recordAction`. */
  readonly ids: readonly string[]
  /** The version that answered. */
  readonly version: number
  /** Where the deployment has a threshold: whether the prediction reaches it. */
  readonly flagged?: readonly boolean[]
}

/** Answers to a batch, columnar. */
export interface BatchPrediction {
  readonly batchId: string
  /** One a row. Log and monitors hold the same array: do not change it. */
  readonly scores: Float32Array
  /** The version that answered. */
  readonly version: number
  /** Where the deployment has a threshold: the rows that reach it. */
  readonly flaggedRows?: Uint32Array
  /** The identifier of a row, `<batchId>.<row>`. */
  idOf(row: number): string
}

/** What came true of predictions made together. */
export interface Outcomes {
  readonly batchId: string
  /** Indices into the batch; left out: all its rows, in order. */
  readonly rows?: Uint32Array | readonly number[]
  /** 0 or 1 (or booleans) for a binary classifier, else numbers. */
  readonly labels: Float32Array | readonly (number | boolean)[]
  /** Milliseconds since 1970 UTC; default now. */
  readonly time?: number
}

/** What the host did about predictions made together. */
export interface Actions {
  readonly batchId: string
  readonly rows: Uint32Array | readonly number[]
  readonly action: string
  /** Milliseconds since 1970 UTC; default now. */
  readonly time?: number
}

/** What is served now. */
export interface DeploymentMetadata {
  readonly model: string
  readonly alias: string | undefined
  readonly version: number
  readonly manifestDigest: string
  readonly signature: Signature
  readonly target: string
  readonly task: string
  /** The figures of its evaluation. */
  readonly metrics: Readonly<Record<string, number>>
  readonly lineage: Lineage
  readonly threshold: number | undefined
}

/** `failed`: the version that served goes on serving, and the event `refresh-failed` says why. */
export type RefreshOutcome = 'unchanged' | 'swapped' | 'failed'
