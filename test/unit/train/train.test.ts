import { describe, expect, it } from 'vitest'
import { libraryVersion } from '../../../src/core/index.ts'
import type { Json } from '../../../src/core/json.ts'
import type { Flow, SplitPart } from '../../../src/data/flow.ts'
import { logisticRegression } from '../../../src/learners/index.ts'
import { denseNetworkLoader } from '../../../src/model/dense-network.ts'
import type { PreparedPart } from '../../../src/model/flow.ts'
import type { Learner } from '../../../src/model/learner.ts'
import { train } from '../../../src/train/index.ts'
import { columnsPlan, datasetOf, fixtureContext } from './learning-fixtures.ts'
import { emptyProfile } from './profile-fixture.ts'

type Row = { readonly x: number; readonly late: boolean }
type Prepared = Flow<Row> & SplitPart<Row> & PreparedPart & { readonly mine: string }

async function prepared(rows: number): Promise<Prepared> {
  const part = async (count: number) =>
    datasetOf({
      x: Array.from({ length: count }, (_, row) => (row % 7) - 3),
      late: Array.from({ length: count }, (_, row) => row % 7 > (row % 5 === 0 ? 1 : 3)),
    })
  const [whole, validation, test] = [await part(rows), await part(20), await part(20)]
  return {
    dataset: whole,
    train: whole,
    validation,
    test,
    holdout: test,
    plan: columnsPlan(['x']),
    target: 'late',
    task: 'binary',
    trainingProfile: emptyProfile,
    mine: 'kept',
  } as Prepared
}

describe('train', () => {
  it('adds a stored model, its history and how it was made, and keeps what others added', async () => {
    const context = fixtureContext()
    const stage = train<Prepared>({ learner: logisticRegression() })
    const output = await stage.definition.run(await prepared(200), context)
    expect(output.mine).toBe('kept')
    expect(output.model.kind).toBe('dense-network')
    expect(output.history.at(-1)?.validationLoss).toBeLessThan(0.6)
    expect(output.training).toMatchObject({
      learner: 'logistic-regression',
      parameters: { epochs: 25 },
      details: { converged: true, packages: { millrace: libraryVersion } },
    })
    expect(context.progressCalls.at(-1)?.unit).toBe('rows')
    const model = await output.model.open()
    const answers = await model.predict({ features: { shape: [2, 1], data: Float32Array.of(-3, 3) } })
    model.dispose()
    expect(answers.probability?.data[0]).toBeLessThan(0.4)
    expect(answers.probability?.data[1]).toBeGreaterThan(0.6)
  })

  it('makes the same model again, and reads no test row', async () => {
    const input = await prepared(100)
    const blind = {
      ...input,
      get test(): never {
        throw new Error('the test part was read')
      },
    }
    Object.defineProperty(blind, 'test', { enumerable: false })
    const stage = train<Prepared>({ learner: logisticRegression() })
    const [first, again] = [
      await stage.definition.run(blind, fixtureContext()),
      await stage.definition.run(input, fixtureContext({ seed: 9 })),
    ]
    expect(again.model.digest).toBe(first.model.digest)
  })

  it('gives the learner the stream of its seed, or that of the run', async () => {
    const draws: number[] = []
    const learner: Learner = {
      kind: 'drawing',
      version: '1',
      parameters: {},
      loader: denseNetworkLoader,
      async learn(data, context) {
        draws.push(context.random.next())
        return logisticRegression().learn(data, context)
      },
    }
    const input = await prepared(50)
    await train<Prepared>({ learner, seed: 7 }).definition.run(input, fixtureContext({ seed: 1 }))
    await train<Prepared>({ learner, seed: 7 }).definition.run(input, fixtureContext({ seed: 2 }))
    await train<Prepared>({ learner }).definition.run(input, fixtureContext({ seed: 1 }))
    await train<Prepared>({ learner }).definition.run(input, fixtureContext({ seed: 2 }))
    expect(draws[1]).toBe(draws[0])
    expect(new Set(draws).size).toBe(3)
  })

  it('counts learner, parameters and seed in the cache key', () => {
    const key = (options: Parameters<typeof train>[0]): string => JSON.stringify(train<Prepared>(options).parameters)
    const keys = [
      key({ learner: logisticRegression() }),
      key({ learner: logisticRegression({ l2: 0.1 }) }),
      key({ learner: logisticRegression(), seed: 0 }),
      key({ learner: logisticRegression(), seed: 1 }),
      key({ learner: { ...logisticRegression(), version: '2' } }),
    ]
    expect(new Set(keys).size).toBe(5)
  })

  it('names the learner and the place of what is not JSON in its model', async () => {
    const input = await prepared(50)
    const giving = (json: unknown): Learner => ({
      ...logisticRegression(),
      kind: 'hasty',
      learn: async () => ({ model: { kind: 'dense-network', json: json as Json, blobs: {} }, history: [], details: {} }),
    })
    const run = (json: unknown) => train<Prepared>({ learner: giving(json) }).definition.run(input, fixtureContext())
    await expect(run(undefined)).rejects.toMatchObject({
      code: 'VALUE_NOT_JSON',
      message: 'Expected the learner "hasty" to give a JSON value at model.json. Received undefined.',
      details: { path: 'model.json', received: 'undefined' },
    })
    await expect(run({ layers: [Number.NaN] })).rejects.toMatchObject({ details: { path: 'model.json.layers[0]', received: 'NaN' } })
  })

  it('refuses an empty training part and a seed that is no whole number', async () => {
    const stage = train<Prepared>({ learner: logisticRegression() })
    const input = await prepared(10)
    const none = { ...input, train: { ...input.train, rowCount: 0 } } as Prepared
    await expect(stage.definition.run(none, fixtureContext())).rejects.toMatchObject({ code: 'SPLIT_EMPTY', details: { part: 'train' } })
    expect(() => train({ learner: logisticRegression(), seed: 0.5 })).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
  })
})
