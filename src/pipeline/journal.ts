import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { JournalEntry, RunDeletion } from './journal-entry.ts'
import { decodeEntry, encodeEntry, journalKey } from './journal-entry.ts'
import { readEntry } from './journal-reader.ts'
import type { PipelineEvent } from './pipeline-event.ts'
import { runOwned } from './run-owned.ts'

/** So many events an entry at most, so that one that follows a stall is no giant. */
const maxEntryEvents = 500
/** Above this many events that wait to be written, stages wait to start: memory stays bounded however slow the storage is. */
const maxWaitingEvents = 2000

export interface JournalOptions {
  readonly storage: StorageAdapter
  readonly runId: string
  readonly epoch: number
  /** Told apart from every other writer by this: an identifier of its own. */
  readonly owner: string
  /** The number of the first entry to write. */
  readonly next: number
  /** Told once, when an entry cannot be written: the run must stop, since what it does is no longer known to others. */
  readonly onFailure: (error: unknown) => void
}

/**
 * What a run tells, kept in numbered entries that are put if absent. The entries are the run's lease too: whoever writes the next number has the run, and
 * an owner that was taken over finds that out at its next entry. Events that come while an entry is being written share the one after it, so
 * a slow store slows nothing else down. Progress is not kept.
 */
export class Journal {
  readonly #options: JournalOptions
  #queue: PipelineEvent[] = []
  #next: number
  #writing: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  /** How many events were added, and how many of them are written. */
  #added = 0
  #written = 0
  /** Who waits until so many events are written. */
  #flushing: { readonly count: number; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []
  /** Who waits for room. */
  #waiting: (() => void)[] = []

  constructor(options: JournalOptions) {
    this.#options = options
    this.#next = options.next
  }

  /** How many entries the run has. */
  get next(): number {
    return this.#next
  }

  /**
   * Claims the run with the first entry of this epoch: only one of all that try has it.
   *
   * @throws {@link MillraceError} `STORAGE_CONFLICT`: somebody else's entry is there.
   */
  async claim(first: PipelineEvent): Promise<void> {
    await this.#write([first])
  }

  /**
   * Claims the run to delete it: nobody reads it as a run any more, nor goes on with it.
   *
   * @returns the entry that says so.
   * @throws {@link MillraceError} `STORAGE_CONFLICT`: somebody else's entry is there.
   */
  async claimForDeletion(leaseMs: number): Promise<JournalEntry> {
    const deletion = { next: this.#next + 1, leaseMs }
    await this.#write([], deletion)
    const { epoch, owner } = this.#options
    return { epoch, owner, events: [], deletion }
  }

  /** Queues an event; it is written soon. */
  add(event: PipelineEvent): void {
    if (event.type === 'stage-progress' || this.#failure !== undefined) return
    this.#queue.push(event)
    this.#added++
    this.#writing ??= this.#drain()
  }

  /** Resolves when all that was added before is written, however much is added meanwhile. @throws whatever the storage threw, or `RUN_OWNED`. */
  async flush(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error
    const count = this.#added
    if (this.#written < count) await new Promise<void>((resolve, reject) => this.#flushing.push({ count, resolve, reject }))
  }

  /** Resolves at once, or when few enough events wait to be written. */
  async room(): Promise<void> {
    if (this.#queue.length < maxWaitingEvents) return
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Looks whether another owner has come: so a stage that tells nothing for hours is stopped too. Whatever else goes wrong is no answer. */
  async checkOwned(): Promise<void> {
    const number = this.#next
    if (this.#writing !== undefined || this.#failure !== undefined) return
    const { storage, runId, owner } = this.#options
    const entry = await readEntry(storage, runId, number)
    if (entry === undefined || entry.owner === owner) return
    this.#fail(ownedBy(runId, entry))
  }

  async #drain(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const events = this.#queue.splice(0, maxEntryEvents)
        try {
          await this.#write(events)
        } catch (error) {
          throw MillraceError.is(error, 'STORAGE_CONFLICT') ? await this.#owned(error) : error
        }
        // A takeover that was found meanwhile has been told of already.
        if (this.#failure !== undefined) return
        this.#written += events.length
        this.#tellFlushed()
        if (this.#queue.length < maxWaitingEvents) this.#release()
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#writing = undefined
    }
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.#queue = []
    this.#options.onFailure(error)
    for (const { reject } of this.#flushing.splice(0)) reject(error)
    this.#release()
  }

  #tellFlushed(): void {
    while (this.#flushing[0] !== undefined && this.#flushing[0].count <= this.#written) this.#flushing.shift()?.resolve()
  }

  #release(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }

  /** A cancelled run still says how it ended, so the run's signal is not passed on. */
  async #write(events: readonly PipelineEvent[], deletion?: RunDeletion): Promise<void> {
    const { storage, runId, epoch, owner } = this.#options
    const key = journalKey(runId, this.#next)
    try {
      await storage.putIfAbsent(key, encodeEntry({ epoch, owner, events, ...(deletion === undefined ? {} : { deletion }) }))
    } catch (error) {
      // A storage that retries by itself may collide with its own first try.
      const mayBeOurs = MillraceError.is(error, 'STORAGE_OUTCOME_UNKNOWN') || MillraceError.is(error, 'STORAGE_CONFLICT')
      if (!mayBeOurs || !(await this.#isWritten(key))) throw error
    }
    this.#next++
  }

  async #isWritten(key: string): Promise<boolean> {
    const object = await this.#options.storage.get(key)
    if (object === undefined) return false
    if (entryIn(key, object.bytes)?.owner === this.#options.owner) return true
    throw new MillraceError('STORAGE_CONFLICT', {
      message: `Expected the next entry of the journal at "${key}" to be ours. Received another's.`,
      details: { key },
    })
  }

  /** Who came first at the next number: by the journal's order that is whoever resumed the run, or deletes it. */
  async #owned(cause: unknown): Promise<MillraceError<'RUN_OWNED'>> {
    const { storage, runId, epoch } = this.#options
    const key = journalKey(runId, this.#next)
    const object = await storage.get(key)
    const entry = object === undefined ? undefined : entryIn(key, object.bytes)
    return entry === undefined ? runOwned(runId, epoch + 1, 'resumed', cause) : ownedBy(runId, entry, cause)
  }
}

function ownedBy(runId: string, { epoch, deletion }: JournalEntry, cause?: unknown): MillraceError<'RUN_OWNED'> {
  return runOwned(runId, epoch, deletion === undefined ? 'resumed' : 'deleted', cause)
}

/** Undefined for what cannot be read: it is another's in any case. */
function entryIn(key: string, bytes: Uint8Array): JournalEntry | undefined {
  try {
    return decodeEntry(key, bytes)
  } catch {
    return undefined
  }
}
