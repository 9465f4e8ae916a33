import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import { createRandom } from '../../../src/core/random.ts'
import type { StorageAdapter } from '../../../src/storage/adapter.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { NumberedLog } from '../../../src/storage/numbered-log.ts'

const clock = { now: () => 1_000, monotonicMs: () => 0, sleep: async () => {} }

type Sum = { readonly sum: number }
type Step = { readonly step: number }

function logOver(
  storage: StorageAdapter,
  options: { seed?: number; attempts?: number; formatVersion?: number } = {},
): NumberedLog<Sum, Step> {
  return new NumberedLog<Sum, Step>({
    storage,
    prefix: 'counter/log',
    format: 'counter',
    formatVersion: options.formatVersion ?? 1,
    initial: { sum: 0 },
    reduce: ({ sum }, { step }) => ({ sum: sum + step }),
    clock,
    random: createRandom(options.seed ?? 1),
    ...(options.attempts === undefined ? {} : { attempts: options.attempts }),
  })
}

/** The storage with some methods replaced. */
function over(storage: MemoryStorage, methods: Partial<StorageAdapter>): StorageAdapter {
  return {
    name: storage.name,
    capabilities: storage.capabilities,
    get: (key, options) => storage.get(key, options),
    putIfAbsent: (key, bytes, options) => storage.putIfAbsent(key, bytes, options),
    put: (key, bytes, options) => storage.put(key, bytes, options),
    delete: (key, options) => storage.delete(key, options),
    list: (prefix, options) => storage.list(prefix, options),
    ...methods,
  }
}

const add = (step: number) => () => ({ operation: { step } })
const keyOf = (generation: number): string => `counter/log/${String(generation).padStart(16, '0')}`

function unknownOutcome(key: string): MillraceError<'STORAGE_OUTCOME_UNKNOWN'> {
  return new MillraceError('STORAGE_OUTCOME_UNKNOWN', { message: 'the reply was lost', details: { key } })
}

async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable('expected a rejection'),
    (error: unknown) => error,
  )
}

describe('a numbered log', () => {
  test('adds entries with the state that all operations add up to, and each names the one before', async () => {
    const log = logOver(new MemoryStorage())
    expect(await log.head()).toBeUndefined()
    const first = await log.append(add(2))
    const second = await log.append(({ sum }) => ({ operation: { step: sum * 10 } }))
    expect(first.entry).toMatchObject({ generation: 1, time: 1_000, prevOpId: null, operation: { step: 2 }, state: { sum: 2 } })
    expect(second.entry).toMatchObject({ generation: 2, prevOpId: first.entry?.opId, state: { sum: 22 } })
    expect(await log.head()).toEqual(second.entry)
    expect(await log.entry(1)).toEqual(first.entry)
    expect(await log.entry(3)).toBeUndefined()
  })

  test('writes nothing when the decision finds that all is there', async () => {
    const log = logOver(new MemoryStorage())
    await log.append(add(2))
    expect(await log.append(({ sum }) => ({ existing: sum }))).toEqual({ existing: 2 })
    expect((await log.head())?.generation).toBe(1)
  })

  test('passes on what the decision throws, with nothing written', async () => {
    const log = logOver(new MemoryStorage())
    const refusal = new Error('no')
    expect(await rejectionOf(log.append(() => Promise.reject(refusal)))).toBe(refusal)
    expect(await log.head()).toBeUndefined()
  })

  test('keeps the format and its versions in each entry', async () => {
    const storage = new MemoryStorage()
    await logOver(storage).append(add(1))
    const stored = JSON.parse(new TextDecoder().decode((await storage.get(keyOf(1)))?.bytes)) as Record<string, unknown>
    expect(stored).toMatchObject({ format: 'counter', formatVersion: 1, minReaderVersion: 1, generation: 1 })
    expect(stored.crc).toMatch(/^[0-9a-f]{8}$/)
  })

  test('refuses a storage that cannot put if absent', () => {
    const storage = over(new MemoryStorage(), { capabilities: { putIfAbsent: false, multiProcess: false, durability: 'none' } })
    expect(() => logOver(storage)).toThrow(expect.objectContaining({ code: 'STORAGE_CAPABILITY_MISSING' }))
  })

  test('iterates from any generation to any other, over more than it reads ahead', async () => {
    const log = logOver(new MemoryStorage())
    for (let step = 1; step <= 40; step++) await log.append(add(step))
    const generations = async (options: object): Promise<number[]> => {
      const found: number[] = []
      for await (const entry of log.entries(options)) found.push(entry.generation)
      return found
    }
    expect(await generations({})).toEqual(Array.from({ length: 40 }, (_, index) => index + 1))
    expect(await generations({ from: 15, to: 35 })).toEqual(Array.from({ length: 21 }, (_, index) => index + 15))
    expect(await generations({ from: 41 })).toEqual([])
  })

  test('rejects with the reason of an abort, in every method', async () => {
    const log = logOver(new MemoryStorage())
    await log.append(add(1))
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    const other = logOver(new MemoryStorage())
    expect(await rejectionOf(other.head({ signal }))).toBe(reason)
    expect(await rejectionOf(log.append(add(1), { signal }))).toBe(reason)
    expect(
      await rejectionOf(
        (async () => {
          for await (const _ of log.entries({ signal }));
        })(),
      ),
    ).toBe(reason)
  })
})

describe('the newest entry', () => {
  test('is found wherever the hint points, in few reads', async () => {
    const storage = new MemoryStorage()
    const writer = logOver(storage)
    for (let step = 1; step <= 300; step++) await writer.append(add(1))
    const hints = [
      '{"generation":300}',
      '{"generation":299}',
      '{"generation":1}',
      '{"generation":9999}',
      '{"generation":-1}',
      '{"generation":"x"}',
      'not json',
      '',
    ]
    for (const hint of [...hints, undefined]) {
      if (hint === undefined) await storage.delete('counter/log-hint')
      else await storage.put('counter/log-hint', new TextEncoder().encode(hint))
      let reads = 0
      const counted = over(storage, {
        get: (key, options) => {
          reads++
          return storage.get(key, options)
        },
      })
      expect((await logOver(counted).head())?.generation, String(hint)).toBe(300)
      expect(reads, String(hint)).toBeLessThan(22)
    }
  })

  test('is found for any length of the log and any hint', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 0, max: 80 }), async (length, hint) => {
        const storage = new MemoryStorage()
        const writer = logOver(storage)
        for (let step = 0; step < length; step++) await writer.append(add(1))
        await storage.put('counter/log-hint', new TextEncoder().encode(JSON.stringify({ generation: hint })))
        expect((await logOver(storage).head())?.generation ?? 0).toBe(length)
      }),
      { numRuns: 60 },
    )
  })

  test('costs one read when nothing has changed', async () => {
    const storage = new MemoryStorage()
    let reads = 0
    const log = logOver(
      over(storage, {
        get: (key, options) => {
          reads++
          return storage.get(key, options)
        },
      }),
    )
    await log.append(add(1))
    reads = 0
    await log.head()
    expect(reads).toBe(1)
  })

  test('is seen by another instance as soon as it is acknowledged, and a hint that cannot be written is no fault', async () => {
    const storage = new MemoryStorage()
    const log = logOver(over(storage, { put: () => Promise.reject(new Error('no room for hints')) }))
    const reader = logOver(storage)
    for (let step = 1; step <= 20; step++) {
      await log.append(add(1))
      expect((await reader.head())?.generation).toBe(step)
    }
  })
})

describe('writers that race', () => {
  test('lose no update and leave no gap, however many there are', async () => {
    const storage = new MemoryStorage()
    const writers = Array.from({ length: 8 }, (_, seed) => logOver(storage, { seed }))
    await Promise.all(writers.flatMap((writer) => Array.from({ length: 10 }, () => writer.append(add(1)))))
    expect(await logOver(storage).head()).toMatchObject({ generation: 80, state: { sum: 80 } })
    const operations = new Set<string>()
    for await (const entry of logOver(storage).entries()) operations.add(entry.opId)
    expect(operations.size).toBe(80)
  })

  test('give up with STORAGE_CONFLICT when others always come first, with nothing of theirs written', async () => {
    const storage = new MemoryStorage()
    const rival = logOver(storage, { seed: 2 })
    const log = logOver(
      over(storage, {
        putIfAbsent: async (key, bytes, options) => {
          await rival.append(add(100))
          await storage.putIfAbsent(key, bytes, options)
        },
      }),
      { attempts: 5 },
    )
    expect(await rejectionOf(log.append(add(1)))).toMatchObject({ code: 'STORAGE_CONFLICT' })
    expect(await rival.head()).toMatchObject({ generation: 5, state: { sum: 500 } })
  })

  test('wait longer after each collision, up to a bound, and by chance', async () => {
    const storage = new MemoryStorage()
    const rival = logOver(storage, { seed: 2 })
    const waits: number[] = []
    const log = new NumberedLog<Sum, Step>({
      storage: over(storage, {
        putIfAbsent: async (key, bytes, options) => {
          await rival.append(add(1))
          await storage.putIfAbsent(key, bytes, options)
        },
      }),
      prefix: 'counter/log',
      format: 'counter',
      formatVersion: 1,
      initial: { sum: 0 },
      reduce: (state) => state,
      clock: { ...clock, sleep: async (ms) => void waits.push(ms) },
      random: { next: () => 0.5, int: () => 0, split: () => createRandom(1) },
      attempts: 12,
    })
    await rejectionOf(log.append(add(1)))
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 125, 125, 125, 125])
  })
})

describe('an append', () => {
  /** A log, and what it asks of its storage. */
  function counted(storage: MemoryStorage, options: { seed?: number } = {}): { log: NumberedLog<Sum, Step>; calls: string[] } {
    const calls: string[] = []
    const tell = (method: string, key: string): void => void calls.push(`${method} ${key}`)
    const told = over(storage, {
      get: async (key, io) => {
        tell('get', key)
        return storage.get(key, io)
      },
      putIfAbsent: async (key, bytes, io) => {
        tell('create', key)
        return storage.putIfAbsent(key, bytes, io)
      },
      put: async (key, bytes, io) => {
        tell('put', key)
        return storage.put(key, bytes, io)
      },
    })
    return { log: logOver(told, options), calls }
  }

  test('alone is one request, and one more every 16 generations', async () => {
    const { log, calls } = counted(new MemoryStorage())
    await log.append(add(1))
    calls.length = 0
    for (let step = 2; step <= 33; step++) await log.append(add(1))
    expect(calls.filter((call) => !call.startsWith('create'))).toEqual(['put counter/log-hint', 'put counter/log-hint'])
    expect(calls).toHaveLength(34)
  })

  test('waits for the hint that it writes, so that nothing runs on when it has settled', async () => {
    const storage = new MemoryStorage()
    let underWay = 0
    const log = logOver(
      over(storage, {
        put: async (key, bytes, options) => {
          underWay++
          await new Promise((resolve) => setTimeout(resolve, 5))
          await storage.put(key, bytes, options)
          underWay--
        },
      }),
    )
    for (let step = 1; step <= 20; step++) {
      await log.append(add(1))
      expect(underWay).toBe(0)
    }
    expect(new TextDecoder().decode((await storage.get('counter/log-hint'))?.bytes)).toContain('"generation":16')
  })

  test('that is not up to date finds out by its conflict, and then looks first for a while', async () => {
    const storage = new MemoryStorage()
    const { log, calls } = counted(storage)
    await log.append(add(1))
    await logOver(storage, { seed: 2 }).append(add(10))
    calls.length = 0
    expect((await log.append(add(100))).entry).toMatchObject({ generation: 3, state: { sum: 111 } })
    expect(calls[0]).toBe(`create ${keyOf(2)}`)
    calls.length = 0
    await log.append(add(1))
    expect(calls).toEqual([`get ${keyOf(4)}`, `create ${keyOf(4)}`])
  })

  test('refuses, or finds that all is there, only on the newest state', async () => {
    const storage = new MemoryStorage()
    const { log } = counted(storage)
    await log.append(add(1))
    await logOver(storage, { seed: 2 }).append(add(10))
    const seen: number[] = []
    const decide = ({ sum }: Sum): { existing: number } => {
      seen.push(sum)
      return { existing: sum }
    }
    expect(await log.append(decide)).toEqual({ existing: 11 })
    expect(seen).toEqual([1, 11])
    await logOver(storage, { seed: 3 }).append(add(100))
    const refusal = await rejectionOf(
      log.append(({ sum }) => {
        throw new Error(`no: ${sum}`)
      }),
    )
    expect(refusal).toEqual(new Error('no: 111'))
  })

  test('of many at once on one instance meets no conflict, and none is lost', async () => {
    const storage = new MemoryStorage()
    const { log, calls } = counted(storage)
    await log.append(add(1))
    calls.length = 0
    const made = await Promise.all(Array.from({ length: 50 }, () => log.append(add(1))))
    expect(new Set(made.map(({ entry }) => entry?.generation)).size).toBe(50)
    expect(calls.filter((call) => call.startsWith('create'))).toHaveLength(50)
    expect(calls.filter((call) => call.startsWith('get'))).toEqual([])
  })

  test('that is aborted while it waits for its turn leaves, and the others go on', async () => {
    const storage = new MemoryStorage()
    let release: (() => void) | undefined
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const log = logOver(
      over(storage, {
        putIfAbsent: async (key, bytes, options) => {
          await gate
          await storage.putIfAbsent(key, bytes, options)
        },
      }),
    )
    const first = log.append(add(1))
    const abort = new AbortController()
    const reason = new Error('enough')
    const second = log.append(add(10), { signal: abort.signal })
    const third = log.append(add(100))
    await new Promise((resolve) => setTimeout(resolve, 5))
    abort.abort(reason)
    expect(await rejectionOf(second)).toBe(reason)
    release?.()
    await Promise.all([first, third])
    expect(await logOver(storage).head()).toMatchObject({ generation: 2, state: { sum: 101 } })
  })
})

describe('times', () => {
  test('never fall along a log, whatever the clock does, and tell which entry was the newest', async () => {
    const storage = new MemoryStorage()
    const times = [5_000, 4_000, 9_000, 9_000, 1, 20_000]
    let now = 0
    const log = new NumberedLog<Sum, Step>({
      storage,
      prefix: 'counter/log',
      format: 'counter',
      formatVersion: 1,
      initial: { sum: 0 },
      reduce: ({ sum }, { step }) => ({ sum: sum + step }),
      clock: { ...clock, now: () => now },
    })
    for (const time of times) {
      now = time
      await log.append(add(1))
    }
    const stored: number[] = []
    for await (const { time } of log.entries()) stored.push(time)
    expect(stored).toEqual([5_000, 5_000, 9_000, 9_000, 9_000, 20_000])
    const at = async (time: number): Promise<number | undefined> => (await logOver(storage).entryAt(time))?.generation
    expect([await at(4_999), await at(5_000), await at(8_999), await at(9_000), await at(19_999), await at(1e9)]).toEqual([
      undefined,
      2,
      2,
      5,
      5,
      6,
    ])
    expect(await logOver(new MemoryStorage()).entryAt(5)).toBeUndefined()
  })
})

describe('a reply that is lost', () => {
  test('is settled by reading back: applied, it is not done twice', async () => {
    const storage = new MemoryStorage()
    let lost = 0
    const log = logOver(
      over(storage, {
        putIfAbsent: async (key, bytes, options) => {
          await storage.putIfAbsent(key, bytes, options)
          if (lost++ === 0) throw unknownOutcome(key)
        },
      }),
    )
    expect((await log.append(add(5))).entry).toMatchObject({ generation: 1, state: { sum: 5 } })
    expect(await logOver(storage).head()).toMatchObject({ generation: 1, state: { sum: 5 } })
  })

  test('is settled by trying again when it was not applied', async () => {
    const storage = new MemoryStorage()
    let lost = 0
    const log = logOver(
      over(storage, {
        putIfAbsent: async (key, bytes, options) => {
          if (lost++ === 0) throw unknownOutcome(key)
          await storage.putIfAbsent(key, bytes, options)
        },
      }),
    )
    expect((await log.append(add(5))).entry?.generation).toBe(1)
    expect(await logOver(storage).head()).toMatchObject({ generation: 1, state: { sum: 5 } })
  })

  test('is settled when it arrives after we looked and before we tried again', async () => {
    const storage = new MemoryStorage()
    let late: (() => Promise<void>) | undefined
    const log = logOver(
      over(storage, {
        putIfAbsent: async (key, bytes, options) => {
          if (late === undefined) {
            const copy = bytes.slice()
            late = () => storage.putIfAbsent(key, copy)
            throw unknownOutcome(key)
          }
          await late()
          await storage.putIfAbsent(key, bytes, options)
        },
      }),
    )
    expect((await log.append(add(5))).entry?.generation).toBe(1)
    expect(await logOver(storage).head()).toMatchObject({ generation: 1, state: { sum: 5 } })
  })

  test('is settled when it arrives while another append of the same instance writes', async () => {
    const storage = new MemoryStorage()
    let late: (() => Promise<void>) | undefined
    let second: Promise<unknown> | undefined
    let tellWriting: (() => void) | undefined
    const isWriting = new Promise<void>((resolve) => {
      tellWriting = resolve
    })
    const log: NumberedLog<Sum, Step> = logOver(
      over(storage, {
        get: async (key, options) => {
          const found = await storage.get(key, options)
          if (late === undefined || key !== keyOf(1) || second !== undefined) return found
          // The first append has looked for its entry in vain, and hears of it when the second one is writing.
          second = log.append(add(100))
          await isWriting
          return found
        },
        putIfAbsent: async (key, bytes, options) => {
          if (late === undefined) {
            const copy = bytes.slice()
            late = () => storage.putIfAbsent(key, copy).catch(() => {})
            throw unknownOutcome(key)
          }
          tellWriting?.()
          await late()
          await new Promise((resolve) => setTimeout(resolve, 5))
          await storage.putIfAbsent(key, bytes, options)
        },
      }),
    )
    expect((await log.append(add(5))).entry).toMatchObject({ generation: 1, state: { sum: 5 } })
    expect((await second) as object).toMatchObject({ entry: { generation: 2, state: { sum: 105 } } })
    expect(await logOver(storage).head()).toMatchObject({ generation: 2, state: { sum: 105 } })
  })

  test('is settled when another writer took the place meanwhile', async () => {
    const storage = new MemoryStorage()
    const rival = logOver(storage, { seed: 2 })
    let lost = 0
    const log = logOver(
      over(storage, {
        putIfAbsent: async (key, bytes, options) => {
          if (lost++ === 0) {
            await rival.append(add(100))
            throw unknownOutcome(key)
          }
          await storage.putIfAbsent(key, bytes, options)
        },
      }),
    )
    expect((await log.append(add(5))).entry).toMatchObject({ generation: 2, state: { sum: 105 } })
  })

  test('stays unknown when the storage cannot be read afterwards', async () => {
    const storage = new MemoryStorage()
    let isDown = false
    const down = new MillraceError('STORAGE_UNAVAILABLE', { message: 'down', details: { storage: 'memory', reason: 'down' } })
    const log = logOver(
      over(storage, {
        get: (key, options) => (isDown ? Promise.reject(down) : storage.get(key, options)),
        putIfAbsent: async (key, bytes, options) => {
          await storage.putIfAbsent(key, bytes, options)
          isDown = true
          throw unknownOutcome(key)
        },
      }),
    )
    expect(await rejectionOf(log.append(add(5)))).toMatchObject({
      code: 'STORAGE_OUTCOME_UNKNOWN',
      cause: down,
      details: { key: keyOf(1) },
    })
  })

  test('stays unknown when every reply is lost and none was applied', async () => {
    const storage = new MemoryStorage()
    const log = logOver(over(storage, { putIfAbsent: (key) => Promise.reject(unknownOutcome(key)) }), { attempts: 3 })
    expect(await rejectionOf(log.append(add(5)))).toMatchObject({ code: 'STORAGE_OUTCOME_UNKNOWN' })
  })

  test('changes nothing under any mix of lost replies, lost writes and collisions', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('applied', 'lost-reply', 'lost-write'), { maxLength: 40 }),
        fc.integer(),
        async (fates, seed) => {
          const storage = new MemoryStorage()
          let next = 0
          const faulty = over(storage, {
            putIfAbsent: async (key, bytes, options) => {
              const fate = fates[next++] ?? 'applied'
              if (fate === 'lost-write') throw unknownOutcome(key)
              await storage.putIfAbsent(key, bytes, options)
              if (fate === 'lost-reply') throw unknownOutcome(key)
            },
          })
          const writers = [0, 1, 2].map((index) => logOver(faulty, { seed: seed + index }))
          const results = await Promise.all(writers.flatMap((writer) => [1, 2, 3].map(() => writer.append(add(1)))))
          expect(await logOver(storage).head()).toMatchObject({ generation: 9, state: { sum: 9 } })
          expect(new Set(results.map(({ entry }) => entry?.generation)).size).toBe(9)
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('a fault', () => {
  test('of the storage is passed on with nothing written', async () => {
    const storage = new MemoryStorage()
    const full = new MillraceError('STORAGE_NO_SPACE', { message: 'full', details: { key: keyOf(1) } })
    let isFull = true
    const log = logOver(
      over(storage, { putIfAbsent: (key, bytes, options) => (isFull ? Promise.reject(full) : storage.putIfAbsent(key, bytes, options)) }),
    )
    expect(await rejectionOf(log.append(add(1)))).toBe(full)
    isFull = false
    expect((await log.append(add(1))).entry?.generation).toBe(1)
  })

  test('in any bit of an entry is STORAGE_CORRUPT, never another value', async () => {
    const storage = new MemoryStorage()
    await logOver(storage).append(add(7))
    const intact = await logOver(storage).entry(1)
    const { bytes } = (await storage.get(keyOf(1))) ?? expect.unreachable()
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      await storage.put(keyOf(1), flipped)
      const result = await logOver(storage)
        .entry(1)
        .catch((error: unknown) => error)
      if (!MillraceError.is(result, 'STORAGE_CORRUPT')) expect(result).toEqual(intact)
    }
    for (const length of [0, 1, bytes.length - 1]) {
      await storage.put(keyOf(1), bytes.slice(0, length))
      expect(await rejectionOf(logOver(storage).entry(1))).toMatchObject({ code: 'STORAGE_CORRUPT', details: { key: keyOf(1) } })
    }
  })

  test('is an entry at another generation than its own, or of another format', async () => {
    const storage = new MemoryStorage()
    const log = logOver(storage)
    await log.append(add(7))
    const { bytes } = (await storage.get(keyOf(1))) ?? expect.unreachable()
    await storage.put(keyOf(2), bytes)
    expect(await rejectionOf(logOver(storage).entry(2))).toMatchObject({ code: 'STORAGE_CORRUPT' })
    const other = new NumberedLog({
      storage,
      prefix: 'counter/log',
      format: 'other',
      formatVersion: 1,
      initial: 0,
      reduce: (sum: number) => sum,
    })
    expect(await rejectionOf(other.entry(1))).toMatchObject({ code: 'STORAGE_CORRUPT' })
  })

  test('is an entry that only a newer library can read', async () => {
    const storage = new MemoryStorage()
    await logOver(storage, { formatVersion: 2 }).append(add(7))
    expect(await rejectionOf(logOver(storage).head())).toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      details: { format: 'counter', formatVersion: 2, supportedVersion: 1 },
    })
  })

  test('is an entry that is gone, or that follows another than the one before it', async () => {
    const storage = new MemoryStorage()
    const other = new MemoryStorage()
    // Past the first hint, which tells a reader of an entry beyond the gap.
    for (let step = 0; step < 20; step++) {
      await logOver(storage, { seed: step }).append(add(1))
      await logOver(other, { seed: 50 + step }).append(add(1))
    }
    const all = async (): Promise<void> => {
      for await (const _ of logOver(storage).entries());
    }
    const { bytes } = (await other.get(keyOf(3))) ?? expect.unreachable()
    await storage.put(keyOf(3), bytes)
    expect(await rejectionOf(all())).toMatchObject({ code: 'STORAGE_CORRUPT', details: { key: keyOf(3) } })
    await storage.delete(keyOf(3))
    expect(await rejectionOf(all())).toMatchObject({ code: 'STORAGE_CORRUPT', details: { key: keyOf(3) } })
  })
})
