import { MillraceError } from '../core/error.ts'
import type { MapItem, PipelineEvent, RunStarted, StageMissed } from './pipeline-event.ts'
import type { RunRecord, StageRecord } from './run-record.ts'

/**
 * The record of a run from its events, the same whether they were just told or read back from the journal. A run without an end (its process
 * died, or it is still under way) is `unfinished`, and so are its stages that have none.
 */
export function foldRecord(events: readonly PipelineEvent[]): RunRecord {
  const first = events[0]
  if (first?.type !== 'run-started') {
    const received = first?.type ?? 'nothing'
    throw new MillraceError('STORAGE_CORRUPT', {
      message: `Expected the events of a run to begin with "run-started". Received ${received}.`,
      details: { key: `runs/${first?.runId ?? ''}`, reason: `begins with ${received}` },
    })
  }
  const stages = new Map<string, StageRecord>()
  for (const name of first.stages) stages.set(name, { name, outcome: 'unfinished', durationMs: 0, attempts: 0 })
  let record = recordOf(first)
  for (const event of events) {
    if (event.type === 'run-started') continue
    if (event.type === 'run-finished') {
      const { outcome, durationMs, error } = event
      record = { ...record, outcome, finishedAt: event.time, durationMs, ...(error === undefined ? {} : { error }) }
      continue
    }
    const before = stages.get(event.stage) ?? { name: event.stage, outcome: 'unfinished', durationMs: 0, attempts: 0 }
    stages.set(event.stage, event.item === undefined ? foldStage(before, event) : foldItem(before, event, event.item))
  }
  return { ...record, stages: [...stages.values()] }
}

function recordOf(first: RunStarted): RunRecord {
  const { runId, time, pipeline, seed, tags, codeVersion, resumes } = first
  return {
    format: 'millrace-run',
    formatVersion: 1,
    minReaderVersion: 1,
    id: runId,
    pipeline,
    outcome: 'unfinished',
    startedAt: time,
    seed,
    tags,
    ...(codeVersion === undefined ? {} : { codeVersion }),
    ...(resumes === undefined ? {} : { resumes }),
    stages: [],
  }
}

type StageEvent = Exclude<PipelineEvent, { type: 'run-started' | 'run-finished' }>

function foldStage(stage: StageRecord, event: StageEvent): StageRecord {
  switch (event.type) {
    case 'stage-missed':
      return { ...foldReason(stage, event), cacheKey: event.cacheKey }
    case 'stage-cached': {
      const { reason, from, outputDigest, durationMs, cacheKey } = event
      return { ...stage, outcome: 'cached', reason, from, outputDigest, durationMs, ...(cacheKey === undefined ? {} : { cacheKey }) }
    }
    case 'stage-attempt-failed':
      return { ...stage, attempts: event.attempt }
    case 'stage-succeeded': {
      const { durationMs, attempts, outputDigest } = event
      return { ...stage, outcome: 'succeeded', durationMs, attempts, ...(outputDigest === undefined ? {} : { outputDigest }) }
    }
    case 'stage-failed':
      return { ...stage, outcome: 'failed', durationMs: event.durationMs, attempts: event.attempts, error: event.error }
    case 'stage-skipped':
      return { ...stage, outcome: 'skipped', reason: event.reason }
    case 'stage-abandoned':
      return { ...stage, outcome: 'abandoned', reason: event.reason }
    default:
      return stage
  }
}

function foldReason(stage: StageRecord, event: StageMissed): StageRecord {
  return { ...stage, reason: event.reason, ...(event.detail === undefined ? {} : { detail: event.detail }) }
}

const noItems = { total: 0, cached: 0, succeeded: 0, failed: 0 }

/** Counts the items themselves, not the stages inside them. */
function foldItem(stage: StageRecord, event: StageEvent, item: MapItem): StageRecord {
  const items = stage.items ?? noItems
  const count = (outcome: 'cached' | 'succeeded' | 'failed'): StageRecord => ({
    ...stage,
    items: { ...items, total: items.total + 1, [outcome]: items[outcome] + 1 },
  })
  // The first that missed says why the map ran, be it an item or a stage inside one.
  if (event.type === 'stage-missed' && stage.reason === undefined) return foldReason(stage, event)
  if (item.stage !== undefined) return stage
  if (event.type === 'stage-cached') return count('cached')
  if (event.type === 'stage-succeeded') return count('succeeded')
  if (event.type === 'stage-failed') return count('failed')
  return stage
}
