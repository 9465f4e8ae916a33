import { yieldToEventLoop } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'

interface Sleeper {
  readonly dueMs: number
  readonly wake: () => void
}

/**
 * A clock that goes on only when told to.
 *
 * @example
 * const clock = new FakeClock()
 * const slept = clock.sleep(1000)
 * await clock.advance(1000)
 * await slept
 */
export class FakeClock implements Clock {
  #nowMs: number
  #monotonicMs = 0
  #sleepers: Sleeper[] = []

  /** `now` is milliseconds since 1970 UTC; default 2001-01-01. */
  constructor(options: { readonly now?: number } = {}) {
    this.#nowMs = options.now ?? Date.UTC(2001, 0, 1)
  }

  now(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  /** How many `sleep` calls are waiting. */
  get sleepers(): number {
    return this.#sleepers.length
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
        reject(signal?.reason)
      }
      const wake = (): void => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      const sleeper: Sleeper = { dueMs: this.#monotonicMs + Math.max(0, ms), wake }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /**
   * Lets time pass. Sleepers wake in the order of their times, each at its own, and what they do then, short of real input and output, is done before the
   * next one wakes; a sleeper that sleeps again within the time wakes again.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonicMs + ms
    await yieldToEventLoop()
    for (let next = this.#nextDue(end); next !== undefined; next = this.#nextDue(end)) {
      this.#passTo(Math.max(this.#monotonicMs, next.dueMs))
      this.#sleepers = this.#sleepers.filter((other) => other !== next)
      next.wake()
      await yieldToEventLoop()
    }
    this.#passTo(end)
  }

  /** Sets the time of day, forward or back, as an operator or a time server does; durations are not touched. */
  setNow(now: number): void {
    this.#nowMs = now
  }

  #nextDue(end: number): Sleeper | undefined {
    let next: Sleeper | undefined
    for (const sleeper of this.#sleepers) if (sleeper.dueMs <= end && (next === undefined || sleeper.dueMs < next.dueMs)) next = sleeper
    return next
  }

  #passTo(monotonicMs: number): void {
    this.#nowMs += monotonicMs - this.#monotonicMs
    this.#monotonicMs = monotonicMs
  }
}
