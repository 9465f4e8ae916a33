import { MillraceError } from '../core/error.ts'
import { receivedText } from '../core/received.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { RunFold } from './fold-record.ts'
import { runFolder } from './journal-entry.ts'
import { readJournal } from './journal-reader.ts'
import type { RunOutcome, RunRecord } from './run-record.ts'
import { readSummary } from './run-summary.ts'

/**
 * The record of a run, from its journal: also while it is under way, and after its process died.
 *
 * @throws {@link MillraceError} `RUN_NOT_FOUND`, `STORAGE_CORRUPT`, `FORMAT_UNSUPPORTED`.
 * @example
 * const { id } = await pipeline.run({ storage, tags: { host: 'trainer-2' } })
 * const record = await readRun(storage, id)
 * record.stages.filter((stage) => stage.outcome === 'failed') // []
 */
export async function readRun(storage: StorageAdapter, runId: string, options: { readonly signal?: AbortSignal } = {}): Promise<RunRecord> {
  const record = isRunId(runId) ? ((await readSummary(storage, runId, options)) ?? (await foldJournal(storage, runId, options))) : undefined
  if (record !== undefined) return record
  throw new MillraceError('RUN_NOT_FOUND', {
    message: `Expected a run in storage "${storage.name}". Received ${receivedText(runId)}, which has no journal there.`,
    details: { runId },
  })
}

export interface ListRunsOptions {
  /** Of the pipeline of this name. */
  readonly pipeline?: string
  readonly outcome?: RunOutcome
  /** Runs that have all of these tags. */
  readonly tags?: Readonly<Record<string, string>>
  /** Milliseconds since 1970 UTC, by the clock of whoever started the run; both ends are left out. */
  readonly startedAfter?: number
  readonly startedBefore?: number
  /** Begin behind this run id. */
  readonly after?: string
  /** At most so many of those that pass the filters. */
  readonly limit?: number
  readonly signal?: AbortSignal
}

/**
 * The records of runs in the order of their ids, which is the order of their starts for ids that the library made. A run that has ended costs two reads.
 *
 * @example
 * for await (const record of listRuns(storage, { outcome: 'failed', limit: 10 })) console.log(record.id, record.pipeline)
 */
export async function* listRuns(storage: StorageAdapter, options: ListRunsOptions = {}): AsyncGenerator<RunRecord, void, undefined> {
  const { limit = Number.POSITIVE_INFINITY, signal } = options
  const withSignal = signal === undefined ? {} : { signal }
  let count = 0
  if (limit <= 0) return
  for await (const runId of runIds(storage, options.after, withSignal)) {
    const record = (await readSummary(storage, runId, withSignal)) ?? (await foldJournal(storage, runId, withSignal))
    if (record === undefined || !passes(record, options)) continue
    yield record
    if (++count >= limit) return
  }
}

function passes(record: RunRecord, { pipeline, outcome, tags = {}, startedAfter, startedBefore }: ListRunsOptions): boolean {
  if (pipeline !== undefined && record.pipeline !== pipeline) return false
  if (outcome !== undefined && record.outcome !== outcome) return false
  if (startedAfter !== undefined && !(record.startedAt > startedAfter)) return false
  if (startedBefore !== undefined && !(record.startedAt < startedBefore)) return false
  return Object.entries(tags).every(([name, value]) => record.tags[name] === value)
}

async function foldJournal(
  storage: StorageAdapter,
  runId: string,
  options: { readonly signal?: AbortSignal },
): Promise<RunRecord | undefined> {
  const fold = new RunFold()
  for await (const { events } of readJournal(storage, runId, options)) for (const event of events) fold.apply(event)
  return fold.epoch === 0 ? undefined : fold.record()
}

/** Above this many keys of one run the rest of them is stepped over with a new listing. */
const maxKeysOfRun = 100

/** The folders below `runs`, read as they come as long as runs are small. */
async function* runIds(
  storage: StorageAdapter,
  afterRun: string | undefined,
  options: { readonly signal?: AbortSignal },
): AsyncGenerator<string, void, undefined> {
  let after = afterRun === undefined ? undefined : endOf(afterRun)
  for (;;) {
    let runId: string | undefined
    let keys = 0
    let isStepping = false
    for await (const { key } of storage.list('runs', { ...options, ...(after === undefined ? {} : { after }) })) {
      const found = key.split('/')[1] as string
      if (found !== runId) {
        runId = found
        keys = 0
        yield found
      } else if (++keys >= maxKeysOfRun) {
        after = endOf(found)
        isStepping = true
        break
      }
    }
    if (!isStepping) return
  }
}

/** Behind all that lies in the run's folder. */
function endOf(runId: string): string {
  return `${runFolder(runId)}/zzzz`
}

/** 1 to 100 of `[a-z0-9-]`, a letter or digit at both ends. */
export function isRunId(id: unknown): id is string {
  return typeof id === 'string' && /^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$/.test(id) && id !== 'constructor' && id !== 'prototype'
}
