// Row 23 of the fault matrix, for runs: the time of day jumps, between processes and under them.
import { MillraceError } from 'millrace/core'
import { listRuns, openCache, Pipeline, readRun } from 'millrace/pipeline'
import { MemoryStorage } from 'millrace/storage'
import { FakeClock } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { readJournal } from '../../src/pipeline/journal-reader.ts'
import { settle } from '../unit/pipeline/support/instant-clock.ts'
import { copyOf, DyingStorage } from '../unit/pipeline/support/runs.ts'
import { counted, deferred, rejectionOf, runFailure, stage } from '../unit/pipeline/support/stages.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const jumps = [
  ['an hour back', -hourMs],
  ['a day on', dayMs],
] as const

describe.each(jumps)('row 23: clock -1 h / +1 day: %s', (_, jumpMs) => {
  test('row 23: clock -1 h / +1 day: a run that is resumed goes by its journal, not by times', async () => {
    const storage = new MemoryStorage()
    const clock = new FakeClock()
    let failures = 3
    const effect = counted('effect', () => 1, { effect: true })
    const pipeline = new Pipeline('p').pipe(effect.stage).pipe(
      stage('end', (value: number) => {
        if (failures-- > 0) throw new Error('not yet')
        return value
      }),
    )
    await runFailure(pipeline.run({ storage, clock, id: 'r' }))
    for (let epoch = 2; epoch <= 3; epoch++) {
      clock.setNow(clock.now() + jumpMs)
      await runFailure(pipeline.run({ storage, clock, resume: 'r' }))
    }
    clock.setNow(clock.now() + jumpMs)
    const { record } = await pipeline.run({ storage, clock, resume: 'r' })
    expect(effect.runs()).toBe(1)
    expect(record).toMatchObject({ outcome: 'succeeded', epoch: 4, durationMs: 0 })
    expect(record.resumptions.map(({ epoch }) => epoch)).toEqual([2, 3, 4])
    const epochs: number[] = []
    for await (const { epoch } of readJournal(storage, 'r')) epochs.push(epoch)
    expect(epochs).toEqual([...epochs].sort())
    expect(await readRun(storage, 'r')).toEqual(record)
  })

  test('row 23: clock -1 h / +1 day: an owner that lives is not taken over, and one that is dead is, as late as ever', async () => {
    const clock = new FakeClock()
    const dying = new DyingStorage()
    const gate = deferred()
    let isOwner = true
    const pipeline = new Pipeline('p').pipe(
      stage('slow', async () => {
        if (isOwner) await gate.promise
        return 1
      }),
    )
    void pipeline.run({ storage: dying, clock, id: 'r' })
    await settle()
    const early = rejectionOf(pipeline.run({ storage: dying, clock, resume: 'r' }))
    await settle()
    clock.setNow(clock.now() + jumpMs)
    await clock.advance(4000)
    clock.setNow(clock.now() + jumpMs)
    await clock.advance(6000)
    expect(MillraceError.is(await early, 'RUN_OWNED')).toBe(true)
    dying.isDead = true
    isOwner = false
    const storage = await copyOf(dying)
    let isDone = false
    const heir = pipeline.run({ storage, clock, resume: 'r' }).finally(() => {
      isDone = true
    })
    await settle()
    clock.setNow(clock.now() + jumpMs)
    await clock.advance(9000)
    await settle()
    expect(isDone).toBe(false)
    await clock.advance(2000)
    expect((await heir).record.epoch).toBe(2)
  })

  test('row 23: clock -1 h / +1 day: outputs do not expire by the clock of a host, nor what a run in progress needs', async () => {
    const storageClock = new FakeClock()
    const clock = new FakeClock()
    const storage = new MemoryStorage({ clock: storageClock })
    const pipeline = new Pipeline('p').pipe(stage('numbers', () => Float64Array.of(1, 2, 3)))
    await pipeline.run({ storage, clock })
    clock.setNow(clock.now() + jumpMs)
    const cache = openCache(storage)
    expect((await cache.collect({ maxAgeMs: hourMs / 2, clock })).collected.entries).toBe(0)
    expect((await pipeline.run({ storage, clock })).record.stages[0]?.outcome).toBe('cached')
    const gate = deferred()
    const slow = pipeline.pipe(
      stage('slow', async (value: Float64Array) => {
        await gate.promise
        return value.length
      }),
    )
    const run = slow.run({ storage, clock, id: 'slow' })
    await settle()
    storageClock.setNow(storageClock.now() + jumpMs)
    expect((await cache.collect({ maxBytes: 0, clock })).collected.entries).toBe(0)
    gate.resolve()
    expect((await run).output).toBe(3)
  })

  test('row 23: clock -1 h / +1 day: runs are listed in the order of their ids, whatever their times', async () => {
    const storage = new MemoryStorage()
    const clock = new FakeClock()
    const pipeline = new Pipeline('p').pipe(stage('one', () => 1))
    for (const id of ['a', 'b', 'c']) {
      await pipeline.run({ storage, clock, id })
      clock.setNow(clock.now() + jumpMs)
    }
    const ids: string[] = []
    for await (const { id } of listRuns(storage)) ids.push(id)
    expect(ids).toEqual(['a', 'b', 'c'])
  })
})
