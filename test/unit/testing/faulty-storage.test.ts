import { MillraceError } from 'millrace/core'
import type { StorageAdapter } from 'millrace/storage'
import { getBlob, MemoryStorage, putBlob } from 'millrace/storage'
import type { FaultPlan, StorageFault } from 'millrace/testing'
import { combinePlans, FakeClock, FaultySegmentStore, FaultyStorage, failMatching, failNth, failRandomly } from 'millrace/testing'
import { describe, expect, test } from 'vitest'

const one = new Uint8Array([1])
const ten = Uint8Array.from({ length: 10 }, (_, index) => index)

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  )
  return MillraceError.is(error) ? error.code : undefined
}

async function keysOf(storage: StorageAdapter): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list('')) keys.push(key)
  return keys
}

test.each([
  ['refused', 'STORAGE_UNAVAILABLE', false],
  ['no-space', 'STORAGE_NO_SPACE', false],
  ['request-lost', 'STORAGE_OUTCOME_UNKNOWN', false],
  ['reply-lost', 'STORAGE_OUTCOME_UNKNOWN', true],
] as const)('%s rejects a write with %s and has applied it: %s', async (fault, code, applied) => {
  for (const method of ['put', 'putIfAbsent'] as const) {
    const memory = new MemoryStorage()
    const storage = new FaultyStorage(memory, failNth(2, fault))
    await storage[method]('a', one)
    expect(await codeOf(storage[method]('b', one))).toBe(code)
    await storage[method]('c', one)
    expect((await memory.get('b')) !== undefined).toBe(applied)
    expect([storage.operations, storage.failures]).toEqual([3, 1])
  }
})

test.each(['reply-lost', 'torn', 'no-space', { fault: 'late', delayMs: 1 }] as const)(
  'a read cannot suffer %o: it is refused',
  async (fault) => {
    const storage = new FaultyStorage(new MemoryStorage(), () => fault)
    expect(await codeOf(storage.get('a'))).toBe('STORAGE_UNAVAILABLE')
    expect(await codeOf(keysOf(storage))).toBe('STORAGE_UNAVAILABLE')
  },
)

test('a conflict wins over a lost reply: the write was not applied', async () => {
  const memory = new MemoryStorage()
  await memory.put('a', one)
  const storage = new FaultyStorage(memory, () => 'reply-lost')
  expect(await codeOf(storage.putIfAbsent('a', one))).toBe('STORAGE_CONFLICT')
})

describe('a torn write', () => {
  test.each(['put', 'putIfAbsent'] as const)('is acknowledged by %s, and what is there is a shorter beginning', async (method) => {
    for (let seed = 0; seed < 20; seed++) {
      const memory = new MemoryStorage()
      const storage = new FaultyStorage(memory, failNth(1, 'torn'))
      await storage[method]('a', ten)
      const torn = (await memory.get('a'))?.bytes as Uint8Array
      expect(torn.length).toBeLessThan(10)
      expect(torn).toEqual(ten.subarray(0, torn.length))
    }
  })

  test('is noticed by whoever verifies', async () => {
    const storage = new FaultyStorage(
      new MemoryStorage(),
      failMatching(({ method }) => method === 'putIfAbsent', 'torn'),
    )
    const digest = await putBlob(storage, ten)
    expect(await codeOf(getBlob(storage, digest))).toBe('STORAGE_CORRUPT')
  })

  test('is cut at the same byte each time, and at another one the next', async () => {
    const lengthsOf = async (): Promise<(number | undefined)[]> => {
      const storage = new FaultyStorage(new MemoryStorage(), ({ method }) => (method === 'put' ? 'torn' : undefined))
      const lengths: (number | undefined)[] = []
      for (let turn = 0; turn < 20; turn++) {
        await storage.put('a', new Uint8Array(1000))
        lengths.push((await storage.get('a'))?.sizeBytes)
      }
      return lengths
    }
    expect(await lengthsOf()).toEqual(await lengthsOf())
    expect(new Set(await lengthsOf()).size).toBeGreaterThan(10)
  })

  test('of nothing is nothing, and a delete that cannot be torn is refused', async () => {
    const storage = new FaultyStorage(new MemoryStorage(), combinePlans(failNth(1, 'torn'), failNth(2, 'torn')))
    await storage.put('a', new Uint8Array(0))
    expect(await codeOf(storage.delete('a'))).toBe('STORAGE_UNAVAILABLE')
    expect((await storage.get('a'))?.sizeBytes).toBe(0)
  })
})

describe('an operation that takes time', () => {
  test('is applied once its time has passed, and no sooner', async () => {
    const clock = new FakeClock()
    const memory = new MemoryStorage()
    const storage = new FaultyStorage(memory, () => ({ fault: 'delayed', delayMs: 1000 }), { clock })
    const done: string[] = []
    const calls = [
      storage.put('a', one).then(() => done.push('put')),
      storage.get('a').then(() => done.push('get')),
      keysOf(storage).then(() => done.push('list')),
    ]
    await clock.advance(999)
    expect(done).toEqual([])
    expect(await memory.get('a')).toBeUndefined()
    await clock.advance(1)
    await Promise.all(calls)
    expect(done.sort()).toEqual(['get', 'list', 'put'])
    expect((await memory.get('a'))?.bytes).toEqual(one)
  })

  test("ends with the signal's reason when it aborts, and is not applied", async () => {
    const clock = new FakeClock()
    const memory = new MemoryStorage()
    const storage = new FaultyStorage(memory, () => ({ fault: 'delayed', delayMs: 1000 }), { clock })
    const stop = new AbortController()
    const reason = new Error('stopped')
    const put = storage.put('a', one, { signal: stop.signal })
    stop.abort(reason)
    await expect(put).rejects.toBe(reason)
    await clock.advance(2000)
    expect(await memory.get('a')).toBeUndefined()
  })

  test('is of unknown outcome at once when it is late, and arrives all the same', async () => {
    const clock = new FakeClock()
    const memory = new MemoryStorage()
    const storage = new FaultyStorage(memory, failNth(1, { fault: 'late', delayMs: 500 }), { clock })
    const bytes = one.slice()
    expect(await codeOf(storage.putIfAbsent('a', bytes))).toBe('STORAGE_OUTCOME_UNKNOWN')
    bytes.fill(9)
    expect(await storage.get('a')).toBeUndefined()
    await clock.advance(500)
    await storage.arrivals()
    expect((await storage.get('a'))?.bytes).toEqual(one)
  })

  test('is refused by the store when it arrives too late, and nobody is told', async () => {
    const clock = new FakeClock()
    const storage = new FaultyStorage(new MemoryStorage(), failNth(1, { fault: 'late', delayMs: 500 }), { clock })
    expect(await codeOf(storage.putIfAbsent('a', ten))).toBe('STORAGE_OUTCOME_UNKNOWN')
    await storage.putIfAbsent('a', one)
    await clock.advance(500)
    await storage.arrivals()
    expect((await storage.get('a'))?.bytes).toEqual(one)
  })
})

test('a list fails after the entries that it is let to give', async () => {
  const memory = new MemoryStorage()
  for (const key of ['a', 'b', 'c']) await memory.put(key, one)
  for (const afterEntries of [0, 1, 3, 4]) {
    const storage = new FaultyStorage(memory, failNth(1, { fault: 'refused', afterEntries }))
    const seen: string[] = []
    const work = async (): Promise<void> => {
      for await (const { key } of storage.list('')) seen.push(key)
    }
    expect(await codeOf(work())).toBe('STORAGE_UNAVAILABLE')
    expect(seen).toEqual(['a', 'b', 'c'].slice(0, afterEntries))
  }
})

describe('a plan', () => {
  const faultsOf = (plan: FaultPlan): (StorageFault | undefined)[] =>
    Array.from({ length: 200 }, (_, index) => plan({ index: index + 1, method: 'put', key: 'a' }))

  test('of a seed fails the same operations each time, of another seed others', () => {
    const random = (seed: number): FaultPlan => failRandomly({ seed, probability: 0.3 })
    expect(faultsOf(random(1))).toEqual(faultsOf(random(1)))
    expect(faultsOf(random(1))).not.toEqual(faultsOf(random(2)))
    const failed = faultsOf(random(1)).filter((fault) => fault !== undefined).length
    expect(failed).toBeGreaterThan(30)
    expect(failed).toBeLessThan(90)
  })

  test('of several asks all of them, so that a seeded one fails what it failed alone', () => {
    const alone = faultsOf(failRandomly({ seed: 1, probability: 0.3 }))
    const combined = faultsOf(combinePlans(failNth(5, 'torn'), failNth(6, 'refused'), failRandomly({ seed: 1, probability: 0.3 })))
    expect(combined.slice(0, 4)).toEqual(alone.slice(0, 4))
    expect(combined.slice(4, 6)).toEqual(['torn', 'refused'])
    expect(combined.slice(6)).toEqual(alone.slice(6))
  })

  test('of what fits fails so many of them', async () => {
    const storage = new FaultyStorage(
      new MemoryStorage(),
      failMatching(({ key }) => key.startsWith('hints/'), 'refused', { times: 2 }),
    )
    const outcomes: (string | undefined)[] = []
    for (const key of ['a', 'hints/a', 'b', 'hints/b', 'hints/c']) outcomes.push(await codeOf(storage.put(key, one)))
    expect(outcomes).toEqual([undefined, 'STORAGE_UNAVAILABLE', undefined, 'STORAGE_UNAVAILABLE', undefined])
  })
})

describe('a faulty segment store', () => {
  test('fails the making of a segment and each call of its writer, by their numbers', async () => {
    for (const [index, method] of ['createSegment', 'append', 'sync', 'seal'].entries()) {
      const memory = new MemoryStorage()
      const storage = new FaultySegmentStore(memory, failNth(index + 1, 'refused'))
      const outcomes: Record<string, string | undefined> = {}
      const segment = await storage.createSegment('a').catch((error: unknown) => {
        outcomes.createSegment = MillraceError.is(error) ? error.code : 'another'
        return undefined
      })
      if (segment !== undefined) {
        outcomes.append = await codeOf(segment.append(ten))
        outcomes.sync = await codeOf(segment.sync())
        outcomes.seal = await codeOf(segment.seal())
      }
      expect(Object.entries(outcomes).filter(([, code]) => code !== undefined)).toEqual([[method, 'STORAGE_UNAVAILABLE']])
      expect((await memory.get('a'))?.sizeBytes).toBe(method === 'createSegment' ? undefined : method === 'append' ? 0 : 10)
    }
  })

  test('keeps the order of appends when one takes longer', async () => {
    const clock = new FakeClock()
    const memory = new MemoryStorage()
    const storage = new FaultySegmentStore(memory, failNth(2, { fault: 'delayed', delayMs: 100 }), { clock })
    const segment = await storage.createSegment('a')
    const appended = Promise.all([segment.append(ten), segment.append(one)])
    await clock.advance(100)
    await appended
    expect((await memory.get('a'))?.bytes).toEqual(Uint8Array.of(...ten, ...one))
    expect(segment.sizeBytes).toBe(11)
  })
})
