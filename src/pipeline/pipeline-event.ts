import type { AbandonReason, HitReason, MissReason, SkipReason } from './cache-reason.ts'
import type { RecordedError, RunOutcome } from './run-record.ts'

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

export interface RunStarted extends OfRun {
  readonly type: 'run-started'
  readonly pipeline: string
  readonly stages: readonly string[]
  readonly seed: number
  readonly tags: Readonly<Record<string, string>>
  readonly codeVersion?: string
  readonly resumes?: string
}
/** The output must be made, and why. */
export interface StageMissed extends OfStage {
  readonly type: 'stage-missed'
  readonly reason: MissReason
  /** What of it changed, such as `learner.parameters.epochs`. */
  readonly detail?: string
  readonly cacheKey: string
}
export interface StageCached extends OfStage {
  readonly type: 'stage-cached'
  readonly reason: HitReason
  /** The run that made the output; for a map the latest of them. */
  readonly from: string
  readonly cacheKey?: string
  readonly outputDigest: string
  readonly durationMs: number
}
/** The first attempt begins. */
export interface StageStarted extends OfStage {
  readonly type: 'stage-started'
}
/** Not kept in the journal. */
export interface StageProgress extends OfStage {
  readonly type: 'stage-progress'
  readonly done: number
  readonly total?: number
  readonly unit?: string
  readonly fields?: Readonly<Record<string, number>>
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
  /** Absent where nothing needs it: an effect at the end. */
  readonly outputDigest?: string
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
  readonly durationMs: number
  readonly error?: RecordedError
}

/** Everything that a run tells: a closed union over `type`. */
export type PipelineEvent =
  | RunStarted
  | StageMissed
  | StageCached
  | StageStarted
  | StageProgress
  | StageAttemptFailed
  | StageSucceeded
  | StageFailed
  | StageSkipped
  | StageAbandoned
  | RunFinished
