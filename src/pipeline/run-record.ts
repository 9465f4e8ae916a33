import type { Json } from '../core/json.ts'
import type { StageReason } from './cache-reason.ts'

/** How a stage ended; `unfinished` where the run is still under way, or its process died. */
export type StageOutcome = 'succeeded' | 'cached' | 'failed' | 'skipped' | 'abandoned' | 'unfinished'
export type RunOutcome = 'succeeded' | 'failed' | 'cancelled' | 'unfinished'

/** A fault, as it is kept: the code where it is one of ours. */
export interface RecordedError {
  readonly code?: string
  readonly message: string
}

/** Something that a stage made outside of what flows: a version of a model, a report. */
export interface RecordedArtifact {
  /** Such as `model-version`. */
  readonly kind: string
  readonly name: string
  /** Where it is found: a version's number, a URL, a digest. */
  readonly reference: string
}

export interface StageRecord {
  /** As in the graph: `ingest`, or `nightly/ingest` inside another pipeline. */
  readonly name: string
  readonly outcome: StageOutcome
  /** Of the time that it ended, in milliseconds. */
  readonly durationMs: number
  /** How often it was tried, over all epochs; 0 when it was not run. */
  readonly attempts: number
  /** Its version; for a map of a pipeline, by the names of the stages inside. */
  readonly version?: Json
  /** As they count in the cache key; where they are above 16,384 characters, their long values by digest. For a map of a pipeline, by the names of the stages inside. */
  readonly parameters?: Json
  /** SHA-256 of its code and what it declares, without version and parameters; for a map of a pipeline, by the names of the stages inside. */
  readonly code?: Json
  /** Why it ran, was taken from the cache, was skipped or was abandoned. */
  readonly reason?: StageReason
  /** What of it changed, such as `learner.parameters.epochs`. */
  readonly detail?: string
  readonly cacheKey?: string
  /** SHA-256 of the input's content. */
  readonly inputDigest?: string
  /** SHA-256 of the output's content. */
  readonly outputDigest?: string
  /** The run that made the output, where it was taken from the cache. */
  readonly from?: string
  /** For a map: its items. */
  readonly items?: { readonly total: number; readonly cached: number; readonly succeeded: number; readonly failed: number }
  /** The last value of each figure that the stage told, at most 1,000; also where its output was taken from the cache. Finite or not. */
  readonly metrics?: Readonly<Record<string, number>>
  /** What it made outside of what flows, at most 1,000. */
  readonly artifacts?: readonly RecordedArtifact[]
  readonly error?: RecordedError
}

/** What is kept of a run. Times are milliseconds since 1970 UTC. */
export interface RunRecord {
  readonly format: 'millrace-run'
  readonly formatVersion: number
  readonly minReaderVersion: number
  readonly id: string
  readonly pipeline: string
  readonly outcome: RunOutcome
  readonly startedAt: number
  readonly finishedAt?: number
  /** At work, over all epochs that came to an end. */
  readonly durationMs?: number
  /** 1 for a run that was never resumed. */
  readonly epoch: number
  /** Each with what was given with it. */
  readonly resumptions: readonly {
    readonly epoch: number
    readonly time: number
    readonly codeVersion?: string
    readonly tags?: Readonly<Record<string, string>>
  }[]
  readonly seed: number
  /** Of the start and of all resumptions; of two values of a name the later one. */
  readonly tags: Readonly<Record<string, string>>
  /** Of the start; resumptions have their own. */
  readonly codeVersion?: string
  /** SHA-256 of the content of the run's input; null where it cannot be stored. */
  readonly inputDigest: string | null
  readonly error?: RecordedError
  readonly stages: readonly StageRecord[]
}
