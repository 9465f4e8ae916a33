import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import type { Random } from '../core/random.ts'
import { systemRandom } from '../core/random.ts'
import type {
  SegmentStore,
  SegmentWriter,
  StorageAdapter,
  StorageCapabilities,
  StorageChangeOptions,
  StorageGetOptions,
  StorageListOptions,
  StoredEntry,
  StoredObject,
} from './adapter.ts'
import { assertListArguments, assertPutArguments } from './arguments.ts'
import { isSegmentStore } from './is-segment-store.ts'
import type { RetryPolicy, StorageRetry } from './retry-attempts.ts'
import { RetryAttempts } from './retry-attempts.ts'
import { retryCreate, retryDelete, retryReplace } from './retry-changes.ts'
import { forwardSyncInterval } from './sync-interval.ts'

export type { StorageRetry } from './retry-attempts.ts'

export interface RetryOptions {
  /** How often one call is tried, all in all; default 5. */
  readonly attempts?: number
  /** The longest wait before the second attempt, doubled for each one after; default 50. */
  readonly firstDelayMs?: number
  /** No wait is longer; default 2,000. */
  readonly maxDelayMs?: number
  readonly clock?: Clock
  /** Each wait is drawn below its limit, so that callers who failed together do not come back together. */
  readonly random?: Random
  /** Told before each wait; what it throws is ignored. */
  readonly onRetry?: (retry: StorageRetry) => void
}

/**
 * Tries again what a store that could not be reached refused (`STORAGE_UNAVAILABLE`), after waits that grow, with all of each wait drawn at random. When
 * the attempts are used up, the last fault is what the caller gets. An abort ends a wait at once. What is guaranteed of each method:
 *
 * - `get` and `list`: a list that fails in the middle goes on behind the last key it gave, so none is missed or given twice.
 * - `putIfAbsent`: never a false `STORAGE_CONFLICT`. When an attempt's outcome is unknown, the object is read back: with our bytes, the call has succeeded;
 *   with others, somebody else's is there; with none, it is tried again. A conflict after such an attempt is told apart in the same way. So
 *   success means that the object holds exactly these bytes, put there by this call or, after a lost reply, by another that gave the same: let the bytes
 *   name their writer where that matters, as the registry's do. When it cannot be told, it is `STORAGE_OUTCOME_UNKNOWN`, whatever the last fault was. An
 *   object that is deleted by another between a lost reply and the reading back is created again.
 * - `put`: tried again also when its outcome is unknown, so it may take effect twice, the second time over what another wrote in between: the last writer wins.
 * - `delete`: when its outcome is unknown, the object is looked for. If it is gone, the call has succeeded; if one is there, it may be a new one, and it
 *   is `STORAGE_OUTCOME_UNKNOWN`: another attempt could delete what somebody has just written.
 * - `createSegment`: tried again while the store refuses; what a writer does is not.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for options that make no sense.
 * @example
 * const patient = withRetry(storage, { attempts: 3 })
 * await patient.putIfAbsent('models/churn/log/0000000000000001', bytes)
 */
export function withRetry(storage: StorageAdapter & SegmentStore, options?: RetryOptions): StorageAdapter & SegmentStore
export function withRetry(storage: StorageAdapter, options?: RetryOptions): StorageAdapter
export function withRetry(storage: StorageAdapter, options: RetryOptions = {}): StorageAdapter {
  const { attempts = 5, firstDelayMs = 50, maxDelayMs = 2_000, clock = systemClock, random = systemRandom, onRetry } = options
  assertAtLeast('attempts', attempts, 1)
  assertAtLeast('firstDelayMs', firstDelayMs, 0)
  assertAtLeast('maxDelayMs', maxDelayMs, 0)
  const policy = { attempts, firstDelayMs, maxDelayMs, clock, random, onRetry }
  return isSegmentStore(storage) ? new RetryingSegmentStore(storage, policy) : new RetryingStorage(storage, policy)
}

class RetryingStorage implements StorageAdapter {
  readonly name: string
  readonly capabilities: StorageCapabilities
  readonly #storage: StorageAdapter
  readonly #policy: RetryPolicy

  constructor(storage: StorageAdapter, policy: RetryPolicy) {
    this.name = storage.name
    this.capabilities = storage.capabilities
    this.#storage = storage
    this.#policy = policy
  }

  async get(key: string, options: StorageGetOptions = {}): Promise<StoredObject | undefined> {
    return await this.attempts('get', key, options.signal).run(() => this.#storage.get(key, options))
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertPutArguments(key, bytes, options)
    // A copy: an attempt that is made later must not find other bytes.
    await retryCreate(this.#storage, key, new Uint8Array(bytes), options, this.attempts('putIfAbsent', key, options.signal))
  }

  async put(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertPutArguments(key, bytes, options)
    await retryReplace(this.#storage, key, new Uint8Array(bytes), options, this.attempts('put', key, options.signal))
  }

  async delete(key: string, options: StorageChangeOptions = {}): Promise<void> {
    await retryDelete(this.#storage, key, options, this.attempts('delete', key, options.signal))
  }

  async *list(prefix: string, options: StorageListOptions = {}): AsyncGenerator<StoredEntry, void, undefined> {
    assertListArguments(prefix, options)
    const attempts = this.attempts('list', prefix, options.signal)
    let { after, limit } = options
    while (limit !== 0) {
      try {
        const left = { ...(after === undefined ? {} : { after }), ...(limit === undefined ? {} : { limit }) }
        for await (const entry of this.#storage.list(prefix, { ...options, ...left })) {
          after = entry.key
          if (limit !== undefined) limit--
          attempts.restart()
          yield entry
        }
        return
      } catch (error) {
        if (!MillraceError.is(error, 'STORAGE_UNAVAILABLE')) throw error
        await attempts.wait(error)
      }
    }
  }

  protected attempts(method: StorageRetry['method'], key: string, signal: AbortSignal | undefined): RetryAttempts {
    return new RetryAttempts(this.#policy, { method, key, signal })
  }
}

class RetryingSegmentStore extends RetryingStorage implements SegmentStore {
  readonly #store: SegmentStore

  constructor(storage: StorageAdapter & SegmentStore, policy: RetryPolicy) {
    super(storage, policy)
    this.#store = storage
    forwardSyncInterval(this, storage)
  }

  async createSegment(key: string, options: StorageChangeOptions = {}): Promise<SegmentWriter> {
    return await this.attempts('createSegment', key, options.signal).run(() => this.#store.createSegment(key, options))
  }
}

function assertAtLeast(argument: string, value: number, least: number): void {
  if (value >= least && (argument !== 'attempts' || Number.isSafeInteger(value))) return
  const expected = argument === 'attempts' ? `a whole number from ${least} on` : `a number from ${least} on`
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${value}.`,
    details: { argument, expected, received: String(value) },
  })
}
