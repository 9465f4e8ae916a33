import type { StorageAdapter } from '../storage/adapter.ts'
import { RunFold } from './fold-record.ts'
import { readJournal } from './journal-reader.ts'
import { runNotFound, unlessNotFound } from './run-not-found.ts'
import type { RunRecord } from './run-record.ts'
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
  const record = isRunId(runId) ? await findRun(storage, runId, options) : undefined
  if (record === undefined) throw runNotFound(storage, runId)
  return record
}

/** Undefined where there is no such run. @throws {@link MillraceError} `STORAGE_CORRUPT` or `FORMAT_UNSUPPORTED`. */
export async function findRun(
  storage: StorageAdapter,
  runId: string,
  options: { readonly signal?: AbortSignal },
): Promise<RunRecord | undefined> {
  const summary = await readSummary(storage, runId, options)
  if (summary !== undefined) return summary
  return await unlessNotFound(foldJournal(storage, runId, options))
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

/** 1 to 100 of `[a-z0-9-]`, a letter or digit at both ends. */
export function isRunId(id: unknown): id is string {
  return typeof id === 'string' && /^[a-z0-9]([a-z0-9-]{0,98}[a-z0-9])?$/.test(id) && id !== 'constructor' && id !== 'prototype'
}
