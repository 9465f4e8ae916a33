import { MillraceError } from 'millrace/core'
import type { PipelineEvent } from 'millrace/pipeline'
import { Pipeline, readRun } from 'millrace/pipeline'
import { MemoryStorage } from 'millrace/storage'
import { FakeClock } from 'millrace/testing'
import { describe, expect, it } from 'vitest'
import { settle } from './support/instant-clock.ts'
import { contentOf, copyOf, DyingStorage, keysOf } from './support/runs.ts'
import { collector, counted, deferred, rejectionOf, runFailure, stage } from './support/stages.ts'

const digestsOf = (record: { readonly stages: readonly { readonly name: string; readonly outputDigest?: string }[] }) =>
  Object.fromEntries(record.stages.map(({ name, outputDigest }) => [name, outputDigest]))

/** A pipeline whose second stage fails until told otherwise. */
function breaking() {
  const state = { isBroken: true }
  const first = counted('first', () => 1)
  const second = counted('second', (value: number) => {
    if (state.isBroken) throw new Error('not yet')
    return value + 1
  })
  const third = counted('third', (value: number) => value + 1)
  return { state, first, second, third, pipeline: new Pipeline('p').pipe(first.stage).pipe(second.stage).pipe(third.stage) }
}

describe('resuming a run', () => {
  it('goes on under its own id, and runs again only what failed and what comes after it', async () => {
    const storage = new MemoryStorage()
    const { state, first, second, third, pipeline } = breaking()
    const { events, onEvent } = collector()
    await runFailure(pipeline.run({ storage, id: 'night', tags: { by: 'test' } }))
    state.isBroken = false
    const run = await pipeline.run({ storage, resume: 'night', onEvent })
    expect(run.id).toBe('night')
    expect(run.output).toBe(3)
    expect([first.runs(), second.runs(), third.runs()]).toEqual([1, 2, 1])
    expect(events.map(({ type }) => type)[0]).toBe('run-resumed')
    expect(events.find((event) => event.type === 'stage-cached')).toMatchObject({
      stage: 'first',
      reason: 'done before in this run',
      from: 'night',
    })
    expect(run.record).toMatchObject({
      id: 'night',
      outcome: 'succeeded',
      epoch: 2,
      resumptions: [{ epoch: 2 }],
      tags: { by: 'test' },
      stages: [
        { outcome: 'succeeded', attempts: 1, reason: 'first run' },
        { outcome: 'succeeded', attempts: 2, reason: 'did not finish before' },
        { outcome: 'succeeded', attempts: 1 },
      ],
    })
    expect(run.record.error).toBeUndefined()
    expect(run.record.stages[1]?.error).toBeUndefined()
    expect(await readRun(storage, 'night')).toEqual(run.record)
  })

  it('keeps the seed of the run', async () => {
    const storage = new MemoryStorage()
    const draw = counted('draw', (_, { random }) => random.next())
    let isBroken = true
    const pipeline = new Pipeline('p').pipe(draw.stage).pipe(
      stage('end', (value: number, { random }) => {
        if (isBroken) throw new Error('not yet')
        return value + random.next()
      }),
    )
    const whole = await new Pipeline('p')
      .pipe(draw.stage)
      .pipe(stage('end', (value: number, { random }) => value + random.next()))
      .run({ seed: 99 })
    await runFailure(pipeline.run({ storage, id: 'night', seed: 99 }))
    isBroken = false
    const run = await pipeline.run({ storage, resume: 'night' })
    expect(run.record.seed).toBe(99)
    expect(run.output).toBe(whole.output)
  })

  it('gives the output of a run that has succeeded, and does nothing again', async () => {
    const storage = new MemoryStorage()
    const publish = counted('publish', (value: number) => ({ value, at: 'now' }), { effect: true })
    const pipeline = new Pipeline('p').pipe(stage('one', () => 1)).pipe(publish.stage)
    const first = await pipeline.run({ storage, id: 'r' })
    const again = await pipeline.run({ storage, resume: 'r' })
    expect(again.output).toEqual(first.output)
    expect(publish.runs()).toBe(1)
    expect(digestsOf(again.record)).toEqual(digestsOf(first.record))
  })

  it('does not do an effect again that was acknowledged, nor a stage without a fingerprint or a forced one', async () => {
    const storage = new MemoryStorage()
    let serial = 0
    const unstable = counted('unstable', () => ++serial, { fingerprint: async () => undefined })
    const forced = counted('forced', (value: number) => value * 10 + ++serial)
    const effect = counted('effect', (value: number) => ({ value, serial: ++serial }), { effect: true })
    let isBroken = true
    const end = counted('end', (value: { value: number; serial: number }) => {
      if (isBroken) throw new Error('not yet')
      return value
    })
    const pipeline = new Pipeline('p').pipe(unstable.stage).pipe(forced.stage).pipe(effect.stage).pipe(end.stage)
    await runFailure(pipeline.run({ storage, id: 'r', force: ['forced'] }))
    // Another run in between has other outputs of the same stages in the cache.
    await runFailure(pipeline.run({ storage, id: 'other', force: ['forced'] }))
    isBroken = false
    const run = await pipeline.run({ storage, resume: 'r' })
    expect(run.output).toEqual({ value: 12, serial: 3 })
    expect([unstable.runs(), forced.runs(), effect.runs(), end.runs()]).toEqual([2, 2, 2, 3])
    const outcomes = run.record.stages.map(({ outcome, reason }) => `${outcome}: ${reason}`)
    expect(outcomes).toEqual([
      'succeeded: no fingerprint',
      'succeeded: forced',
      'succeeded: effect',
      // What it last depended on was the other run's.
      'succeeded: input changed',
    ])
  })

  it('holds on to what the world was when the stage was done', async () => {
    const storage = new MemoryStorage()
    let version = 'monday'
    const read = counted('read', () => version, { fingerprint: async () => version })
    let isBroken = true
    const end = stage('end', (value: string) => {
      if (isBroken) throw new Error('not yet')
      return value
    })
    const pipeline = new Pipeline('p').pipe(read.stage).pipe(end)
    await runFailure(pipeline.run({ storage, id: 'r' }))
    version = 'tuesday'
    isBroken = false
    expect((await pipeline.run({ storage, resume: 'r' })).output).toBe('monday')
    expect((await pipeline.run({ storage })).output).toBe('tuesday')
    expect(read.runs()).toBe(2)
  })

  it.each(['the entry', 'the blobs'])('runs an ordinary stage again when %s of its output are gone', async (what) => {
    const storage = new MemoryStorage()
    const numbers = counted('numbers', () => Float64Array.of(1, 2, 3))
    let isBroken = true
    const end = stage('end', (value: Float64Array) => {
      if (isBroken) throw new Error('not yet')
      return value.length
    })
    const pipeline = new Pipeline('p').pipe(numbers.stage).pipe(end)
    await runFailure(pipeline.run({ storage, id: 'r' }))
    isBroken = false
    const keys =
      what === 'the blobs'
        ? await keysOf(storage, 'blobs')
        : (await keysOf(storage, 'cache')).filter((key) => !key.startsWith('cache/last'))
    for (const key of keys) await storage.delete(key)
    const run = await pipeline.run({ storage, resume: 'r' })
    expect(run.output).toBe(3)
    expect(numbers.runs()).toBe(2)
    expect(run.record.stages[0]).toMatchObject({ outcome: 'succeeded', attempts: 2, reason: 'stored output is missing' })
  })

  it('does an effect again, under the same key, when its kept output is gone or corrupt', async () => {
    const keys: string[] = []
    let isBroken = true
    const pipeline = new Pipeline('p')
      .pipe(
        stage(
          'effect',
          (_, { idempotencyKey }) => {
            keys.push(idempotencyKey)
            return keys.length
          },
          { effect: true },
        ),
      )
      .pipe(
        stage('end', (value: number) => {
          if (isBroken) throw new Error('not yet')
          return value
        }),
      )
    const storage = new MemoryStorage()
    await runFailure(pipeline.run({ storage, id: 'r' }))
    isBroken = false
    const [kept] = await keysOf(storage, 'runs/r/outputs')
    const bytes = (await storage.get(kept as string))?.bytes as Uint8Array
    bytes[30] = (bytes[30] as number) ^ 1
    await storage.put(kept as string, bytes)
    expect((await pipeline.run({ storage, resume: 'r' })).output).toBe(2)
    await storage.delete(kept as string)
    expect((await pipeline.run({ storage, resume: 'r' })).output).toBe(2)
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
  })

  it('does an effect under the key with which it had begun, though the world outside has changed since', async () => {
    const keys: string[] = []
    let version = 'monday'
    const effect = stage(
      'effect',
      (_, { idempotencyKey }) => {
        keys.push(idempotencyKey)
        if (keys.length === 1) throw new Error('not yet')
        return 1
      },
      { effect: true, fingerprint: async () => version },
    )
    const storage = new MemoryStorage()
    const pipeline = new Pipeline('p').pipe(effect)
    await runFailure(pipeline.run({ storage, id: 'r' }))
    version = 'tuesday'
    await pipeline.run({ storage, resume: 'r' })
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
  })

  it('does not take for its own what another run has put in the place of its output', async () => {
    let serial = 0
    let isBroken = true
    const storage = new MemoryStorage()
    const pipeline = new Pipeline('p').pipe(stage('unstable', () => ++serial)).pipe(
      stage('end', (value: number) => {
        if (isBroken) throw new Error('not yet')
        return value
      }),
    )
    await runFailure(pipeline.run({ storage, id: 'r' }))
    await runFailure(pipeline.run({ storage, id: 'other', force: ['unstable'] }))
    isBroken = false
    const { record } = await pipeline.run({ storage, resume: 'r' })
    expect(record.stages[0]).toMatchObject({ outcome: 'cached', reason: 'unchanged', from: 'other' })
  })

  it('runs only the items of a map that were not done, in an effect too', async () => {
    const storage = new MemoryStorage()
    const done: number[] = []
    let isBroken = true
    const send = counted(
      'send',
      (value: number) => {
        if (isBroken && value === 3) throw new Error('not yet')
        done.push(value)
        return -value
      },
      { effect: true },
    )
    const double = counted('double', (value: number) => value * 2)
    const pipeline = new Pipeline('p')
      .pipe(stage('list', () => [1, 2, 3, 4, 5]))
      .map(new Pipeline<number>('each').pipe(send.stage).pipe(double.stage), { concurrency: 1 })
    await runFailure(pipeline.run({ storage, id: 'r', failFast: false }))
    isBroken = false
    const run = await pipeline.run({ storage, resume: 'r' })
    expect(run.output).toEqual([-2, -4, -6, -8, -10])
    expect(done.sort()).toEqual([1, 2, 3, 4, 5])
    expect(double.runs()).toBe(5)
    expect(run.record.stages[1]).toMatchObject({
      outcome: 'succeeded',
      items: { total: 5, cached: 0, succeeded: 5, failed: 0 },
    })
    expect(await readRun(storage, 'r')).toEqual(run.record)
  })

  it('keeps apart two items of a map that have the same input', async () => {
    const storage = new MemoryStorage()
    let serial = 0
    let isBroken = true
    const pipeline = new Pipeline('p')
      .pipe(stage('list', () => [7, 7, 7]))
      .map(
        stage('number', () => ++serial, { effect: true }),
        { concurrency: 1 },
      )
      .pipe(
        stage('end', (value: readonly number[]) => {
          if (isBroken) throw new Error('not yet')
          return value
        }),
      )
    await runFailure(pipeline.run({ storage, id: 'r' }))
    isBroken = false
    expect((await pipeline.run({ storage, resume: 'r' })).output).toEqual([1, 2, 3])
  })

  it('counts the attempt that its process did not survive', async () => {
    const storage = new DyingStorage()
    const begun = deferred()
    let isFirst = true
    const slow = counted('slow', async () => {
      if (!isFirst) return 1
      begun.resolve()
      return await new Promise<number>(() => {})
    })
    const pipeline = new Pipeline('p').pipe(slow.stage)
    void pipeline.run({ storage, id: 'r' })
    await begun.promise
    await settle()
    isFirst = false
    const run = await pipeline.run({ storage: await copyOf(storage), resume: 'r', takeOver: true })
    expect(run.record.stages[0]).toMatchObject({ outcome: 'succeeded', attempts: 2 })
  })

  it('can be repeated until it ends, however often the process dies', async () => {
    const effects: string[] = []
    const pipelineOf = (): Pipeline<void, number> =>
      new Pipeline('p')
        .pipe(stage('list', () => [1, 2, 3, 4]))
        .map(
          stage(
            'send',
            (value: number, { idempotencyKey }) => {
              effects.push(idempotencyKey)
              return value * 2
            },
            { effect: true },
          ),
        )
        .pipe(stage('sum', (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)))
    const whole = await pipelineOf().run({})
    let storage: MemoryStorage = new MemoryStorage()
    let run: { readonly output: number } | undefined
    for (let life = 0; run === undefined && life < 100; life++) {
      const dying = await dyingCopy(storage, 3 + life)
      const work = pipelineOf().run(life === 0 ? { storage: dying, id: 'r' } : { storage: dying, resume: 'r', takeOver: true })
      run = await Promise.race([work, waitUntil(() => dying.isDead).then(() => undefined)])
      storage = await copyOf(dying)
    }
    expect(run?.output).toBe(20)
    expect(digestsOf(await readRun(storage, 'r'))).toEqual(digestsOf(whole.record))
    // Each was acknowledged once; begun anew at most where the process died in between.
    expect(new Set(effects.slice(4)).size).toBe(4)
  })

  it('keeps nothing for a resumption where there is no storage to resume from', async () => {
    const { events, onEvent } = collector()
    await new Pipeline('p').pipe(stage('effect', () => 1, { effect: true })).run({ onEvent })
    expect(events.find(({ type }) => type === 'stage-succeeded')).not.toHaveProperty('keptIn')
  })
})

async function dyingCopy(storage: MemoryStorage, writes: number): Promise<DyingStorage> {
  const copy = new DyingStorage()
  for (const [key, text] of Object.entries(await contentOf(storage))) await copy.put(key, new TextEncoder().encode(text))
  let left = writes
  copy.onWrite = () => {
    if (--left < 0) copy.isDead = true
  }
  return copy
}

async function waitUntil(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 1))
}

describe('who may resume', () => {
  it('rejects a run that is not there, or of another pipeline', async () => {
    const storage = new MemoryStorage()
    await new Pipeline('other').run({ storage, id: 'other-run' })
    const pipeline = new Pipeline('p').pipe(stage('one', () => 1))
    expect(MillraceError.is(await rejectionOf(pipeline.run({ storage, resume: 'none' })), 'RUN_NOT_FOUND')).toBe(true)
    expect(MillraceError.is(await rejectionOf(pipeline.run({ storage, resume: 'Not/An Id' })), 'RUN_NOT_FOUND')).toBe(true)
    expect(MillraceError.is(await rejectionOf(pipeline.run({ storage, resume: 'other-run' })), 'ARGUMENT_INVALID')).toBe(true)
  })

  it.each([
    ['input', { input: 2 }],
    ['seed', { input: 1, seed: 5 }],
    ['force', { input: 1, force: ['one'] }],
    ['id', { input: 1, id: 'other' }],
    ['leaseMs', { input: 1, leaseMs: 0 }],
  ] as const)('rejects another %s than the run has, and changes nothing', async (argument, options) => {
    const storage = new MemoryStorage()
    const pipeline = new Pipeline<number>('p').pipe(stage('one', (value: number) => value))
    await pipeline.run({ storage, id: 'r', input: 1, seed: 4 })
    const before = await contentOf(storage)
    const error = await rejectionOf(pipeline.run({ storage, resume: 'r', ...options }))
    expect(MillraceError.is(error, 'ARGUMENT_INVALID') && error.details.argument).toBe(argument)
    expect(await contentOf(storage)).toEqual(before)
  })

  it('takes options that say what the run says', async () => {
    const storage = new MemoryStorage()
    const pipeline = new Pipeline<number>('p').pipe(stage('one', (value: number) => value))
    const options = { storage, id: 'r', input: 1, seed: 4, force: ['one'] }
    await pipeline.run(options)
    expect((await pipeline.run({ ...options, resume: 'r' })).output).toBe(1)
  })

  it('adds its tags to those of the run, and keeps its code version with the resumption', async () => {
    const storage = new MemoryStorage()
    const pipeline = new Pipeline<number>('p').pipe(stage('one', (value: number) => value))
    await pipeline.run({ storage, id: 'r', input: 1, tags: { by: 'ada', host: 'a' }, codeVersion: 'abc' })
    const run = await pipeline.run({ storage, resume: 'r', input: 1, tags: { host: 'b', try: '2' }, codeVersion: 'def' })
    expect(run.record).toMatchObject({
      tags: { by: 'ada', host: 'b', try: '2' },
      codeVersion: 'abc',
      resumptions: [{ epoch: 2, codeVersion: 'def', tags: { host: 'b', try: '2' } }],
    })
    expect(await readRun(storage, 'r')).toEqual(run.record)
    await storage.delete('runs/r/record')
    expect(await readRun(storage, 'r')).toEqual(run.record)
  })

  it('gives a run to one of many that resume it at the same time', async () => {
    const storage = new MemoryStorage()
    const { state, second, pipeline } = breaking()
    await runFailure(pipeline.run({ storage, id: 'r' }))
    state.isBroken = false
    const settled = await Promise.allSettled(Array.from({ length: 8 }, () => pipeline.run({ storage, resume: 'r' })))
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of settled)
      if (result.status === 'rejected') expect(MillraceError.is(result.reason, 'RUN_OWNED') && result.reason.details.epoch).toBe(2)
    expect(second.runs()).toBe(2)
    expect((await readRun(storage, 'r')).epoch).toBe(2)
  })

  it('leaves a run alone whose owner shows that it lives', async () => {
    const storage = new MemoryStorage()
    const clock = new FakeClock()
    const end = deferred()
    const pipeline = new Pipeline('p').pipe(stage('slow', () => end.promise))
    const owner = pipeline.run({ storage, clock, id: 'r' })
    await settle()
    const before = await contentOf(storage, 'runs/r/journal')
    const other = rejectionOf(pipeline.run({ storage, clock, resume: 'r' }))
    await clock.advance(10_000)
    const error = await other
    expect(MillraceError.is(error, 'RUN_OWNED') && error.details).toEqual({ runId: 'r', epoch: 1 })
    expect(await contentOf(storage, 'runs/r/journal')).toEqual(before)
    end.resolve()
    await owner
    expect((await readRun(storage, 'r')).outcome).toBe('succeeded')
  })

  it('takes a run over whose owner shows nothing for the length of the longer lease', async () => {
    const clock = new FakeClock()
    const dead = new DyingStorage()
    const begun = deferred()
    let isFirst = true
    const pipeline = new Pipeline('p').pipe(
      stage('slow', async () => {
        if (!isFirst) return 1
        begun.resolve()
        return await new Promise<number>(() => {})
      }),
    )
    void pipeline.run({ storage: dead, clock, id: 'r', leaseMs: 60_000 })
    await begun.promise
    await settle()
    dead.isDead = true
    isFirst = false
    const storage = await copyOf(dead)
    const resumed = pipeline.run({ storage, clock, resume: 'r', leaseMs: 1000 })
    let isDone = false
    void resumed.then(() => {
      isDone = true
    })
    await settle()
    await clock.advance(59_000)
    await settle()
    expect(isDone).toBe(false)
    await clock.advance(2000)
    expect((await resumed).record.epoch).toBe(2)
  })

  it('stops an owner that was taken over at its next entry, and nothing that it does then counts', async () => {
    const storage = new MemoryStorage()
    const begun = deferred()
    const wake = deferred()
    const effects: string[] = []
    let isOwner = true
    const pipeline = new Pipeline('p')
      .pipe(
        stage('slow', async () => {
          if (!isOwner) return 1
          begun.resolve()
          await wake.promise
          return 1
        }),
      )
      .pipe(
        stage(
          'effect',
          (value: number) => {
            effects.push(isOwner ? 'owner' : 'heir')
            return value
          },
          { effect: true },
        ),
      )
    const { events, onEvent } = collector()
    const owner = rejectionOf(pipeline.run({ storage, id: 'r', onEvent }))
    await begun.promise
    await settle()
    isOwner = false
    const heir = await pipeline.run({ storage, resume: 'r', takeOver: true })
    const before = await contentOf(storage, 'runs/r')
    isOwner = true
    wake.resolve()
    const error = await owner
    expect(MillraceError.is(error, 'RUN_OWNED') && error.details).toEqual({ runId: 'r', epoch: 2 })
    expect(effects).toEqual(['heir'])
    expect(events.some(({ type }) => type === 'run-finished')).toBe(false)
    expect(await contentOf(storage, 'runs/r')).toEqual(before)
    expect(await readRun(storage, 'r')).toEqual(heir.record)
  })

  it('keeps what an heir kept, whatever its owner of before keeps after that', async () => {
    const storage = new MemoryStorage()
    const begun = deferred()
    const wake = deferred()
    let isOwner = true
    let isBroken = true
    let effects = 0
    const pipeline = new Pipeline('p')
      .pipe(
        stage(
          'effect',
          async () => {
            effects++
            if (!isOwner) return 'heir'
            begun.resolve()
            await wake.promise
            return 'owner'
          },
          { effect: true },
        ),
      )
      .pipe(
        stage('end', (value: string) => {
          if (isBroken) throw new Error('not yet')
          return value
        }),
      )
    const owner = rejectionOf(pipeline.run({ storage, id: 'r' }))
    await begun.promise
    await settle()
    isOwner = false
    await runFailure(pipeline.run({ storage, resume: 'r', takeOver: true }))
    wake.resolve()
    expect(MillraceError.is(await owner, 'RUN_OWNED')).toBe(true)
    isBroken = false
    expect((await pipeline.run({ storage, resume: 'r' })).output).toBe('heir')
    expect(effects).toBe(2)
  })

  it('stops an owner that was taken over while a stage of it tells nothing', async () => {
    const storage = new MemoryStorage()
    const clock = new FakeClock()
    const begun = deferred()
    let isOwner = true
    const pipeline = new Pipeline('p').pipe(
      stage('slow', async (_, { signal }) => {
        if (!isOwner) return 1
        begun.resolve()
        return await new Promise<number>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }),
    )
    const owner = rejectionOf(pipeline.run({ storage, clock, id: 'r' }))
    await begun.promise
    await settle()
    isOwner = false
    await pipeline.run({ storage, resume: 'r', takeOver: true })
    await clock.advance(2500)
    await settle()
    expect(MillraceError.is(await owner, 'RUN_OWNED')).toBe(true)
  })

  it('writes no heartbeat for a run that is over before one is due, and leaves no timer', async () => {
    const storage = new MemoryStorage()
    const clock = new FakeClock()
    await new Pipeline('p').pipe(stage('one', () => 1)).run({ storage, clock, id: 'r' })
    expect(await keysOf(storage, 'runs/r')).not.toContain('runs/r/heartbeat')
    expect(clock.sleepers).toBe(0)
  })

  it('takes over from an owner that goes on writing', async () => {
    const storage = new MemoryStorage()
    const wake = deferred()
    const begun = deferred()
    let isOwner = true
    const pipeline = new Pipeline('p').pipe(
      stage('busy', async (_, { metrics }) => {
        if (!isOwner) return 1
        begun.resolve()
        for (let step = 0; step < 50; step++) {
          metrics({ step })
          await new Promise((resolve) => setTimeout(resolve, 0))
        }
        await wake.promise
        return 1
      }),
    )
    const owner = rejectionOf(pipeline.run({ storage, id: 'r' }))
    await begun.promise
    isOwner = false
    const heir = await pipeline.run({ storage, resume: 'r', takeOver: true })
    wake.resolve()
    expect(MillraceError.is(await owner, 'RUN_OWNED')).toBe(true)
    expect(heir.record).toMatchObject({ outcome: 'succeeded', epoch: 2 })
  })
})

describe('a pipeline that is another when it is resumed', () => {
  const double = stage('double', (value: number) => value * 2)
  const base = () => new Pipeline<number>('p').pipe(double).pipe(stage('end', (value: number) => value + 1))

  async function mismatch(begun: Pipeline<number, unknown>, now: Pipeline<number, unknown>): Promise<readonly string[] | undefined> {
    const storage = new MemoryStorage()
    await begun.run({ storage, id: 'r', input: 1 })
    const before = await contentOf(storage)
    const error = await rejectionOf(now.run({ storage, resume: 'r', input: 1 }))
    expect(await contentOf(storage)).toEqual(before)
    if (!MillraceError.is(error, 'CODE_MISMATCH')) throw error
    expect(error.message).toContain('Start a new run')
    return error.details.stages
  }

  const end = stage('end', (value: number) => value + 1)
  it.each<[string, Pipeline<number, unknown>, readonly string[]]>([
    ['a version', new Pipeline<number>('p').pipe(double).pipe(stage('end', (value: number) => value + 1, { version: '2' })), ['end']],
    [
      'parameters',
      new Pipeline<number>('p').pipe(double).pipe(stage('end', (value: number) => value + 1, { parameters: { by: 1 } })),
      ['end'],
    ],
    ['code', new Pipeline<number>('p').pipe(double).pipe(stage('end', (value: number) => value + 2)), ['end']],
    [
      'dependencies',
      new Pipeline<number>('p').pipe(double).pipe(stage('end', (value: number) => value + 1, { codeDependencies: ['x'] })),
      ['end'],
    ],
    ['an effect', new Pipeline<number>('p').pipe(double).pipe(stage('end', (value: number) => value + 1, { effect: true })), ['end']],
    [
      'a fingerprint',
      new Pipeline<number>('p').pipe(double).pipe(stage('end', (value: number) => value + 1, { fingerprint: async () => '' })),
      ['end'],
    ],
    ['one more stage', base().pipe(stage('more', (value: number) => value)), ['more']],
    ['one stage less', new Pipeline<number>('p').pipe(double), ['end']],
    ['another order', new Pipeline<number>('p').pipe(end).pipe(double), ['end', 'double']],
    [
      'a map',
      new Pipeline<number>('p')
        .pipe(double)
        .pipe(stage('list', (value: number) => [value]))
        .map(end),
      ['list', 'end', 'end/end'],
    ],
    ['a condition', new Pipeline<number>('p').pipe(double).when((value) => value > 0, end), ['end']],
  ])('is refused with the names of the stages: %s', async (_, now, stages) => {
    expect(await mismatch(base(), now)).toEqual(stages)
  })

  it('is refused where only the predicate of a condition changed, or what is inside a map', async () => {
    const when = (least: number) =>
      least === 0 ? new Pipeline<number>('p').when((value) => value > 0, end) : new Pipeline<number>('p').when((value) => value > 1, end)
    expect(await mismatch(when(0), when(1))).toEqual(['end'])
    const mapped = (by: number) =>
      new Pipeline<number>('p')
        .pipe(stage('list', (value: number) => [value]))
        .map(new Pipeline<number>('each').pipe(stage('add', (value: number) => value, { parameters: { by } })))
    expect(await mismatch(mapped(1), mapped(2))).toEqual(['each/each/add'])
  })

  it('is refused where a bound function has another name; what is bound is not seen', async () => {
    const of = (run: (value: number) => number) => new Pipeline<number>('p').pipe(stage('one', run))
    function add(this: { by: number }, value: number): number {
      return value + this.by
    }
    function take(this: { by: number }, value: number): number {
      return value - this.by
    }
    expect(await mismatch(of(add.bind({ by: 1 })), of(take.bind({ by: 1 })))).toEqual(['one'])
    const storage = new MemoryStorage()
    await of(add.bind({ by: 1 })).run({ storage, id: 'r', input: 1 })
    expect((await of(add.bind({ by: 2 })).run({ storage, resume: 'r', input: 1 })).record.epoch).toBe(2)
  })

  it('is the same where only retries, limits or concurrency differ', async () => {
    const storage = new MemoryStorage()
    const make = (retries: number, concurrency: number) =>
      new Pipeline<number>('p').pipe(stage('list', (value: number) => [value], { retries })).map(
        stage('end', (value: number) => value + 1, { timeoutMs: 1000 * (retries + 1) }),
        { concurrency },
      )
    await make(0, 1).run({ storage, id: 'r', input: 1 })
    expect((await make(3, 8).run({ storage, resume: 'r', input: 1, concurrency: 2, failFast: false })).output).toEqual([2])
  })
})

describe('the order in which a run is acknowledged', () => {
  it('begins an effect only once all before it is in the journal, and what comes after only once the effect is', async () => {
    const order: string[] = []
    class TellingStorage extends MemoryStorage {
      override async putIfAbsent(...call: Parameters<MemoryStorage['putIfAbsent']>): Promise<void> {
        await settle()
        await super.putIfAbsent(...call)
        if (!call[0].startsWith('runs/')) return
        const { events } = JSON.parse(new TextDecoder().decode(call[1])) as { events: PipelineEvent[] }
        for (const event of events) if ('stage' in event) order.push(`${event.type} ${event.stage}`)
      }
    }
    const told = (name: string, effect: boolean) =>
      stage(
        name,
        (value: number) => {
          order.push(`run ${name}`)
          return value
        },
        { effect },
      )
    await new Pipeline<number>('p')
      .pipe(told('before', false))
      .pipe(told('effect', true))
      .pipe(told('after', false))
      .run({ storage: new TellingStorage(), input: 1 })
    const at = (text: string): number => order.indexOf(text)
    expect(at('stage-succeeded before')).toBeLessThan(at('run effect'))
    expect(at('stage-started effect')).toBeLessThan(at('run effect'))
    expect(at('stage-succeeded effect')).toBeLessThan(at('run after'))
    expect(at('run after')).toBeGreaterThan(0)
  })

  it('waits with new stages while too much waits to be written', async () => {
    const gate = deferred()
    let isStalled = false
    class StallingStorage extends MemoryStorage {
      override async putIfAbsent(...call: Parameters<MemoryStorage['putIfAbsent']>): Promise<void> {
        if (isStalled && call[0].startsWith('runs/')) await gate.promise
        return super.putIfAbsent(...call)
      }
    }
    let runs = 0
    const pipeline = new Pipeline('p')
      .pipe(
        stage('list', () => {
          isStalled = true
          return Array.from({ length: 3000 }, (_, index) => index)
        }),
      )
      .map(
        stage('count', (value: number) => {
          runs++
          return value
        }),
      )
    const run = pipeline.run({ storage: new StallingStorage(), id: 'r' })
    for (let turn = 0; turn < 200; turn++) await settle()
    // Three events an item.
    expect(runs).toBeLessThan(1000)
    gate.resolve()
    expect((await run).record.stages[1]?.items?.succeeded).toBe(3000)
  })
})
