import { throwIfAborted } from './abort.ts'

/**
 * Maps with at most `concurrency` calls under way, keeping the order; the first failure stops new calls and rejects once those under way have settled.
 *
 * @example
 * await mapConcurrently([1, 2, 3], 2, async (item) => item * 2) // [2, 4, 6]
 */
export async function mapConcurrently<Item, Result>(
  items: Iterable<Item>,
  concurrency: number,
  work: (item: Item, index: number) => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result[]> {
  const pending = [...items]
  const results = new Array<Result>(pending.length)
  let next = 0
  let failure: { readonly error: unknown } | undefined
  const worker = async (): Promise<void> => {
    while (next < pending.length && failure === undefined) {
      const index = next++
      try {
        throwIfAborted(signal)
        results[index] = await work(pending[index] as Item, index)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(Math.max(1, concurrency), pending.length) }, worker))
  if (failure !== undefined) throw failure.error
  return results
}
