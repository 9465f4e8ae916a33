import { MillraceError } from '../core/error.ts'
import { createRandom } from '../core/random.ts'
import type { ByteRange, StorageAdapter, StorageCapabilities, StoredEntry, StoredObject } from '../storage/adapter.ts'

/**
 * How an operation fails. `refused`: not applied, `STORAGE_UNAVAILABLE`. `no-space`: not applied, `STORAGE_NO_SPACE`. `request-lost` and `reply-lost`: not
 * applied and applied, and either way `STORAGE_OUTCOME_UNKNOWN`. An operation that changes nothing is `refused`, whatever is asked.
 */
export type StorageFault = 'refused' | 'no-space' | 'request-lost' | 'reply-lost'

export interface StorageOperation {
  /** 1 for the first operation of the storage. */
  readonly index: number
  readonly method: 'get' | 'putIfAbsent' | 'put' | 'delete' | 'list'
  /** Of `list`, the prefix. */
  readonly key: string
}

/** Decides which operations fail. */
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
  readonly faults?: readonly StorageFault[]
}): FaultPlan {
  const random = createRandom(options.seed).split('storage-faults')
  const faults = options.faults ?? (['refused', 'no-space', 'request-lost', 'reply-lost'] as const)
  return () => (random.next() < options.probability ? faults[random.int(faults.length)] : undefined)
}

interface Options {
  readonly signal?: AbortSignal
}

/**
 * A storage that fails as a plan says, over any other: what a retry, a resume or a registry must survive.
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
  #operations = 0
  #failures = 0

  constructor(storage: StorageAdapter, plan: FaultPlan) {
    this.name = `faulty:${storage.name}`
    this.capabilities = storage.capabilities
    this.#storage = storage
    this.#plan = plan
  }

  /** How many operations were begun. */
  get operations(): number {
    return this.#operations
  }

  /** How many of them were made to fail. */
  get failures(): number {
    return this.#failures
  }

  async get(key: string, options: Options & { readonly range?: ByteRange } = {}): Promise<StoredObject | undefined> {
    this.#read('get', key)
    return await this.#storage.get(key, options)
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options: Options = {}): Promise<void> {
    await this.#change('putIfAbsent', key, () => this.#storage.putIfAbsent(key, bytes, options))
  }

  async put(key: string, bytes: Uint8Array, options: Options = {}): Promise<void> {
    await this.#change('put', key, () => this.#storage.put(key, bytes, options))
  }

  async delete(key: string, options: Options = {}): Promise<void> {
    await this.#change('delete', key, () => this.#storage.delete(key, options))
  }

  async *list(
    prefix: string,
    options: { readonly after?: string; readonly limit?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<StoredEntry, void, undefined> {
    this.#read('list', prefix)
    yield* this.#storage.list(prefix, options)
  }

  #next(method: StorageOperation['method'], key: string): StorageFault | undefined {
    this.#operations++
    const fault = this.#plan({ index: this.#operations, method, key })
    if (fault !== undefined) this.#failures++
    return fault
  }

  #read(method: 'get' | 'list', key: string): void {
    if (this.#next(method, key) !== undefined) throw this.#refused()
  }

  async #change(method: 'putIfAbsent' | 'put' | 'delete', key: string, apply: () => Promise<void>): Promise<void> {
    const fault = this.#next(method, key)
    if (fault === undefined) return await apply()
    if (fault === 'refused') throw this.#refused()
    if (fault === 'no-space') {
      throw new MillraceError('STORAGE_NO_SPACE', { message: `Expected room for "${key}". Received an injected fault.`, details: { key } })
    }
    if (fault === 'reply-lost') await apply()
    throw new MillraceError('STORAGE_OUTCOME_UNKNOWN', {
      message: `Expected an answer about "${key}". Received an injected fault: it may or may not have been applied.`,
      details: { key },
    })
  }

  #refused(): MillraceError<'STORAGE_UNAVAILABLE'> {
    return new MillraceError('STORAGE_UNAVAILABLE', {
      message: `Expected an answer of the storage "${this.name}". Received an injected fault.`,
      details: { storage: this.name, reason: 'injected fault' },
    })
  }
}
