import { isAbortOf, untilAborted } from '../../core/abort.ts'

/**
 * What a generator makes of the items of a source, ended at once when it is told to end: the source is closed also while it is waited for, and when
 * nothing was asked of it yet. A generator alone would close it when it has answered, which it may never do, or not at all.
 */
export function overSource<Item, Made>(
  source: AsyncIterable<Item> | Iterable<Item>,
  make: (items: AsyncIterable<Item> | Iterable<Item>) => AsyncGenerator<Made, void, undefined>,
): AsyncGenerator<Made, void, undefined> {
  const ended = new AbortController()
  let isBegun = false
  let waiting = 0
  async function* items(): AsyncGenerator<Made, void, undefined> {
    isBegun = true
    try {
      yield* make(untilAbortedOf(source, ended.signal))
    } catch (error) {
      if (!isAbortOf(ended.signal, error)) throw error
    }
  }
  const made = items()
  const next = made.next.bind(made)
  const end = made.return.bind(made)
  return Object.assign(made, {
    next: async () => {
      waiting += 1
      try {
        return await next()
      } finally {
        waiting -= 1
      }
    },
    return: async () => {
      if (waiting > 0) ended.abort()
      if (!isBegun && isAsync(source)) await source[Symbol.asyncIterator]().return?.()
      isBegun = true
      return end()
    },
  })
}

/** The items until the signal aborts, whatever kind of source they come from; one that is not asynchronous is never waited for. */
export function untilAbortedOf<Item>(
  source: AsyncIterable<Item> | Iterable<Item>,
  signal: AbortSignal | undefined,
): AsyncIterable<Item> | Iterable<Item> {
  return isAsync(source) ? untilAborted(source, signal) : source
}

function isAsync<Item>(source: AsyncIterable<Item> | Iterable<Item>): source is AsyncIterable<Item> {
  return typeof source === 'object' && source !== null && Symbol.asyncIterator in source
}
