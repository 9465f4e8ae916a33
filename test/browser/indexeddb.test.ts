import { MillraceError } from 'millrace'
import { openSegmentLog, readSegments } from 'millrace/storage'
import { IndexedDbStorage } from 'millrace/storage/indexeddb'
import type { ConformanceCase } from 'millrace/testing'
import { segmentStoreConformance, storageConformance } from 'millrace/testing'
import { describe, expect, test } from 'vitest'

let count = 0
function freshName(): string {
  count++
  return `millrace-test-${performance.timeOrigin}-${count}`
}
function open(factory?: IDBFactory): Promise<IndexedDbStorage> {
  return IndexedDbStorage.open(freshName(), factory === undefined ? {} : { factory })
}
const options = {
  open: () => open(),
  reopen: async (storage: { readonly name: string }): Promise<IndexedDbStorage> =>
    IndexedDbStorage.open(storage.name.slice('indexeddb:'.length)),
}
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

function runAll(cases: readonly ConformanceCase[]): void {
  for (const { name, run, skip } of cases) test.skipIf(skip !== undefined)(name, run)
}

interface BucketManager {
  open(name: string, options: { readonly quota: number }): Promise<{ readonly indexedDB: IDBFactory }>
  delete(name: string): Promise<void>
}

describe('IndexedDB storage', () => runAll(storageConformance(options)))
describe('IndexedDB segments', () => runAll(segmentStoreConformance(options)))

describe('an IndexedDB connection', () => {
  test('is opened again when it was closed', async () => {
    const storage = await open()
    await storage.put('key', text('one'))
    await storage.close()
    expect((await storage.get('key'))?.bytes).toEqual(text('one'))
  })

  test('is opened again when the browser says that it is closing', async () => {
    let databases: IDBDatabase[] = []
    const factory = {
      open(name: string): IDBOpenDBRequest {
        const request = indexedDB.open(name)
        request.addEventListener('success', () => databases.push(request.result))
        return request
      },
    }
    const storage = await open(factory as IDBFactory)
    await storage.put('key', text('one'))
    for (const database of databases) database.close()
    databases = []
    await storage.put('key', text('two'))
    expect(databases.length).toBe(1)
    expect((await storage.get('key'))?.bytes).toEqual(text('two'))
  })

  test('makes way for whoever deletes the database, and begins anew', async () => {
    const name = freshName()
    const storage = await IndexedDbStorage.open(name)
    await storage.put('key', text('one'))
    await new Promise<void>((resolve, reject) => {
      const request = indexedDB.deleteDatabase(name)
      request.onsuccess = () => resolve()
      request.onerror = () => reject(request.error)
      request.onblocked = () => reject(new Error('blocked'))
    })
    expect(await storage.get('key')).toBeUndefined()
    await storage.put('key', text('two'))
    expect((await storage.get('key'))?.bytes).toEqual(text('two'))
  })

  test('is refused where the database belongs to something else', async () => {
    const name = freshName()
    await new Promise<void>((resolve) => {
      const request = indexedDB.open(name, 1)
      request.onupgradeneeded = () => request.result.createObjectStore('theirs')
      request.onsuccess = () => {
        request.result.close()
        resolve()
      }
    })
    const error = await IndexedDbStorage.open(name).catch((caught: unknown) => caught)
    expect(MillraceError.is(error, 'STORAGE_UNAVAILABLE')).toBe(true)
  })
})

describe('faults of IndexedDB', () => {
  /** A factory whose object store throws on `put` of bytes, as a full disk does, after the entry was written. */
  function failingPut(name: string): IDBFactory {
    const wrap = (store: IDBObjectStore): IDBObjectStore =>
      new Proxy(store, {
        get(target, property): unknown {
          if (property === 'put') {
            return (value: unknown, key: string): IDBRequest => {
              if (key.startsWith('b/')) throw new DOMException('the disk is full', name)
              return target.put(value, key)
            }
          }
          const member: unknown = Reflect.get(target, property, target)
          return typeof member === 'function' ? member.bind(target) : member
        },
      })
    return {
      open(database: string): IDBOpenDBRequest {
        const request = indexedDB.open(database)
        request.addEventListener('success', () => {
          const { transaction } = request.result
          request.result.transaction = (...parameters: Parameters<IDBDatabase['transaction']>): IDBTransaction => {
            const made = transaction.apply(request.result, parameters)
            const { objectStore } = made
            made.objectStore = (store: string): IDBObjectStore => wrap(objectStore.call(made, store))
            return made
          }
        })
        return request
      },
    } as IDBFactory
  }

  test('a full disk is STORAGE_NO_SPACE and leaves nothing of the write', async () => {
    const storage = await open(failingPut('QuotaExceededError'))
    const error = await storage.putIfAbsent('key', text('one')).catch((caught: unknown) => caught)
    expect(MillraceError.is(error, 'STORAGE_NO_SPACE')).toBe(true)
    expect(await storage.get('key')).toBeUndefined()
    const sound = await options.reopen(storage)
    for await (const entry of sound.list('')) expect(entry).toBeUndefined()
  })

  test('a real quota is STORAGE_NO_SPACE, and what was written before is still there', async ({ skip }) => {
    // A bucket has a quota of its own where the browser has buckets: https://developer.mozilla.org/docs/Web/API/StorageBucketManager
    const { storageBuckets } = navigator as { storageBuckets?: BucketManager }
    if (storageBuckets === undefined) return skip('this browser has no storage buckets')
    const bucket = await storageBuckets.open('millrace-quota', { quota: 1_000_000 })
    const storage = await open(bucket.indexedDB)
    await storage.put('small', text('one'))
    const large = crypto.getRandomValues(new Uint8Array(60_000))
    let error: unknown
    let stored = 0
    for (; stored < 100 && error === undefined; stored++) {
      error = await storage.putIfAbsent(`large/${stored}`, large).catch((caught: unknown) => caught)
    }
    expect(error).toMatchObject({ code: 'STORAGE_NO_SPACE' })
    expect((await storage.get('small'))?.bytes).toEqual(text('one'))
    let listed = 0
    for await (const { key } of storage.list('large')) {
      const bytes = (await storage.get(key))?.bytes
      expect(bytes?.length).toBe(large.length)
      expect(bytes?.every((byte, index) => byte === large[index])).toBe(true)
      listed++
    }
    expect(listed).toBe(stored - 1)
    await storage.close()
    await storageBuckets.delete('millrace-quota')
  })

  test('any other fault is STORAGE_UNAVAILABLE', async () => {
    const storage = await open(failingPut('UnknownError'))
    const error = await storage.put('key', text('one')).catch((caught: unknown) => caught)
    expect(MillraceError.is(error, 'STORAGE_UNAVAILABLE')).toBe(true)
  })
})

test('tabs that race for numbers lose none', async () => {
  const name = freshName()
  const tabs = await Promise.all([0, 1, 2].map(() => IndexedDbStorage.open(name)))
  const wins = await Promise.all(
    tabs.map(async (storage) => {
      let won = 0
      for (let turn = 1; won < 40; turn++) {
        try {
          await storage.putIfAbsent(`counter/${String(turn).padStart(6, '0')}`, text(storage.name))
          won++
        } catch (error) {
          if (!MillraceError.is(error, 'STORAGE_CONFLICT')) throw error
        }
      }
      return won
    }),
  )
  const keys: string[] = []
  for await (const { key } of (tabs[0] as IndexedDbStorage).list('counter')) keys.push(key)
  expect(wins).toEqual([40, 40, 40])
  expect(keys).toEqual(Array.from({ length: 120 }, (_, index) => `counter/${String(index + 1).padStart(6, '0')}`))
})

test('a log of segments is read back', async () => {
  const storage = await open()
  const log = await openSegmentLog(storage, 'predictions')
  const records = Array.from({ length: 500 }, (_, index) => `record ${index}`)
  for (const record of records) await log.append(text(record))
  await log.close()
  const read: string[] = []
  for await (const payload of readSegments(storage, 'predictions')) read.push(new TextDecoder().decode(payload))
  expect(read).toEqual(records)
})
