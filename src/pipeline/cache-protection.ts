import type { StorageAdapter } from '../storage/adapter.ts'
import { runFolder } from './journal-entry.ts'
import { readJournal } from './journal-reader.ts'
import type { OpenRun } from './open-runs.ts'
import { deleteMarker, leaseOf, listOpenRuns } from './open-runs.ts'
import { heartbeatKey } from './run-lease.ts'
import { unlessNotFound } from './run-not-found.ts'

interface Options {
  readonly signal?: AbortSignal
}

/**
 * Whether a run is let go that last showed life at that time, by the store's clock. One whose lease is not over may be alive: it shows life only a few times
 * in each lease.
 */
export type IsAbandoned = (lastSign: number, leaseMs: number) => boolean

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

  /** Reads which runs are open, and what their journals have named since the last time. */
  async refresh(isAbandoned: IsAbandoned, options: Options & { readonly letGo: boolean }): Promise<void> {
    const { signal, letGo } = options
    const withSignal = signal === undefined ? {} : { signal }
    this.#oldestStart = Number.POSITIVE_INFINITY
    for await (const run of listOpenRuns(this.#storage, withSignal)) {
      if (await this.#isGone(run, isAbandoned, withSignal)) {
        if (letGo) await deleteMarker(this.#storage, run)
        continue
      }
      if (run.isInProgress) this.#oldestStart = Math.min(this.#oldestStart, run.modifiedAt)
      // Whoever deletes a run needs nothing of it; another may have its id next.
      if ((await unlessNotFound(this.#readNames(run, withSignal))) === undefined) this.#read.delete(run.runId)
    }
  }

  /** An entry stays that an open run names, and one that is younger than the oldest run in progress: it may be about to be named. */
  holds(entry: { readonly key: string; readonly modifiedAt: number }): boolean {
    return entry.modifiedAt >= this.#oldestStart || this.#named.has(entry.key)
  }

  /** @returns how far the journal was read. */
  async #readNames({ runId }: OpenRun, options: Options): Promise<number> {
    const entries = readJournal(this.#storage, runId, { ...options, from: this.#read.get(runId) ?? 0 })
    for (;;) {
      const { value, done } = await entries.next()
      if (done === true) {
        this.#read.set(runId, value)
        return value
      }
      for (const event of value.events) {
        const isNaming = (event.type === 'stage-missed' || event.type === 'stage-cached') && event.cacheKey !== undefined
        if (isNaming) this.#named.add(event.cacheKey as string)
      }
    }
  }

  async #isGone(run: OpenRun, isAbandoned: IsAbandoned, options: Options): Promise<boolean> {
    // Most are told by the listing alone.
    if (!isAbandoned(run.modifiedAt, 0)) return false
    const leaseMs = run.isInProgress ? await leaseOf(this.#storage, run, options) : 0
    return isAbandoned(run.modifiedAt, leaseMs) && isAbandoned(await this.#lastBeat(run.runId, options), leaseMs)
  }

  /** When the run's heartbeat was last written, by the store's clock. */
  async #lastBeat(runId: string, options: Options): Promise<number> {
    // The heartbeat comes first in the run's folder.
    for await (const { key, modifiedAt } of this.#storage.list(runFolder(runId), { ...options, limit: 1 }))
      if (key === heartbeatKey(runId)) return modifiedAt
    return Number.NEGATIVE_INFINITY
  }
}
