import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MillraceError } from 'millrace'
import type { SegmentIssue, SegmentLogEvent, SegmentStore, SegmentWriter } from 'millrace/storage'
import { MemoryStorage, openSegmentLog, readSegments } from 'millrace/storage'
import { FileStorage } from 'millrace/storage/file'
import { FakeClock } from 'millrace/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { RecordSample } from '../../../src/storage/record-sample.ts'
import { FaultyFiles } from './faulty-files.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

/** A store whose calls are recorded, and whose writes wait or fail when told to. */
class ProbedStore extends MemoryStorage implements SegmentStore {
  calls: string[] = []
  gate: Promise<void> = Promise.resolve()
  failing: { readonly call: 'append' | 'sync' | 'seal'; readonly error: unknown } | undefined

  override async createSegment(key: string): Promise<SegmentWriter> {
    const writer = await super.createSegment(key)
    const run = async (call: 'append' | 'sync' | 'seal', work: () => Promise<void>): Promise<void> => {
      this.calls.push(call)
      await this.gate
      if (this.failing?.call === call) throw this.failing.error
      await work()
    }
    return {
      key,
      get sizeBytes() {
        return writer.sizeBytes
      },
      append: (bytes) => run('append', () => writer.append(bytes)),
      sync: () => run('sync', () => writer.sync()),
      seal: () => run('seal', () => writer.seal()),
    }
  }

  count(call: string): number {
    return this.calls.filter((made) => made === call).length
  }
}

async function readAll(storage: MemoryStorage | FileStorage): Promise<{ records: string[]; issues: SegmentIssue[] }> {
  const [records, issues]: [string[], SegmentIssue[]] = [[], []]
  for await (const payload of readSegments(storage, 'log', { onIssue: (issue) => issues.push(issue) })) {
    records.push(new TextDecoder().decode(payload))
  }
  return { records, issues }
}
const diskFault = new MillraceError('STORAGE_UNAVAILABLE', { message: 'disk', details: { storage: 'probe', reason: 'EIO' } })
const diskFull = new MillraceError('STORAGE_NO_SPACE', { message: 'full', details: { key: 'log' } })

describe('the fsync policy', () => {
  test('always: a record is acknowledged only when it is durable, and concurrent ones share an fsync', async () => {
    const store = new ProbedStore()
    const log = await openSegmentLog(store, 'log', { fsync: 'always' })
    let open = (): void => {}
    store.gate = new Promise((resolve) => {
      open = resolve
    })
    let acknowledged = 0
    const appends = Array.from({ length: 100 }, (_, index) => log.append(text(`${index}`)).then(() => acknowledged++))
    await turn()
    expect(acknowledged).toBe(0)
    open()
    await Promise.all(appends)
    expect(store.count('sync')).toBeLessThanOrEqual(2)
    expect(store.calls.at(-1)).toBe('sync')
    await log.close()
    expect((await readAll(store)).records).toEqual(Array.from({ length: 100 }, (_, index) => `${index}`))
  })

  test('an interval: records are synced when the time is over, or when there are enough', async () => {
    const store = new ProbedStore()
    const clock = new FakeClock()
    const log = await openSegmentLog(store, 'log', { fsync: { ms: 50, records: 10 }, clock })
    await log.append(text('one'))
    await clock.advance(49)
    expect(store.count('sync')).toBe(0)
    await clock.advance(1)
    await turn()
    expect(store.count('sync')).toBe(1)
    // One waits for the segment's age, none for a sync.
    expect(clock.sleepers).toBe(1)
    for (let index = 0; index < 10; index++) await log.append(text(`${index}`))
    await clock.advance(0)
    expect(store.count('sync')).toBe(2)
    expect(clock.sleepers).toBe(1)
    await log.append(text('last'))
    await log.close()
    expect(clock.sleepers).toBe(0)
  })

  test('never: only flush and close make records durable', async () => {
    const store = new ProbedStore()
    const clock = new FakeClock()
    const log = await openSegmentLog(store, 'log', { fsync: 'never', clock })
    for (let index = 0; index < 50; index++) await log.append(text('x'))
    await clock.advance(10_000)
    expect(store.count('sync')).toBe(0)
    await log.flush()
    expect(store.count('sync')).toBe(1)
    await log.flush()
    expect(store.count('sync')).toBe(1)
    await log.close()
    expect(store.calls.at(-1)).toBe('seal')
  })
})

describe('rotation', () => {
  test('seals a segment that is large enough, at the next record', async () => {
    const store = new MemoryStorage()
    const log = await openSegmentLog(store, 'log', { rotation: { sizeBytes: 1000 } })
    const events: SegmentLogEvent[] = []
    log.on((event) => events.push(event))
    for (let index = 0; index < 10; index++) {
      await log.append(text('x'.repeat(400)))
      await log.flush()
    }
    await log.close()
    expect(events.filter(({ type }) => type === 'segment-opened').length).toBe(5)
    expect(events.filter(({ type }) => type === 'segment-sealed').length).toBe(5)
    expect((await readAll(store)).records.length).toBe(10)
  })

  test('seals a segment that is old enough, by durations and not by the time of day', async () => {
    const store = new MemoryStorage()
    const clock = new FakeClock()
    const log = await openSegmentLog(store, 'log', { rotation: { ageMs: 1000 }, clock, fsync: 'never' })
    const segments = async (): Promise<number> => {
      await log.flush()
      let count = 0
      for await (const _ of store.list('log')) count++
      return count
    }
    await log.append(text('a'))
    clock.setNow(clock.now() + 86_400_000)
    await log.append(text('b'))
    expect(await segments()).toBe(1)
    await clock.advance(1000)
    await log.append(text('c'))
    expect(await segments()).toBe(2)
    clock.setNow(0)
    await clock.advance(1000)
    await log.append(text('d'))
    expect(await segments()).toBe(3)
    await log.close()
    expect(await readAll(store)).toEqual({ records: ['a', 'b', 'c', 'd'], issues: [] })
  })
})

test('a segment that is old enough is sealed at its time, also when no record comes', async () => {
  const store = new MemoryStorage()
  const clock = new FakeClock()
  const log = await openSegmentLog(store, 'log', { rotation: { ageMs: 1000 }, clock })
  const events: string[] = []
  log.on(({ type }) => events.push(type))
  await log.append(text('only'))
  await clock.advance(999)
  expect(events).toEqual(['segment-opened'])
  await clock.advance(1)
  await turn()
  expect(events).toEqual(['segment-opened', 'segment-sealed'])
  expect(clock.sleepers).toBe(0)
  await clock.advance(5000)
  expect(await readAll(store)).toEqual({ records: ['only'], issues: [] })
  await log.append(text('next'))
  await log.close()
  expect(clock.sleepers).toBe(0)
  expect((await readAll(store)).records).toEqual(['only', 'next'])
})

test('a sample keeps the share that is asked for, the same ids in every log, and all records of an id or none', () => {
  const sample = new RecordSample({ above: 0, rate: 0.2 })
  const other = new RecordSample({ above: 0.5, rate: 0.2 })
  const ids = Array.from({ length: 20_000 }, (_, index) => `01ja6m${index.toString(36)}`)
  const kept = ids.filter((id) => sample.keeps(id))
  expect(kept.length / ids.length).toBeGreaterThan(0.18)
  expect(kept.length / ids.length).toBeLessThan(0.22)
  expect(ids.filter((id) => other.keeps(id))).toEqual(kept)
  const withoutId = ids.filter(() => sample.keeps(undefined))
  expect(withoutId.length / ids.length).toBeGreaterThan(0.18)
  expect(withoutId.length / ids.length).toBeLessThan(0.22)
  expect(ids.some((id) => new RecordSample({ above: 0, rate: 0 }).keeps(id))).toBe(false)
  expect(ids.every((id) => new RecordSample({ above: 0, rate: 1 }).keeps(id))).toBe(true)
})

describe('a full queue', () => {
  function stalled(): { store: ProbedStore; open: () => void } {
    const store = new ProbedStore()
    let open = (): void => {}
    store.gate = new Promise((resolve) => {
      open = resolve
    })
    return { store, open: () => open() }
  }

  test('blocks: appends wait until there is room, and nothing is lost', async () => {
    const { store, open } = stalled()
    const log = await openSegmentLog(store, 'log', { queue: { maxBytes: 1000, policy: 'block' } })
    let accepted = 0
    const appends = Array.from({ length: 100 }, (_, index) => log.append(text(`${index} ${'x'.repeat(80)}`)).then(() => accepted++))
    await turn()
    expect(accepted).toBeGreaterThan(0)
    expect(accepted).toBeLessThan(11)
    open()
    await Promise.all(appends)
    await log.close()
    const { records, issues } = await readAll(store)
    expect(records.map((record) => Number.parseInt(record, 10))).toEqual(Array.from({ length: 100 }, (_, index) => index))
    expect(issues).toEqual([])
    expect(log.dropped.records).toBe(0)
  })

  test('drops the newest: appends resolve at once, drops are counted and told in the log', async () => {
    const { store, open } = stalled()
    const log = await openSegmentLog(store, 'log', { queue: { maxBytes: 1000, policy: 'drop-newest' } })
    const events: SegmentLogEvent[] = []
    log.on((event) => events.push(event))
    for (let index = 0; index < 100; index++) await log.append(text(`${index} ${'x'.repeat(80)}`))
    const { records: dropped, sizeBytes } = log.dropped
    expect(dropped).toBeGreaterThan(80)
    expect(events.filter(({ type }) => type === 'records-dropped').length).toBe(dropped)
    open()
    await log.flush()
    await log.append(text('after'))
    await log.close()
    const { records, issues } = await readAll(store)
    expect(records.length).toBe(101 - dropped)
    expect(records.at(-1)).toBe('after')
    const gaps = issues.filter((issue) => issue.type === 'gap')
    expect(gaps.reduce((sum, gap) => sum + gap.records, 0)).toBe(dropped)
    expect(gaps.reduce((sum, gap) => sum + gap.sizeBytes, 0)).toBe(sizeBytes)
    expect(gaps[0]?.reason).toBe('queue-full')
  })

  test('blocks no longer than its time limit: then the record is refused, counted and told of, and others go on', async () => {
    const { store, open } = stalled()
    const clock = new FakeClock()
    const log = await openSegmentLog(store, 'log', { clock, queue: { policy: 'block', maxBytes: 100, timeoutMs: 1000 }, fsync: 'never' })
    const outcomes: string[] = []
    const append = (record: string): void => {
      log.append(text(record)).then(
        () => outcomes.push(record),
        (error: unknown) => outcomes.push(`${record} ${MillraceError.is(error) ? error.code : String(error)}`),
      )
    }
    append('x'.repeat(80))
    append('first')
    await clock.advance(600)
    append('second')
    await clock.advance(400)
    expect(outcomes.slice(1)).toEqual(['first STORAGE_UNAVAILABLE'])
    open()
    await clock.advance(0)
    await log.flush()
    expect(outcomes.slice(1)).toEqual(['first STORAGE_UNAVAILABLE', 'second'])
    await clock.advance(10_000)
    await log.close()
    expect(clock.sleepers).toBe(0)
    const { records, issues } = await readAll(store)
    expect(records.slice(1)).toEqual(['second'])
    expect(issues).toEqual([expect.objectContaining({ type: 'gap', reason: 'queue-full', records: 1, sizeBytes: 5 })])
    expect(log.dropped).toEqual({ records: 1, sizeBytes: 5 })
  })

  test('takes a record that is larger than the whole queue when it is alone', async () => {
    const store = new MemoryStorage()
    const log = await openSegmentLog(store, 'log', { queue: { maxBytes: 10, policy: 'drop-newest' } })
    await log.append(text('x'.repeat(1000)))
    await log.close()
    expect((await readAll(store)).records.length).toBe(1)
  })

  test('has its own copy of a record', async () => {
    const { store, open } = stalled()
    const log = await openSegmentLog(store, 'log')
    const reused = text('first')
    await log.append(reused)
    reused.fill(0)
    open()
    await log.close()
    expect((await readAll(store)).records).toEqual(['first'])
  })
})

describe('a fault of the store', () => {
  test('fails an append under always, and the next record goes to a new segment', async () => {
    for (const call of ['append', 'sync'] as const) {
      const store = new ProbedStore()
      const log = await openSegmentLog(store, 'log', { fsync: 'always' })
      await log.append(text('before'))
      store.failing = { call, error: diskFault }
      await expect(log.append(text('lost'))).rejects.toBe(diskFault)
      store.failing = undefined
      await log.append(text('after'))
      await log.close()
      const { records, issues } = await readAll(store)
      expect(records.filter((record) => record !== 'lost')).toEqual(['before', 'after'])
      expect(issues.map(({ type }) => type)).toEqual(['unsealed'])
    }
  })

  test('is thrown by flush when records that were answered before are lost, once, and told in the log', async () => {
    const store = new ProbedStore()
    const log = await openSegmentLog(store, 'log', { fsync: 'never' })
    const events: SegmentLogEvent[] = []
    log.on((event) => events.push(event))
    for (const record of ['a', 'b', 'c']) await log.append(text(record))
    store.failing = { call: 'sync', error: diskFault }
    await expect(log.flush()).rejects.toBe(diskFault)
    store.failing = undefined
    await log.flush()
    await log.append(text('d'))
    await log.close()
    const { issues } = await readAll(store)
    expect(issues).toContainEqual(expect.objectContaining({ type: 'gap', reason: 'sync-failed', records: 3, sizeBytes: 3 }))
    expect(events).toContainEqual(expect.objectContaining({ type: 'segment-failed', error: diskFault }))
  })

  test('a full disk costs the records but no segment, and is told when there is room', async () => {
    const store = new ProbedStore()
    const log = await openSegmentLog(store, 'log', { fsync: 'never' })
    store.failing = { call: 'append', error: diskFull }
    for (let index = 0; index < 20; index++) {
      await log.append(text('lost'))
      await expect(log.flush()).rejects.toBe(diskFull)
    }
    store.failing = undefined
    await log.append(text('kept'))
    await log.close()
    const { records, issues } = await readAll(store)
    expect(records).toEqual(['kept'])
    expect(issues).toEqual([expect.objectContaining({ type: 'gap', reason: 'write-failed', records: 20 })])
  })

  test('in close is thrown, and the log is closed all the same', async () => {
    const store = new ProbedStore()
    const log = await openSegmentLog(store, 'log', { fsync: 'never' })
    await log.append(text('a'))
    store.failing = { call: 'seal', error: diskFault }
    await expect(log.close()).rejects.toBe(diskFault)
    await expect(log.close()).rejects.toBe(diskFault)
    await expect(log.append(text('b'))).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  })
})

test('a log without records makes no segment', async () => {
  const store = new MemoryStorage()
  const log = await openSegmentLog(store, 'log')
  await log.flush()
  await log.close()
  await log.close()
  for await (const entry of store.list('')) expect(entry).toBeUndefined()
})

test('options that make no sense are refused', async () => {
  const store = new MemoryStorage()
  await expect(openSegmentLog(store, 'Log')).rejects.toMatchObject({ code: 'STORAGE_INVALID_KEY' })
  await expect(openSegmentLog(store, 'log', { fsync: { ms: 0, records: 1 } })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
  for (const queue of [
    { timeoutMs: 0 },
    { policy: 'sample', rate: 1.1 },
    { policy: 'sample', above: -1 },
    { policy: 'sample', rate: Number.NaN },
  ] as const) {
    await expect(openSegmentLog(store, 'log', { queue })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
  }
  await expect(openSegmentLog(store, 'log', { rotation: { sizeBytes: Number.NaN } })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
})

describe('over files', () => {
  let root = ''
  afterEach(() => rm(root, { recursive: true, force: true }))

  test('whichever operation of the file system fails, an acknowledged record is read back, and nothing else but what was appended', async () => {
    for (const applied of [false, true]) {
      for (const code of ['EIO', 'ENOSPC']) {
        for (let index = 1; ; index++) {
          root = await mkdtemp(join(tmpdir(), 'millrace-segments-'))
          const faulty = new FaultyFiles()
          const storage = await FileStorage.open(root, { files: faulty.files })
          const log = await openSegmentLog(storage, 'log', { fsync: 'always', rotation: { sizeBytes: 400 } })
          faulty.reset()
          faulty.failAt = index
          faulty.fault = { applied, code }
          const acknowledged: string[] = []
          for (let record = 0; record < 8; record++) {
            const value = `record ${record} ${'x'.repeat(60)}`
            await log.append(text(value)).then(
              () => acknowledged.push(value),
              (error: unknown) => expect(MillraceError.is(error), String(error)).toBe(true),
            )
          }
          await log.close().catch((error: unknown) => expect(MillraceError.is(error), String(error)).toBe(true))
          const done = faulty.operations.length < index
          const { records } = await readAll(await FileStorage.open(root))
          const at = `${code}, ${applied ? 'applied' : 'not applied'}, operation ${index} (${faulty.operations[index - 1]})`
          for (const record of acknowledged) expect(records, at).toContain(record)
          expect(new Set(records).size, at).toBe(records.length)
          for (const record of records) expect(record, at).toMatch(/^record \d x{60}$/)
          expect(acknowledged.length, at).toBeGreaterThanOrEqual(6)
          await rm(root, { recursive: true, force: true })
          if (done) break
        }
      }
    }
  }, 60_000)
})
