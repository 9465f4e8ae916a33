import type { Clock } from '../core/clock.ts'
import type { RecordQueue } from './record-queue.ts'

/** Refuses records that have waited too long for room: one timer, for the first of those that wait. */
export class QueueDeadlines {
  readonly #queue: RecordQueue
  readonly #clock: Clock
  #timer: AbortController | undefined

  constructor(queue: RecordQueue, clock: Clock) {
    this.#queue = queue
    this.#clock = clock
  }

  /** To be called whenever a record begins to wait. */
  watch(): void {
    const deadlineMs = this.#queue.firstDeadlineMs
    if (this.#timer !== undefined || deadlineMs === undefined) return
    const timer = new AbortController()
    this.#timer = timer
    const wake = (): void => {
      this.#timer = undefined
      this.#queue.refuseUntil(this.#clock.monotonicMs())
      this.watch()
    }
    this.#clock.sleep(Math.max(0, deadlineMs - this.#clock.monotonicMs()), timer.signal).then(wake, () => {})
  }

  stop(): void {
    this.#timer?.abort()
  }
}
