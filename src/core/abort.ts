/** Throws `signal.reason` when the signal has aborted: the check before each piece of work. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw signal.reason
}

/** True when `error` is what an aborted `signal` rejects with, so that a cancellation is never reported as a failure. */
export function isAbortOf(signal: AbortSignal | undefined, error: unknown): boolean {
  return signal?.aborted === true && error === signal.reason
}

/**
 * Settles as `work` does, or rejects with `signal.reason` as soon as the signal aborts; the work itself is not stopped.
 *
 * @example
 * const work = systemClock.sleep(20)
 * await raceAbort(work, AbortSignal.timeout(1)).catch((error: Error) => error.name) // 'TimeoutError'
 */
export function raceAbort<Result>(work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return work
  if (signal.aborted) {
    work.catch(() => {})
    return Promise.reject(signal.reason)
  }
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

/** Lets timers, input and aborts run: call it between pieces of long synchronous work. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}

/**
 * The items until the signal aborts. Then it rejects with `signal.reason` at once, also while it waits for the next item, and tells the items to end
 * without waiting for that: they may never answer.
 *
 * @example
 * let rows = 0
 * for await (const batch of untilAborted(dataset.batches(), signal)) rows += batch.numRows
 * rows === dataset.rowCount // true
 */
export async function* untilAborted<Item>(
  items: AsyncIterable<Item>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Item, void, undefined> {
  const iterator = items[Symbol.asyncIterator]()
  let interrupt: ((reason: unknown) => void) | undefined
  const onAbort = (): void => interrupt?.(signal?.reason)
  signal?.addEventListener('abort', onAbort)
  let isDone = false
  try {
    while (true) {
      throwIfAborted(signal)
      const next = await new Promise<IteratorResult<Item>>((resolve, reject) => {
        interrupt = reject
        iterator.next().then(resolve, reject)
      })
      isDone = next.done === true
      if (next.done === true) return
      yield next.value
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
    const ended = isDone ? undefined : iterator.return?.()
    if (signal?.aborted) ended?.catch(() => {})
    else await ended
  }
}
