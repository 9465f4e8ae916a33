import { MillraceError } from '../core/error.ts'
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
import { assertChangeArguments, assertGetArguments, assertListArguments, assertPutArguments } from './arguments.ts'
import { isSegmentStore } from './is-segment-store.ts'
import { assertKey, assertPrefix } from './key.ts'
import { forwardSyncInterval } from './sync-interval.ts'

/**
 * What lies below a prefix, as a storage of its own: a folder for each tenant, each test, each environment. Keys are given, listed and named in faults without
 * the prefix, and none of them reaches outside it: a key is checked before the prefix is put in front of it, and no key has a way up. A key
 * that would be too long with the prefix is `STORAGE_INVALID_KEY`. It can append where the storage below can.
 *
 * @throws {@link MillraceError} `STORAGE_INVALID_KEY` for a prefix that is none; `''` stands for the whole storage.
 * @example
 * const tenant = prefixed(storage, 'tenants/acme')
 * await tenant.put('settings', bytes)
 * const there = await storage.get('tenants/acme/settings')
 * there?.sizeBytes === bytes.length // true
 */
export function prefixed(storage: StorageAdapter & SegmentStore, prefix: string): StorageAdapter & SegmentStore
export function prefixed(storage: StorageAdapter, prefix: string): StorageAdapter
export function prefixed(storage: StorageAdapter, prefix: string): StorageAdapter {
  assertPrefix(prefix)
  return isSegmentStore(storage) ? new PrefixedSegmentStore(storage, prefix) : new PrefixedStorage(storage, prefix)
}

class PrefixedStorage implements StorageAdapter {
  readonly name: string
  readonly capabilities: StorageCapabilities
  readonly listFolders?: NonNullable<StorageAdapter['listFolders']>
  readonly #storage: StorageAdapter
  /** With its slash; empty for the whole storage. */
  readonly #start: string

  constructor(storage: StorageAdapter, prefix: string) {
    this.name = `${storage.name}/${prefix}`
    this.capabilities = storage.capabilities
    this.#storage = storage
    this.#start = prefix === '' ? '' : `${prefix}/`
    const { listFolders } = storage
    if (listFolders !== undefined) this.listFolders = (below, options) => listFolders.call(storage, this.#fullPrefix(below), options)
  }

  async get(key: string, options: StorageGetOptions = {}): Promise<StoredObject | undefined> {
    assertGetArguments(key, options)
    return await this.relative(key, (full) => this.#storage.get(full, options))
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertPutArguments(key, bytes, options)
    await this.relative(key, (full) => this.#storage.putIfAbsent(full, bytes, options))
  }

  async put(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertPutArguments(key, bytes, options)
    await this.relative(key, (full) => this.#storage.put(full, bytes, options))
  }

  async delete(key: string, options: StorageChangeOptions = {}): Promise<void> {
    assertChangeArguments(key, options)
    await this.relative(key, (full) => this.#storage.delete(full, options))
  }

  async *list(prefix: string, options: StorageListOptions = {}): AsyncGenerator<StoredEntry, void, undefined> {
    assertListArguments(prefix, options)
    const { after, ...others } = options
    const below = this.#fullPrefix(prefix)
    const behind = after === undefined ? others : { ...others, after: this.#fullKey(after) }
    try {
      for await (const entry of this.#storage.list(below, behind)) yield { ...entry, key: entry.key.slice(this.#start.length) }
    } catch (error) {
      throw this.#relativeFault(error, prefix)
    }
  }

  /** Works with the full key, and names the one that was given when that fails. */
  protected async relative<Result>(key: string, work: (fullKey: string) => Promise<Result>): Promise<Result> {
    const full = this.#fullKey(key)
    try {
      return await work(full)
    } catch (error) {
      throw this.#relativeFault(error, key)
    }
  }

  /** The folder that the prefix names is what an empty one asks for. */
  #fullPrefix(prefix: string): string {
    assertPrefix(prefix)
    return prefix === '' ? this.#start.slice(0, -1) : this.#fullKey(prefix)
  }

  #fullKey(key: string): string {
    const full = `${this.#start}${key}`
    try {
      assertKey(full)
    } catch (error) {
      throw this.#relativeFault(error, key)
    }
    return full
  }

  #relativeFault(error: unknown, key: string): unknown {
    if (!MillraceError.is(error) || !('key' in error.details) || error.details.key !== `${this.#start}${key}`) return error
    return withKey(error, key)
  }
}

/** The same fault, told of another key; what it says of the full one stays in its message. */
function withKey(error: MillraceError, key: string): MillraceError {
  return new MillraceError(error.code, { message: error.message, details: { ...error.details, key }, cause: error })
}

class PrefixedSegmentStore extends PrefixedStorage implements SegmentStore {
  readonly #store: SegmentStore

  constructor(storage: StorageAdapter & SegmentStore, prefix: string) {
    super(storage, prefix)
    this.#store = storage
    forwardSyncInterval(this, storage)
  }

  async createSegment(key: string, options: StorageChangeOptions = {}): Promise<SegmentWriter> {
    assertChangeArguments(key, options)
    const writer = await this.relative(key, (full) => this.#store.createSegment(full, options))
    return {
      key,
      get sizeBytes(): number {
        return writer.sizeBytes
      },
      append: (bytes) => this.relative(key, () => writer.append(bytes)),
      sync: () => this.relative(key, () => writer.sync()),
      seal: () => this.relative(key, () => writer.seal()),
    }
  }
}
