import type { StorageAdapter } from '../../../src/storage/adapter.ts'

export interface StorageCall {
  readonly method: 'get' | 'putIfAbsent' | 'put' | 'delete' | 'list'
  readonly key: string
  /** Written, or read. */
  readonly sizeBytes: number
}

/** A storage that keeps what was asked of it. */
export class CountingStorage implements StorageAdapter {
  readonly name: string
  readonly capabilities: StorageAdapter['capabilities']
  readonly #inner: StorageAdapter
  calls: StorageCall[] = []

  constructor(inner: StorageAdapter) {
    this.#inner = inner
    this.name = inner.name
    this.capabilities = inner.capabilities
  }

  get requests(): number {
    return this.calls.length
  }

  get writtenBytes(): number {
    return this.calls.reduce((sum, { method, sizeBytes }) => sum + (method.startsWith('put') ? sizeBytes : 0), 0)
  }

  get readBytes(): number {
    return this.calls.reduce((sum, { method, sizeBytes }) => sum + (method === 'get' ? sizeBytes : 0), 0)
  }

  /** Those that change something, hints left out. */
  get writes(): readonly StorageCall[] {
    return this.calls.filter(({ method, key }) => method !== 'get' && method !== 'list' && !key.endsWith('-hint'))
  }

  async get(...[key, options]: Parameters<StorageAdapter['get']>): ReturnType<StorageAdapter['get']> {
    const found = await this.#inner.get(key, options)
    this.#tell('get', key, found?.bytes)
    return found
  }

  putIfAbsent(...[key, bytes, options]: Parameters<StorageAdapter['putIfAbsent']>): Promise<void> {
    this.#tell('putIfAbsent', key, bytes)
    return this.#inner.putIfAbsent(key, bytes, options)
  }

  put(...[key, bytes, options]: Parameters<StorageAdapter['put']>): Promise<void> {
    this.#tell('put', key, bytes)
    return this.#inner.put(key, bytes, options)
  }

  delete(...[key, options]: Parameters<StorageAdapter['delete']>): Promise<void> {
    this.#tell('delete', key)
    return this.#inner.delete(key, options)
  }

  list(...[prefix, options]: Parameters<StorageAdapter['list']>): ReturnType<StorageAdapter['list']> {
    this.#tell('list', prefix)
    return this.#inner.list(prefix, options)
  }

  #tell(method: StorageCall['method'], key: string, bytes?: Uint8Array): void {
    this.calls.push({ method, key, sizeBytes: bytes?.length ?? 0 })
  }
}
