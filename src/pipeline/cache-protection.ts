import type { StorageAdapter } from '../storage/adapter.ts'
import { runFolder } from './journal-entry.ts'
import { readJournal } from './journal-reader.ts'
import type { OpenRun } from './open-runs.ts'
import { deleteMarker, listOpenRuns } from './open-runs.ts'
import { heartbeatKey } from './run-lease.ts'

interface Options {
  readonly signal?: AbortSignal
}

/** Which entries of the cache must stay, since runs use them or need them to be resumed. */
export class CacheProtection {
  readonly #storage: StorageAdapter
  /** Cache keys that the journals of open runs name. */
  readonly #named = new Set<string>()
  /** How far each journal was read. */
  readonly #read = new Map<string, number>()
  #oldestStart = Number.POSITIVE_INFINITY

  constructor(storage: StorageAdapter) {
    this.#storage = storage
  }

  /** Since when a run is in progress that was begun first, by the store's clock; infinity when none is. */
  get oldestStart(): number {
    return this.#oldestStart
  }

  /**
   * Reads which runs are open, and what their journals have named since the last time.
   *
   * @param isAbandoned - whether a run that last showed life at that time is let go.
   */
  async refresh(isAbandoned: (lastSign: number) => boolean, options: Options & { readonly letGo: boolean }): Promise<void> {
    const { signal, letGo } = options
    const withSignal = signal === undefined ? {} : { signal }
    this.#oldestStart = Number.POSITIVE_INFINITY
    for await (const run of listOpenRuns(this.#storage, withSignal)) {
      if (isAbandoned(run.modifiedAt) && isAbandoned(await this.#lastBeat(run.runId, withSignal))) {
        if (letGo) await deleteMarker(this.#storage, run)
        continue
      }
      if (run.isInProgress) this.#oldestStart = Math.min(this.#oldestStart, run.modifiedAt)
      await this.#readNames(run, withSignal)
    }
  }

  /** An entry stays that an open run names, and one that is younger than the oldest run in progress: it may be about to be named. */
  holds(entry: { readonly key: string; readonly modifiedAt: number }): boolean {
    return entry.modifiedAt >= this.#oldestStart || this.#named.has(entry.key)
  }

  async #readNames({ runId }: OpenRun, options: Options): Promise<void> {
    const entries = readJournal(this.#storage, runId, { ...options, from: this.#read.get(runId) ?? 0 })
    for (;;) {
      const { value, done } = await entries.next()
      if (done === true) {
        this.#read.set(runId, value)
        return
      }
      for (const event of value.events) {
        const isNaming = (event.type === 'stage-missed' || event.type === 'stage-cached') && event.cacheKey !== undefined
        if (isNaming) this.#named.add(event.cacheKey as string)
      }
    }
  }

  /** When the run's heartbeat was last written, by the store's clock. */
  async #lastBeat(runId: string, options: Options): Promise<number> {
    // The heartbeat comes first in the run's folder.
    for await (const { key, modifiedAt } of this.#storage.list(runFolder(runId), { ...options, limit: 1 }))
      if (key === heartbeatKey(runId)) return modifiedAt
    return Number.NEGATIVE_INFINITY
  }
}
