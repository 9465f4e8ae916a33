import { throwIfAborted } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { AcknowledgedWork } from './acknowledged.ts'
import { RunFold } from './fold-record.ts'
import { Journal } from './journal.ts'
import { journalKey } from './journal-entry.ts'
import { readEntry } from './journal-reader.ts'
import type { RunResumed, RunStarted, StageIdentity } from './pipeline-event.ts'
import type { RunOptions } from './run.ts'
import { checkIdentities } from './run-identity.ts'
import { watchOwner } from './run-lease.ts'
import { runNotFound } from './run-not-found.ts'
import { checkResumedOptions, checkResumedPipeline } from './run-options.ts'
import { runOwned } from './run-owned.ts'
import type { RunPast } from './run-past.ts'
import { readPast } from './run-past.ts'
import { isRunId } from './run-store.ts'

/** A run that this process has. */
export interface RunClaim {
  readonly journal: Journal
  readonly fold: RunFold
  readonly epoch: number
  readonly owner: string
  readonly leaseMs: number
  readonly started: RunStarted
  /** The event that claimed it. */
  readonly first: RunStarted | RunResumed
  readonly acknowledged: AcknowledgedWork | undefined
}

/** Who claims what. */
export interface Claimant {
  readonly storage: StorageAdapter
  readonly runId: string
  readonly owner: string
  readonly clock: Clock
  readonly onFailure: (error: unknown) => void
}

/** What whoever resumes a run brings; it must be what the run was begun with. */
export interface ResumedBy {
  readonly pipeline: string
  readonly identities: readonly StageIdentity[]
  readonly inputDigest: string | null
  readonly options: RunOptions
}

export interface ResumeOptions {
  readonly takeOver: boolean
  readonly leaseMs: number
  readonly codeVersion?: string
  readonly tags?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

const toResume = ' to resume'

/** How often a run is tried to be taken over from an owner that goes on writing. */
const maxTakeOvers = 20

/** Claims a new id with the run's first event. @throws {@link MillraceError} `RUN_EXISTS`: another run has the id, also one that is being deleted. */
export async function beginRun(who: Claimant, first: RunStarted): Promise<RunClaim> {
  const journal = new Journal({ ...who, epoch: 1, next: 0 })
  try {
    await journal.claim(first)
  } catch (error) {
    throw MillraceError.is(error, 'STORAGE_CONFLICT') ? await runExists(who, error) : error
  }
  return {
    journal,
    fold: new RunFold(),
    epoch: 1,
    owner: who.owner,
    leaseMs: first.leaseMs,
    started: first,
    first,
    acknowledged: undefined,
  }
}

/**
 * Claims a run that another process, or this one, began: checks that the pipeline and the input are still those of the run, waits to see whether its owner
 * lives, and puts the next entry of the journal. Of all who try at the same time one has it.
 *
 * @throws {@link MillraceError} `RUN_NOT_FOUND`, `CODE_MISMATCH`, `RUN_OWNED`, `ARGUMENT_INVALID`, `STORAGE_CORRUPT`: nothing was changed.
 */
export async function resumeRun(who: Claimant, by: ResumedBy, options: ResumeOptions): Promise<RunClaim> {
  const { storage, runId, owner, clock } = who
  const { takeOver, leaseMs, codeVersion, tags, signal } = options
  const withSignal = signal === undefined ? {} : { signal }
  for (let attempt = 1; ; attempt++) {
    const past = isRunId(runId) ? await readPast(storage, runId, withSignal) : undefined
    if (past === undefined) throw runNotFound(storage, runId, toResume)
    checkResumedPipeline(past.started, by.pipeline)
    checkIdentities(runId, past.started.identities, by.identities)
    checkResumedOptions(past.started, by)
    // The owner beats as often as its own lease asks for.
    if (!past.hasEnded && !takeOver)
      await watchOwner(storage, { runId, epoch: past.epoch }, { clock, leaseMs: Math.max(leaseMs, past.leaseMs), ...withSignal })
    throwIfAborted(signal)
    const epoch = past.epoch + 1
    const given = { ...(codeVersion === undefined ? {} : { codeVersion }), ...(tags === undefined ? {} : { tags }) }
    const first: RunResumed = { type: 'run-resumed', runId, time: clock.now(), epoch, leaseMs, ...given }
    const journal = new Journal({ ...who, epoch, next: past.next })
    try {
      await journal.claim(first)
    } catch (error) {
      if (!MillraceError.is(error, 'STORAGE_CONFLICT')) throw error
      const lost = await lostTo(who, past, error)
      if (lost.how === 'deleted') throw runNotFound(storage, runId, toResume)
      if (!takeOver || lost.how === 'resumed' || attempt >= maxTakeOvers) throw lost.error
      continue
    }
    // Whoever deletes a run says so in its first entry before the place of ours is free, and that entry is the last to go.
    if (!(await isBegunBy(who, past.beginner))) {
      if ((await readEntry(storage, runId, past.next))?.owner === owner) await storage.delete(journalKey(runId, past.next))
      throw runNotFound(storage, runId, toResume)
    }
    const { fold, started, acknowledged } = past
    return { journal, fold, epoch, owner, leaseMs, started, first, acknowledged }
  }
}

async function isBegunBy({ storage, runId }: Claimant, beginner: string): Promise<boolean> {
  const first = await readEntry(storage, runId, 0)
  return first?.owner === beginner && first.deletion === undefined
}

/** Who wrote the entry that was to be ours: another who resumes, one who deletes the run, or the owner, who is at work after all. */
async function lostTo(
  { storage, runId }: Claimant,
  past: RunPast,
  cause: unknown,
): Promise<{ readonly how: 'resumed' | 'deleted' | 'at work'; readonly error: MillraceError<'RUN_OWNED'> }> {
  const winner = await readEntry(storage, runId, past.next)
  // Nothing but a deletion takes an entry away again.
  const isDeleted = winner === undefined || winner.deletion !== undefined
  const how = isDeleted ? 'deleted' : winner.events[0]?.type === 'run-resumed' ? 'resumed' : 'at work'
  return { how, error: runOwned(runId, winner?.epoch ?? past.epoch, how, cause) }
}

async function runExists({ storage, runId }: Claimant, cause: unknown): Promise<MillraceError<'RUN_EXISTS'>> {
  // One that cannot be read has the id as well.
  const first = await readEntry(storage, runId, 0).catch(() => undefined)
  const received =
    first?.deletion === undefined
      ? 'which another run has. To go on where it ended, give it as "resume".'
      : 'a run that is being deleted. The id is free when that is done; call "deleteRun" again where it was cut off.'
  return new MillraceError('RUN_EXISTS', {
    message: `Expected a run id that is new in storage "${storage.name}". Received "${runId}", ${received}`,
    details: { runId },
    cause,
  })
}
