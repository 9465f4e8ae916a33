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
import { assertChangeArguments, assertPutArguments } from './arguments.ts'
import { denied } from './faults.ts'
import { isSegmentStore } from './is-segment-store.ts'

/**
 * A storage that is read and never changed: for a dashboard over the production registry, or a notebook over the training data. Every change is refused
 * with `STORAGE_DENIED`, `createSegment` too, before the storage below is asked anything; reads and its capabilities pass through. What changes the storage below by
 * another way is seen at once.
 *
 * @example
 * await storage.put('settings', bytes)
 * const view = readOnly(storage)
 * const there = await view.get('settings')
 * there?.sizeBytes === bytes.length // true
 * await view.delete('settings') // rejects STORAGE_DENIED
 */
export function readOnly(storage: StorageAdapter & SegmentStore): StorageAdapter & SegmentStore
export function readOnly(storage: StorageAdapter): StorageAdapter
export function readOnly(storage: StorageAdapter): StorageAdapter {
  return isSegmentStore(storage) ? new ReadOnlySegmentStore(storage) : new ReadOnlyStorage(storage)
}

class ReadOnlyStorage implements StorageAdapter {
  readonly name: string
  readonly capabilities: StorageCapabilities
  readonly listFolders?: NonNullable<StorageAdapter['listFolders']>
  readonly #storage: StorageAdapter

  constructor(storage: StorageAdapter) {
    this.name = `read-only:${storage.name}`
    this.capabilities = storage.capabilities
    this.#storage = storage
    const { listFolders } = storage
    if (listFolders !== undefined) this.listFolders = (prefix, options) => listFolders.call(storage, prefix, options)
  }

  get(key: string, options: StorageGetOptions = {}): Promise<StoredObject | undefined> {
    return this.#storage.get(key, options)
  }

  list(prefix: string, options: StorageListOptions = {}): AsyncIterable<StoredEntry> {
    return this.#storage.list(prefix, options)
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertPutArguments(key, bytes, options)
    this.refuse(key, options)
  }

  async put(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertPutArguments(key, bytes, options)
    this.refuse(key, options)
  }

  async delete(key: string, options: StorageChangeOptions = {}): Promise<void> {
    this.refuse(key, options)
  }

  protected refuse(key: string, options: StorageChangeOptions): never {
    assertChangeArguments(key, options)
    throw denied(this.name, `it is read-only, and "${key}" would change`)
  }
}

class ReadOnlySegmentStore extends ReadOnlyStorage implements SegmentStore {
  async createSegment(key: string, options: StorageChangeOptions = {}): Promise<SegmentWriter> {
    return this.refuse(key, options)
  }
}
