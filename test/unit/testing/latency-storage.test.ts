import { MemoryStorage } from 'millrace/storage'
import type { LatencyStorageOptions } from 'millrace/testing'
import { FakeClock, LatencySegmentStore, LatencyStorage } from 'millrace/testing'
import { describe, expect, test } from 'vitest'

const one = new Uint8Array([1])

/** How long each of so many calls takes, by the clock. */
async function timesOf(options: Omit<LatencyStorageOptions, 'clock'>, calls: number): Promise<number[]> {
  const clock = new FakeClock()
  const storage = new LatencyStorage(new MemoryStorage(), { ...options, clock })
  const times: number[] = []
  for (let call = 0; call < calls; call++) {
    const begin = clock.monotonicMs()
    const done = storage.get('a').then(() => times.push(clock.monotonicMs() - begin))
    await clock.advance(10_000)
    await done
  }
  return times
}

describe('a storage with latency', () => {
  test('takes its mean, spread evenly around it', async () => {
    const times = await timesOf({ meanMs: 100 }, 60)
    const mean = times.reduce((sum, time) => sum + time, 0) / times.length
    expect(mean).toBeGreaterThan(85)
    expect(mean).toBeLessThan(115)
    expect(Math.min(...times)).toBeGreaterThanOrEqual(50)
    expect(Math.max(...times)).toBeLessThanOrEqual(150)
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(60)
  })

  test('takes the same times under the same seed, others under another, and one time without a spread', async () => {
    expect(await timesOf({ meanMs: 100, seed: 3 }, 5)).toEqual(await timesOf({ meanMs: 100, seed: 3 }, 5))
    expect(await timesOf({ meanMs: 100, seed: 3 }, 5)).not.toEqual(await timesOf({ meanMs: 100, seed: 4 }, 5))
    expect(await timesOf({ meanMs: 100, spread: 0 }, 3)).toEqual([100, 100, 100])
  })

  test('takes each method its own time, and none where none is given', async () => {
    const clock = new FakeClock()
    const storage = new LatencyStorage(new MemoryStorage(), { meanMs: { put: 100 }, spread: 0, clock })
    expect(await storage.get('a')).toBeUndefined()
    let put = false
    const done = storage.put('a', one).then(() => {
      put = true
    })
    await clock.advance(99)
    expect(put).toBe(false)
    // It was applied half-way: its answer is still on the way.
    expect((await storage.get('a'))?.bytes).toEqual(one)
    await clock.advance(1)
    await done
  })

  test('lets calls overlap', async () => {
    const clock = new FakeClock()
    const storage = new LatencyStorage(new MemoryStorage(), { meanMs: 100, spread: 0, clock })
    const creates = Promise.allSettled([storage.putIfAbsent('a', one), storage.putIfAbsent('a', one), storage.putIfAbsent('b', one)])
    await clock.advance(100)
    expect((await creates).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })

  test("ends with the signal's reason when it aborts on the way there, and changes nothing", async () => {
    const clock = new FakeClock()
    const memory = new MemoryStorage()
    const storage = new LatencyStorage(memory, { meanMs: 100, clock })
    const stop = new AbortController()
    const reason = new Error('stopped')
    const put = storage.put('a', one, { signal: stop.signal })
    await clock.advance(1)
    stop.abort(reason)
    await expect(put).rejects.toBe(reason)
    expect(await memory.get('a')).toBeUndefined()
  })

  test('writes the bytes that it was given, whatever the caller does with them meanwhile', async () => {
    const clock = new FakeClock()
    const memory = new MemoryStorage()
    const storage = new LatencyStorage(memory, { meanMs: 100, clock })
    const bytes = one.slice()
    const put = storage.put('a', bytes)
    bytes.fill(9)
    await clock.advance(200)
    await put
    expect((await memory.get('a'))?.bytes).toEqual(one)
  })

  test('keeps the order of appends, each of which takes its time', async () => {
    const clock = new FakeClock()
    const memory = new MemoryStorage()
    const storage = new LatencySegmentStore(memory, { meanMs: { append: 100 }, clock })
    const segment = await storage.createSegment('a')
    const appends = Promise.all([1, 2, 3, 4].map((value) => segment.append(Uint8Array.of(value))))
    await clock.advance(190)
    expect((await memory.get('a'))?.sizeBytes).toBeLessThan(4)
    await clock.advance(1000)
    await appends
    expect((await memory.get('a'))?.bytes).toEqual(Uint8Array.of(1, 2, 3, 4))
  })

  test.each([{ meanMs: -1 }, { meanMs: { get: Number.POSITIVE_INFINITY } }, { meanMs: 1, spread: 1.1 }, { meanMs: 1, spread: Number.NaN }])(
    'refuses %o',
    (options) => {
      expect(() => new LatencyStorage(new MemoryStorage(), options)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
    },
  )
})
