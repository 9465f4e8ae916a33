import { MillraceError } from 'millrace/core'
import type { RunRecord } from 'millrace/pipeline'
import { listRuns, Pipeline, readRun } from 'millrace/pipeline'
import { MemoryStorage } from 'millrace/storage'
import { describe, expect, it } from 'vitest'
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

describe('listRuns', () => {
  it('lists runs in the order of their ids, in pages', async () => {
    const storage = new MemoryStorage()
    for (const id of ['c', 'a', 'b', 'd']) await pipeline.run({ storage, id })
    expect(await idsOf(listRuns(storage))).toEqual(['a', 'b', 'c', 'd'])
    expect(await idsOf(listRuns(storage, { limit: 2 }))).toEqual(['a', 'b'])
    expect(await idsOf(listRuns(storage, { after: 'b' }))).toEqual(['c', 'd'])
    expect(await idsOf(listRuns(storage, { after: 'd' }))).toEqual([])
  })

  it('lists each run once, also when one id begins another', async () => {
    const storage = new MemoryStorage()
    for (const id of ['a', 'a-b', 'a0', 'ab']) await pipeline.run({ storage, id })
    expect((await idsOf(listRuns(storage))).sort()).toEqual(['a', 'a-b', 'a0', 'ab'])
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
    expect(MillraceError.is(await rejectionOf(pipeline.run({ storage: new StolenStorage() })), 'RUN_EXISTS')).toBe(true)
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
