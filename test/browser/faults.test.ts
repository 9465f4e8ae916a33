import { MillraceError } from 'millrace'
import { Registry } from 'millrace/registry'
import { MemoryStorage } from 'millrace/storage'
import { IndexedDbStorage } from 'millrace/storage/indexeddb'
import { FaultyStorage, failNth } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { packageNamed } from '../unit/registry/registry-fixtures.ts'

/** Faults one by one; the full proof is in test/proof, and this is its part that needs a real IndexedDB. */
const row4 = 'row 4: N-th I/O fails (EIO), for every N: typed error; old or new state, never a mix'

let count = 0
function freshName(): string {
  count++
  return `millrace-faults-${performance.timeOrigin}-${count}`
}
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'done'
  } catch (error) {
    if (MillraceError.is(error)) return error.code
    throw error
  }
}

/** What a database is asked for: transactions and requests in them. The one with the number fails: a transaction cannot begin, or ends as after a fault of the disk. */
interface Plan {
  failAt: number
  asked: number
}

function faultyFactory(plan: Plan): IDBFactory {
  const fails = (): boolean => ++plan.asked === plan.failAt
  const faultyStore = (store: IDBObjectStore): IDBObjectStore => {
    const { transaction } = store
    for (const method of ['add', 'put', 'delete', 'get', 'getKey', 'getAll', 'getAllKeys'] as const) {
      const whole = store[method].bind(store) as (...parameters: unknown[]) => IDBRequest
      const faulty = (...parameters: unknown[]): IDBRequest => {
        const request = whole(...parameters)
        // As a fault of the disk is told: not in the middle of the code that asks.
        if (fails()) queueMicrotask(() => transaction.abort())
        return request
      }
      Object.defineProperty(store, method, { value: faulty })
    }
    return store
  }
  const open = (name: string): IDBOpenDBRequest => {
    const request = indexedDB.open(name)
    request.addEventListener('success', () => {
      const database = request.result
      const begin = database.transaction.bind(database)
      const transaction = (...parameters: Parameters<typeof begin>): IDBTransaction => {
        if (fails()) throw new DOMException('an injected fault', 'UnknownError')
        const begun = begin(...parameters)
        const storeOf = begun.objectStore.bind(begun)
        Object.defineProperty(begun, 'objectStore', { value: (store: string) => faultyStore(storeOf(store)) })
        return begun
      }
      Object.defineProperty(database, 'transaction', { value: transaction })
    })
    return request
  }
  return { open } as IDBFactory
}

const read = async (storage: IndexedDbStorage, key: string): Promise<string | undefined> => {
  const object = await storage.get(key)
  return object && new TextDecoder().decode(object.bytes)
}

describe('IndexedDB, each request that fails', () => {
  const changes = [
    ['putIfAbsent', undefined, 'new', (storage: IndexedDbStorage) => storage.putIfAbsent('models/log/1', text('new'))],
    ['put of a new object', undefined, 'new', (storage: IndexedDbStorage) => storage.put('models/log/1', text('new'))],
    ['put over an object', 'old', 'new', (storage: IndexedDbStorage) => storage.put('models/log/1', text('new'))],
    ['delete', 'old', undefined, (storage: IndexedDbStorage) => storage.delete('models/log/1')],
  ] as const
  test.each(changes)(`${row4}: %s`, async (_, before, after, change) => {
    let faults = 0
    for (let index = 1; ; index++) {
      const name = freshName()
      const plan = { failAt: 0, asked: 0 }
      const storage = await IndexedDbStorage.open(name, { factory: faultyFactory(plan), persist: false })
      if (before !== undefined) await storage.put('models/log/1', text(before))
      Object.assign(plan, { failAt: index, asked: 0 })
      const outcome = await outcomeOf(change(storage))
      const done = plan.asked < index
      if (!done) faults++
      const state = await read(await IndexedDbStorage.open(name), 'models/log/1')
      // A transaction that was aborted changed nothing: there is no doubt about it.
      expect(outcome, `request ${index}`).toBe(done ? 'done' : 'STORAGE_UNAVAILABLE')
      expect(state, `request ${index}`).toBe(done ? after : before)
      plan.failAt = 0
      await change(storage).catch(() => {})
      expect(await read(storage, 'models/log/1')).toBe(after)
      if (done) break
    }
    expect(faults).toBeGreaterThan(2)
  })

  test(`${row4}: get, list and a segment`, async () => {
    const name = freshName()
    const plan = { failAt: 0, asked: 0 }
    const storage = await IndexedDbStorage.open(name, { factory: faultyFactory(plan), persist: false })
    await storage.put('a/b', text('value'))
    const listed = async (): Promise<string> => {
      const keys: string[] = []
      for await (const { key } of storage.list('a')) keys.push(key)
      return keys.join()
    }
    for (const [work, right] of [[() => read(storage, 'a/b'), 'value'] as const, [listed, 'a/b'] as const]) {
      for (let index = 1; ; index++) {
        Object.assign(plan, { failAt: index, asked: 0 })
        const outcome = await work().catch((error: unknown) => (MillraceError.is(error) ? error.code : String(error)))
        expect([right, 'STORAGE_UNAVAILABLE']).toContain(outcome)
        if (plan.asked < index) break
      }
    }
    for (let index = 1; ; index++) {
      Object.assign(plan, { failAt: index, asked: 0 })
      let written = ''
      const key = `log/${index}`
      const work = async (): Promise<void> => {
        const segment = await storage.createSegment(key)
        for (const part of ['first;', 'second;']) {
          await segment.append(text(part))
          written += part
        }
        await segment.seal()
      }
      const outcome = await outcomeOf(work())
      const done = plan.asked < index
      plan.failAt = 0
      expect(outcome).toBe(done ? 'done' : 'STORAGE_UNAVAILABLE')
      expect([written, undefined]).toContain(await read(storage, key))
      if (done) break
    }
  })
})

describe.each([
  ['IndexedDB', () => IndexedDbStorage.open(freshName(), { persist: false })],
  ['memory', async () => new MemoryStorage()],
] as const)('a registry in a page over %s, each operation of the storage that fails', (_, open) => {
  test(`${row4}: register and setAlias`, async () => {
    for (const fault of ['refused', 'no-space', 'request-lost', 'reply-lost'] as const) {
      for (let index = 1; ; index += 3) {
        const storage = await open()
        const healthy = new Registry({ storage })
        await healthy.register('churn', packageNamed('first'))
        await healthy.setAlias('churn', 'champion', 1)
        const faulty = new FaultyStorage(storage, failNth(index, fault))
        const registry = new Registry({ storage: faulty })
        const work = async (): Promise<void> => {
          await registry.register('churn', packageNamed('second'), { idempotencyKey: 'second' })
          await registry.setAlias('churn', 'champion', 2)
        }
        const outcome = await outcomeOf(work())
        const at = `operation ${index}, ${fault}, gave ${outcome}`
        expect(['done', 'STORAGE_UNAVAILABLE', 'STORAGE_NO_SPACE', 'STORAGE_OUTCOME_UNKNOWN'], at).toContain(outcome)
        const again = new Registry({ storage })
        const alias = (await again.alias('churn', 'champion'))?.version
        expect(outcome === 'done' ? [2] : [1, 2], at).toContain(alias)
        expect((await again.register('churn', packageNamed('second'), { idempotencyKey: 'second' })).version, at).toBe(2)
        await again.load('churn', 2)
        if (faulty.failures === 0) {
          expect(outcome).toBe('done')
          break
        }
      }
    }
  })
})
