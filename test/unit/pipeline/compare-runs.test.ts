import type { RunRecord } from 'millrace/pipeline'
import { compareRuns, Pipeline, readRun } from 'millrace/pipeline'
import { MemoryStorage } from 'millrace/storage'
import { describe, expect, it } from 'vitest'
import { runFailure, stage } from './support/stages.ts'

interface Knobs {
  readonly rate?: number
  readonly version?: string
  readonly rows?: readonly number[]
  readonly loss?: number
  readonly isUnstable?: boolean
}

let draws = 0
const pipelineOf = ({ rate = 1, version = '1', rows = [1, 2], loss = 0.5, isUnstable = false }: Knobs = {}) =>
  new Pipeline<readonly number[]>('p')
    .pipe(stage('load', (value: readonly number[]) => [...value, ...rows], { fingerprint: async () => rows.join() }))
    .pipe(
      stage(
        'train',
        (value: readonly number[], { metrics }) => {
          metrics({ loss }, 1)
          return value.length * rate + (isUnstable ? ++draws : 0)
        },
        { parameters: { learner: { rate, list: [1, rate] }, name: 'n' }, version, fingerprint: async () => `${loss}` },
      ),
    )

const record = async (knobs: Knobs, input: readonly number[] = [0], options: object = {}): Promise<RunRecord> =>
  (await pipelineOf(knobs).run({ storage: new MemoryStorage(), input, ...options })).record

describe('compareRuns', () => {
  it('finds nothing between two runs that are the same', async () => {
    const left = await record({})
    const right = await record({})
    expect(compareRuns(left, right)).toEqual({
      runs: [left.id, right.id],
      parameters: {},
      data: {},
      code: {},
      metrics: {},
      outcomes: {},
      tags: {},
    })
  })

  it('tells which parameters differ, by their paths', async () => {
    const { parameters, code, data } = compareRuns(await record({ rate: 1 }), await record({ rate: 2 }))
    expect(parameters).toEqual({
      'train.parameters.learner.rate': { left: 1, right: 2 },
      'train.parameters.learner.list[1]': { left: 1, right: 2 },
    })
    expect(code).toEqual({})
    expect(data).toEqual({})
  })

  it('tells which data differ: the input, and what each stage was given', async () => {
    const { data } = compareRuns(await record({}, [0]), await record({}, [1]))
    expect(Object.keys(data)).toEqual(['input', 'load.input', 'train.input'])
  })

  it('tells of an output only where the same stage made another of the same input', async () => {
    const { data, code } = compareRuns(await record({ isUnstable: true }), await record({ isUnstable: true }))
    expect(Object.keys(data)).toEqual(['train.output'])
    expect(code).toEqual({})
  })

  it('tells which code differs: of the host, and of stages', async () => {
    const left = await record({}, [0], { codeVersion: 'abc' })
    const right = await record({ version: '2' }, [0], { codeVersion: 'def' })
    expect(compareRuns(left, right).code).toEqual({
      codeVersion: { left: 'abc', right: 'def' },
      'train.version': { left: '1', right: '2' },
    })
    const one = (await new Pipeline('p').pipe(stage('one', () => 1)).run({})).record
    const two = (await new Pipeline('p').pipe(stage('one', () => 2)).run({})).record
    expect(Object.keys(compareRuns(one, two).code)).toEqual(['one.code'])
  })

  it('tells how metrics changed, also such as are no finite numbers', async () => {
    const left = await record({ loss: 0.5 })
    expect(compareRuns(left, await record({ loss: 0.25 })).metrics).toEqual({ 'train.loss': { left: 0.5, right: 0.25, change: -0.25 } })
    const diverged = await record({ loss: Number.NaN })
    expect(compareRuns(left, diverged).metrics).toEqual({ 'train.loss': { left: 0.5, right: Number.NaN, change: Number.NaN } })
    expect(compareRuns(diverged, await record({ loss: Number.NaN })).metrics).toEqual({})
  })

  it('tells of metrics also where one of the two took the output from the cache', async () => {
    const storage = new MemoryStorage()
    const first = await pipelineOf({ loss: 0.5 }).run({ storage, input: [0] })
    const cached = await pipelineOf({ loss: 0.5 }).run({ storage, input: [0] })
    expect(cached.record.stages[1]).toMatchObject({ outcome: 'cached', metrics: { loss: 0.5 } })
    expect(compareRuns(first.record, cached.record)).toMatchObject({ metrics: {}, outcomes: {} })
  })

  it('tells how runs and stages ended, and which stage only one has', async () => {
    const broken = new Pipeline<readonly number[]>('p').pipe(
      stage('load', () => {
        throw new Error('no')
      }),
    )
    const storage = new MemoryStorage()
    await runFailure(broken.run({ storage, id: 'r', input: [0] }))
    const { outcomes, code } = compareRuns(await record({}), await readRun(storage, 'r'))
    expect(outcomes).toEqual({
      run: { left: 'succeeded', right: 'failed' },
      'load.outcome': { left: 'succeeded', right: 'failed' },
      'train.outcome': { left: 'succeeded', right: null },
    })
    expect(Object.keys(code)).toContain('load.code')
  })

  it('tells of seeds and tags', async () => {
    const left = await record({}, [0], { seed: 1, tags: { by: 'ada', on: 'here' } })
    const right = await record({}, [0], { seed: 2, tags: { by: 'bob' } })
    expect(compareRuns(left, right)).toMatchObject({
      seed: { left: 1, right: 2 },
      tags: { by: { left: 'ada', right: 'bob' }, on: { left: 'here', right: null } },
    })
  })

  it('compares stages inside maps by their names', async () => {
    const mapped = (by: number) =>
      new Pipeline('p')
        .pipe(stage('list', () => [1, 2]))
        .map(
          new Pipeline<number>('each')
            .pipe(stage('add', (value: number) => value + by, { parameters: { by } }))
            .pipe(stage('end', (value: number) => value)),
        )
        .map(stage('plain', (value: number) => value * by, { parameters: { by } }))
    const [left, right] = [(await mapped(1).run({})).record, (await mapped(2).run({})).record]
    expect(Object.keys(compareRuns(left, right).parameters)).toEqual(['each.parameters.each/add.by', 'plain.parameters.by'])
  })

  it('tells of changed code also where parameters changed, and of neither as the other', async () => {
    const of = async (parameters: object, run: () => number) =>
      (await new Pipeline('p').pipe(stage('one', run, { parameters })).run({})).record
    const base = await of({ rate: 1 }, () => 1)
    const other = await of({ rate: 2 }, () => 2)
    expect(Object.keys(compareRuns(base, other).code)).toEqual(['one.code'])
    expect(compareRuns(base, other).parameters).toEqual({ 'one.parameters.rate': { left: 1, right: 2 } })
    expect(compareRuns(base, await of({ rate: 2 }, () => 1)).code).toEqual({})
  })

  it('tells of changed code inside a map of a pipeline', async () => {
    const mapped = async (add: (value: number) => number) => {
      const inside = new Pipeline<number>('each').pipe(stage('add', add)).pipe(stage('end', (value: number) => value))
      return (
        await new Pipeline('p')
          .pipe(stage('list', () => [1]))
          .map(inside)
          .run({})
      ).record
    }
    const { code } = compareRuns(await mapped((value) => value + 1), await mapped((value) => value + 2))
    expect(Object.keys(code)).toEqual(['each.code'])
  })

  it('tells apart keys that could be taken for one path', async () => {
    const of = async (parameters: object) => (await new Pipeline('p').pipe(stage('one', () => 1, { parameters })).run({})).record
    const left = await of({ 'a.b': 1, a: { b: 10 }, '': 1, 'x[0]': 1 })
    const right = await of({ 'a.b': 2, a: { b: 20 }, '': 2, 'x[0]': 2 })
    expect(compareRuns(left, right).parameters).toEqual({
      'one.parameters["a.b"]': { left: 1, right: 2 },
      'one.parameters.a.b': { left: 10, right: 20 },
      'one.parameters[""]': { left: 1, right: 2 },
      'one.parameters["x[0]"]': { left: 1, right: 2 },
    })
  })

  it('tells apart a stage with the name of what is told of the run', async () => {
    const failing = new Pipeline('p').pipe(stage('first', () => 1)).pipe(
      stage('run', (): number => {
        throw new Error('no')
      }),
    )
    const storage = new MemoryStorage()
    await runFailure(failing.run({ storage, id: 'r' }))
    const whole = (
      await new Pipeline('p')
        .pipe(stage('first', () => 1))
        .pipe(stage('run', () => 1))
        .run({})
    ).record
    expect(Object.keys(compareRuns(whole, await readRun(storage, 'r')).outcomes)).toEqual(['run', 'run.outcome'])
  })

  it('tells of small parameters beside long ones, which differ as a whole', async () => {
    const of = async (rate: number, length: number, more = 0) => {
      const parameters = {
        rate,
        words: 'w'.repeat(length),
        learner: { depth: rate, list: Array.from({ length }, (_, index) => index + more) },
      }
      return (await new Pipeline('p').pipe(stage('one', () => 1, { parameters })).run({})).record
    }
    const { parameters } = compareRuns(await of(1, 20_000), await of(2, 20_000, 1))
    expect(Object.keys(parameters)).toEqual(['one.parameters.rate', 'one.parameters.learner.depth', 'one.parameters.learner.list'])
    expect(parameters['one.parameters.rate']).toEqual({ left: 1, right: 2 })
    const record = await of(1, 20_000)
    expect(record.stages[0]?.parameters).toMatchObject({ rate: 1, words: { $digest: expect.any(String) }, learner: { depth: 1 } })
    expect(JSON.stringify(record.stages[0]?.parameters).length).toBeLessThan(1000)
  })

  it('knows a long value that only one of the two remembers by its digest', async () => {
    const of = async (other: string) => {
      const parameters = { words: 'w'.repeat(2000), other }
      return (await new Pipeline('p').pipe(stage('one', () => 1, { parameters })).run({})).record
    }
    expect(Object.keys(compareRuns(await of('short'), await of('o'.repeat(20_000))).parameters)).toEqual(['one.parameters.other'])
  })

  it.each([
    ['many members', Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`key-${index}`, index]))],
    ['many long members', Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`key-${index}`, 'w'.repeat(2000)]))],
    ['a list', Array.from({ length: 20_000 }, (_, index) => index)],
    ['members just too many', Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`key-${index}`, 'w'.repeat(1000)]))],
  ])('remembers bounded parameters: %s', async (_, parameters) => {
    const { record } = await new Pipeline('p').pipe(stage('one', () => 1, { parameters })).run({})
    expect(JSON.stringify(record.stages[0]?.parameters).length).toBeLessThanOrEqual(16_384)
  })

  it('tells of the code versions of resumptions', async () => {
    const storage = new MemoryStorage()
    const options = { storage, input: [0] }
    const left = await pipelineOf().run({ ...options, id: 'r', codeVersion: 'abc' })
    const right = await pipelineOf().run({ ...options, resume: 'r', codeVersion: 'def' })
    expect(right.record).toMatchObject({ codeVersion: 'abc', resumptions: [{ epoch: 2, codeVersion: 'def' }] })
    expect(compareRuns(left.record, right.record).code).toEqual({ codeVersion: { left: 'abc', right: ['abc', 'def'] } })
  })
})
