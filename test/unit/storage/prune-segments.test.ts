import { MemoryStorage, openSegmentLog, pruneSegments, readSegments } from 'millrace/storage'
import { describe, expect, test } from 'vitest'
import type { SegmentLog, SegmentLogOptions } from '../../../src/storage/segment-log.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

interface Logged {
  readonly clock: FakeClock
  readonly storage: MemoryStorage
  open(options?: SegmentLogOptions): Promise<SegmentLog>
  records(): Promise<string[]>
}

function logged(): Logged {
  const clock = new FakeClock()
  const storage = new MemoryStorage({ clock })
  return {
    clock,
    storage,
    open: (options = {}) => openSegmentLog(storage, 'log', { clock, fsync: 'never', ...options }),
    async records() {
      const records: string[] = []
      for await (const payload of readSegments(storage, 'log')) records.push(new TextDecoder().decode(payload))
      return records
    },
  }
}

/** One sealed segment a day. */
async function days(log: Logged, count: number): Promise<void> {
  for (let day = 0; day < count; day++) {
    const writer = await log.open()
    await writer.append(text(`day ${day} ${'x'.repeat(1_000)}`))
    await writer.close()
    await log.clock.advance(dayMs)
  }
}

describe('pruneSegments', () => {
  test('removes what is older than it should be kept, by the clock of the storage', async () => {
    const log = logged()
    await days(log, 5)
    const wrong = new FakeClock({ now: log.clock.now() + 100 * dayMs })
    const { removed, kept } = await pruneSegments(log.storage, 'log', { keepMs: 3 * dayMs, clock: wrong })
    expect([removed.segments, kept.segments]).toEqual([2, 3])
    expect((await log.records()).map((record) => record.slice(0, 5))).toEqual(['day 2', 'day 3', 'day 4'])
    expect((await pruneSegments(log.storage, 'log', { keepMs: 3 * dayMs })).removed.segments).toBe(0)
  })

  test('removes the oldest until the rest is small enough, whichever writer began first', async () => {
    const log = logged()
    const early = await log.open()
    await days(log, 3)
    await early.append(text(`early ${'x'.repeat(1_000)}`))
    await early.close()
    const { removed, kept } = await pruneSegments(log.storage, 'log', { keepBytes: 3_000 })
    expect(removed.segments).toBe(2)
    expect(kept.sizeBytes).toBeLessThanOrEqual(3_000)
    expect((await log.records()).map((record) => record.slice(0, 5))).toEqual(['early', 'day 2'])
  })

  test('never removes the segment that a writer is at work on, however old and large', async () => {
    const log = logged()
    const writer = await log.open({ rotation: { ageMs: 30 * dayMs } })
    await writer.append(text('first'))
    await writer.flush()
    await log.clock.advance(6 * dayMs)
    expect((await pruneSegments(log.storage, 'log', { keepMs: 0, keepBytes: 0 })).removed.segments).toBe(0)
    await writer.append(text('second'))
    await writer.close()
    expect(await log.records()).toEqual(['first', 'second'])
    await log.clock.advance(1)
    expect((await pruneSegments(log.storage, 'log', { keepMs: 0 })).removed.segments).toBe(1)
  })

  test('removes what a dead writer left, once nobody can be at work on it', async () => {
    const log = logged()
    const dead = await log.open({ rotation: { ageMs: Number.MAX_SAFE_INTEGER } })
    await dead.append(text('last words'))
    await dead.flush()
    await log.clock.advance(7 * dayMs)
    expect((await pruneSegments(log.storage, 'log', { keepMs: 1 })).removed.segments).toBe(0)
    await log.clock.advance(1)
    expect((await pruneSegments(log.storage, 'log', { keepMs: 1 })).removed.segments).toBe(1)
  })

  test('removes a segment without a footer whose writer went on to the next', async () => {
    const log = logged()
    const keys: string[] = []
    const writer = await log.open({ rotation: { sizeBytes: 1 } })
    for (const record of ['one', 'two']) {
      await writer.append(text(record))
      await writer.flush()
    }
    for await (const { key } of log.storage.list('log')) keys.push(key)
    const [first] = keys as [string, string]
    const whole = (await log.storage.get(first))?.bytes as Uint8Array
    await log.storage.put(first, whole.slice(0, -10))
    await log.clock.advance(1)
    expect((await pruneSegments(log.storage, 'log', { keepMs: 0 })).removed.segments).toBe(1)
    expect(await log.records()).toEqual(['two'])
    await writer.close()
  })

  test('leaves other objects alone, and asks for a bound', async () => {
    const log = logged()
    await days(log, 1)
    await log.storage.put('log/notes', text('mine'))
    await log.clock.advance(1)
    const { removed } = await pruneSegments(log.storage, 'log', { keepMs: 0 })
    expect(removed.segments).toBe(1)
    expect(await log.storage.get('log/notes')).toBeDefined()
    await expect(pruneSegments(log.storage, 'log')).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    await expect(pruneSegments(log.storage, 'log', {})).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    await expect(pruneSegments(log.storage, 'log', { keepMs: -1 })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
  })

  test('tells in a dry run what it would remove, and changes nothing', async () => {
    const log = logged()
    await days(log, 5)
    const keys = async (): Promise<string[]> => {
      const found: string[] = []
      for await (const { key } of log.storage.list('')) found.push(key)
      return found
    }
    const before = await keys()
    const would = await pruneSegments(log.storage, 'log', { keepMs: 3 * dayMs, dryRun: true, clock: log.clock })
    expect([would.dryRun, would.removed.segments, would.kept.segments]).toEqual([true, 2, 3])
    expect(await keys()).toEqual(before)
    expect(await pruneSegments(log.storage, 'log', { keepMs: 3 * dayMs })).toEqual({ ...would, dryRun: false })
  })

  test('does not disturb a reader that has begun', async () => {
    const log = logged()
    await days(log, 3)
    const read: string[] = []
    for await (const payload of readSegments(log.storage, 'log')) {
      read.push(new TextDecoder().decode(payload).slice(0, 5))
      await pruneSegments(log.storage, 'log', { keepMs: 0 })
    }
    expect(read[0]).toBe('day 0')
  })
})
