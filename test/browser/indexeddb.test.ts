import { MillraceError } from 'millrace/core'
import type { SegmentStore, StorageAdapter } from 'millrace/storage'
import { openSegmentLog, prefixed, readSegments, withRetry } from 'millrace/storage'
import { IndexedDbStorage } from 'millrace/storage/indexeddb'
import type { ConformanceCase } from 'millrace/testing'
import { FakeClock, segmentStoreConformance, storageConformance } from 'millrace/testing'
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

describe('IndexedDB storage behind decorators', () => {
  const decorate = (storage: IndexedDbStorage): StorageAdapter & SegmentStore => prefixed(withRetry(storage), 'tabs/one')
  const nameOf = new WeakMap<object, string>()
  const openDecorated = async (name: string): Promise<StorageAdapter & SegmentStore> => {
    const storage = decorate(await IndexedDbStorage.open(name))
    nameOf.set(storage, name)
    return storage
  }
  const decorated = {
    open: () => openDecorated(freshName()),
    reopen: (storage: object) => openDecorated(nameOf.get(storage) as string),
  }
  runAll(storageConformance(decorated))
  runAll(segmentStoreConformance(decorated))
})

test('the time of an object is that of the clock that wrote it, as of its last write', async () => {
  const clock = new FakeClock({ now: 1_000_000 })
  const storage = await IndexedDbStorage.open(freshName(), { clock })
  await storage.put('key', text('one'))
  const segment = await storage.createSegment('segment')
  await clock.advance(5000)
  await segment.append(text('two'))
  const times: Record<string, number> = {}
  for await (const { key, modifiedAt } of storage.list('')) times[key] = modifiedAt
  expect(times).toEqual({ key: 1_000_000, segment: 1_005_000 })
})

test('a read is of one object, also while a segment makes way for another', async () => {
  const storage = await open()
  const other = await options.reopen(storage)
  for (let turn = 0; turn < 20; turn++) {
    const segment = await storage.createSegment('key')
    for (let part = 0; part < 3; part++) await segment.append(text('abc'))
    const [read] = await Promise.all([other.get('key'), storage.put('key', text('whole'))])
    expect(['abcabcabc', 'whole']).toContain(new TextDecoder().decode(read?.bytes))
    await storage.delete('key')
  }
})

describe('an IndexedDB connection', () => {
  test('row 22: a closed connection is opened again by the next call', async () => {
    const storage = await open()
    await storage.put('key', text('one'))
    await storage.close()
    expect((await storage.get('key'))?.bytes).toEqual(text('one'))
  })

  test('row 22: a connection that the browser closed is opened again, once for one call', async () => {
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

  /** A factory that is told what becomes of each opening. */
  function watched(onOpen: (database: IDBDatabase, opening: number) => void, fail: (opening: number) => boolean = () => false): IDBFactory {
    let openings = 0
    return {
      open(name: string): IDBOpenDBRequest {
        openings++
        const opening = openings
        // A version below the one there is is an error of the request.
        const request = fail(opening) ? indexedDB.open(name, 1) : indexedDB.open(name, opening === 1 ? 2 : undefined)
        request.addEventListener('success', () => onOpen(request.result, opening))
        return request
      },
    } as IDBFactory
  }
  const calls: readonly (readonly [string, (storage: IndexedDbStorage) => Promise<unknown>])[] = [
    ['get', (storage) => storage.get('key')],
    ['put', (storage) => storage.put('key', text('two'))],
    ['putIfAbsent', (storage) => storage.putIfAbsent('new', text('two'))],
    ['delete', (storage) => storage.delete('key')],
    ['createSegment', (storage) => storage.createSegment('segment')],
    ['list', async (storage) => storage.list('').next()],
  ]

  test.each(calls)('row 22: a connection that cannot be opened again is STORAGE_UNAVAILABLE (%s), and changes nothing', async (_, call) => {
    const databases: IDBDatabase[] = []
    let failing = false
    const storage = await open(
      watched(
        (database) => databases.push(database),
        () => failing,
      ),
    )
    await storage.put('key', text('one'))
    failing = true
    for (const database of databases) database.close()
    const error = await call(storage).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    failing = false
    expect((await storage.get('key'))?.bytes).toEqual(text('one'))
    expect(await storage.get('new')).toBeUndefined()
    expect(await storage.get('segment')).toBeUndefined()
  })

  test.each(calls)('row 22: a connection that is closed again at once is tried once more and no more (%s)', async (_, call) => {
    let closing = false
    let openings = 0
    const opened: IDBDatabase[] = []
    const storage = await open(
      watched((database) => {
        openings++
        opened.push(database)
        if (closing) database.close()
      }),
    )
    await storage.put('key', text('one'))
    for (const database of opened) database.close()
    closing = true
    openings = 0
    const error = await call(storage).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    expect(openings).toBe(1)
    closing = false
    expect((await storage.get('key'))?.bytes).toEqual(text('one'))
  })

  test('row 22: many calls that find a closed connection share the new one', async () => {
    const databases: IDBDatabase[] = []
    const storage = await open(watched((database) => databases.push(database)))
    await storage.put('key', text('one'))
    for (const database of databases) database.close()
    const before = databases.length
    const read = await Promise.all(Array.from({ length: 8 }, () => storage.get('key')))
    for (const object of read) expect(object?.bytes).toEqual(text('one'))
    expect(databases.length).toBe(before + 1)
  })

  test('row 22: versionchange: it makes way for whoever upgrades the database, and works on with the newer one', async () => {
    const name = freshName()
    const storage = await IndexedDbStorage.open(name)
    await storage.put('key', text('one'))
    await new Promise<void>((resolve, reject) => {
      const request = indexedDB.open(name, 7)
      request.onsuccess = () => {
        request.result.close()
        resolve()
      }
      request.onerror = () => reject(request.error)
      request.onblocked = () => reject(new Error('blocked'))
    })
    expect((await storage.get('key'))?.bytes).toEqual(text('one'))
    await storage.put('key', text('two'))
    expect((await storage.get('key'))?.bytes).toEqual(text('two'))
  })

  test('row 22: versionchange: it makes way for whoever deletes the database, and begins anew', async () => {
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
  function failingPut(name: string, fails: (key: string) => boolean = (key) => key.startsWith('b/')): IDBFactory {
    const wrap = (store: IDBObjectStore): IDBObjectStore =>
      new Proxy(store, {
        get(target, property): unknown {
          if (property === 'put') {
            return (value: unknown, key: string): IDBRequest => {
              if (fails(key)) throw new DOMException('the disk is full', name)
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

  test('row 21: a full disk is STORAGE_NO_SPACE, and what a write would have replaced is still there, whole', async () => {
    const name = freshName()
    const sound = await IndexedDbStorage.open(name)
    await sound.put('key', text('old'))
    const segment = await sound.createSegment('segment')
    await segment.append(text('parts'))
    const full = await IndexedDbStorage.open(name, { factory: failingPut('QuotaExceededError') })
    for (const key of ['key', 'segment']) {
      expect(await full.put(key, text('longer than before')).catch((caught: unknown) => caught)).toMatchObject({ code: 'STORAGE_NO_SPACE' })
    }
    expect((await sound.get('key'))?.bytes).toEqual(text('old'))
    expect((await sound.get('segment'))?.bytes).toEqual(text('parts'))
    const sizes: Record<string, number> = {}
    for await (const { key, sizeBytes } of sound.list('')) sizes[key] = sizeBytes
    expect(sizes).toEqual({ key: 3, segment: 5 })
  })

  test('row 21: an append that finds the disk full is STORAGE_NO_SPACE, leaves nothing, and may be tried again', async () => {
    let isFull = false
    const storage = await open(failingPut('QuotaExceededError', (key) => isFull && key.startsWith('p/')))
    const segment = await storage.createSegment('segment')
    await segment.append(text('one'))
    isFull = true
    expect(await segment.append(text('two')).catch((caught: unknown) => caught)).toMatchObject({ code: 'STORAGE_NO_SPACE' })
    expect([segment.sizeBytes, (await storage.get('segment'))?.bytes]).toEqual([3, text('one')])
    isFull = false
    await segment.append(text('two'))
    expect((await storage.get('segment'))?.bytes).toEqual(text('onetwo'))
  })

  test('row 21: a full disk is STORAGE_NO_SPACE and leaves nothing of the write', async () => {
    const storage = await open(failingPut('QuotaExceededError'))
    const error = await storage.putIfAbsent('key', text('one')).catch((caught: unknown) => caught)
    expect(MillraceError.is(error, 'STORAGE_NO_SPACE')).toBe(true)
    expect(await storage.get('key')).toBeUndefined()
    const sound = await options.reopen(storage)
    for await (const entry of sound.list('')) expect(entry).toBeUndefined()
  })

  test('row 21: a real quota is STORAGE_NO_SPACE, and what was written before is still there', async ({ skip }) => {
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
