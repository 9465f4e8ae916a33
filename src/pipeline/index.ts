/**
 * Stages and how they are run: a {@link Stage} is a function with a name and a version, a {@link Pipeline} chains them and is run with a storage that caches
 * outputs, journals what happened and lets another process resume. It knows stages, not data.
 *
 * @module millrace/pipeline
 */

export type { Cache, CollectCacheOptions, CollectedCache } from './cache-collection.ts'
export { openCache } from './cache-collection.ts'
export type { CacheTotal } from './cache-contents.ts'
export type { AbandonReason, HitReason, MissReason, SkipReason, StageReason } from './cache-reason.ts'
export { cacheReferences } from './cache-references.ts'
export type { Difference, RunComparison } from './compare-runs.ts'
export { compareRuns } from './compare-runs.ts'
export type { DeleteRunOptions } from './delete-run.ts'
export { deleteRun } from './delete-run.ts'
export type { CollectNode, ConditionNode, Graph, GraphNode, JoinNode, MapNode, StageNode } from './graph.ts'
export { buildGraph } from './graph.ts'
export { createJsonCodec } from './json-codec.ts'
export type { ListRunsOptions, RunIssue } from './list-runs.ts'
export { listRuns } from './list-runs.ts'
export type { LocalRunnerOptions } from './local-runner.ts'
export { LocalRunner } from './local-runner.ts'
export { Pipeline } from './pipeline.ts'
export type {
  MapItem,
  PipelineEvent,
  RunFinished,
  RunResumed,
  RunStarted,
  StageAbandoned,
  StageArtifact,
  StageAttemptFailed,
  StageCached,
  StageFailed,
  StageIdentity,
  StageMetrics,
  StageMissed,
  StageProgress,
  StageSkipped,
  StageStarted,
  StageSucceeded,
} from './pipeline-event.ts'
export type { Decided, NodeState, PlannedNode, PlannerEvent } from './planner.ts'
export { Planner } from './planner.ts'
export type { Run, RunHandle, Runnable, Runner, RunOptions, WithInput } from './run.ts'
export type { RecordedArtifact, RecordedError, RunOutcome, RunRecord, StageOutcome, StageRecord } from './run-record.ts'
export { readRun } from './run-store.ts'
export type { AnyStage, OutputOf } from './stage.ts'
export { Stage } from './stage.ts'
export type { Codec, CodecOptions, StageContext, StageDefinition } from './stage-definition.ts'
export type { Step } from './steps.ts'
