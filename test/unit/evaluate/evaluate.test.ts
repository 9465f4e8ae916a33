import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../src/core/index.ts'
import type { Dataset } from '../../../src/data/dataset.ts'
import type { Flow, SplitPart } from '../../../src/data/flow.ts'
import { evaluate } from '../../../src/evaluate/index.ts'
import { meanBy, prior } from '../../../src/learners/index.ts'
import { auc, logLoss, type Metric } from '../../../src/metrics/index.ts'
import type { Baseline } from '../../../src/model/baseline.ts'
import type { MetricValue } from '../../../src/model/evaluation.ts'
import type { PreparedPart, TrainedPart } from '../../../src/model/flow.ts'
import type { Model } from '../../../src/model/model.ts'
import { type Columns, columnsPlan, datasetOf, fixtureContext } from '../train/learning-fixtures.ts'
import { emptyProfile } from '../train/profile-fixture.ts'

interface Row {
  readonly x: number
  readonly origin: string | null
  readonly cancelled: boolean
  readonly gate: number
  readonly date: Date
  readonly late: boolean
}
type Trained = Flow<Row> & SplitPart<Row> & PreparedPart & TrainedPart & { readonly mine: string }

interface Opened {
  disposed: number
  batches: number[]
}

/** A model that answers x itself. */
function modelOf(opened: Opened, predict?: Model['predict']): TrainedPart['model'] {
  return {
    digest: 'a'.repeat(64),
    kind: 'echo',
    stored: async () => ({ kind: 'echo', json: {}, blobs: {} }),
    open: async () => ({
      kind: 'echo',
      predict:
        predict ??
        ((inputs) => {
          const { data, shape } = inputs.features as { data: Float32Array; shape: readonly number[] }
          opened.batches.push(shape[0] as number)
          return { probability: { shape: [shape[0] as number, 1], data: data.slice() } }
        }),
      dispose: () => void opened.disposed++,
    }),
  }
}

function flights(rows: number, seed: number): Columns {
  const random = createRandom(seed)
  const x = Array.from({ length: rows }, () => Math.fround(random.next()))
  return {
    x,
    origin: x.map((_, row) => (row % 100 === 0 ? null : (['SEA', 'JFK', 'LAX', 'SEA'][row % 4] as string))),
    cancelled: x.map((_, row) => row % 5 === 0),
    gate: x.map((_, row) => row % 3),
    date: x.map((_, row) => new Date(row * 3_600_000)),
    late: x.map((value) => random.next() < value),
  }
}

async function trained(columns: Columns, opened: Opened, change: Partial<Record<keyof Trained, unknown>> = {}): Promise<Trained> {
  const [train, test] = [(await datasetOf(flights(2_000, 1))) as Dataset<Row>, (await datasetOf(columns)) as Dataset<Row>]
  return {
    dataset: train,
    train,
    validation: train,
    test,
    holdout: test,
    plan: columnsPlan(['x']),
    target: 'late',
    task: 'binary',
    trainingProfile: emptyProfile,
    model: modelOf(opened),
    history: [],
    training: { learner: 'echo', parameters: {}, details: {} },
    mine: 'kept',
    ...change,
  } as Trained
}

const nothing = (): Opened => ({ disposed: 0, batches: [] })
const columns = flights(3_000, 2)
const scores = Float32Array.from(columns.x as number[])
const labels = Float32Array.from(columns.late as boolean[], Number)
const where = (keep: (row: number) => boolean): [Float32Array, Float32Array] => [
  labels.filter((_, row) => keep(row)),
  scores.filter((_, row) => keep(row)),
]

describe('evaluate', () => {
  it('measures the test part, with intervals, calibration and the ROC curve', async () => {
    const opened = nothing()
    const stage = evaluate<Trained>({ metrics: ['auc', 'log-loss', 'brier', 'accuracy'], batchRows: 1_000 })
    const context = fixtureContext()
    const { evaluation, mine } = await stage.definition.run(await trained(columns, opened), context)
    expect(mine).toBe('kept')
    expect(evaluation.rows).toBe(3_000)
    expect(evaluation.metrics.auc?.value).toBe(auc(labels, scores))
    expect(evaluation.metrics['log-loss']?.value).toBe(logLoss(labels, scores))
    const [low, high] = (evaluation.metrics.auc as MetricValue).interval as [number, number]
    expect(low).toBeLessThan(auc(labels, scores))
    expect(high).toBeGreaterThan(auc(labels, scores))
    expect(evaluation.calibration.reduce((sum, { count }) => sum + count, 0)).toBe(3_000)
    expect(evaluation.roc.length).toBeGreaterThan(50)
    expect(opened).toEqual({ disposed: 1, batches: [1_000, 1_000, 1_000] })
    expect(context.progressCalls.at(-1)).toMatchObject({ done: 3_000, total: 3_000, unit: 'rows' })
    // It can be stored.
    expect(JSON.parse(JSON.stringify(evaluation))).toEqual(evaluation)
  })

  it('does not depend on the size of the batches, nor does the cache key', async () => {
    const run = async (batchRows: number): Promise<unknown> =>
      (
        await evaluate<Trained>({ metrics: ['auc'], slices: ['origin'], batchRows }).definition.run(
          await trained(columns, nothing()),
          fixtureContext(),
        )
      ).evaluation
    expect(await run(7)).toEqual(await run(100_000))
    expect(evaluate({ metrics: ['auc'], batchRows: 7 }).parameters).toEqual(evaluate({ metrics: ['auc'] }).parameters)
    expect(evaluate({ metrics: ['auc'] }).parameters).not.toEqual(evaluate({ metrics: ['auc'], baselines: [prior()] }).parameters)
    const changed: Baseline = { ...prior(), version: '2' }
    expect(evaluate({ metrics: ['auc'], baselines: [changed] }).parameters).not.toEqual(
      evaluate({ metrics: ['auc'], baselines: [prior()] }).parameters,
    )
  })

  it('measures baselines, fitted on the training part, on the same rows', async () => {
    const stage = evaluate<Trained>({ metrics: ['auc', 'log-loss'], baselines: [prior(), meanBy('origin')] })
    const { evaluation } = await stage.definition.run(await trained(columns, nothing()), fixtureContext())
    expect(evaluation.baselines.prior?.auc?.value).toBe(0.5)
    expect(evaluation.baselines['mean by origin']?.auc?.value).toBeGreaterThan(0.4)
    expect(evaluation.metrics['log-loss']?.value).toBeLessThan(evaluation.baselines.prior?.['log-loss']?.value as number)
  })

  it('measures slices by the value of a column, the largest first, missing values among them', async () => {
    const stage = evaluate<Trained>({ metrics: ['auc'], slices: ['origin', 'cancelled', 'gate'], minSliceRows: 20 })
    const { evaluation } = await stage.definition.run(await trained(columns, nothing()), fixtureContext())
    const origins = evaluation.slices.filter(({ column }) => column === 'origin')
    expect(origins.map(({ value, rows }) => [value, rows])).toEqual([
      ['SEA', 1_470],
      ['JFK', 750],
      ['LAX', 750],
      ['null', 30],
    ])
    expect(origins[1]?.metrics.auc?.value).toBe(auc(...where((row) => row % 4 === 1 && row % 100 !== 0)))
    expect(evaluation.slices.filter(({ column }) => column === 'cancelled').map(({ value, rows }) => [value, rows])).toEqual([
      ['false', 2_400],
      ['true', 600],
    ])
    expect(evaluation.slices.filter(({ column }) => column === 'gate').map(({ value }) => value)).toEqual(['0', '1', '2'])
  })

  it('leaves out small slices, and all but the largest', async () => {
    const run = async (options: { minSliceRows?: number; maxSlices?: number }): Promise<readonly string[]> => {
      const stage = evaluate<Trained>({ metrics: ['auc'], slices: ['origin'], ...options })
      return (await stage.definition.run(await trained(columns, nothing()), fixtureContext())).evaluation.slices.map(({ value }) => value)
    }
    expect(await run({})).toEqual(['SEA', 'JFK', 'LAX'])
    expect(await run({ minSliceRows: 1_000 })).toEqual(['SEA'])
    expect(await run({ minSliceRows: 1, maxSlices: 2 })).toEqual(['SEA', 'JFK'])
  })

  it('leaves out of a slice what its rows do not define', async () => {
    const oneClass = { ...columns, late: (columns.late as boolean[]).map((late, row) => (row % 3 === 0 ? true : late)) }
    const stage = evaluate<Trained>({ metrics: ['auc', 'brier'], slices: ['gate'] })
    const { evaluation } = await stage.definition.run(await trained(oneClass, nothing()), fixtureContext())
    expect(Object.keys(evaluation.slices[0]?.metrics ?? {})).toEqual(['brier'])
    expect(Object.keys(evaluation.slices[1]?.metrics ?? {})).toEqual(['auc', 'brier'])
  })

  it('takes a metric of a plugin, which counts in the cache key by its source', async () => {
    const bias: Metric = {
      name: 'bias',
      higherIsBetter: false,
      compute: (truths, guesses) => Math.abs(guesses.reduce((sum, guess, row) => sum + guess - (truths[row] as number), 0) / truths.length),
    }
    const stage = evaluate<Trained>({ metrics: [bias] })
    const { evaluation } = await stage.definition.run(await trained(columns, nothing()), fixtureContext())
    expect(evaluation.metrics.bias?.value).toBeLessThan(0.05)
    expect(JSON.stringify(stage.parameters)).toContain('Math.abs')
  })

  it('measures a regression, without curves', async () => {
    const opened = nothing()
    const regression = { ...columns, late: (columns.x as number[]).map((x) => x + 0.5) }
    const stage = evaluate<Trained>({ metrics: ['mean-absolute-error'], baselines: [prior()] })
    const { evaluation } = await stage.definition.run(await trained(regression, opened, { task: 'regression' }), fixtureContext())
    expect(evaluation.metrics['mean-absolute-error']?.value).toBeCloseTo(0.5, 6)
    expect(evaluation.roc).toEqual([])
    expect(evaluation.calibration).toEqual([])
  })

  it('fails where the test part has no rows, or does not define what was asked for', async () => {
    const empty = { x: [], origin: [], cancelled: [], gate: [], date: [], late: [] }
    const stage = evaluate<Trained>({ metrics: ['auc'] })
    await expect(stage.definition.run(await trained(empty, nothing()), fixtureContext())).rejects.toMatchObject({ code: 'SPLIT_EMPTY' })
    const opened = nothing()
    const never = { ...columns, late: (columns.late as boolean[]).map(() => false) }
    await expect(stage.definition.run(await trained(never, opened), fixtureContext())).rejects.toMatchObject({ code: 'METRIC_UNDEFINED' })
    expect(opened.disposed).toBe(1)
    const { evaluation } = await evaluate<Trained>({ metrics: ['log-loss'] }).definition.run(
      await trained(never, nothing()),
      fixtureContext(),
    )
    expect(evaluation.roc).toEqual([])
  })

  it('disposes the model when it fails, answers nonsense, or is aborted', async () => {
    const stage = evaluate<Trained>({ metrics: ['auc'], batchRows: 100 })
    const run = async (predict: Model['predict'], signal?: AbortSignal): Promise<Opened & { error: unknown }> => {
      const opened = nothing()
      const input = await trained(columns, opened, { model: modelOf(opened, predict) })
      const context = fixtureContext(signal === undefined ? {} : { signal })
      const error = await (async () => stage.definition.run(input, context))().then(
        () => undefined,
        (reason: unknown) => reason,
      )
      return { ...opened, error }
    }
    const thrown = new Error('weights gone')
    expect(
      await run(() => {
        throw thrown
      }),
    ).toMatchObject({ disposed: 1, error: thrown })
    expect(await run(() => ({ probability: { shape: [1, 1], data: Float32Array.of(1) } }))).toMatchObject({
      disposed: 1,
      error: { code: 'MODEL_INVALID' },
    })
    expect(await run(() => ({ probability: { shape: [100, 1], data: new Float32Array(100).fill(Number.NaN) } }))).toMatchObject({
      disposed: 1,
      error: { code: 'METRIC_UNDEFINED' },
    })
    const controller = new AbortController()
    const reason = new Error('stop')
    const aborting: Model['predict'] = () => {
      controller.abort(reason)
      return { probability: { shape: [100, 1], data: new Float32Array(100) } }
    }
    expect(await run(aborting, controller.signal)).toMatchObject({ disposed: 1, error: reason })
  })

  it('refuses times as slices, and names columns that are not there', async () => {
    const input = await trained(columns, nothing())
    await expect(evaluate<Trained>({ metrics: ['auc'], slices: ['date'] }).definition.run(input, fixtureContext())).rejects.toMatchObject({
      code: 'ARGUMENT_INVALID',
    })
    // @ts-expect-error misspelled column
    await expect(evaluate<Trained>({ metrics: ['auc'], slices: ['orgin'] }).definition.run(input, fixtureContext())).rejects.toMatchObject({
      code: 'COLUMN_NOT_FOUND',
    })
  })

  it('refuses options that make no sense when it is defined', () => {
    const same: Baseline = prior()
    expect(() => evaluate({ metrics: [] })).toThrow(/metric/)
    // @ts-expect-error misspelled metric
    expect(() => evaluate({ metrics: ['acu'] })).toThrow(/Did you mean "auc"/)
    expect(() => evaluate({ metrics: ['auc', 'auc'] })).toThrow(/"auc" twice/)
    expect(() => evaluate({ metrics: ['auc'], baselines: [same, same] })).toThrow(/"prior" twice/)
    expect(() => evaluate({ metrics: ['auc'], batchRows: 0 })).toThrow(/batchRows/)
    expect(() => evaluate({ metrics: ['auc'], minSliceRows: 1.5 })).toThrow(/minSliceRows/)
    expect(() => evaluate({ metrics: ['auc'], maxSlices: -1 })).toThrow(/maxSlices/)
  })
})
