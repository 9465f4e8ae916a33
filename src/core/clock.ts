import { throwIfAborted } from './abort.ts'

/** Where time comes from. Give one to whatever must be replayed or tested; the default is {@link systemClock}. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC: for records. It may jump. */
  now(): number
  /** Milliseconds from an arbitrary start, never going back: for durations. */
  monotonicMs(): number
  /**
   * Resolves after `ms` milliseconds; rejects with `signal.reason` as soon as `signal` aborts. A sleep in the `background` does not keep the process running,
   * where the platform (Node) can tell.
   */
  sleep(ms: number, signal?: AbortSignal, options?: { readonly background?: boolean }): Promise<void>
}

/** The platform's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms: number, signal?: AbortSignal, options: { readonly background?: boolean } = {}): Promise<void> {
    throwIfAborted(signal)
    const { background = false } = options
    let left = ms
    for (; left > longestTimerMs; left -= longestTimerMs) await timer(longestTimerMs, signal, background)
    await timer(left, signal, background)
  },
}

/** Timers hold 32 bits: a longer one would be over at once. */
const longestTimerMs = 0x7fff_ffff

function timer(ms: number, signal: AbortSignal | undefined, background: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(handle)
      reject(signal?.reason)
    }
    const handle = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    if (background && typeof handle === 'object') handle.unref()
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
