import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import { createIdentifierSource } from '../core/identifiers.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { Journal } from './journal.ts'
import type { JournalEntry } from './journal-entry.ts'
import { encodeEntry, journalKey, runFolder } from './journal-entry.ts'
import { readEntry } from './journal-reader.ts'
import { deleteMarkers } from './open-runs.ts'
import { Heartbeat, heartbeatKey, watchOwner } from './run-lease.ts'
import { runNotFound } from './run-not-found.ts'
import { runOwned } from './run-owned.ts'
import { entryAt, findRemains } from './run-remains.ts'
import { isRunId } from './run-store.ts'
import { summaryKey } from './run-summary.ts'

export interface DeleteRunOptions {
  readonly clock?: Clock
  readonly signal?: AbortSignal
}

/**
 * Lets go of all that is kept of a run: its journal, its record and the outputs that were kept with it. What it left in the cache, and versions that it
 * registered, stay; blobs that nothing names any more go with the next `collectBlobs`.
 *
 * A run without an end is watched for the length of its lease first, as by whoever resumes it. A run that is damaged can be deleted too. From the moment in
 * which the run is claimed nobody finds it any more, and its id is free once all is gone. Where it was cut off it can be called again: after a lease, since
 * whoever was at it may still be.
 *
 * @throws {@link MillraceError} `RUN_NOT_FOUND`; `RUN_OWNED` while the run is under way, or when somebody resumes or deletes it at the same time, and
 * `FORMAT_UNSUPPORTED` for one of a newer library: then nothing was deleted by this call. `RUN_OWNED` too when this process was stopped for longer than a lease
 * half-way and another went on with it.
 * @example
 * const { id } = await pipeline.run({ storage })
 * await deleteRun(storage, id)
 */
export async function deleteRun(storage: StorageAdapter, runId: string, options: DeleteRunOptions = {}): Promise<void> {
  const { clock = systemClock, signal } = options
  const withSignal = signal === undefined ? {} : { signal }
  const remains = isRunId(runId) ? await findRemains(storage, runId, withSignal) : undefined
  if (remains === undefined) throw runNotFound(storage, runId)
  const { epoch, leaseMs, next, beginner, hasEnded } = remains
  if (!hasEnded) {
    try {
      await watchOwner(storage, { runId, epoch }, { clock, leaseMs, ...withSignal })
    } catch (error) {
      throw MillraceError.is(error, 'RUN_OWNED') ? inProgress(runId, error.details.epoch, error) : error
    }
  }
  await new Deletion(storage, runId, { epoch: epoch + 1, leaseMs, number: next, beginner, clock }).run()
}

interface DeletionOptions {
  readonly epoch: number
  readonly leaseMs: number
  /** Of the entry that claims the run. */
  readonly number: number
  /** Of the run that is meant: another may have its id by the time of the claim. */
  readonly beginner: string | undefined
  readonly clock: Clock
}

/**
 * One process that deletes a run. It has it as an owner does: by the next entry of the journal, with a heartbeat. Then that entry takes the place of the first one,
 * so that everybody who claims, or reads, finds that the run goes, whatever else is gone already; and the first is the last to go, so that nobody begins another
 * run of this id before.
 */
class Deletion {
  readonly #storage: StorageAdapter
  readonly #runId: string
  readonly #options: DeletionOptions
  readonly #owner: string
  #failure: { readonly error: unknown } | undefined

  constructor(storage: StorageAdapter, runId: string, options: DeletionOptions) {
    this.#storage = storage
    this.#runId = runId
    this.#options = options
    this.#owner = createIdentifierSource({ clock: options.clock })()
  }

  async run(): Promise<void> {
    const [storage, runId, owner] = [this.#storage, this.#runId, this.#owner]
    const { epoch, leaseMs, number, clock } = this.#options
    const onFailure = (error: unknown): void => {
      this.#failure = { error }
    }
    const journal = new Journal({ storage, runId, epoch, owner, next: number, onFailure })
    const claim = await this.#claim(journal)
    await this.#assertMeant()
    // From here on it is not stopped half-way by a signal.
    const onBeat = (): Promise<void> => journal.checkOwned()
    const heartbeat = new Heartbeat({ storage, clock, runId, epoch, owner, leaseMs, onBeat }, { atOnce: true })
    try {
      await this.#removeAllButEntries(claim)
    } finally {
      await heartbeat.stop()
    }
    await this.#assertOurs()
    await storage.delete(heartbeatKey(runId))
    await deleteMarkers(storage, runId)
    await this.#assertOurs()
    if (number > 0) await storage.delete(journalKey(runId, number))
    await storage.delete(journalKey(runId, 0))
  }

  async #claim(journal: Journal): Promise<JournalEntry> {
    try {
      return await journal.claimForDeletion(this.#options.leaseMs)
    } catch (error) {
      throw MillraceError.is(error, 'STORAGE_CONFLICT') ? inProgress(this.#runId, this.#options.epoch, error) : error
    }
  }

  /** Between the look at it and the claim the run may have been deleted by another, and begun anew with fewer entries. */
  async #assertMeant(): Promise<void> {
    const [storage, runId] = [this.#storage, this.#runId]
    const { number, beginner } = this.#options
    if (number === 0 || (await entryAt(storage, runId, 0, {}))?.owner === beginner) return
    if ((await entryAt(storage, runId, number, {}))?.owner === this.#owner) await storage.delete(journalKey(runId, number))
    throw runNotFound(storage, runId)
  }

  /** All but the first entry and the one that claimed the run. */
  async #removeAllButEntries(claim: JournalEntry): Promise<void> {
    const [storage, runId] = [this.#storage, this.#runId]
    const [first, own] = [journalKey(runId, 0), journalKey(runId, this.#options.number)]
    await this.#assertOurs()
    if (own !== first) await storage.put(first, encodeEntry(claim))
    // A record is believed as long as the journal ends where it says: it goes before the entries do.
    await storage.delete(summaryKey(runId))
    const kept = new Set([first, own, heartbeatKey(runId)])
    for await (const { key } of storage.list(runFolder(runId))) {
      if (this.#failure !== undefined) throw this.#failure.error
      if (!kept.has(key)) await storage.delete(key)
    }
  }

  /** Another who goes on with it puts the next entry, and removes ours: a process that was stopped takes nothing away from whoever has the id by now. */
  async #assertOurs(): Promise<void> {
    const { number, epoch } = this.#options
    // In this order: an heir that comes and is done between the two has removed ours.
    const heir = await readEntry(this.#storage, this.#runId, number + 1)
    const own = await readEntry(this.#storage, this.#runId, number)
    if (own?.owner !== this.#owner || heir !== undefined) throw runOwned(this.#runId, heir?.epoch ?? epoch + 1, 'deleted')
  }
}

function inProgress(runId: string, epoch: number, cause: unknown): MillraceError<'RUN_OWNED'> {
  return new MillraceError('RUN_OWNED', {
    message: `Expected run "${runId}" to have ended before it is deleted. Received one that is under way in epoch ${epoch}. Nothing was deleted.`,
    details: { runId, epoch },
    cause,
  })
}
