import { MillraceError } from 'millrace/core'
import type { PipelineEvent, RunHandle } from 'millrace/pipeline'
import { Pipeline, type Stage } from 'millrace/pipeline'
import { MemoryStorage } from 'millrace/storage'
import { describe, expect, it } from 'vitest'
import { contentOf } from './support/runs.ts'
import { collector, counted, deferred, rejectionOf, stage } from './support/stages.ts'

const one = stage('one', () => 1)
const add = (name: string, by: number) => stage(name, (value: number) => value + by, { parameters: { by } })

describe('Pipeline.run', () => {
  it('runs without any option', async () => {
    expect((await new Pipeline('p').pipe(one).pipe(add('two', 1)).run({})).output).toBe(2)
  })

  it('hands the input of an empty pipeline on', async () => {
    expect((await new Pipeline<{ file: string }>('p').run({ input: { file: 'a' } })).output).toEqual({ file: 'a' })
  })

  it('gives the input to the first stage', async () => {
    const pipeline = new Pipeline<{ file: string }>('p').pipe(stage('name', (input: { file: string }) => input.file))
    expect((await pipeline.run({ input: { file: 'today.csv' } })).output).toBe('today.csv')
  })

  it('fails for an input that cannot be keyed on, and says where', async () => {
    const error = await rejectionOf(new Pipeline<{ table: Map<string, number> }>('p').run({ input: { table: new Map() } }))
    expect(MillraceError.is(error, 'RUN_FAILED') && MillraceError.is(error.cause, 'OUTPUT_NOT_STORABLE') && error.cause.details.path).toBe(
      '$.table',
    )
  })

  it('is immutable: the same prefix serves two pipelines', async () => {
    const prefix = new Pipeline('p').pipe(one)
    const left = prefix.pipe(add('left', 1))
    const right = prefix.pipe(add('right', 10))
    expect((await left.run({})).output).toBe(2)
    expect((await right.run({})).output).toBe(11)
    expect((await prefix.run({})).output).toBe(1)
  })

  it('brings the outputs of branches together in a record', async () => {
    const pipeline = new Pipeline('p')
      .pipe(one)
      .branch({ up: add('up', 1), down: add('down', -1), both: new Pipeline<number>('n').pipe(add('x', 5)) })
    const run = await pipeline.run({})
    expect(run.output).toEqual({ up: 2, down: 0, both: 6 })
    expect(run.record.stages.map(({ name }) => name)).toEqual(['one', 'up', 'down', 'both/n/x'])
  })

  it('runs branches side by side', async () => {
    const gates = { left: deferred(), right: deferred() }
    // Each waits for the other to have begun.
    const meet = (name: 'left' | 'right', other: 'left' | 'right') =>
      stage(name, async () => {
        gates[name].resolve()
        await gates[other].promise
        return name
      })
    const left = meet('left', 'right')
    const right = meet('right', 'left')
    expect((await new Pipeline('p').branch({ left, right }).run({})).output).toEqual({ left: 'left', right: 'right' })
  })

  it('keeps the order of items in a map', async () => {
    const slowFirst = stage('wait', async (value: number, { clock }) => {
      await clock.sleep((3 - value) * 5)
      return value * 2
    })
    const pipeline = new Pipeline('p').pipe(stage('list', () => [0, 1, 2])).map(slowFirst)
    expect((await pipeline.run({})).output).toEqual([0, 2, 4])
  })

  it('maps an empty list to an empty list', async () => {
    const pipeline = new Pipeline('p').pipe(stage('list', (): number[] => [])).map(add('more', 1))
    expect((await pipeline.run({})).output).toEqual([])
  })

  it('maps with a pipeline, and records the items', async () => {
    const each = new Pipeline<number>('each').pipe(add('a', 1)).pipe(add('b', 10))
    const run = await new Pipeline('p')
      .pipe(stage('list', () => [1, 2]))
      .map(each)
      .run({})
    expect(run.output).toEqual([12, 13])
    expect(run.record.stages[1]).toMatchObject({
      name: 'each',
      outcome: 'succeeded',
      items: { total: 2, succeeded: 2, cached: 0, failed: 0 },
    })
  })

  it('runs a map inside a map', async () => {
    const inner = new Pipeline<readonly number[]>('inner').map(add('more', 1))
    const pipeline = new Pipeline('p').pipe(stage('lists', () => [[1, 2], [3]])).map(inner)
    const storage = new MemoryStorage()
    expect((await pipeline.run({ storage })).output).toEqual([[2, 3], [4]])
    const again = await pipeline.run({ storage })
    expect(again.output).toEqual([[2, 3], [4]])
    expect(again.record.stages.map(({ outcome }) => outcome)).toEqual(['cached', 'cached'])
  })

  it('runs a conditional stage where the predicate holds, and hands the value on where it does not', async () => {
    const pipeline = (start: number) =>
      new Pipeline('p')
        .pipe(stage('start', () => start, { parameters: { start } }))
        .when((value) => value > 0, add('less', -1))
        .pipe(add('end', 100))
    const taken = await pipeline(5).run({})
    expect(taken.output).toBe(104)
    const skipped = await pipeline(-5).run({})
    expect(skipped.output).toBe(95)
    expect(skipped.record.stages.map(({ name, outcome, reason }) => [name, outcome, reason])).toEqual([
      ['start', 'succeeded', 'first run'],
      ['less', 'skipped', 'its condition does not hold'],
      ['end', 'succeeded', 'first run'],
    ])
  })

  it('skips all of a conditional pipeline, and conditions within it', async () => {
    const body = new Pipeline<number>('body')
      .pipe(add('a', 1))
      .when((value) => value > 0, add('b', 1))
      .pipe(add('c', 1))
    const pipeline = new Pipeline('p').pipe(one).when(() => false, body)
    const run = await pipeline.run({})
    expect(run.output).toBe(1)
    expect(run.record.stages.map(({ outcome }) => outcome)).toEqual(['succeeded', 'skipped', 'skipped', 'skipped'])
  })

  it('runs a pipeline as a stage of another, under names of its own', async () => {
    const inner = new Pipeline<number>('inner').pipe(add('a', 1))
    const run = await new Pipeline('outer').pipe(one).pipe(inner).pipe(add('a', 10)).run({})
    expect(run.output).toBe(12)
    expect(run.record.stages.map(({ name }) => name)).toEqual(['one', 'inner/a', 'a'])
  })

  it('runs a pipeline that is called as a plain function', async () => {
    const pipeline = new Pipeline<number>('inner').pipe(add('a', 1))
    const caller = stage('call', (value: number, context) => pipeline.definition.run(value, context))
    expect((await new Pipeline('p').pipe(one).pipe(caller).run({})).output).toBe(2)
  })

  it('refuses two stages of one name when they are put together', () => {
    const error = (() => {
      try {
        new Pipeline('p').pipe(one).pipe(one as unknown as Stage<number, number>)
      } catch (thrown) {
        return thrown
      }
      return undefined
    })()
    expect(MillraceError.is(error, 'STAGE_INVALID') && error.message).toContain('unique in pipeline "p". Received "one" twice')
  })

  it('lets two branches hold stages of the same name', async () => {
    const small = new Pipeline<number>('s').pipe(add('train', 1))
    const run = await new Pipeline('p')
      .pipe(one)
      .branch({ small: add('train', 1), large: add('train', 2), other: small })
      .run({})
    expect(run.record.stages.map(({ name }) => name)).toEqual(['one', 'small/train', 'large/train', 'other/s/train'])
  })

  it('runs no more stages at once than it is told', async () => {
    let running = 0
    let most = 0
    const busy = stage('busy', async (value: number, { clock }) => {
      most = Math.max(most, ++running)
      await clock.sleep(2)
      running--
      return value
    })
    const pipeline = new Pipeline('p').pipe(stage('list', () => Array.from({ length: 12 }, (_, index) => index))).branch({
      left: new Pipeline<readonly number[]>('l').map(busy, { concurrency: 8 }),
      right: new Pipeline<readonly number[]>('r').map(busy),
    })
    await pipeline.run({ concurrency: 3 })
    expect(most).toBe(3)
  })

  it('honours the concurrency of a map', async () => {
    let running = 0
    let most = 0
    const busy = stage('busy', async (value: number, { clock }) => {
      most = Math.max(most, ++running)
      await clock.sleep(1)
      running--
      return value
    })
    await new Pipeline('p')
      .pipe(stage('list', () => [1, 2, 3, 4, 5]))
      .map(busy, { concurrency: 2 })
      .run({ concurrency: 5 })
    expect(most).toBe(2)
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses a map with a concurrency of %d when it is put together', (concurrency) => {
    const lists = new Pipeline('p').pipe(stage('list', () => [1, 2, 3]))
    expect(() => lists.map(add('more', 1), { concurrency })).toThrow('to have a concurrency of 1, 2, 3 and so on')
  })

  it('gives the same random draws for the same seed and input, and others for another seed', async () => {
    const draw = stage('draw', (_, { random }) => [random.next(), random.int(1000)])
    const pipeline = new Pipeline('p').pipe(draw)
    const [first, second, other] = await Promise.all([pipeline.run({ seed: 7 }), pipeline.run({ seed: 7 }), pipeline.run({ seed: 8 })])
    expect(first.output).toEqual(second.output)
    expect(first.output).not.toEqual(other.output)
  })

  it('tells stages their run and code version', async () => {
    const tell = stage('tell', (_, { runId, codeVersion }) => ({ runId, codeVersion }))
    expect((await new Pipeline('p').pipe(tell).run({ id: 'nightly', codeVersion: 'abc' })).output).toEqual({
      runId: 'nightly',
      codeVersion: 'abc',
    })
  })

  it.each([
    ['id', { id: 'Not An Id' }],
    ['concurrency', { concurrency: 0 }],
    ['seed', { seed: Number.NaN }],
    ['force', { force: ['oen'] }],
  ])('rejects an unfit %s', async (argument, options) => {
    const error = await rejectionOf(new Pipeline('p').pipe(one).run(options))
    expect(MillraceError.is(error, 'ARGUMENT_INVALID') && error.details.argument).toBe(argument)
  })

  it.each([
    ['options', undefined],
    ['options', null],
    ['options', 'now'],
    ['storage', { storage: {} }],
    ['storage', { storage: 'here' }],
    ['storage', { storage: null }],
    ['logger', { logger: { debug() {} } }],
    ['runner', { runner: 'local' }],
    ['runner', { runner: {} }],
    ['clock', { clock: 5 }],
    ['signal', { signal: {} }],
    ['signal', { signal: 'stop' }],
    ['id', { id: 5 }],
    ['id', { id: null }],
    ['tags', { tags: 'nightly' }],
    ['tags', { tags: ['nightly'] }],
    ['tags', { tags: { by: 5 } }],
    ['seed', { seed: '1' }],
    ['concurrency', { concurrency: '2' }],
    ['failFast', { failFast: 'no' }],
    ['force', { force: 5 }],
    ['force', { force: 'one' }],
    ['force', { force: [5] }],
    ['resume', { resume: null }],
    ['resume', { resume: 5 }],
    ['takeOver', { resume: 'before', takeOver: 'no' }],
    ['takeOver', { resume: 'before', takeOver: 0 }],
    ['leaseMs', { leaseMs: '5' }],
    ['maxEntryBytes', { maxEntryBytes: '5' }],
    ['codeVersion', { codeVersion: 5 }],
    ['onEvent', { onEvent: 'tell' }],
  ])('rejects an unfit %s before anything is done: %j', async (argument, options) => {
    const storage = new MemoryStorage()
    const whole = new Pipeline('p').pipe(one)
    await whole.run({ storage, id: 'before' })
    const before = await contentOf(storage)
    const given = typeof options === 'object' && options !== null ? { storage, ...options } : options
    const handle = (whole.start as (options: unknown) => RunHandle<unknown>).call(whole, given)
    expect(handle.id).toEqual(expect.any(String))
    const error = await rejectionOf(handle.result)
    expect(MillraceError.is(error, 'ARGUMENT_INVALID') && error.details.argument).toBe(argument)
    expect(await contentOf(storage)).toEqual(before)
  })

  it('suggests the name of a stage that is to be forced', async () => {
    expect(String(await rejectionOf(new Pipeline('p').pipe(one).run({ force: ['oen'] })))).toContain('Did you mean "one"?')
  })
})

describe('Pipeline.start', () => {
  it('gives the id at once and tells a listener of the handle everything', async () => {
    const handle = new Pipeline('p').pipe(one).start({ id: 'known' })
    const events: PipelineEvent[] = []
    handle.on((event) => events.push(event))
    expect(handle.id).toBe('known')
    await handle.result
    expect(events.map(({ type }) => type)).toEqual(['run-started', 'stage-missed', 'stage-started', 'stage-succeeded', 'run-finished'])
    expect(events.every(({ runId }) => runId === 'known')).toBe(true)
  })

  it('stops telling a listener that was taken off', async () => {
    const handle = new Pipeline('p').pipe(one).start({})
    const types: string[] = []
    const off = handle.on((event) => {
      types.push(event.type)
      if (event.type === 'stage-started') off()
    })
    await handle.result
    expect(types.at(-1)).toBe('stage-started')
  })

  it('goes on when a listener throws or rejects, and logs it', async () => {
    const logged: unknown[] = []
    const logger = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (_: string, fields?: Readonly<Record<string, unknown>>) => void logged.push(fields),
    }
    const { events, onEvent } = collector()
    const handle = new Pipeline('p').pipe(one).start({
      logger,
      onEvent: (event) => {
        if (event.type === 'stage-started') throw new Error('bad listener')
      },
    })
    handle.on(async () => {
      throw new Error('bad async listener')
    })
    handle.on(onEvent)
    expect((await handle.result).output).toBe(1)
    expect(events.at(-1)?.type).toBe('run-finished')
    expect(logged).toContainEqual({ run: handle.id, event: 'stage-started', error: 'bad listener' })
    expect(logged).toContainEqual({ run: handle.id, event: 'run-started', error: 'bad async listener' })
  })

  it('goes on when the logger of the host throws', async () => {
    const fail = (): never => {
      throw new Error('bad logger')
    }
    const run = await new Pipeline('p').pipe(one).run({ logger: { debug: fail, info: fail, warn: fail, error: fail } })
    expect(run.output).toBe(1)
  })

  it('tells progress with what the stage gives', async () => {
    const { events, onEvent } = collector()
    const busy = stage('busy', (_, { progress }) => progress(1, 2, 'rows', { loss: 0.5 }))
    await new Pipeline('p').pipe(busy).run({ onEvent })
    expect(events.find(({ type }) => type === 'stage-progress')).toMatchObject({
      stage: 'busy',
      done: 1,
      total: 2,
      unit: 'rows',
      fields: { loss: 0.5 },
    })
  })

  it('runs an effect every time, with the same idempotency key for the same input', async () => {
    const storage = new MemoryStorage()
    const keys: string[] = []
    const publish = (version: number) =>
      new Pipeline('p')
        .pipe(stage('make', () => version, { parameters: { version } }))
        .pipe(counted('publish', (_: number, { idempotencyKey }) => void keys.push(idempotencyKey), { effect: true }).stage)
    await publish(1).run({ storage })
    await publish(1).run({ storage })
    await publish(2).run({ storage })
    expect(keys).toHaveLength(3)
    expect(keys[0]).toBe(keys[1])
    expect(keys[0]).not.toBe(keys[2])
  })
})
