import fc from 'fast-check'
import type { Random } from 'millrace/core'
import { createRandom, MillraceError } from 'millrace/core'
import type { SegmentStore, StorageAdapter, StorageRetry } from 'millrace/storage'
import { isSegmentStore, MemoryStorage, withRetry } from 'millrace/storage'
import type { FaultPlan, StorageFault, StorageOperation } from 'millrace/testing'
import { combinePlans, FakeClock, FaultyStorage, failMatching, failNth, failRandomly } from 'millrace/testing'
import { describe, expect, expectTypeOf, test } from 'vitest'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const ours = text('ours')
const theirs = text('theirs')

/** No wait. */
const patient = { firstDelayMs: 0, maxDelayMs: 0 } as const

/** Always draws the middle. */
const middle: Random = { next: () => 0.5, int: (below) => Math.floor(below / 2), split: () => middle }

async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'success'
  } catch (error) {
    return MillraceError.is(error) ? error.code : String(error)
  }
}

async function keysOf(storage: StorageAdapter, options: Parameters<StorageAdapter['list']>[1] = {}): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list('', options)) keys.push(key)
  return keys
}

/** The faults in the order of the operations; none after them. */
function faultsInTurn(...faults: readonly (StorageFault | undefined)[]): FaultPlan {
  return ({ index }) => faults[index - 1]
}

function setUp(plan: FaultPlan, options: Parameters<typeof withRetry>[1] = patient) {
  const memory = new MemoryStorage()
  const operations: StorageOperation[] = []
  const faulty = new FaultyStorage(memory, (operation) => {
    operations.push(operation)
    return plan(operation)
  })
  return { memory, faulty, storage: withRetry(faulty, options), methods: () => operations.map(({ method }) => method) }
}

describe('a storage that could not be reached', () => {
  test.each([
    ['get', (storage: StorageAdapter) => storage.get('a')],
    ['put', (storage: StorageAdapter) => storage.put('a', ours)],
    ['putIfAbsent', (storage: StorageAdapter) => storage.putIfAbsent('a', ours)],
    ['delete', (storage: StorageAdapter) => storage.delete('a')],
    ['list', (storage: StorageAdapter) => keysOf(storage)],
  ] as const)('is asked again by %s, and no more often than told', async (method, call) => {
    const healed = setUp(faultsInTurn('refused', 'refused'), { ...patient, attempts: 3 })
    expect(await outcomeOf(call(healed.storage))).toBe('success')
    expect(healed.methods()).toEqual([method, method, method])
    const down = setUp(() => 'refused', { ...patient, attempts: 3 })
    expect(await outcomeOf(call(down.storage))).toBe('STORAGE_UNAVAILABLE')
    expect(down.methods()).toEqual([method, method, method])
  })

  test.each(['no-space', 'torn'] as const)('is not asked again after %s', async (fault) => {
    const { storage, methods } = setUp(() => fault)
    await outcomeOf(storage.put('a', ours))
    expect(methods()).toEqual(['put'])
  })

  test('is not asked again about a key that is none, or an object that is there', async () => {
    const { storage, memory, methods } = setUp(() => undefined)
    await memory.put('a', theirs)
    expect(await outcomeOf(storage.putIfAbsent('a', ours))).toBe('STORAGE_CONFLICT')
    expect(await outcomeOf(storage.putIfAbsent('../a', ours))).toBe('STORAGE_INVALID_KEY')
    // What is no key never gets as far as the storage.
    expect(methods()).toEqual(['putIfAbsent'])
  })
})

describe('waits between attempts', () => {
  test('are drawn below a limit that doubles up to the longest', async () => {
    const clock = new FakeClock()
    const retries: StorageRetry[] = []
    const { storage } = setUp(() => 'refused', {
      attempts: 6,
      firstDelayMs: 100,
      maxDelayMs: 500,
      clock,
      random: middle,
      onRetry: (retry) => retries.push(retry),
    })
    const outcome = outcomeOf(storage.get('a'))
    await clock.advance(10_000)
    expect(await outcome).toBe('STORAGE_UNAVAILABLE')
    expect(retries.map(({ attempt, delayMs }) => [attempt, delayMs])).toEqual([
      [1, 50],
      [2, 100],
      [3, 200],
      [4, 250],
      [5, 250],
    ])
    expect(retries[0]).toMatchObject({ method: 'get', key: 'a', error: { code: 'STORAGE_UNAVAILABLE' } })
  })

  test('differ between callers and are spread over all of the time', async () => {
    const delays: number[] = []
    const options = {
      attempts: 2,
      firstDelayMs: 100,
      random: createRandom(7),
      onRetry: ({ delayMs }: StorageRetry) => delays.push(delayMs),
    }
    const clock = new FakeClock()
    const { storage } = setUp(() => 'refused', { ...options, clock })
    const outcomes = Promise.all(Array.from({ length: 200 }, (_, index) => outcomeOf(storage.get(`k${index}`))))
    await clock.advance(1000)
    await outcomes
    expect(new Set(delays).size).toBe(200)
    expect(Math.min(...delays)).toBeLessThan(10)
    expect(Math.max(...delays)).toBeGreaterThan(90)
    expect(Math.max(...delays)).toBeLessThan(100)
  })

  test("end with the signal's reason when it aborts, and nothing is asked any more", async () => {
    const clock = new FakeClock()
    const { storage, methods } = setUp(() => 'refused', { clock, firstDelayMs: 1000 })
    const stop = new AbortController()
    const reason = new Error('stopped')
    const calls = [
      storage.get('a', { signal: stop.signal }),
      storage.put('a', ours, { signal: stop.signal }),
      storage.putIfAbsent('b', ours, { signal: stop.signal }),
      storage.delete('a', { signal: stop.signal }),
      keysOf(storage, { signal: stop.signal }),
    ]
    const settled = Promise.allSettled(calls)
    await clock.advance(0)
    stop.abort(reason)
    for (const outcome of await settled) expect(outcome).toEqual({ status: 'rejected', reason })
    expect(methods().length).toBe(5)
    expect(clock.sleepers).toBe(0)
  })

  test('go on when whoever is told about them throws', async () => {
    const onRetry = (): void => {
      throw new Error('a broken listener')
    }
    const { storage } = setUp(faultsInTurn('refused'), { ...patient, onRetry })
    expect(await outcomeOf(storage.get('a'))).toBe('success')
  })
})

describe('a create whose outcome is unknown', () => {
  test.each([
    ['has succeeded when the object is there with our bytes', 'reply-lost', ['putIfAbsent', 'get']],
    ['is tried again when nothing is there', 'request-lost', ['putIfAbsent', 'get', 'putIfAbsent']],
  ] as const)('%s', async (_, fault, methods) => {
    const set = setUp(faultsInTurn(fault))
    expect(await outcomeOf(set.storage.putIfAbsent('a', ours))).toBe('success')
    expect((await set.memory.get('a'))?.bytes).toEqual(ours)
    expect(set.methods()).toEqual(methods)
  })

  test('is a conflict when the object of another is there', async () => {
    const set = setUp((operation) => {
      if (operation.index !== 1) return undefined
      void set.memory.putIfAbsent('a', theirs)
      return 'request-lost'
    })
    expect(await outcomeOf(set.storage.putIfAbsent('a', ours))).toBe('STORAGE_CONFLICT')
    expect((await set.memory.get('a'))?.bytes).toEqual(theirs)
  })

  test('is no conflict with itself, when it arrives between the reading back and the next attempt', async () => {
    const clock = new FakeClock()
    const set = setUp(() => undefined)
    const faulty = new FaultyStorage(set.memory, failNth(1, { fault: 'late', delayMs: 100 }), { clock })
    const storage = withRetry(faulty, { clock, firstDelayMs: 400, random: middle })
    const outcome = outcomeOf(storage.putIfAbsent('a', ours))
    await clock.advance(1000)
    await faulty.arrivals()
    expect(await outcome).toBe('success')
    expect((await set.memory.get('a'))?.bytes).toEqual(ours)
    // The late create, the reading back that found nothing, the attempt that met it, the reading back that recognised it.
    expect(faulty.operations).toBe(4)
  })

  test('takes effect once when it arrives after an attempt more', async () => {
    const clock = new FakeClock()
    const set = setUp(() => undefined)
    const faulty = new FaultyStorage(set.memory, failNth(1, { fault: 'late', delayMs: 1000 }), { clock })
    const storage = withRetry(faulty, { clock, firstDelayMs: 10 })
    const outcome = outcomeOf(storage.putIfAbsent('a', ours))
    await clock.advance(100)
    expect(await outcome).toBe('success')
    await clock.advance(1000)
    await faulty.arrivals()
    expect((await set.memory.get('a'))?.bytes).toEqual(ours)
  })

  test('stays unknown when the store cannot be read afterwards, whatever the last fault says', async () => {
    const { storage, memory } = setUp(
      combinePlans(
        failNth(1, 'reply-lost'),
        failMatching(({ index }) => index > 1, 'refused'),
      ),
      {
        ...patient,
        attempts: 4,
      },
    )
    expect(await outcomeOf(storage.putIfAbsent('a', ours))).toBe('STORAGE_OUTCOME_UNKNOWN')
    expect((await memory.get('a'))?.bytes).toEqual(ours)
  })

  test('stays unknown when the disk is full afterwards: the first request may still be on its way', async () => {
    const plan = combinePlans(
      failNth(1, 'request-lost'),
      failMatching(({ method }) => method === 'putIfAbsent', 'no-space'),
    )
    const { storage } = setUp(plan, { ...patient, attempts: 3 })
    expect(await outcomeOf(storage.putIfAbsent('a', ours))).toBe('STORAGE_OUTCOME_UNKNOWN')
  })

  test('keeps the bytes of its first attempt, whatever the caller does with them meanwhile', async () => {
    const { storage, memory } = setUp(faultsInTurn('refused'))
    const bytes = text('ours')
    const created = storage.putIfAbsent('a', bytes)
    bytes.fill(0)
    await created
    expect((await memory.get('a'))?.bytes).toEqual(ours)
  })

  test('never ends in success with another writer’s object, nor in a conflict with its own, whatever fails', async () => {
    const faults = ['refused', 'no-space', 'request-lost', 'reply-lost'] as const
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.double({ min: 0, max: 0.9, noNaN: true }), async (seed, probability) => {
        const memory = new MemoryStorage()
        const writers = Array.from({ length: 4 }, (_, writer) => {
          const faulty = new FaultyStorage(memory, failRandomly({ seed: `${seed}-${writer}`, probability, faults }))
          return { storage: withRetry(faulty, { ...patient, attempts: 4 }), bytes: text(`writer ${writer}`) }
        })
        const outcomes = await Promise.all(writers.map(({ storage, bytes }) => outcomeOf(storage.putIfAbsent('key', bytes))))
        const there = await memory.get('key')
        const owner = there && writers.findIndex(({ bytes }) => new TextDecoder().decode(there.bytes) === new TextDecoder().decode(bytes))
        for (const [writer, outcome] of outcomes.entries()) {
          if (outcome === 'success') expect(owner).toBe(writer)
          if (outcome === 'STORAGE_CONFLICT') expect(owner).not.toBe(writer)
          if (['STORAGE_UNAVAILABLE', 'STORAGE_NO_SPACE'].includes(outcome)) expect(owner).not.toBe(writer)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('a change whose outcome is unknown', () => {
  test.each(['request-lost', 'reply-lost'] as const)('is put again (%s)', async (fault) => {
    const { storage, memory, methods } = setUp(faultsInTurn(fault, 'refused'))
    expect(await outcomeOf(storage.put('a', ours))).toBe('success')
    expect((await memory.get('a'))?.bytes).toEqual(ours)
    expect(methods()).toEqual(['put', 'put', 'put'])
  })

  test('stays unknown when no later put says more', async () => {
    const { storage } = setUp(
      combinePlans(failNth(1, 'reply-lost'), () => 'refused'),
      { ...patient, attempts: 3 },
    )
    expect(await outcomeOf(storage.put('a', ours))).toBe('STORAGE_OUTCOME_UNKNOWN')
  })

  test('is a delete that has succeeded when the object is gone', async () => {
    const { storage, memory, methods } = setUp(faultsInTurn('reply-lost'))
    await memory.put('a', ours)
    expect(await outcomeOf(storage.delete('a'))).toBe('success')
    expect(methods()).toEqual(['delete', 'get'])
  })

  test('is never a second delete, which could hit what another has just written', async () => {
    const set = setUp(faultsInTurn('reply-lost'))
    await set.memory.put('a', ours)
    const deleted = outcomeOf(set.storage.delete('a'))
    await set.memory.put('a', theirs)
    expect(await deleted).toBe('STORAGE_OUTCOME_UNKNOWN')
    expect((await set.memory.get('a'))?.bytes).toEqual(theirs)
    expect(set.methods()).toEqual(['delete', 'get'])
  })
})

describe('a list that fails in the middle', () => {
  async function filled(plan: FaultPlan, options?: Parameters<typeof withRetry>[1]) {
    const set = setUp(plan, options)
    for (const key of ['a', 'b', 'c', 'd', 'e']) await set.memory.put(key, text(key))
    return set
  }

  test('goes on behind the last key', async () => {
    const { storage, methods } = await filled(
      faultsInTurn({ fault: 'refused', afterEntries: 2 }, 'refused', { fault: 'refused', afterEntries: 1 }),
    )
    expect(await keysOf(storage)).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(methods()).toEqual(['list', 'list', 'list', 'list'])
  })

  test('gives no more than its limit, and is not asked for nothing', async () => {
    const { storage, methods } = await filled(faultsInTurn({ fault: 'refused', afterEntries: 2 }, { fault: 'refused', afterEntries: 1 }))
    expect(await keysOf(storage, { after: 'a', limit: 3 })).toEqual(['b', 'c', 'd'])
    expect(methods()).toEqual(['list', 'list'])
  })

  test('fails when nothing more comes, and has all attempts again for each part that came', async () => {
    const options = { ...patient, attempts: 3 }
    const oneEachOtherTime: FaultPlan = ({ index }) => {
      if (index > 9) return undefined
      return index % 2 === 1 ? { fault: 'refused', afterEntries: 1 } : 'refused'
    }
    const slow = await filled(oneEachOtherTime, options)
    expect(await keysOf(slow.storage)).toEqual(['a', 'b', 'c', 'd', 'e'])
    const stuck = await filled(({ index }) => (index === 1 ? { fault: 'refused', afterEntries: 2 } : 'refused'), options)
    expect(await outcomeOf(keysOf(stuck.storage))).toBe('STORAGE_UNAVAILABLE')
  })

  test('does not swallow what its reader throws', async () => {
    const { storage, methods } = await filled(() => undefined)
    const read = async (): Promise<void> => {
      for await (const { key } of storage.list('')) {
        throw new MillraceError('STORAGE_UNAVAILABLE', { message: key, details: { storage: 'another', reason: 'down' } })
      }
    }
    expect(await outcomeOf(read())).toBe('STORAGE_UNAVAILABLE')
    expect(methods()).toEqual(['list'])
  })
})

describe('a retrying storage', () => {
  test('makes segments where the storage below does, and says so by its type', async () => {
    const plain: StorageAdapter = new FaultyStorage(new MemoryStorage(), () => undefined)
    expect(isSegmentStore(withRetry(plain))).toBe(false)
    expectTypeOf(withRetry(plain)).toEqualTypeOf<StorageAdapter>()
    expectTypeOf(withRetry(new MemoryStorage())).toEqualTypeOf<StorageAdapter & SegmentStore>()
    const segment = await withRetry(new MemoryStorage()).createSegment('a')
    await segment.append(ours)
    expect(segment.sizeBytes).toBe(4)
  })

  test.each([
    ['attempts', 0],
    ['attempts', 1.5],
    ['firstDelayMs', -1],
    ['maxDelayMs', Number.NaN],
  ] as const)('refuses %s: %d', (option, value) => {
    expect(() => withRetry(new MemoryStorage(), { [option]: value })).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
  })
})
