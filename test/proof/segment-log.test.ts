import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { QueuePolicy, SegmentIssue, SegmentLogEvent } from 'millrace/storage'
import { MemoryStorage, openSegmentLog, readSegments } from 'millrace/storage'
import { FileStorage } from 'millrace/storage/file'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MillraceError } from '../../src/core/error.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { FaultyFiles } from '../unit/storage/faulty-files.ts'
import { frameStarts, isSubsequence, OneObject, oneSegment, readAll, StallingStore, text } from './support/segments.ts'
import { size } from './support/size.ts'

const typesOf = (issues: readonly SegmentIssue[]): string[] => issues.map(({ type }) => type)

/** Of all sizes, one that looks like a frame among them. */
function recordsOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index}:${'x'.repeat((index * 37) % 120)}`)
}
const records = recordsOf(size(6, 40))

describe('over files', () => {
  let root = ''
  let faulty = new FaultyFiles()
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'millrace-segments-'))
    faulty = new FaultyFiles()
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  test('row 6: short write: the log writes the rest, and never leaves a record truncated', async () => {
    for (const writeAtMost of [1, 11, 4096]) {
      faulty.writeAtMost = writeAtMost
      const prefix = `log-${writeAtMost}`
      const storage = await FileStorage.open(root, { files: faulty.files })
      const log = await openSegmentLog(storage, prefix, { fsync: 'always' })
      for (const record of records) await log.append(text(record))
      await log.close()
      expect(await readAll(storage, prefix)).toEqual({ records, issues: [] })
    }
  })

  test('row 6: short write, and no more: a full disk after some of the bytes takes them back, and the log goes on in the same segment', async () => {
    const storage = await FileStorage.open(root, { files: faulty.files })
    const log = await openSegmentLog(storage, 'log', { fsync: 'always' })
    const opened: SegmentLogEvent[] = []
    log.on((event) => opened.push(event))
    await log.append(text('before'))
    for (let failAt = 2; failAt <= 5; failAt++) {
      faulty.reset()
      faulty.writeAtMost = 9
      faulty.failAt = failAt
      faulty.fault = { applied: false, code: 'ENOSPC' }
      const refused = await log.append(text(`refused ${'x'.repeat(60)}`)).catch((error: unknown) => error)
      expect(MillraceError.is(refused, 'STORAGE_NO_SPACE'), String(refused)).toBe(true)
    }
    faulty.reset()
    await log.append(text('after'))
    await log.close()
    expect(await readAll(storage)).toEqual({ records: ['before', 'after'], issues: [] })
    expect(opened.filter(({ type }) => type === 'segment-opened')).toHaveLength(1)
  })

  test('row 7: file fsync fails: not acknowledged; the segment is closed without a second fsync, and a new one opened', async () => {
    for (const applied of [false, true]) {
      const prefix = `log-${applied}`
      const storage = await FileStorage.open(root, { files: faulty.files })
      const log = await openSegmentLog(storage, prefix, { fsync: 'always' })
      const events: SegmentLogEvent[] = []
      log.on((event) => events.push(event))
      await log.append(text('before'))
      faulty.reset()
      faulty.failing = { operation: 'sync', fault: { applied, code: 'EIO' } }
      const refused = await Promise.allSettled([log.append(text('lost')), log.append(text('lost too'))])
      expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
      for (const outcome of refused) expect(outcome).toMatchObject({ reason: { code: 'STORAGE_UNAVAILABLE' } })
      expect(faulty.operations.filter((operation) => operation === 'sync')).toHaveLength(1)
      expect(faulty.operations.at(-1)).toBe('close')
      faulty.reset()
      await log.append(text('after'))
      await log.close()
      const reading = await readAll(await FileStorage.open(root), prefix)
      expect(reading.records.filter((record) => !record.startsWith('lost'))).toEqual(['before', 'after'])
      expect(typesOf(reading.issues)).toEqual(['unsealed'])
      expect(kindsOf(events)).toEqual(['segment-opened', 'segment-failed', 'segment-opened', 'segment-sealed'])
    }
  })

  test('row 7: file fsync fails after records were answered: the next flush throws, once, and the log tells how many', async () => {
    const storage = await FileStorage.open(root, { files: faulty.files })
    const log = await openSegmentLog(storage, 'log', { fsync: 'never' })
    await log.append(text('first'))
    await log.flush()
    for (const record of ['a', 'b', 'c']) await log.append(text(record))
    faulty.failing = { operation: 'sync', fault: { applied: false, code: 'EIO' } }
    await expect(log.flush()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    faulty.reset()
    await log.flush()
    await log.close()
    const { issues } = await readAll(storage)
    expect(issues).toContainEqual(expect.objectContaining({ type: 'gap', reason: 'sync-failed', records: 3, sizeBytes: 3 }))
  })
})

describe('a damaged segment', () => {
  test.each([true, false])(
    'row 13: truncated at every byte: whole records kept, tail reported, append works (sealed: %s)',
    async (sealed) => {
      const { key, bytes } = await oneSegment(records, sealed)
      const starts = frameStarts(bytes)
      for (let length = 0; length < bytes.length; length++) {
        const storage = await OneObject.of(key, bytes.subarray(0, length))
        const reading = await readAll(storage)
        const whole = starts.filter((_, index) => (starts[index + 1] ?? bytes.length) <= length).length
        const at = `cut at ${length}`
        expect(reading.records, at).toEqual(records.slice(0, Math.max(0, whole - 1)))
        // A cut between frames looks like a writer at work; any other is torn. It is never called corrupt.
        const torn = { type: 'torn', key, offsetBytes: starts[whole] ?? 0, sizeBytes: length - (starts[whole] ?? 0) }
        expect(reading.issues, at).toEqual([length === (starts[whole] ?? bytes.length) ? { type: 'unsealed', key } : torn])
        const log = await openSegmentLog(storage, 'log', { clock: new FakeClock({ now: Date.UTC(2002, 0, 1) }) })
        await log.append(text('after the crash'))
        await log.close()
        expect((await readAll(storage)).records, at).toEqual([...reading.records, 'after the crash'])
      }
    },
  )

  test.each([true, false])(
    'row 14: a bit flipped in every byte: Corrupt with its offset; never wrong data or a hang (sealed: %s)',
    async (sealed) => {
      const { key, bytes } = await oneSegment(records, sealed)
      const starts = frameStarts(bytes)
      const bits = Array.from({ length: size(2, 8) }, (_, index) => index)
      for (let byte = 0; byte < bytes.length; byte++) {
        const frame = starts.findLastIndex((start) => start <= byte)
        for (const bit of bits) {
          const flipped = bytes.slice()
          flipped[byte] = (flipped[byte] as number) ^ (1 << bit)
          const storage = await OneObject.of(key, flipped)
          const reading = await readAll(storage)
          const at = `bit ${bit} of byte ${byte}`
          expect(isSubsequence(reading.records, records), at).toBe(true)
          expect(reading.records.length, at).toBeGreaterThanOrEqual(records.length - 1)
          // What is broken at the end looks like the end of a writer that died.
          const type = frame === starts.length - 1 ? 'torn' : 'corrupt'
          expect(reading.issues[0], at).toMatchObject({ type, key, offsetBytes: starts[frame] })
          expect(storage.reads, at).toBeLessThan(20)
          if (type === 'torn') continue
          const error = await readStrictly(storage).catch((caught: unknown) => caught)
          expect(MillraceError.is(error, 'STORAGE_CORRUPT') && error.details, at).toMatchObject({ key, offsetBytes: starts[frame] })
        }
      }
    },
  )

  test('row 15: a flip in a middle frame: Corrupt, not a torn tail; later frames are salvaged', async () => {
    const { key, bytes } = await oneSegment(records, true)
    const starts = frameStarts(bytes)
    for (let frame = 1; frame < starts.length - 2; frame++) {
      const flipped = bytes.slice()
      const at = Math.floor(((starts[frame] as number) + (starts[frame + 1] as number)) / 2)
      flipped[at] = (flipped[at] as number) ^ 0x40
      const reading = await readAll(await OneObject.of(key, flipped))
      expect(reading.records).toEqual(records.filter((_, index) => index !== frame - 1))
      expect(reading.issues).toEqual([expect.objectContaining({ type: 'corrupt', key, offsetBytes: starts[frame] })])
    }
  })
})

describe('row 27: the log disk stalls 10 s: policy applied; memory bounded; drops counted', () => {
  const recordBytes = 1_000
  const maxBytes = 100_000

  interface Outcome {
    readonly accepted: number
    readonly rejected: number
    readonly dropped: { readonly records: number; readonly sizeBytes: number }
    readonly written: string[]
    readonly issues: SegmentIssue[]
    /** Most bytes that were accepted and not written yet. */
    readonly mostQueuedBytes: number
    readonly pendingAtMost: number
    readonly events: SegmentLogEvent[]
  }

  /** One record every 10 ms for 12 s; after the first second the disk stalls. */
  async function stalled(queue: QueuePolicy, waits: boolean): Promise<Outcome> {
    const clock = new FakeClock()
    const storage = new MemoryStorage({ clock })
    const store = new StallingStore(storage, clock)
    const log = await openSegmentLog(store, 'log', { clock, queue: { ...queue, maxBytes } })
    const events: SegmentLogEvent[] = []
    log.on((event) => events.push(event))
    let [accepted, rejected, pending, pendingAtMost, mostQueuedBytes] = [0, 0, 0, 0, 0]
    for (let tick = 0; tick < 1_200; tick++) {
      if (tick === 100) store.stallMs = 10_000
      // A caller that waits makes its next record when the one before is in the queue.
      if (!waits || pending < 20) {
        pending++
        const id = `id-${tick}`
        log.append(text(id.padEnd(recordBytes)), { id }).then(
          () => {
            accepted++
            pending--
          },
          () => {
            rejected++
            pending--
          },
        )
      }
      await clock.advance(10)
      pendingAtMost = Math.max(pendingAtMost, pending)
      const acceptedBytes = (accepted - log.dropped.records) * recordBytes
      mostQueuedBytes = Math.max(mostQueuedBytes, acceptedBytes - store.writtenBytes)
    }
    await clock.advance(20_000)
    await log.flush()
    await log.close()
    const { records: written, issues } = await readAll(storage)
    return {
      accepted,
      rejected,
      dropped: log.dropped,
      written: written.map((record) => record.trim()),
      issues,
      mostQueuedBytes,
      pendingAtMost,
      events,
    }
  }

  const gapsOf = (issues: readonly SegmentIssue[], reason: string) =>
    issues.flatMap((issue) => (issue.type === 'gap' && issue.reason === reason ? [issue] : []))
  const sum = (values: readonly { readonly records: number }[]): number => values.reduce((total, { records }) => total + records, 0)

  test('row 27: the log disk stalls 10 s under drop-newest: nobody waits, the newest are dropped and told of', async () => {
    const outcome = await stalled({ policy: 'drop-newest' }, false)
    expect(outcome.pendingAtMost).toBe(0)
    expect(outcome.accepted).toBe(1_200)
    expect(outcome.mostQueuedBytes).toBeLessThanOrEqual(maxBytes)
    expect(outcome.dropped.records).toBeGreaterThan(850)
    expect(outcome.written.length + outcome.dropped.records).toBe(1_200)
    expect(sum(gapsOf(outcome.issues, 'queue-full'))).toBe(outcome.dropped.records)
    expect(sum(outcome.events.flatMap((event) => (event.type === 'records-dropped' ? [event] : [])))).toBe(outcome.dropped.records)
    // What came before the queue was full, and what came when the disk was back.
    expect(outcome.written.slice(0, 190)).toEqual(Array.from({ length: 190 }, (_, index) => `id-${index}`))
    expect(outcome.written.at(-1)).toBe('id-1199')
  })

  test('row 27: the log disk stalls 10 s under block: callers wait, and nothing is dropped', async () => {
    const outcome = await stalled({ policy: 'block' }, true)
    expect(outcome.pendingAtMost).toBe(20)
    expect(outcome.rejected).toBe(0)
    expect(outcome.dropped).toEqual({ records: 0, sizeBytes: 0 })
    expect(outcome.mostQueuedBytes).toBeLessThanOrEqual(maxBytes)
    expect(outcome.written).toHaveLength(outcome.accepted)
    expect(outcome.issues).toEqual([])
  })

  test('row 27: the log disk stalls 10 s under block with a time limit: callers wait no longer than that, and are told', async () => {
    const outcome = await stalled({ policy: 'block', timeoutMs: 500 }, false)
    // 500 ms of records at 100 a second.
    expect(outcome.pendingAtMost).toBeLessThanOrEqual(51)
    expect(outcome.rejected).toBeGreaterThan(800)
    expect(outcome.rejected).toBe(outcome.dropped.records)
    expect(outcome.mostQueuedBytes).toBeLessThanOrEqual(maxBytes)
    expect(outcome.written).toHaveLength(outcome.accepted)
    expect(outcome.accepted + outcome.rejected).toBe(1_200)
    expect(sum(gapsOf(outcome.issues, 'queue-full'))).toBe(outcome.rejected)
  })

  test('row 27: the log disk stalls 10 s under sample: a share by id is kept while the queue is filling, and its rate is told', async () => {
    const outcome = await stalled({ policy: 'sample', above: 0.2, rate: 0.05 }, false)
    const again = await stalled({ policy: 'sample', above: 0.2, rate: 0.05 }, false)
    expect(outcome.pendingAtMost).toBe(0)
    expect(outcome.mostQueuedBytes).toBeLessThanOrEqual(maxBytes)
    expect(outcome.written.length + outcome.dropped.records).toBe(1_200)
    const sampled = gapsOf(outcome.issues, 'sampled')
    expect(sum(sampled)).toBe(outcome.dropped.records)
    expect(sampled.every((gap) => gap.type === 'gap' && gap.rate === 0.05)).toBe(true)
    // Of about 980 records, one in twenty.
    const kept = outcome.written.filter((id) => Number(id.slice(3)) >= 120 && Number(id.slice(3)) < 1_100)
    expect(kept.length).toBeGreaterThan(25)
    expect(kept.length).toBeLessThan(80)
    expect(again.written).toEqual(outcome.written)
  })
})

async function readStrictly(storage: OneObject): Promise<void> {
  for await (const _ of readSegments(storage, 'log'));
}

function kindsOf(events: readonly SegmentLogEvent[]): string[] {
  return events.map(({ type }) => type)
}
