import type { Clock } from 'millrace/core'

/** Each sleep is over at once; they are remembered. */
export class InstantClock implements Clock {
  readonly slept: number[] = []
  #nowMs = 1_000_000

  now(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.slept.push(ms)
    this.#nowMs += ms
  }
}

/** Lets all that can go on go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0))
}
