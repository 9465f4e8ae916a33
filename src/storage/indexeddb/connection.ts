import type { UseStore } from 'idb-keyval'
import { unavailable } from '../faults.ts'

/** One object store a database: a second one would need an upgrade, and an upgrade needs every tab to close. */
const storeName = 'objects'

/** A connection that comes back: it closes for whoever wants to delete or upgrade the database, and is opened again by the next call. */
export class Connection {
  readonly #name: string
  readonly #factory: IDBFactory
  #database: Promise<IDBDatabase> | undefined

  constructor(name: string, factory: IDBFactory) {
    this.#name = name
    this.#factory = factory
  }

  /** What idb-keyval works with: a store in a transaction of its own that is acknowledged when it is on the device. */
  readonly useStore: UseStore = async (mode, callback) => {
    const opened = this.open()
    let store: IDBObjectStore
    try {
      store = storeOf(await opened, mode)
    } catch (error) {
      // The browser, or another tab's versionchange, closed the connection without our doing. Another call may have opened it again since.
      if (!isNamed(error, 'InvalidStateError')) throw error
      if (this.#database === opened) this.#database = undefined
      store = storeOf(await this.open(), mode)
    }
    return await callback(store)
  }

  open(): Promise<IDBDatabase> {
    if (this.#database === undefined) {
      const opening: Promise<IDBDatabase> = this.#open(() => forget())
      // Only this one: another call may have opened a newer one since.
      const forget = (): void => {
        if (this.#database === opening) this.#database = undefined
      }
      this.#database = opening
      opening.catch(forget)
    }
    return this.#database
  }

  /** Closes; the next call opens again. */
  async close(): Promise<void> {
    const database = this.#database
    this.#database = undefined
    await database?.then((open) => open.close()).catch(() => {})
  }

  #open(onClosed: () => void): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
      const request = this.#factory.open(this.#name)
      request.onupgradeneeded = () => {
        request.result.createObjectStore(storeName)
      }
      request.onerror = () => reject(request.error)
      request.onsuccess = () => {
        const database = request.result
        database.onclose = onClosed
        database.onversionchange = () => {
          database.close()
          onClosed()
        }
        if (database.objectStoreNames.contains(storeName)) resolve(database)
        else {
          database.close()
          reject(unavailable(`indexeddb:${this.#name}`, new Error('the database belongs to something else')))
        }
      }
    })
  }
}

function storeOf(database: IDBDatabase, mode: IDBTransactionMode): IDBObjectStore {
  return database.transaction(storeName, mode, { durability: 'strict' }).objectStore(storeName)
}

export function isNamed(error: unknown, name: string): boolean {
  return typeof error === 'object' && error !== null && (error as { readonly name?: unknown }).name === name
}
