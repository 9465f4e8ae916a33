import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import type { MapItem, PipelineEvent, RunResumed, RunStarted, StageIdentity, StageMissed } from './pipeline-event.ts'
import type { RecordedArtifact, RunRecord, StageRecord } from './run-record.ts'

type StageEvent = Exclude<PipelineEvent, { type: 'run-started' | 'run-resumed' | 'run-finished' }>
type Items = NonNullable<StageRecord['items']>

/** Of one stage, so that a record stays small whatever a stage tells. */
const maxKept = 1000
const noItems: Items = { total: 0, cached: 0, succeeded: 0, failed: 0 }

interface Folded {
  readonly record: StageRecord
  /** Attempts of the epochs before this one. */
  readonly attemptsBefore: number
  /** An attempt is under way. */
  readonly isStarted: boolean
}

/**
 * Makes the record of a run from its events, one after the other, the same whether they were just told or read back from the journal. It holds no
 * events, so its size is that of the record. A run without an end (its process died, or it is still under way) is `unfinished`, and so are its
 * stages that have none. What a later epoch takes over from an earlier one stays as it was told then.
 */
export class RunFold {
  #record: RunRecord | undefined
  readonly #stages = new Map<string, Folded>()

  /** The number of the newest epoch; 0 before the first event. */
  get epoch(): number {
    return this.#record?.epoch ?? 0
  }

  apply(event: PipelineEvent): void {
    if (this.#record === undefined) {
      if (event.type !== 'run-started') throw noStart(event.runId, event.type)
      this.#begin(event)
      return
    }
    switch (event.type) {
      case 'run-started':
        return
      case 'run-resumed':
        this.#resume(this.#record, event)
        return
      case 'run-finished': {
        const { outcome, error } = event
        const durationMs = (this.#record.durationMs ?? 0) + event.durationMs
        this.#record = { ...this.#record, outcome, finishedAt: event.time, durationMs, ...(error === undefined ? {} : { error }) }
        return
      }
      default:
        this.#foldStage(event)
    }
  }

  /** @throws {@link MillraceError} `STORAGE_CORRUPT` when there was no event that begins a run. */
  record(): RunRecord {
    if (this.#record === undefined) throw noStart('', 'nothing')
    return { ...this.#record, stages: [...this.#stages.values()].map(({ record }) => record) }
  }

  #begin(first: RunStarted): void {
    const { runId, time, pipeline, seed, tags, codeVersion, inputDigest } = first
    this.#record = {
      format: 'millrace-run',
      formatVersion: 1,
      minReaderVersion: 1,
      id: runId,
      pipeline,
      outcome: 'unfinished',
      startedAt: time,
      epoch: 1,
      resumptions: [],
      seed,
      tags,
      inputDigest,
      ...(codeVersion === undefined ? {} : { codeVersion }),
      stages: [],
    }
    for (const name of first.stages) {
      const record: StageRecord = { name, outcome: 'unfinished', durationMs: 0, attempts: 0, ...identityOf(name, first.identities) }
      this.#stages.set(name, { record, attemptsBefore: 0, isStarted: false })
    }
  }

  /** What had an end that counts keeps it; the rest is to be done again. */
  #resume(before: RunRecord, { epoch, time, codeVersion, tags }: RunResumed): void {
    const { error: _error, ...record } = before
    const given = { ...(codeVersion === undefined ? {} : { codeVersion }), ...(tags === undefined ? {} : { tags }) }
    const resumptions = [...record.resumptions, { epoch, time, ...given }]
    this.#record = { ...record, outcome: 'unfinished', epoch, resumptions, tags: { ...record.tags, ...tags } }
    for (const [name, { record: stage, isStarted }] of this.#stages) {
      // The attempt that its process did not survive was one too; a map has none of its own.
      const attempts = stage.attempts + (isStarted && stage.items === undefined ? 1 : 0)
      const { error: _fault, ...rest } = stage
      this.#stages.set(name, {
        record: isDone(stage) ? stage : { ...rest, outcome: 'unfinished', attempts },
        attemptsBefore: attempts,
        isStarted: false,
      })
    }
  }

  #foldStage(event: StageEvent): void {
    const before = this.#stages.get(event.stage) ?? {
      record: { name: event.stage, outcome: 'unfinished', durationMs: 0, attempts: 0 },
      attemptsBefore: 0,
      isStarted: false,
    }
    this.#stages.set(event.stage, event.item === undefined ? foldStage(before, event) : foldItem(before, event, event.item))
  }
}

function isDone({ outcome }: StageRecord): boolean {
  return outcome === 'succeeded' || outcome === 'cached' || outcome === 'skipped'
}

/** What the stage was when the run began; of a map what the stages inside were. */
function identityOf(name: string, identities: readonly StageIdentity[]): Partial<StageRecord> {
  const own = identities.find(({ path }) => path === name)
  if (own === undefined) return {}
  if (own.kind === 'stage') return { version: own.version, parameters: own.parameters, code: own.code }
  const inside = identities.filter(({ path, kind }) => path.startsWith(`${name}/`) && kind === 'stage')
  const parts = inside.map((identity) => ({ ...identity, name: identity.path.slice(name.length + 1) }))
  const byName = (value: (part: StageIdentity) => Json): Json => Object.fromEntries(parts.map((part) => [part.name, value(part)]))
  const [only] = parts
  const isPlain = parts.length === 1 && only !== undefined && name.endsWith(only.name)
  if (isPlain) return { version: only.version, parameters: only.parameters, code: only.code }
  return {
    version: byName(({ version }) => version),
    parameters: byName(({ parameters }) => parameters),
    code: byName(({ code }) => code),
  }
}

function foldStage(folded: Folded, event: StageEvent): Folded {
  const { record: stage, attemptsBefore } = folded
  const ended = (record: StageRecord): Folded => ({ record, attemptsBefore, isStarted: false })
  switch (event.type) {
    case 'stage-missed': {
      const { metrics: _metrics, artifacts: _artifacts, from: _from, detail: _detail, ...rest } = stage
      const { cacheKey, inputDigest } = event
      return ended({ ...foldReason({ ...rest, outcome: 'unfinished' }, event), cacheKey, inputDigest })
    }
    case 'stage-started': {
      const { inputDigest } = event
      if (inputDigest === undefined) return { ...folded, isStarted: true }
      // A map: its items are walked anew; what they told before stays.
      return { record: { ...stage, outcome: 'unfinished', items: noItems, inputDigest }, attemptsBefore, isStarted: true }
    }
    case 'stage-cached':
      return ended(foldCached(stage, event))
    case 'stage-metrics':
      return { ...folded, record: { ...stage, metrics: mergeMetrics(stage.metrics, event.values) } }
    case 'stage-artifact':
      return { ...folded, record: { ...stage, artifacts: mergeArtifacts(stage.artifacts, [event]) } }
    case 'stage-attempt-failed':
      return { ...folded, record: { ...stage, attempts: attemptsBefore + event.attempt } }
    case 'stage-succeeded': {
      const { durationMs, outputDigest } = event
      const attempts = stage.items === undefined ? attemptsBefore + event.attempts : event.attempts
      return ended({ ...stage, outcome: 'succeeded', durationMs, attempts, ...(outputDigest === undefined ? {} : { outputDigest }) })
    }
    case 'stage-failed': {
      const attempts = stage.items === undefined ? attemptsBefore + event.attempts : event.attempts
      return ended({ ...stage, outcome: 'failed', durationMs: event.durationMs, attempts, error: event.error })
    }
    case 'stage-skipped':
      return ended({ ...stage, outcome: 'skipped', reason: event.reason })
    case 'stage-abandoned':
      // What an earlier epoch did stays done, also where a later one did not come to it.
      return isDone(stage) ? folded : ended({ ...stage, outcome: 'abandoned', reason: event.reason })
    default:
      return folded
  }
}

function foldCached(stage: StageRecord, event: Extract<StageEvent, { type: 'stage-cached' }>): StageRecord {
  const { reason, from, outputDigest, durationMs, cacheKey, inputDigest } = event
  const told = {
    ...(event.metrics === undefined ? {} : { metrics: event.metrics }),
    ...(event.artifacts === undefined ? {} : { artifacts: event.artifacts }),
  }
  if (reason === 'done before in this run') {
    // What this run did in an earlier epoch is told as it was told then.
    if (isDone(stage)) return stage
    if (from === event.runId) {
      const { error: _error, ...rest } = stage
      return { ...rest, outcome: 'succeeded', outputDigest, durationMs, ...told }
    }
  }
  return {
    ...stage,
    outcome: 'cached',
    reason,
    from,
    outputDigest,
    durationMs,
    ...(cacheKey === undefined ? {} : { cacheKey }),
    ...(inputDigest === undefined ? {} : { inputDigest }),
    ...told,
  }
}

function foldReason(stage: StageRecord, event: StageMissed): StageRecord {
  return { ...stage, reason: event.reason, ...(event.detail === undefined ? {} : { detail: event.detail }) }
}

/** Counts the items themselves, not the stages inside them. */
function foldItem(folded: Folded, event: StageEvent, item: MapItem): Folded {
  const { record: stage } = folded
  const items = stage.items ?? noItems
  const put = (record: StageRecord): Folded => ({ ...folded, record })
  const count = (outcome: 'cached' | 'succeeded' | 'failed'): Folded =>
    put({ ...stage, items: { ...items, total: items.total + 1, [outcome]: items[outcome] + 1 } })
  // The first that missed says why the map ran, be it an item or a stage inside one.
  if (event.type === 'stage-missed' && stage.reason === undefined) return put(foldReason(stage, event))
  if (event.type === 'stage-metrics') return put({ ...stage, metrics: mergeMetrics(stage.metrics, event.values) })
  if (event.type === 'stage-artifact') return put({ ...stage, artifacts: mergeArtifacts(stage.artifacts, [event]) })
  if (item.stage !== undefined) return folded
  if (event.type === 'stage-cached') {
    const isOwn = event.reason === 'done before in this run' && event.from === event.runId
    return count(isOwn ? 'succeeded' : 'cached')
  }
  if (event.type === 'stage-succeeded') return count('succeeded')
  if (event.type === 'stage-failed') return count('failed')
  return folded
}

/** The last value of each name. */
export function mergeMetrics(
  before: Readonly<Record<string, number>> | undefined,
  values: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const merged = new Map(Object.entries(before ?? {}))
  for (const [name, value] of Object.entries(values)) if (merged.has(name) || merged.size < maxKept) merged.set(name, value)
  return Object.fromEntries(merged)
}

/** Each once, since an effect that is run again makes the same again. */
export function mergeArtifacts(
  before: readonly RecordedArtifact[] | undefined,
  added: readonly RecordedArtifact[],
): readonly RecordedArtifact[] {
  const merged = [...(before ?? [])]
  for (const { kind, name, reference } of added) {
    const isKnown = merged.some((other) => other.kind === kind && other.name === name && other.reference === reference)
    if (!isKnown && merged.length < maxKept) merged.push({ kind, name, reference })
  }
  return merged
}

function noStart(runId: string, received: string): MillraceError<'STORAGE_CORRUPT'> {
  return new MillraceError('STORAGE_CORRUPT', {
    message: `Expected the events of a run to begin with "run-started". Received ${received}.`,
    details: { key: `runs/${runId}`, reason: `begins with ${received}` },
  })
}
