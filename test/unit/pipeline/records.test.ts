import { MillraceError } from 'millrace/core'
import type { RunIssue, RunRecord } from 'millrace/pipeline'
import { listRuns, Pipeline, readRun } from 'millrace/pipeline'
import { MemoryStorage } from 'millrace/storage'
import { describe, expect, it } from 'vitest'
import { encodeStored } from '../../../src/pipeline/stored-json.ts'
import { collector, deferred, rejectionOf, stage } from './support/stages.ts'

const pipeline = new Pipeline('p').pipe(stage('one', () => 1)).pipe(stage('two', (value: number) => value + 1))

async function idsOf(records: AsyncIterable<RunRecord>): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of records) ids.push(id)
  return ids
}

describe('the record of a run', () => {
  it('is the same read back as returned', async () => {
    const storage = new MemoryStorage()
    const run = await pipeline.run({ storage, id: 'r', tags: { by: 'test' }, seed: 3, codeVersion: 'abc' })
    expect(await readRun(storage, 'r')).toEqual(run.record)
    expect(run.record).toMatchObject({
      format: 'millrace-run',
      formatVersion: 1,
      minReaderVersion: 1,
      id: 'r',
      pipeline: 'p',
      outcome: 'succeeded',
      tags: { by: 'test' },
      seed: 3,
      codeVersion: 'abc',
    })
    expect(run.record.finishedAt).toBeGreaterThanOrEqual(run.record.startedAt)
  })

  it('can be read while the run is under way, and stays unfinished when its process dies', async () => {
    const storage = new MemoryStorage()
    const begun = deferred()
    const mayEnd = deferred()
    const slow = stage('slow', async (value: number) => {
      begun.resolve()
      await mayEnd.promise
      return value
    })
    const handle = pipeline.pipe(slow).start({ storage, id: 'r' })
    await begun.promise
    const meanwhile = await readRun(storage, 'r')
    expect(meanwhile.outcome).toBe('unfinished')
    expect(meanwhile.finishedAt).toBeUndefined()
    expect(meanwhile.stages[0]?.outcome).toBe('succeeded')
    expect(meanwhile.stages[2]?.outcome).toBe('unfinished')
    mayEnd.resolve()
    await handle.result
    expect((await readRun(storage, 'r')).outcome).toBe('succeeded')
  })

  it('does not hold progress', async () => {
    const storage = new MemoryStorage()
    const busy = stage('busy', (_, { progress }) => {
      for (let done = 0; done < 1000; done++) progress(done, 1000)
    })
    const { events, onEvent } = collector()
    await new Pipeline('p').pipe(busy).run({ storage, id: 'r', onEvent })
    expect(events.filter(({ type }) => type === 'stage-progress')).toHaveLength(1000)
    let sizeBytes = 0
    for await (const entry of storage.list('runs')) sizeBytes += entry.sizeBytes
    expect(sizeBytes).toBeLessThan(5000)
  })

  it('of an unknown run is not found', async () => {
    const storage = new MemoryStorage()
    for (const id of ['none', '', 'No Such/Id', '../x']) {
      expect(MillraceError.is(await rejectionOf(readRun(storage, id)), 'RUN_NOT_FOUND')).toBe(true)
    }
  })

  it.each([0, 20, 60])('is corrupt when byte %i of its journal is flipped', async (offset) => {
    const storage = new MemoryStorage()
    await pipeline.run({ storage, id: 'r' })
    const key = 'runs/r/journal/0000000000000000'
    const bytes = (await storage.get(key))?.bytes as Uint8Array
    bytes[offset] = (bytes[offset] as number) ^ 1
    await storage.put(key, bytes)
    await storage.delete('runs/r/record')
    expect(MillraceError.is(await rejectionOf(readRun(storage, 'r')), 'STORAGE_CORRUPT')).toBe(true)
  })

  it('of a newer version is refused with the way out', async () => {
    const storage = new MemoryStorage()
    const { digestOfJson } = await import('millrace/core')
    const entry = { format: 'millrace-journal-entry', formatVersion: 9, minReaderVersion: 9, events: [] }
    await storage.put(
      'runs/r/journal/0000000000000000',
      new TextEncoder().encode(JSON.stringify({ ...entry, checksum: digestOfJson(entry) })),
    )
    const error = await rejectionOf(readRun(storage, 'r'))
    expect(MillraceError.is(error, 'FORMAT_UNSUPPORTED') && error.message).toContain('update millrace')
  })
})

describe('what stages tell of themselves', () => {
  const telling = stage(
    'telling',
    (_, { metrics, artifact }) => {
      for (let epoch = 1; epoch <= 3; epoch++) metrics({ loss: 1 / epoch, diverged: Number.NaN }, epoch)
      metrics({ auc: 0.75, limit: Number.POSITIVE_INFINITY })
      artifact({ kind: 'model-version', name: 'churn', reference: '3' })
      artifact({ kind: 'model-version', name: 'churn', reference: '3' })
      return Float64Array.of(1)
    },
    { parameters: { rate: 2 } },
  )

  it('is in the record: the last figures, what it made, its parameters and the digest of its input', async () => {
    const storage = new MemoryStorage()
    const { events, onEvent } = collector()
    const run = await new Pipeline('p').pipe(telling).run({ storage, id: 'r', onEvent })
    expect(run.record.stages[0]).toMatchObject({
      metrics: { loss: 1 / 3, diverged: Number.NaN, auc: 0.75, limit: Number.POSITIVE_INFINITY },
      artifacts: [{ kind: 'model-version', name: 'churn', reference: '3' }],
      parameters: { rate: 2 },
      version: '1',
      inputDigest: run.record.inputDigest,
    })
    expect(events.filter(({ type }) => type === 'stage-metrics')).toHaveLength(4)
    expect(events).toContainEqual(expect.objectContaining({ type: 'stage-metrics', step: 2, values: { loss: 0.5, diverged: Number.NaN } }))
    expect(await readRun(storage, 'r')).toEqual(run.record)
    await storage.delete('runs/r/record')
    expect(await readRun(storage, 'r')).toEqual(run.record)
  })

  it('is told again where the output comes from the cache', async () => {
    const storage = new MemoryStorage()
    const first = await new Pipeline('p').pipe(telling).run({ storage })
    const cached = await new Pipeline('p').pipe(telling).run({ storage })
    const { metrics, artifacts } = first.record.stages[0] ?? {}
    expect(cached.record.stages[0]).toMatchObject({ outcome: 'cached', metrics, artifacts })
    expect(await readRun(storage, cached.id)).toEqual(cached.record)
  })

  it('is that of the attempt that worked', async () => {
    let attempts = 0
    const retried = stage(
      'retried',
      (_, { metrics }) => {
        metrics(++attempts === 1 ? { wrong: 1, loss: 9 } : { loss: 1 })
        if (attempts === 1) throw new Error('not yet')
        return 1
      },
      { retries: 1 },
    )
    const storage = new MemoryStorage()
    const { InstantClock } = await import('./support/instant-clock.ts')
    const run = await new Pipeline('p').pipe(retried).run({ storage, clock: new InstantClock() })
    expect(run.record.stages[0]?.metrics?.loss).toBe(1)
    const cached = await new Pipeline('p').pipe(retried).run({ storage })
    expect(cached.record.stages[0]?.metrics).toEqual({ loss: 1 })
  })

  it('must be numbers', async () => {
    const wrong = stage('wrong', (_, { metrics }) => metrics({ loss: '1' as unknown as number }))
    const error = await rejectionOf(new Pipeline('p').pipe(wrong).run({}))
    expect(MillraceError.is(error, 'RUN_FAILED') && error.message).toContain('Expected metric "loss"')
  })

  it('of a failed run is told in its details, which are JSON', async () => {
    const failing = new Pipeline('p').pipe(telling).pipe(
      stage('end', () => {
        throw new Error('no')
      }),
    )
    const error = await rejectionOf(failing.run({ storage: new MemoryStorage() }))
    if (!MillraceError.is(error, 'RUN_FAILED')) throw error
    expect(error.details.record).toMatchObject({ stages: [{ metrics: { diverged: 'NaN', limit: 'Infinity' } }, { outcome: 'failed' }] })
    expect(JSON.parse(JSON.stringify(error.details.record))).toEqual(error.details.record)
  })

  it('stays small however much a stage tells', async () => {
    const storage = new MemoryStorage()
    const noisy = stage('noisy', (_, { metrics, artifact }) => {
      for (let index = 0; index < 5000; index++) {
        metrics({ [`metric-${index}`]: index })
        artifact({ kind: 'file', name: `file-${index}`, reference: String(index) })
      }
    })
    const { record } = await new Pipeline('p').pipe(noisy).run({ storage, id: 'r' })
    expect(Object.keys(record.stages[0]?.metrics ?? {})).toHaveLength(1000)
    expect(record.stages[0]?.artifacts).toHaveLength(1000)
  })

  it('does not make the record grow with the items of a map', async () => {
    const sizes: number[] = []
    for (const items of [10, 1000]) {
      const storage = new MemoryStorage()
      const mapped = new Pipeline('p').pipe(stage('list', () => Array.from({ length: items }, (_, index) => index))).map(
        stage('each', (value: number, { metrics }) => {
          metrics({ value })
          return value
        }),
      )
      const { record } = await mapped.run({ storage, id: 'r' })
      expect(record.stages[1]?.items).toEqual({ total: items, cached: 0, succeeded: items, failed: 0 })
      sizes.push((await storage.get('runs/r/record'))?.sizeBytes as number)
    }
    expect(Math.abs((sizes[1] as number) - (sizes[0] as number))).toBeLessThan(50)
  })
})

describe('the summary of a run', () => {
  class CountingStorage extends MemoryStorage {
    reads = 0
    lists = 0
    override get(...call: Parameters<MemoryStorage['get']>): ReturnType<MemoryStorage['get']> {
      this.reads++
      return super.get(...call)
    }
    override list(...call: Parameters<MemoryStorage['list']>): ReturnType<MemoryStorage['list']> {
      this.lists++
      return super.list(...call)
    }
  }

  it('makes a listing of runs that have ended cost two reads each', async () => {
    const storage = new CountingStorage()
    for (let count = 0; count < 50; count++) await pipeline.run({ storage })
    storage.reads = 0
    storage.lists = 0
    expect(await idsOf(listRuns(storage))).toHaveLength(50)
    expect(storage.reads).toBe(100)
    expect(storage.lists).toBe(1)
  })

  it('steps over a run of many entries with a listing of its own', async () => {
    const storage = new CountingStorage()
    for (const id of ['a', 'c']) await pipeline.run({ storage, id })
    await pipeline.run({ storage, id: 'b' })
    for (let count = 0; count < 300; count++) await storage.put(`runs/b/outputs/1/${count}`, Uint8Array.of(1))
    expect(await idsOf(listRuns(storage))).toEqual(['a', 'b', 'c'])
  })

  it('is not believed when it is corrupt, or the journal has gone on since', async () => {
    const storage = new MemoryStorage()
    const run = await pipeline.run({ storage, id: 'r' })
    const old = (await storage.get('runs/r/record'))?.bytes as Uint8Array
    const resumed = await pipeline.run({ storage, resume: 'r' })
    expect(resumed.record.epoch).toBe(2)
    await storage.put('runs/r/record', old)
    expect(await readRun(storage, 'r')).toEqual(resumed.record)
    await storage.put('runs/r/record', old.slice(0, 100))
    expect(await readRun(storage, 'r')).toEqual(resumed.record)
    expect(run.record.epoch).toBe(1)
  })

  it('that cannot be written fails no run', async () => {
    class StubbornStorage extends MemoryStorage {
      override put(...call: Parameters<MemoryStorage['put']>): Promise<void> {
        const reason = new MillraceError('STORAGE_UNAVAILABLE', { message: 'no', details: { storage: 's', reason: 'no' } })
        return call[0].endsWith('/record') ? Promise.reject(reason) : super.put(...call)
      }
    }
    const storage = new StubbornStorage()
    const run = await pipeline.run({ storage, id: 'r' })
    expect(await readRun(storage, 'r')).toEqual(run.record)
  })
})

describe('listRuns', () => {
  it('gives those that pass all filters', async () => {
    const storage = new MemoryStorage()
    const { FakeClock } = await import('millrace/testing')
    const clock = new FakeClock({ now: 1000 })
    const broken = new Pipeline('broken').pipe(
      stage('no', () => {
        throw new Error('no')
      }),
    )
    for (const id of ['a', 'b', 'c', 'd']) {
      await pipeline.run({ storage, id, clock, tags: { by: id < 'c' ? 'ada' : 'bob', at: 'home' } })
      clock.setNow(clock.now() + 1000)
    }
    await rejectionOf(broken.run({ storage, id: 'e', clock }))
    expect(await idsOf(listRuns(storage, { pipeline: 'p' }))).toEqual(['a', 'b', 'c', 'd'])
    expect(await idsOf(listRuns(storage, { outcome: 'failed' }))).toEqual(['e'])
    expect(await idsOf(listRuns(storage, { outcome: 'unfinished' }))).toEqual([])
    expect(await idsOf(listRuns(storage, { tags: { by: 'ada' } }))).toEqual(['a', 'b'])
    expect(await idsOf(listRuns(storage, { tags: { by: 'ada', at: 'work' } }))).toEqual([])
    expect(await idsOf(listRuns(storage, { startedAfter: 1000, startedBefore: 4000 }))).toEqual(['b', 'c'])
    expect(await idsOf(listRuns(storage, { tags: { at: 'home' }, after: 'a', limit: 2 }))).toEqual(['b', 'c'])
    expect(await idsOf(listRuns(storage, { limit: 0 }))).toEqual([])
  })

  it('lists runs in the order of their ids, in pages', async () => {
    const storage = new MemoryStorage()
    for (const id of ['c', 'a', 'b', 'd']) await pipeline.run({ storage, id })
    expect(await idsOf(listRuns(storage))).toEqual(['a', 'b', 'c', 'd'])
    expect(await idsOf(listRuns(storage, { limit: 2 }))).toEqual(['a', 'b'])
    expect(await idsOf(listRuns(storage, { after: 'b' }))).toEqual(['c', 'd'])
    expect(await idsOf(listRuns(storage, { after: 'd' }))).toEqual([])
  })

  it('lists each run once and in the order of keys, also when one id begins another', async () => {
    const storage = new MemoryStorage()
    for (const id of ['a', 'a-b', 'a0', 'ab']) await pipeline.run({ storage, id })
    const ids = ['a-b', 'a', 'a0', 'ab']
    expect(await idsOf(listRuns(storage))).toEqual(ids)
    expect(await idsOf(listRuns(storage, { order: 'newest-first' }))).toEqual([...ids].reverse())
    for (const [index, after] of ids.entries()) {
      expect(await idsOf(listRuns(storage, { after }))).toEqual(ids.slice(index + 1))
      expect(await idsOf(listRuns(storage, { after, order: 'newest-first' }))).toEqual(ids.slice(0, index).reverse())
    }
  })

  it('lists nothing in an empty storage', async () => {
    expect(await idsOf(listRuns(new MemoryStorage()))).toEqual([])
  })

  it('puts ids that we made in the order of time', async () => {
    const storage = new MemoryStorage()
    const ids: string[] = []
    for (let count = 0; count < 3; count++) {
      ids.push((await pipeline.run({ storage })).id)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    expect(await idsOf(listRuns(storage))).toEqual(ids)
  })
})

describe('listRuns from the newest', () => {
  it('reads no more records than it gives', async () => {
    const storage = new MemoryStorage()
    for (const id of ['a', 'b', 'c', 'd']) await pipeline.run({ storage, id })
    // Nothing of these two is read.
    for (const id of ['a', 'b'])
      for (const part of ['record', 'journal/0000000000000000']) await storage.put(`runs/${id}/${part}`, Uint8Array.of(1))
    expect(await idsOf(listRuns(storage, { order: 'newest-first', limit: 2 }))).toEqual(['d', 'c'])
  })

  it('holds a bounded number of ids at a time', async () => {
    const storage = new MemoryStorage()
    await pipeline.run({ storage, id: 'run' })
    const summary = (await storage.get('runs/run/record'))?.bytes as Uint8Array
    const ids = Array.from({ length: 25_000 }, (_, index) => `n${String(index).padStart(6, '0')}`)
    for (const id of ids) await storage.put(`runs/${id}/record`, summary)
    let count = 0
    const order = 'newest-first'
    for await (const { pipeline: of } of listRuns(storage, { order, after: 'run' })) if (of === 'p') count++
    expect(count).toBe(25_000)
  }, 60_000)
})

describe('listRuns over runs that cannot be read', () => {
  async function damaged(): Promise<MemoryStorage> {
    const storage = new MemoryStorage()
    for (const id of ['a', 'b', 'c', 'd', 'e']) await pipeline.run({ storage, id })
    for (const id of ['b', 'd']) await storage.delete(`runs/${id}/record`)
    const key = (id: string): string => `runs/${id}/journal/0000000000000000`
    const bytes = Uint8Array.from((await storage.get(key('b')))?.bytes as Uint8Array)
    bytes[60] = (bytes[60] as number) ^ 1
    await storage.put(key('b'), bytes)
    await storage.put(key('d'), encodeStored({ format: 'millrace-journal-entry', formatVersion: 9, minReaderVersion: 9 }))
    return storage
  }

  it.each(['oldest-first', 'newest-first'] as const)('tells of them and goes on: %s', async (order) => {
    const issues: string[] = []
    const onIssue = ({ type, runId, error }: RunIssue): void => void issues.push(`${type} ${runId} ${error.code}`)
    const told = ['unreadable b STORAGE_CORRUPT', 'unreadable d FORMAT_UNSUPPORTED']
    const ids = ['a', 'c', 'e']
    const isReversed = order === 'newest-first'
    expect(await idsOf(listRuns(await damaged(), { order, onIssue }))).toEqual(isReversed ? ids.reverse() : ids)
    expect(issues).toEqual(isReversed ? told.reverse() : told)
  })

  it('throws at the first of them without anybody to tell', async () => {
    const given: string[] = []
    const listing = async (): Promise<void> => {
      for await (const { id } of listRuns(await damaged())) given.push(id)
    }
    expect(MillraceError.is(await rejectionOf(listing()), 'STORAGE_CORRUPT')).toBe(true)
    expect(given).toEqual(['a'])
  })

  it('stops at a storage that fails, which is no matter of one run', async () => {
    class FailingStorage extends MemoryStorage {
      override get(...call: Parameters<MemoryStorage['get']>): ReturnType<MemoryStorage['get']> {
        const reason = new MillraceError('STORAGE_UNAVAILABLE', { message: 'no', details: { storage: 's', reason: 'no' } })
        return call[0].startsWith('runs/b/') ? Promise.reject(reason) : super.get(...call)
      }
    }
    const storage = new FailingStorage()
    for (const id of ['a', 'b']) await pipeline.run({ storage, id })
    const error = await rejectionOf(idsOf(listRuns(storage, { onIssue: () => {} })))
    expect(MillraceError.is(error, 'STORAGE_UNAVAILABLE')).toBe(true)
  })

  it.each([
    ['outcome', 'sucess'],
    ['limit', Number.NaN],
    ['limit', -1],
    ['limit', 1.5],
    ['limit', '2'],
    ['after', '../x'],
    ['order', 'newest'],
    ['startedAfter', Number.NaN],
    ['startedBefore', '2024-01-01'],
  ])('refuses a wrong %s: %s', async (argument, value) => {
    const error = await rejectionOf(idsOf(listRuns(new MemoryStorage(), { [argument]: value })))
    expect(MillraceError.is(error, 'ARGUMENT_INVALID') && error.details.argument).toBe(argument)
  })
})

describe('the id of a run', () => {
  it('is refused when another run has it, and that run is left alone', async () => {
    const storage = new MemoryStorage()
    const first = await pipeline.run({ storage, id: 'r' })
    const error = await rejectionOf(pipeline.run({ storage, id: 'r' }))
    expect(MillraceError.is(error, 'RUN_EXISTS') && error.message).toContain('"resume"')
    expect(await readRun(storage, 'r')).toEqual(first.record)
  })

  it('is had by one of many that ask for it at the same time', async () => {
    const storage = new MemoryStorage()
    const settled = await Promise.allSettled(Array.from({ length: 8 }, () => pipeline.run({ storage, id: 'r' })))
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of settled) if (result.status === 'rejected') expect(MillraceError.is(result.reason, 'RUN_EXISTS')).toBe(true)
  })
})

describe('the journal', () => {
  it('stops the run with the fault of the storage when it cannot be written', async () => {
    class FullStorage extends MemoryStorage {
      override putIfAbsent(...call: Parameters<MemoryStorage['putIfAbsent']>): Promise<void> {
        const [key] = call
        if (key.endsWith('/0000000000000001'))
          return Promise.reject(new MillraceError('STORAGE_NO_SPACE', { message: 'Expected space. Received none.', details: { key } }))
        return super.putIfAbsent(...call)
      }
    }
    const error = await rejectionOf(pipeline.run({ storage: new FullStorage() }))
    expect(MillraceError.is(error, 'STORAGE_NO_SPACE')).toBe(true)
  })

  it('changes nothing for whoever cancels a run when it cannot be written any more', async () => {
    const controller = new AbortController()
    class LostStorage extends MemoryStorage {
      override putIfAbsent(...call: Parameters<MemoryStorage['putIfAbsent']>): Promise<void> {
        if (!controller.signal.aborted) return super.putIfAbsent(...call)
        return Promise.reject(new MillraceError('STORAGE_UNAVAILABLE', { message: 'lost', details: { storage: 'lost', reason: 'lost' } }))
      }
    }
    const stopping = stage('stopping', () => controller.abort('stop'))
    const error = await rejectionOf(new Pipeline('p').pipe(stopping).run({ storage: new LostStorage(), signal: controller.signal }))
    expect(error).toBe('stop')
  })

  it('stops a run whose place another writer took', async () => {
    class StolenStorage extends MemoryStorage {
      override async putIfAbsent(...call: Parameters<MemoryStorage['putIfAbsent']>): Promise<void> {
        if (call[0].endsWith('/0000000000000001')) await super.putIfAbsent(call[0], new Uint8Array(1))
        return super.putIfAbsent(...call)
      }
    }
    const error = await rejectionOf(pipeline.run({ storage: new StolenStorage() }))
    expect(MillraceError.is(error, 'RUN_OWNED') && error.details.epoch).toBe(2)
  })

  it('reads back what it wrote when the reply was lost', async () => {
    class LossyStorage extends MemoryStorage {
      override async putIfAbsent(...call: Parameters<MemoryStorage['putIfAbsent']>): Promise<void> {
        await super.putIfAbsent(...call)
        if (call[0].startsWith('runs/'))
          throw new MillraceError('STORAGE_OUTCOME_UNKNOWN', { message: 'Expected a reply. Received none.', details: { key: call[0] } })
      }
    }
    const storage = new LossyStorage()
    const run = await pipeline.run({ storage })
    expect(run.output).toBe(2)
    expect(await readRun(storage, run.id)).toEqual(run.record)
  })
})
