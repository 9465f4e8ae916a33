import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { PipelineEvent } from './pipeline-event.ts'
import { decodeStored, encodeStored } from './stored-json.ts'

const entryFormat = { format: 'millrace-journal-entry', formatVersion: 1, minReaderVersion: 1 } as const

/** Everything of a run is below this. */
export function runFolder(runId: string): string {
  return `runs/${runId}`
}

function entryKey(runId: string, number: number): string {
  return `${runFolder(runId)}/journal/${String(number).padStart(16, '0')}`
}

/**
 * What a run tells, kept in numbered entries that are put if absent: the first is the claim on the run's id, and a second writer is refused at
 * the next. Events that come while an entry is being written share the one after it, so a slow store slows nothing else down. Progress is not kept.
 */
export class Journal {
  readonly #storage: StorageAdapter
  readonly #runId: string
  #queue: PipelineEvent[] = []
  #next = 0
  #writing: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  readonly #onFailure: (error: unknown) => void

  private constructor(storage: StorageAdapter, runId: string, onFailure: (error: unknown) => void) {
    this.#storage = storage
    this.#runId = runId
    this.#onFailure = onFailure
  }

  /**
   * Claims the run's id with its first event.
   *
   * @param onFailure - told once, when an entry cannot be written: the run must stop, since what it does is no longer known to others.
   * @throws {@link MillraceError} `RUN_EXISTS`.
   */
  static async open(storage: StorageAdapter, first: PipelineEvent, onFailure: (error: unknown) => void): Promise<Journal> {
    const journal = new Journal(storage, first.runId, onFailure)
    await journal.#write([first])
    return journal
  }

  /** Queues an event; it is written soon. */
  add(event: PipelineEvent): void {
    if (event.type === 'stage-progress' || this.#failure !== undefined) return
    this.#queue.push(event)
    this.#writing ??= this.#drain()
  }

  /** Resolves when all that was added is written. @throws whatever the storage threw. */
  async flush(): Promise<void> {
    await this.#writing
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #drain(): Promise<void> {
    try {
      while (this.#queue.length > 0) await this.#write(this.#queue.splice(0))
    } catch (error) {
      this.#failure = { error }
      this.#onFailure(error)
    } finally {
      this.#writing = undefined
    }
  }

  /** A cancelled run still says how it ended, so the run's signal is not passed on. */
  async #write(events: readonly PipelineEvent[]): Promise<void> {
    const key = entryKey(this.#runId, this.#next)
    const bytes = encodeStored({ ...entryFormat, events })
    try {
      await this.#storage.putIfAbsent(key, bytes)
    } catch (error) {
      if (MillraceError.is(error, 'STORAGE_CONFLICT')) throw this.#owned(error)
      if (!MillraceError.is(error, 'STORAGE_OUTCOME_UNKNOWN')) throw error
      if (!(await this.#isWritten(key, bytes))) throw error
    }
    this.#next++
  }

  async #isWritten(key: string, bytes: Uint8Array): Promise<boolean> {
    const object = await this.#storage.get(key)
    if (object === undefined) return false
    const equal = object.bytes.length === bytes.length && object.bytes.every((byte, index) => byte === bytes[index])
    if (!equal) throw this.#owned()
    return true
  }

  #owned(cause?: unknown): MillraceError<'RUN_EXISTS'> {
    return new MillraceError('RUN_EXISTS', {
      message: `Expected a run id that is new in storage "${this.#storage.name}". Received "${this.#runId}", which another run has. To go on where it ended, give it as "resume".`,
      details: { runId: this.#runId },
      cause,
    })
  }
}

/** All events of a run, in order; none when there is no such run. @throws {@link MillraceError} `STORAGE_CORRUPT` or `FORMAT_UNSUPPORTED`. */
export async function readJournal(
  storage: StorageAdapter,
  runId: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly PipelineEvent[]> {
  const events: PipelineEvent[] = []
  for await (const { key } of storage.list(`${runFolder(runId)}/journal`, options)) {
    const object = await storage.get(key, options)
    if (object === undefined) continue
    const entry = decodeStored(key, object.bytes, entryFormat.format, entryFormat.formatVersion)
    events.push(...(entry.events as readonly PipelineEvent[]))
  }
  return events
}
