import type { StageReason } from './cache-reason.ts'

/** How a stage ended; `unfinished` where the run is still under way, or its process died. */
export type StageOutcome = 'succeeded' | 'cached' | 'failed' | 'skipped' | 'abandoned' | 'unfinished'
export type RunOutcome = 'succeeded' | 'failed' | 'cancelled' | 'unfinished'

/** A fault, as it is kept: the code where it is one of ours. */
export interface RecordedError {
  readonly code?: string
  readonly message: string
}

export interface StageRecord {
  /** As in the graph: `ingest`, or `nightly/ingest` inside another pipeline. */
  readonly name: string
  readonly outcome: StageOutcome
  readonly durationMs: number
  /** How often it was tried; 0 when it was not run. */
  readonly attempts: number
  /** Why it ran, was taken from the cache, was skipped or was abandoned. */
  readonly reason?: StageReason
  /** What of it changed, such as `learner.parameters.epochs`. */
  readonly detail?: string
  readonly cacheKey?: string
  /** SHA-256 of the output's content. */
  readonly outputDigest?: string
  /** The run that made the output, where it was taken from the cache. */
  readonly from?: string
  /** For a map: its items. */
  readonly items?: { readonly total: number; readonly cached: number; readonly succeeded: number; readonly failed: number }
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
  readonly durationMs?: number
  readonly seed: number
  readonly tags: Readonly<Record<string, string>>
  readonly codeVersion?: string
  /** The run that this one resumes. */
  readonly resumes?: string
  readonly error?: RecordedError
  readonly stages: readonly StageRecord[]
}
