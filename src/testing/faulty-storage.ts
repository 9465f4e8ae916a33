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
import { assertBytes } from '../storage/arguments.ts'
import { forwardSyncInterval } from '../storage/sync-interval.ts'
import type { FaultPlan, StorageFault, StorageOperation } from './fault-plan.ts'
import { orderedWriter } from './ordered-writer.ts'

export interface FaultyStorageOptions {
  /** Whose time passes where a fault has a delay. */
  readonly clock?: Clock
  /** Where a torn write is cut; default a stream of its own, the same each time. */
  readonly random?: Random
}

interface Change {
  readonly method: StorageOperation['method']
  readonly key: string
  readonly signal?: AbortSignal | undefined
  /** What is written; undefined where nothing can be torn. */
  readonly bytes?: Uint8Array | undefined
  apply(bytes: Uint8Array): Promise<void>
}

const nothing = new Uint8Array(0)

/**
 * A storage that fails as a plan says, over any other: what a retry, a resume or a registry must survive. With a plan of no faults it is the storage below.
 *
 * @example
 * const storage = new FaultyStorage(new MemoryStorage(), failNth(2, 'reply-lost'))
 * await storage.put('a', bytes)
 * await storage.put('b', bytes) // rejects STORAGE_OUTCOME_UNKNOWN
 * const there = await storage.get('b')
 * there?.sizeBytes === bytes.length // true
 */
export class FaultyStorage implements StorageAdapter {
  readonly name: string
  readonly capabilities: StorageCapabilities
  readonly #storage: StorageAdapter
  readonly #plan: FaultPlan
  readonly #clock: Clock
  readonly #random: Random
  readonly #late = new Set<Promise<void>>()
  #operations = 0
  #failures = 0

  constructor(storage: StorageAdapter, plan: FaultPlan, options: FaultyStorageOptions = {}) {
    this.name = `faulty:${storage.name}`
    this.capabilities = storage.capabilities
    this.#storage = storage
    this.#plan = plan
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? createRandom('torn writes')
  }

  /** How many operations were begun. */
  get operations(): number {
    return this.#operations
  }

  /** How many of them were made to fail, or to take longer. */
  get failures(): number {
    return this.#failures
  }

  /** Resolves when every change that was `late` has arrived, whether it could be applied then or not. */
  async arrivals(): Promise<void> {
    while (this.#late.size > 0) await Promise.all(this.#late)
  }

  async get(key: string, options: StorageGetOptions = {}): Promise<StoredObject | undefined> {
    const fault = this.#next('get', key)
    if (fault !== undefined) await this.#read(fault, options.signal)
    return await this.#storage.get(key, options)
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertBytes(bytes)
    const apply = (written: Uint8Array): Promise<void> => this.#storage.putIfAbsent(key, written, options)
    await this.change({ method: 'putIfAbsent', key, signal: options.signal, bytes, apply })
  }

  async put(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertBytes(bytes)
    const apply = (written: Uint8Array): Promise<void> => this.#storage.put(key, written, options)
    await this.change({ method: 'put', key, signal: options.signal, bytes, apply })
  }

  async delete(key: string, options: StorageChangeOptions = {}): Promise<void> {
    await this.change({ method: 'delete', key, signal: options.signal, apply: () => this.#storage.delete(key, options) })
  }

  async *list(prefix: string, options: StorageListOptions = {}): AsyncGenerator<StoredEntry, void, undefined> {
    const fault = this.#next('list', prefix)
    let left = Number.POSITIVE_INFINITY
    if (typeof fault === 'object' && fault.fault === 'refused') left = fault.afterEntries
    else if (fault !== undefined) await this.#read(fault, options.signal)
    for await (const entry of this.#storage.list(prefix, options)) {
      if (left === 0) throw this.#refused()
      left--
      yield entry
    }
    if (left !== Number.POSITIVE_INFINITY) throw this.#refused()
  }

  /** One change of the storage, as the plan lets it be. */
  protected async change({ method, key, signal, bytes, apply }: Change): Promise<void> {
    const fault = this.#next(method, key)
    if (fault === undefined) return await apply(bytes ?? nothing)
    if (typeof fault === 'object') {
      if (fault.fault === 'refused') throw this.#refused()
      if (fault.fault === 'late') {
        this.#arriveLater(fault.delayMs, apply, (bytes ?? nothing).slice())
        throw unknownOutcome(key)
      }
      await this.#clock.sleep(fault.delayMs, signal)
      return await apply(bytes ?? nothing)
    }
    if (fault === 'torn' && bytes !== undefined) return await apply(this.#tear(bytes))
    if (fault === 'refused' || fault === 'torn') throw this.#refused()
    if (fault === 'no-space') {
      throw new MillraceError('STORAGE_NO_SPACE', { message: `Expected room for "${key}". Received an injected fault.`, details: { key } })
    }
    if (fault === 'reply-lost') await apply(bytes ?? nothing)
    throw unknownOutcome(key)
  }

  #next(method: StorageOperation['method'], key: string): StorageFault | undefined {
    this.#operations++
    const fault = this.#plan({ index: this.#operations, method, key })
    if (fault !== undefined) this.#failures++
    return fault
  }

  async #read(fault: StorageFault, signal: AbortSignal | undefined): Promise<void> {
    if (typeof fault !== 'object' || fault.fault !== 'delayed') throw this.#refused()
    await this.#clock.sleep(fault.delayMs, signal)
  }

  #arriveLater(delayMs: number, apply: (bytes: Uint8Array) => Promise<void>, bytes: Uint8Array): void {
    const arrival: Promise<void> = this.#clock
      .sleep(delayMs)
      .then(() => apply(bytes))
      .catch(() => {})
      .finally(() => this.#late.delete(arrival))
    this.#late.add(arrival)
  }

  /** At least one byte shorter. */
  #tear(bytes: Uint8Array): Uint8Array {
    return bytes.length === 0 ? bytes : bytes.subarray(0, this.#random.int(bytes.length))
  }

  #refused(): MillraceError<'STORAGE_UNAVAILABLE'> {
    return new MillraceError('STORAGE_UNAVAILABLE', {
      message: `Expected an answer of the storage "${this.name}". Received an injected fault.`,
      details: { storage: this.name, reason: 'injected fault' },
    })
  }
}

function unknownOutcome(key: string): MillraceError<'STORAGE_OUTCOME_UNKNOWN'> {
  return new MillraceError('STORAGE_OUTCOME_UNKNOWN', {
    message: `Expected an answer about "${key}". Received an injected fault: it may or may not have been applied.`,
    details: { key },
  })
}

/**
 * A {@link FaultyStorage} over storage that can append: making a segment, and each `append`, `sync` and `seal` of it, are operations of the plan.
 *
 * @example
 * const storage = new FaultySegmentStore(new MemoryStorage(), failMatching(({ method }) => method === 'sync', 'refused'))
 * const segment = await storage.createSegment('logs/one')
 * await segment.append(bytes)
 * await segment.sync() // rejects STORAGE_UNAVAILABLE
 */
export class FaultySegmentStore extends FaultyStorage implements SegmentStore {
  readonly #store: SegmentStore

  constructor(storage: StorageAdapter & SegmentStore, plan: FaultPlan, options: FaultyStorageOptions = {}) {
    super(storage, plan, options)
    this.#store = storage
    forwardSyncInterval(this, storage)
  }

  async createSegment(key: string, options: StorageChangeOptions = {}): Promise<SegmentWriter> {
    let made: SegmentWriter | undefined
    const apply = async (): Promise<void> => {
      made = await this.#store.createSegment(key, options)
    }
    await this.change({ method: 'createSegment', key, signal: options.signal, apply })
    return orderedWriter(made as SegmentWriter, (method, applied, bytes) => this.change({ method, key, bytes, apply: applied }))
  }
}
