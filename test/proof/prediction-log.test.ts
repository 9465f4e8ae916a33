import type { RecordBatch } from 'apache-arrow'
import { MemoryStorage } from 'millrace/storage'
import { describe, expect, test } from 'vitest'
import { batchOf } from '../../src/data/build-batch.ts'
import type { PredictionLogIssue } from '../../src/log/read-prediction-log.ts'
import { readPredictionLog } from '../../src/log/read-prediction-log.ts'
import type { PredictionLogOptions } from '../../src/log/segment-prediction-log.ts'
import { openPredictionLog } from '../../src/log/segment-prediction-log.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { frameStarts, OneObject, StallingStore } from './support/segments.ts'
import { size } from './support/size.ts'

/** The rows of one request. */
function predictions(request: string, rows: number): RecordBatch {
  const ids = Array.from({ length: rows }, (_, row) => `${request}.${row}`)
  return batchOf({
    id: { kind: 'text', length: rows, codes: Int32Array.from(ids, (_, row) => row), dictionary: ids },
    score: { kind: 'number', length: rows, values: Float64Array.from(ids, (_, row) => row / 7) },
  })
}

async function read(storage: MemoryStorage, onIssue?: (issue: PredictionLogIssue) => void): Promise<string[]> {
  const batches: string[] = []
  for await (const { batch } of readPredictionLog(storage, { prefix: 'log', ...(onIssue === undefined ? {} : { onIssue }) })) {
    batches.push(JSON.stringify(batch.toArray()))
  }
  return batches
}

/** A segment of some batches, as a killed process leaves it. */
async function killed(batches: number): Promise<{ key: string; bytes: Uint8Array; whole: string[] }> {
  const storage = new MemoryStorage()
  const log = await openPredictionLog({ storage, prefix: 'log' })
  for (let index = 0; index < batches; index++) {
    await log.append('prediction', predictions(`request-${index}`, index + 1))
    await log.flush()
  }
  for await (const { key } of storage.list('log')) {
    const bytes = (await storage.get(key))?.bytes as Uint8Array
    return { key, bytes, whole: await read(storage) }
  }
  throw new Error('no segment')
}

describe('a damaged prediction log', () => {
  test('row 13: truncated at every byte: whole batches kept, tail reported, append works', async () => {
    const { key, bytes, whole } = await killed(size(3, 8))
    const starts = frameStarts(bytes)
    for (let length = 0; length < bytes.length; length += size(5, 1)) {
      const storage = await OneObject.of(key, bytes.subarray(0, length))
      const issues: PredictionLogIssue[] = []
      const found = await read(storage, (issue) => issues.push(issue))
      const frames = starts.filter((_, index) => (starts[index + 1] ?? bytes.length) <= length).length
      expect(found, `cut at ${length}`).toEqual(whole.slice(0, Math.max(0, frames - 1)))
      expect(issues, `cut at ${length}`).toHaveLength(1)
      expect(['torn', 'unsealed']).toContain(issues[0]?.type)
      const log = await openPredictionLog({ storage, prefix: 'log' })
      await log.append('prediction', predictions('after', 1))
      await log.close()
      expect(await read(storage, () => {}), `cut at ${length}`).toHaveLength(found.length + 1)
    }
  })

  test('row 14: a bit flipped in every byte: Arrow never sees it; no wrong batch', async () => {
    const { key, bytes, whole } = await killed(size(3, 8))
    const starts = frameStarts(bytes)
    for (let byte = 0; byte < bytes.length; byte += size(3, 1)) {
      const flipped = bytes.slice()
      flipped[byte] = (flipped[byte] as number) ^ (1 << (byte & 7))
      const issues: PredictionLogIssue[] = []
      const found = await read(await OneObject.of(key, flipped), (issue) => issues.push(issue))
      const frame = starts.findLastIndex((start) => start <= byte)
      expect(found, `byte ${byte}`).toEqual(whole.filter((_, index) => index !== frame - 1))
      expect(issues[0], `byte ${byte}`).toMatchObject({
        type: frame === starts.length - 1 ? 'torn' : 'corrupt',
        key,
        offsetBytes: starts[frame],
      })
    }
  })
})

describe('row 27: the log disk stalls 10 s', () => {
  /** A request every 10 ms for 12 s, each served when the log took its batch; after the first second the disk stalls. */
  async function serve(options: Omit<PredictionLogOptions, 'storage' | 'clock'>) {
    const clock = new FakeClock()
    const storage = new MemoryStorage({ clock })
    const store = new StallingStore(storage, clock)
    const log = await openPredictionLog({ ...options, storage: store, prefix: 'log', clock })
    const batches = Array.from({ length: 1_200 }, (_, index) => predictions(`request-${index}`, 4))
    const [served, refused]: [number[], number[]] = [[], []]
    for (const [index, batch] of batches.entries()) {
      if (index === 100) store.stallMs = 10_000
      log.append('prediction', batch).then(
        () => served.push(index),
        () => refused.push(index),
      )
      await clock.advance(10)
      if (index === 600 && options.fsync === 'always') expect(served.length).toBeLessThan(110)
      if (options.fsync === undefined) expect(served.length).toBe(index + 1)
    }
    await clock.advance(30_000)
    await log.close()
    const issues: PredictionLogIssue[] = []
    const found = new Set(await read(storage, (issue) => issues.push(issue)))
    const written = batches.flatMap((batch, index) => (found.has(JSON.stringify(batch.toArray())) ? [index] : []))
    const gaps = issues.flatMap((issue) => (issue.type === 'gap' ? [issue] : []))
    return { served, refused, written, gaps, dropped: log.dropped, told: gaps.reduce((sum, { records }) => sum + records, 0) }
  }

  test('row 27: the log disk stalls 10 s: serving never waits by default; drops are counted and told', async () => {
    const { served, refused, written, dropped, told } = await serve({ queue: { maxBytes: 200_000, policy: 'drop-newest' } })
    expect([served.length, refused.length]).toEqual([1_200, 0])
    expect(dropped.records).toBeGreaterThan(500)
    expect(written.length + dropped.records).toBe(1_200)
    expect(told).toBe(dropped.records)
  })

  test('row 27: the log disk stalls 10 s: audit mode waits, and all that was acknowledged is there', async () => {
    const { served, refused, written, dropped } = await serve({ fsync: 'always', queue: { maxBytes: 200_000 } })
    expect([served.length, refused.length, dropped.records]).toEqual([1_200, 0, 0])
    expect(written).toHaveLength(1_200)
  })

  test('row 27: the log disk stalls 10 s: audit mode with a time limit refuses what it did not take', async () => {
    const { served, refused, written, dropped, told } = await serve({
      fsync: 'always',
      queue: { policy: 'block', maxBytes: 200_000, timeoutMs: 1_000 },
    })
    expect(refused.length).toBeGreaterThan(500)
    expect(served.length + refused.length).toBe(1_200)
    expect(written).toEqual(served.toSorted((left, right) => left - right))
    expect([dropped.records, told]).toEqual([refused.length, refused.length])
  })

  test('row 27: the log disk stalls 10 s: a sample keeps whole requests, and tells its rate', async () => {
    const { served, written, gaps, dropped } = await serve({ queue: { policy: 'sample', maxBytes: 400_000, above: 0.1, rate: 0.1 } })
    expect(served).toHaveLength(1_200)
    expect(written.length + dropped.records).toBe(1_200)
    expect(dropped.records).toBeGreaterThan(500)
    expect(written.length).toBeGreaterThan(200)
    expect(gaps.every(({ reason, rate }) => reason === 'sampled' && rate === 0.1)).toBe(true)
  })
})
