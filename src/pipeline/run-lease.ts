import { yieldToEventLoop } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'
import type { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { runFolder } from './journal-entry.ts'
import { runOwned } from './run-owned.ts'
import { encodeStored } from './stored-json.ts'

const format = { format: 'millrace-run-heartbeat', formatVersion: 1, minReaderVersion: 1 } as const

/** Of runs that are given none. */
export const defaultLeaseMs = 10_000

/** How often the owner shows that it lives, in each lease. */
const beatsInLease = 4
/** How often whoever waits looks, in each lease. */
const looksInLease = 8

export interface HeartbeatOptions {
  readonly storage: StorageAdapter
  readonly clock: Clock
  readonly runId: string
  readonly epoch: number
  readonly owner: string
  readonly leaseMs: number
  /** Called at each beat, before it. */
  readonly onBeat: () => Promise<void>
}

/** Where the heartbeat of a run lies. */
export function heartbeatKey(runId: string): string {
  return `${runFolder(runId)}/heartbeat`
}

/**
 * Shows those who would resume a run that its owner lives: a small object that is overwritten a few times in each lease, with a counter that goes on. It is
 * a hint, since only the journal says who has the run: a beat that cannot be written changes nothing. A run that is over before the first is due writes none,
 * and a process that has nothing else to wait for is not kept running.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #stop = new AbortController()
  readonly #beating: Promise<void>

  /** @param options - `atOnce`: the first beat is not waited for, so that others see that the run has a new owner. */
  constructor(options: HeartbeatOptions, { atOnce }: { readonly atOnce: boolean }) {
    this.#options = options
    this.#beating = this.#beat(atOnce).catch(() => {})
  }

  /** Resolves when no beat is under way any more. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('The run has ended.'))
    await this.#beating
  }

  async #beat(atOnce: boolean): Promise<void> {
    const { storage, clock, runId, epoch, owner, leaseMs, onBeat } = this.#options
    for (let count = 1; ; count++) {
      if (!atOnce || count > 1) await clock.sleep(leaseMs / beatsInLease, this.#stop.signal, { background: true })
      // However fast the clock is: others have their turn.
      await yieldToEventLoop()
      if (this.#stop.signal.aborted) return
      await onBeat().catch(() => {})
      await storage.put(heartbeatKey(runId), encodeStored({ ...format, epoch, owner, count })).catch(() => {})
    }
  }
}

/**
 * Watches the heartbeat of an unfinished run for the length of the lease, by this process's own monotonic clock: no two clocks are compared. Resolves when
 * it stood still all the time.
 *
 * @throws {@link MillraceError} `RUN_OWNED` as soon as it has changed.
 */
export async function watchOwner(
  storage: StorageAdapter,
  run: { readonly runId: string; readonly epoch: number },
  options: { readonly clock: Clock; readonly leaseMs: number; readonly signal?: AbortSignal },
): Promise<void> {
  const { clock, leaseMs, signal } = options
  const withSignal = signal === undefined ? {} : { signal }
  const read = async (): Promise<string> => {
    const object = await storage.get(heartbeatKey(run.runId), withSignal)
    return object === undefined ? '' : new TextDecoder().decode(object.bytes)
  }
  const changed = (now: string): MillraceError<'RUN_OWNED'> => runOwned(run.runId, epochOf(now) ?? run.epoch, 'at work')
  const before = await read()
  const lookMs = leaseMs / looksInLease
  let lastMs = clock.monotonicMs()
  for (let watchedMs = 0; watchedMs < leaseMs; ) {
    await clock.sleep(Math.min(lookMs, leaseMs - watchedMs), signal)
    const nowMs = clock.monotonicMs()
    // Where this machine slept, the owner's may have slept too: that time was not watched.
    watchedMs += Math.min(nowMs - lastMs, 2 * lookMs)
    lastMs = nowMs
    const now = await read()
    if (now !== before) throw changed(now)
  }
}

/** Whose heartbeat it is: another's than the journal told of when somebody else has resumed the run meanwhile. */
function epochOf(heartbeat: string): number | undefined {
  try {
    const { epoch } = JSON.parse(heartbeat) as { readonly epoch?: unknown }
    return typeof epoch === 'number' ? epoch : undefined
  } catch {
    return undefined
  }
}
