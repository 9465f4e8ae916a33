import type { Json } from '../core/json.ts'
import type { AbandonReason, HitReason, MissReason, SkipReason } from './cache-reason.ts'
import type { RecordedArtifact, RecordedError, RunOutcome } from './run-record.ts'

/** Where in a map an event belongs: the item's index, and the stage inside when the map runs a pipeline. */
export interface MapItem {
  readonly index: number
  readonly stage?: string
}

interface OfRun {
  readonly runId: string
  /** Milliseconds since 1970 UTC. */
  readonly time: number
}
interface OfStage extends OfRun {
  /** As in the graph: `ingest`, or `nightly/ingest` inside another pipeline. */
  readonly stage: string
  /** Set for one item of a map. */
  readonly item?: MapItem
}

/** What one stage of the pipeline was when the run began: whether it is still that decides whether the run can be resumed. */
export interface StageIdentity {
  /** `train`, or `each/double` inside a map. */
  readonly path: string
  /** `end` stands for what a whole graph gives. */
  readonly kind: 'stage' | 'map' | 'end'
  readonly version: string
  /** Long values by their digest. */
  readonly parameters: Json
  /**
   * SHA-256 of what the stage is, other than its version and its parameters: name, codec, dependencies, whether it is an effect, the source text of its
   * functions. What those capture or call is not in it; of a bound function only its name is.
   */
  readonly code: string
  /** SHA-256 of what it takes its input from, and under which conditions. */
  readonly wiring: string
}

export interface RunStarted extends OfRun {
  readonly type: 'run-started'
  readonly pipeline: string
  readonly stages: readonly string[]
  readonly identities: readonly StageIdentity[]
  /** SHA-256 of the input's content; null where it cannot be stored. */
  readonly inputDigest: string | null
  readonly seed: number
  readonly force: readonly string[]
  readonly tags: Readonly<Record<string, string>>
  /** How long the run's heartbeat may stand still before another process may take the run over. */
  readonly leaseMs: number
  readonly codeVersion?: string
}
/** Another process, or this one, goes on with the run. */
export interface RunResumed extends OfRun {
  readonly type: 'run-resumed'
  /** 1 is the epoch of the start; each resumption has the next. */
  readonly epoch: number
  readonly leaseMs: number
  readonly codeVersion?: string
  /** What was given with the resumption. */
  readonly tags?: Readonly<Record<string, string>>
}
/** The output must be made, and why. */
export interface StageMissed extends OfStage {
  readonly type: 'stage-missed'
  readonly reason: MissReason
  /** What of it changed, such as `learner.parameters.epochs`. */
  readonly detail?: string
  readonly cacheKey: string
  /** SHA-256 of the input's content. */
  readonly inputDigest: string
}
export interface StageCached extends OfStage {
  readonly type: 'stage-cached'
  readonly reason: HitReason
  /** The run that made the output; for a map the latest of them. */
  readonly from: string
  readonly cacheKey?: string
  readonly inputDigest?: string
  readonly outputDigest: string
  readonly durationMs: number
  /** Set where the output was kept with the run: the epoch that kept it. */
  readonly keptIn?: number
  /** The last figures that the stage told when the output was made. */
  readonly metrics?: Readonly<Record<string, number>>
  /** What the stage made outside of what flows when the output was made. */
  readonly artifacts?: readonly RecordedArtifact[]
}
/** The first attempt begins; a map begins with its first item. */
export interface StageStarted extends OfStage {
  readonly type: 'stage-started'
  /** Of a map: SHA-256 of its list. */
  readonly inputDigest?: string
}
/** Not kept in the journal. */
export interface StageProgress extends OfStage {
  readonly type: 'stage-progress'
  readonly done: number
  readonly total?: number
  readonly unit?: string
  readonly fields?: Readonly<Record<string, number>>
}
/** Figures that a stage kept with the run, such as a loss. */
export interface StageMetrics extends OfStage {
  readonly type: 'stage-metrics'
  /** Finite or not. */
  readonly values: Readonly<Record<string, number>>
  /** Counts epochs or the like. */
  readonly step?: number
}
/** Something that a stage made outside of what flows, such as a version of a model. */
export interface StageArtifact extends OfStage, RecordedArtifact {
  readonly type: 'stage-artifact'
}
export interface StageAttemptFailed extends OfStage {
  readonly type: 'stage-attempt-failed'
  /** 1 for the first. */
  readonly attempt: number
  readonly error: RecordedError
  /** Until the next attempt; absent after the last. */
  readonly retryInMs?: number
}
export interface StageSucceeded extends OfStage {
  readonly type: 'stage-succeeded'
  readonly durationMs: number
  readonly attempts: number
  /** Absent where the output cannot be stored and nothing needs it: an effect at the end. */
  readonly outputDigest?: string
  /** Set where the output is kept with the run, for a resumption: the epoch that kept it. */
  readonly keptIn?: number
  /** Set where the output is not in the cache because it is larger than `maxEntryBytes`: its size. */
  readonly tooLargeBytes?: number
}
export interface StageFailed extends OfStage {
  readonly type: 'stage-failed'
  readonly durationMs: number
  readonly attempts: number
  readonly error: RecordedError
}
export interface StageSkipped extends OfStage {
  readonly type: 'stage-skipped'
  readonly reason: SkipReason
}
export interface StageAbandoned extends OfStage {
  readonly type: 'stage-abandoned'
  readonly reason: AbandonReason
}
export interface RunFinished extends OfRun {
  readonly type: 'run-finished'
  readonly outcome: Exclude<RunOutcome, 'unfinished'>
  /** Of this epoch. */
  readonly durationMs: number
  readonly error?: RecordedError
}

/** Everything that a run tells: a closed union over `type`. */
export type PipelineEvent =
  | RunStarted
  | RunResumed
  | StageMissed
  | StageCached
  | StageStarted
  | StageProgress
  | StageMetrics
  | StageArtifact
  | StageAttemptFailed
  | StageSucceeded
  | StageFailed
  | StageSkipped
  | StageAbandoned
  | RunFinished
