import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import { createIdentifierSource } from '../core/identifiers.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { Journal } from './journal.ts'
import { journalKey, runFolder } from './journal-entry.ts'
import { deleteMarkers } from './open-runs.ts'
import { watchOwner } from './run-lease.ts'
import type { RunPast } from './run-past.ts'
import { readPast } from './run-past.ts'
import { isRunId, runNotFound } from './run-store.ts'
import { summaryKey } from './run-summary.ts'

/** Of the owner of a journal that cannot be read: what runs have that were given none. */
const defaultLeaseMs = 10_000

export interface DeleteRunOptions {
  readonly clock?: Clock
  readonly signal?: AbortSignal
}

/**
 * Lets go of all that is kept of a run: its journal, its record and the outputs that were kept with it. What it left in the cache, and versions that it
 * registered, stay; blobs that nothing names any more go with the next `collectBlobs`.
 *
 * A run without an end is watched for the length of its lease first, as by whoever resumes it. A run that is damaged can be deleted too. It can be
 * called again where it was cut off: until then the run is one without an end that has all it did, or one that cannot be read.
 *
 * @throws {@link MillraceError} `RUN_NOT_FOUND`; `RUN_OWNED` while the run is under way, or when somebody resumes it at the same time, and
 * `FORMAT_UNSUPPORTED` for one of a newer library: then nothing was deleted.
 * @example
 * const { id } = await pipeline.run({ storage })
 * await deleteRun(storage, id)
 */
export async function deleteRun(storage: StorageAdapter, runId: string, options: DeleteRunOptions = {}): Promise<void> {
  const { clock = systemClock, signal } = options
  const withSignal = signal === undefined ? {} : { signal }
  const hasAny = isRunId(runId) && (await isThere(storage, runId, withSignal))
  if (!hasAny) throw runNotFound(storage, runId)
  const past = await pastOf(storage, runId, withSignal)
  if (past?.hasEnded !== true) {
    const { epoch, leaseMs } = past ?? { epoch: 1, leaseMs: defaultLeaseMs }
    try {
      await watchOwner(storage, { runId, epoch }, { clock, leaseMs, ...withSignal })
    } catch (error) {
      throw MillraceError.is(error, 'RUN_OWNED') ? inProgress(runId, error.details.epoch, error) : error
    }
  }
  if (past !== undefined) await claim(storage, runId, past, clock)
  // From here on it is not stopped half-way by a signal. A record without the beginning of its journal is none, so these go first.
  await storage.delete(summaryKey(runId))
  await storage.delete(journalKey(runId, 0))
  for await (const { key } of storage.list(runFolder(runId))) await storage.delete(key)
  await deleteMarkers(storage, runId)
}

async function isThere(storage: StorageAdapter, runId: string, options: { readonly signal?: AbortSignal }): Promise<boolean> {
  for await (const _ of storage.list(runFolder(runId), { ...options, limit: 1 })) return true
  return false
}

/** Undefined for what is no journal any more. */
async function pastOf(storage: StorageAdapter, runId: string, options: { readonly signal?: AbortSignal }): Promise<RunPast | undefined> {
  try {
    return await readPast(storage, runId, options)
  } catch (error) {
    if (MillraceError.is(error, 'STORAGE_CORRUPT')) return undefined
    throw error
  }
}

/** Takes the run as whoever resumes it does, so that nobody else has it. */
async function claim(storage: StorageAdapter, runId: string, past: RunPast, clock: Clock): Promise<void> {
  const epoch = past.epoch + 1
  const owner = createIdentifierSource({ clock })()
  const journal = new Journal({ storage, runId, epoch, owner, next: past.next, onFailure: () => {} })
  try {
    await journal.claim({ type: 'run-resumed', runId, time: clock.now(), epoch, leaseMs: past.leaseMs })
  } catch (error) {
    throw MillraceError.is(error, 'STORAGE_CONFLICT') ? inProgress(runId, epoch, error) : error
  }
}

function inProgress(runId: string, epoch: number, cause: unknown): MillraceError<'RUN_OWNED'> {
  return new MillraceError('RUN_OWNED', {
    message: `Expected run "${runId}" to have ended before it is deleted. Received one that is under way in epoch ${epoch}. Nothing was deleted.`,
    details: { runId, epoch },
    cause,
  })
}
