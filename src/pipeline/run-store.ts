import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { foldRecord } from './fold-record.ts'
import { readJournal, runFolder } from './journal.ts'
import type { RunRecord } from './run-record.ts'

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
  const events = isRunId(runId) ? await readJournal(storage, runId, options) : []
  if (events.length > 0) return foldRecord(events)
  throw new MillraceError('RUN_NOT_FOUND', {
    message: `Expected a run in storage "${storage.name}". Received "${runId}", which has no journal there.`,
    details: { runId },
  })
}

/**
 * The records of runs in the order of their ids, which is the order of their starts for ids that the library made.
 *
 * @param options - `after`: begin behind this run id. `limit`: at most so many.
 * @example
 * for await (const record of listRuns(storage, { limit: 10 })) console.log(record.id, record.outcome)
 */
export async function* listRuns(
  storage: StorageAdapter,
  options: { readonly after?: string; readonly limit?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<RunRecord, void, undefined> {
  const { limit = Number.POSITIVE_INFINITY, signal } = options
  const withSignal = signal === undefined ? {} : { signal }
  let after = options.after
  for (let count = 0; count < limit; count++) {
    after = await runAfter(storage, after, withSignal)
    if (after === undefined) return
    yield await readRun(storage, after, withSignal)
  }
}

/** Steps over the whole folder of one run at a time. */
async function runAfter(
  storage: StorageAdapter,
  runId: string | undefined,
  options: { readonly signal?: AbortSignal },
): Promise<string | undefined> {
  const after = runId === undefined ? {} : { after: `${runFolder(runId)}/zzzz` }
  for await (const { key } of storage.list('runs', { ...options, ...after, limit: 1 })) return key.split('/')[1]
  return undefined
}

/** 1 to 100 of `[a-z0-9-]`, a letter or digit at both ends. */
export function isRunId(id: unknown): id is string {
  return typeof id === 'string' && /^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$/.test(id) && id !== 'constructor' && id !== 'prototype'
}
