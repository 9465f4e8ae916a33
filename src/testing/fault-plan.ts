import { createRandom } from '../core/random.ts'

/**
 * How an operation fails.
 *
 * - `refused`: not applied, `STORAGE_UNAVAILABLE`. With `afterEntries`, a `list` gives so many first.
 * - `no-space`: not applied, `STORAGE_NO_SPACE`.
 * - `request-lost`: not applied, `STORAGE_OUTCOME_UNKNOWN`.
 * - `reply-lost`: applied, `STORAGE_OUTCOME_UNKNOWN`.
 * - `late`: `STORAGE_OUTCOME_UNKNOWN` at once, and applied `delayMs` later, when the caller has long gone on.
 * - `delayed`: it only takes `delayMs` longer.
 * - `torn`: a write is acknowledged, and what is there is cut short, as no adapter may do it: for whoever must notice.
 *
 * What an operation cannot suffer is `refused` instead: a `get` has no room to need and nothing to tear.
 */
export type StorageFault =
  | 'refused'
  | 'no-space'
  | 'request-lost'
  | 'reply-lost'
  | 'torn'
  | { readonly fault: 'refused'; readonly afterEntries: number }
  | { readonly fault: 'late' | 'delayed'; readonly delayMs: number }

export interface StorageOperation {
  /** 1 for the first operation of the storage. */
  readonly index: number
  readonly method: 'get' | 'putIfAbsent' | 'put' | 'delete' | 'list' | 'createSegment' | 'append' | 'sync' | 'seal'
  /** Of `list`, the prefix; of `append`, `sync` and `seal`, the segment's key. */
  readonly key: string
}

/** Decides which operations fail. It is asked once for each, in their order. */
export type FaultPlan = (operation: StorageOperation) => StorageFault | undefined

/**
 * The operation with this number fails, all others do not.
 *
 * @example
 * const storage = new FaultyStorage(new MemoryStorage(), failNth(1, 'no-space'))
 * await storage.put('a', bytes) // rejects STORAGE_NO_SPACE
 */
export function failNth(index: number, fault: StorageFault): FaultPlan {
  return (operation) => (operation.index === index ? fault : undefined)
}

/**
 * Each operation fails with the probability, by one of the faults; the same seed fails the same operations.
 *
 * @example
 * const storage = new FaultyStorage(new MemoryStorage(), failRandomly({ seed: 7, probability: 1, faults: ['refused'] }))
 * await storage.put('a', bytes) // rejects STORAGE_UNAVAILABLE
 */
export function failRandomly(options: {
  readonly seed: number | string
  readonly probability: number
  /** Default: refused, no space, request lost, reply lost. */
  readonly faults?: readonly StorageFault[]
}): FaultPlan {
  const random = createRandom(options.seed).split('storage-faults')
  const faults = options.faults ?? (['refused', 'no-space', 'request-lost', 'reply-lost'] as const)
  return () => (random.next() < options.probability ? faults[random.int(faults.length)] : undefined)
}

/**
 * The first so many operations that fit fail (by default all of them).
 *
 * @example
 * const plan = failMatching(({ method, key }) => method === 'put' && key.startsWith('hints/'), 'reply-lost', { times: 1 })
 * const storage = new FaultyStorage(new MemoryStorage(), plan)
 * await storage.put('other', bytes)
 * await storage.put('hints/head', bytes) // rejects STORAGE_OUTCOME_UNKNOWN
 */
export function failMatching(
  matches: (operation: StorageOperation) => boolean,
  fault: StorageFault,
  options: { readonly times?: number } = {},
): FaultPlan {
  let left = options.times ?? Number.POSITIVE_INFINITY
  return (operation) => {
    if (left === 0 || !matches(operation)) return undefined
    left--
    return fault
  }
}

/**
 * Several plans as one: the first that wants an operation to fail decides how. All are asked about each, so that a seeded one fails the same operations
 * whatever stands before it.
 *
 * @example
 * const plan = combinePlans(failNth(1, 'refused'), failNth(2, 'no-space'))
 * const storage = new FaultyStorage(new MemoryStorage(), plan)
 * await storage.put('a', bytes) // rejects STORAGE_UNAVAILABLE
 */
export function combinePlans(...plans: readonly FaultPlan[]): FaultPlan {
  return (operation) => plans.map((plan) => plan(operation)).find((fault) => fault !== undefined)
}
