import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import type { Random } from '../core/random.ts'
import { createRandom } from '../core/random.ts'
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
} from '../storage/adapter.ts'
import { assertPutArguments } from '../storage/arguments.ts'
import { forwardSyncInterval } from '../storage/sync-interval.ts'
import type { StorageOperation } from './fault-plan.ts'
import { orderedWriter } from './ordered-writer.ts'

export interface LatencyStorageOptions {
  /** How long an operation takes on average: one number for all, or one for each method, where those left out take no time. */
  readonly meanMs: number | Readonly<Partial<Record<StorageOperation['method'], number>>>
  /** How far from the mean an operation may be, as a share of it, evenly spread; from 0 to 1, default 0.5. */
  readonly spread?: number
  /** The same seed gives the same operations the same times; default 1. */
  readonly seed?: number | string
  readonly clock?: Clock
}

/**
 * A storage that takes its time, over any other: as far away as an object store, on a desk. Half of an operation's time passes before it is applied and
 * half before its answer comes, so operations overlap as they do over a network. With a `FakeClock` no real time passes.
 *
 * @example
 * const storage = new LatencyStorage(new MemoryStorage(), { meanMs: { get: 2, put: 5 } })
 * await storage.put('a', bytes)
 */
export class LatencyStorage implements StorageAdapter {
  readonly name: string
  readonly capabilities: StorageCapabilities
  readonly #storage: StorageAdapter
  readonly #meanMs: LatencyStorageOptions['meanMs']
  readonly #spread: number
  readonly #random: Random
  readonly #clock: Clock

  /** @throws {@link MillraceError} `ARGUMENT_INVALID` for a negative mean, or a spread that is not from 0 to 1. */
  constructor(storage: StorageAdapter, options: LatencyStorageOptions) {
    const { meanMs, spread = 0.5, seed = 1, clock = systemClock } = options
    for (const mean of typeof meanMs === 'number' ? [meanMs] : Object.values(meanMs)) {
      if (!(mean >= 0 && mean < Number.POSITIVE_INFINITY)) throw invalid('meanMs', 'from 0 on', mean)
    }
    if (!(spread >= 0 && spread <= 1)) throw invalid('spread', 'from 0 to 1', spread)
    this.name = `latency:${storage.name}`
    this.capabilities = storage.capabilities
    this.#storage = storage
    this.#meanMs = meanMs
    this.#spread = spread
    this.#random = createRandom(seed).split('storage-latency')
    this.#clock = clock
  }

  async get(key: string, options: StorageGetOptions = {}): Promise<StoredObject | undefined> {
    return await this.take('get', options.signal, () => this.#storage.get(key, options))
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertPutArguments(key, bytes, options)
    const copy = bytes.slice()
    await this.take('putIfAbsent', options.signal, () => this.#storage.putIfAbsent(key, copy, options))
  }

  async put(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertPutArguments(key, bytes, options)
    const copy = bytes.slice()
    await this.take('put', options.signal, () => this.#storage.put(key, copy, options))
  }

  async delete(key: string, options: StorageChangeOptions = {}): Promise<void> {
    await this.take('delete', options.signal, () => this.#storage.delete(key, options))
  }

  /** All of its time passes before the first entry. */
  async *list(prefix: string, options: StorageListOptions = {}): AsyncGenerator<StoredEntry, void, undefined> {
    await this.take('list', options.signal, async () => {})
    yield* this.#storage.list(prefix, options)
  }

  protected async take<Result>(
    method: StorageOperation['method'],
    signal: AbortSignal | undefined,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const half = this.#latencyMs(method) / 2
    await this.#pass(half, signal)
    try {
      return await work()
    } finally {
      await this.#pass(half, signal)
    }
  }

  async #pass(ms: number, signal: AbortSignal | undefined): Promise<void> {
    // The shortest real sleep is a millisecond.
    if (ms > 0) await this.#clock.sleep(ms, signal)
  }

  #latencyMs(method: StorageOperation['method']): number {
    const mean = typeof this.#meanMs === 'number' ? this.#meanMs : (this.#meanMs[method] ?? 0)
    return mean * (1 + this.#spread * (2 * this.#random.next() - 1))
  }
}

/** A {@link LatencyStorage} over storage that can append: making a segment, and each `append`, `sync` and `seal` of it, take their time too. */
export class LatencySegmentStore extends LatencyStorage implements SegmentStore {
  readonly #store: SegmentStore

  constructor(storage: StorageAdapter & SegmentStore, options: LatencyStorageOptions) {
    super(storage, options)
    this.#store = storage
    forwardSyncInterval(this, storage)
  }

  async createSegment(key: string, options: StorageChangeOptions = {}): Promise<SegmentWriter> {
    const { signal } = options
    const writer = await this.take('createSegment', signal, () => this.#store.createSegment(key, options))
    return orderedWriter(writer, (method, apply, bytes) => this.take(method, undefined, () => apply(bytes ?? new Uint8Array(0))))
  }
}

function invalid(argument: string, range: string, received: number): MillraceError {
  const expected = `a number ${range}`
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${received}.`,
    details: { argument, expected, received: String(received) },
  })
}
