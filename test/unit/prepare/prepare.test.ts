import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { createRandom } from '../../../src/core/random.ts'
import type { Dataset } from '../../../src/data/dataset.ts'
import { datasetPortable } from '../../../src/data/dataset-portable.ts'
import type { Flow, SplitPart } from '../../../src/data/flow.ts'
import { writeDataset } from '../../../src/data/write-dataset.ts'
import { cyclic, impute, logarithm, oneHot, standardize, targetEncode } from '../../../src/features/index.ts'
import { Pipeline } from '../../../src/pipeline/pipeline.ts'
import { Stage } from '../../../src/pipeline/stage.ts'
import type { StageContext } from '../../../src/pipeline/stage-definition.ts'
import { prepare } from '../../../src/prepare/prepare.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import type { Cells, Kinds } from '../features/data.ts'
import { batchFrom, datasetFrom, matrixOf } from '../features/data.ts'

interface Row {
  date: Date
  distance: number
  gate: string | null
  late: boolean
  delay: number
  flag: number
}
const kinds: Kinds = { date: 'time', distance: 'integer', gate: 'text', late: 'boolean', delay: 'number', flag: 'integer' }
const rowsFrom = (first: number, count: number): Cells => {
  const index = Array.from({ length: count }, (_, row) => first + row)
  return {
    date: index.map((row) => row * 3_600_000),
    distance: index,
    gate: index.map((row) => (row % 4 === 0 ? null : `gate-${row % 3}`)),
    late: index.map((row) => row % 3 === 0),
    delay: index.map((row) => row * 1.5),
    flag: index.map((row) => row % 2),
  }
}
const train = datasetFrom<Row>(kinds, rowsFrom(0, 200))
const unread = (name: string): Dataset<Row> => ({
  ...datasetFrom<Row>(kinds, rowsFrom(1000, 10)),
  batches: () => {
    throw new Error(`${name} was read`)
  },
})
type Input = Flow<Row> & SplitPart<Row> & { readonly mine: string }
const input: Input = {
  dataset: unread('dataset'),
  train,
  validation: unread('validation'),
  test: unread('test'),
  holdout: unread('holdout'),
  mine: 'kept',
}

function contextWith(overrides: Partial<StageContext> = {}): StageContext {
  return {
    signal: new AbortController().signal,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    random: createRandom(1),
    clock: systemClock,
    storage: new MemoryStorage(),
    runId: 'run',
    codeVersion: undefined,
    idempotencyKey: 'key',
    progress() {},
    metrics() {},
    artifact() {},
    ...overrides,
  }
}
const run = async <Output>(stage: Stage<Input, Output>, context = contextWith()): Promise<Output> => stage.definition.run(input, context)

const late = prepare<Input, 'late'>({
  target: 'late',
  features: { date: cyclic('hour'), distance: logarithm().pipe(standardize()), gate: oneHot() },
  crosses: { 'gate-hour': { of: ['gate', { time: 'date', part: 'hour' }], as: targetEncode({ smoothing: 3 }) } },
})

describe('prepare', () => {
  it('fits on the training part only, and keeps what flows', async () => {
    const output = await run(late)
    expect(output.mine).toBe('kept')
    expect(output.train).toBe(train)
    expect(output.target).toBe('late')
    expect(output.task).toBe('binary')
    expect([...(output.plan.inputs.features?.featureNames ?? [])].sort()).toEqual(
      ['date.hour.sine', 'date.hour.cosine', 'distance', 'gate=gate-0', 'gate=gate-1', 'gate=gate-2', 'gate=(null)', 'gate-hour'].sort(),
    )
  })

  it('profiles the columns that the plan reads, over the training rows', async () => {
    const { trainingProfile } = await run(late)
    expect(trainingProfile.rowCount).toBe(200)
    expect(Object.keys(trainingProfile.columns).sort()).toEqual(['date', 'distance', 'gate'])
    expect(trainingProfile.columns.gate?.nullCount).toBe(50)
  })

  it('tells the task by the target: booleans and 0 / 1 are binary, other numbers a regression', async () => {
    expect((await run(prepare<Input, 'flag'>({ target: 'flag', features: { distance: standardize() } }))).task).toBe('binary')
    expect((await run(prepare<Input, 'delay'>({ target: 'delay', features: { gate: targetEncode() } }))).task).toBe('regression')
  })

  it('refuses labels that 32-bit floats do not tell apart, and takes large ones that they do', async () => {
    const labels = (delay: (row: number) => number): Input => ({
      ...input,
      train: datasetFrom<Row>(kinds, { ...rowsFrom(0, 200), delay: Array.from({ length: 200 }, (_, row) => delay(row)) }),
    })
    const stage = prepare<Input, 'delay'>({ target: 'delay', features: { gate: targetEncode() } })
    const work = (given: Input): Promise<unknown> => (async () => stage.definition.run(given, contextWith()))()
    await expect(work(labels((row) => 1e9 + row / 20))).rejects.toMatchObject({ code: 'LABEL_INVALID', details: { target: 'delay' } })
    await work(labels((row) => 1e9 * (row + 1)))
    await work(labels(() => 1e9 + 0.1))
  })

  it('has its definition as plain parameters, so that another definition is another key and an equal one is the same', () => {
    expect(late.parameters).toEqual({
      target: 'late',
      features: {
        date: [[{ kind: 'cyclic', part: 'hour' }]],
        distance: [[{ kind: 'logarithm' }, { kind: 'standardize' }]],
        gate: [[{ kind: 'one-hot', maxCategories: 50 }]],
      },
      crosses: { 'gate-hour': { of: ['gate', { time: 'date', part: 'hour' }], as: [{ kind: 'target-encode', smoothing: 3, folds: 5 }] } },
    })
  })

  it('brings the portables of plan and profile', () => {
    expect(late.definition.portables?.map((portable) => portable.kind).sort()).toEqual(['feature-plan', 'profile'])
  })

  it('reports progress in rows and stops when aborted', async () => {
    const reports: unknown[][] = []
    await run(late, contextWith({ progress: (...report) => reports.push(report) }))
    expect(reports.at(-1)?.[2]).toBe('rows')
    const controller = new AbortController()
    controller.abort(new Error('enough'))
    await expect(run(late, contextWith({ signal: controller.signal }))).rejects.toThrow('enough')
  })

  it('is FEATURE_INVALID for JavaScript that misspells a column, with the nearest name', async () => {
    const wrong = prepare<Input, 'late'>({ target: 'late', features: { distanc: standardize() } as object })
    await expect(run(wrong)).rejects.toMatchObject({
      code: 'FEATURE_INVALID',
      message: expect.stringContaining('Did you mean "distance"?'),
    })
  })

  it('is taken from the cache, and the plan that comes back applies as the first did', async () => {
    const storage = new MemoryStorage()
    const columns = train.columns
    const parts = new Stage({
      name: 'parts',
      version: '1',
      portables: [datasetPortable],
      run: async (): Promise<Flow<Row> & SplitPart<Row>> => {
        const part = (first: number): Promise<Dataset<Row>> =>
          writeDataset<Row>(storage, columns, datasetFrom<Row>(kinds, rowsFrom(first, 200)).batches())
        return {
          dataset: await part(0),
          train: await part(0),
          validation: await part(200),
          test: await part(400),
          holdout: await part(600),
        }
      },
    })
    const pipeline = new Pipeline('p').pipe(parts).pipe(
      prepare({
        target: 'late',
        features: { distance: logarithm().pipe(standardize()) },
        crosses: { 'gate-minute': { of: ['gate', { time: 'date', part: 'minute-of-day' }], as: targetEncode() } },
      }),
    )
    const first = await pipeline.run({ storage })
    const second = await pipeline.run({ storage })
    expect(second.record.stages.map((stage) => [stage.name, stage.outcome])).toEqual([
      ['parts', 'cached'],
      ['prepare', 'cached'],
    ])
    const batch = batchFrom(kinds, rowsFrom(150, 100))
    expect(matrixOf(second.output.plan.apply(batch))).toEqual(matrixOf(first.output.plan.apply(batch)))
    expect(matrixOf(second.output.plan.applyTraining(batch, 150))).toEqual(matrixOf(first.output.plan.applyTraining(batch, 150)))
    expect(second.output.trainingProfile.toJSON()).toEqual(first.output.trainingProfile.toJSON())
  })

  it('is typed by what flows into it in a pipeline', () => {
    const flow = new Pipeline<Input>('p')
    const pipelines = [
      flow.pipe(prepare({ target: 'late', features: { distance: standardize(), date: [cyclic('hour'), cyclic('month')] } })),
      flow.pipe(
        prepare({ target: 'late', features: {}, crosses: { a: { of: ['gate', { time: 'date', part: 'hour' }], as: targetEncode() } } }),
      ),
      // @ts-expect-error misspelled feature
      flow.pipe(prepare({ target: 'late', features: { distanc: standardize() } })),
      // @ts-expect-error nulls unhandled by a transform of moments
      flow.pipe(prepare({ target: 'late', features: { gate: cyclic('hour') } })),
      // @ts-expect-error the label in a cross
      flow.pipe(prepare({ target: 'late', features: {}, crosses: { leak: { of: ['late'], as: targetEncode() } } })),
    ]
    expect(pipelines.map((pipeline) => pipeline.name)).toEqual(['p', 'p', 'p', 'p', 'p'])
  })

  it('does not compile where columns and transforms do not fit', () => {
    const stages = [
      // @ts-expect-error misspelled feature
      () => prepare<Input, 'late'>({ target: 'late', features: { distanc: standardize() } }),
      // @ts-expect-error misspelled target
      () => prepare<Input, 'lat'>({ target: 'lat', features: {} }),
      // @ts-expect-error the label among the features
      () => prepare<Input, 'late'>({ target: 'late', features: { late: oneHot() } }),
      // @ts-expect-error no parts to fit on
      () => prepare<Flow<Row>, 'late'>({ target: 'late', features: {} }),
      () => prepare<Input, 'late'>({ target: 'late', features: { distance: impute('mean') } }),
    ]
    expect(stages).toHaveLength(5)
  })
})
