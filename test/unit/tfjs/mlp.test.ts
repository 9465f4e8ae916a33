import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { createRandom } from '../../../src/core/index.ts'
import type { ExampleSource, LearnedModel } from '../../../src/model/learner.ts'
import { mlp } from '../../../src/tfjs/index.ts'
import { learnerContext, sourceOf, trainingSetOf } from '../train/learning-fixtures.ts'

/** Two numbers whose signs differ: no linear model can tell. */
function exclusiveOr(rows: number, seed: number, noise = 0): ExampleSource {
  const random = createRandom(seed)
  const features = Array.from({ length: rows }, () => [2 * random.next() - 1, 2 * random.next() - 1])
  const labels = features.map(([x, y]) => {
    const label = (x as number) * (y as number) < 0 ? 1 : 0
    return random.next() < noise ? 1 - label : label
  })
  return sourceOf(features, labels)
}

async function predict(learned: LearnedModel, rows: readonly (readonly number[])[]): Promise<number[]> {
  const model = await mlp({ units: [1], epochs: 1 }).loader.load(learned.model)
  const width = rows[0]?.length ?? 0
  const output = await model.predict({ features: { shape: [rows.length, width], data: Float32Array.from(rows.flat()) } })
  model.dispose()
  return Array.from(Object.values(output)[0]?.data ?? [])
}

async function everythingOf(source: ExampleSource): Promise<{ rows: number[][]; labels: number[] }> {
  const rows: number[][] = []
  const labels: number[] = []
  for await (const batch of source.batches({ batchRows: 100 })) {
    const { data } = batch.inputs.features as { data: Float32Array }
    for (let row = 0; row < batch.rows; row++) rows.push([data[row * 2] as number, data[row * 2 + 1] as number])
    labels.push(...batch.labels)
  }
  return { rows, labels }
}

const logLossOf = (labels: readonly number[], scores: readonly number[]): number =>
  labels.reduce((sum, label, index) => sum - Math.log(label === 1 ? (scores[index] as number) : 1 - (scores[index] as number)), 0) /
  labels.length

beforeAll(async () => {
  // The host's backend from before: what must be there again afterwards.
  await tf.setBackend('cpu')
})

describe('mlp', () => {
  it('learns what no linear model can', async () => {
    const data = trainingSetOf({ train: exclusiveOr(4_000, 1), validation: exclusiveOr(500, 2), width: 2 })
    const learned = await mlp({ units: [16, 8], epochs: 30, batchSize: 64, learningRate: 0.01 }).learn(data, learnerContext())
    const answers = await predict(learned, [
      [0.5, 0.5],
      [-0.5, -0.5],
      [0.5, -0.5],
      [-0.5, 0.5],
    ])
    expect(answers.map(Math.round)).toEqual([0, 0, 1, 1])
    expect(learned.history).toHaveLength(30)
    expect(learned.history.at(-1)?.loss).toBeLessThan(0.15)
    expect(learned.history.at(-1)?.validationLoss).toBeLessThan(0.2)
    expect(learned.details).toEqual({
      backend: 'wasm',
      reason: expect.stringContaining('fastest'),
      packages: { '@tensorflow/tfjs': '4.22.0' },
      bestEpoch: 30,
      epochsRun: 30,
    })
    expect(tf.getBackend()).toBe('cpu')
  })

  it.each(['wasm', 'cpu'] as const)(
    'gives the same bits for the same seed on %s, others for another, and takes seed 0',
    async (backend) => {
      const learn = async (seed: number): Promise<LearnedModel> => {
        const data = trainingSetOf({ train: exclusiveOr(700, 1), validation: exclusiveOr(100, 2), width: 2 })
        return mlp({ units: [8], epochs: 3, batchSize: 64, dropout: 0.2, l2: 1e-4, backend }).learn(data, learnerContext({ seed }))
      }
      const [first, again, other] = [await learn(0), await learn(0), await learn(1)]
      expect(again.model.blobs.weights).toEqual(first.model.blobs.weights)
      expect(again.history).toEqual(first.history)
      expect(again.details).toEqual(first.details)
      expect(other.model.blobs.weights).not.toEqual(first.model.blobs.weights)
    },
  )

  it('does not depend on what else draws from the random stream', async () => {
    const data = trainingSetOf({ train: exclusiveOr(300, 1), width: 2 })
    const learner = mlp({ units: [4], epochs: 2, batchSize: 64 })
    const untouched = await learner.learn(data, learnerContext({ seed: 4 }))
    const context = learnerContext({ seed: 4 })
    for (let draw = 0; draw < 10; draw++) context.random.next()
    expect((await learner.learn(data, context)).model.blobs.weights).toEqual(untouched.model.blobs.weights)
  })

  it('stops early and gives back the weights of the best epoch', async () => {
    // Few rows with wrong labels: it soon learns them by heart, and the validation loss rises.
    const validation = exclusiveOr(400, 12)
    const data = trainingSetOf({ train: exclusiveOr(60, 11, 0.25), validation, width: 2 })
    const learned = await mlp({ units: [64, 64], epochs: 300, batchSize: 16, learningRate: 0.01, patience: 4 }).learn(
      data,
      learnerContext(),
    )
    const losses = learned.history.map(({ validationLoss }) => validationLoss as number)
    const best = losses.indexOf(Math.min(...losses)) + 1
    expect(learned.details).toMatchObject({ bestEpoch: best, epochsRun: best + 4 })
    expect(learned.history.length).toBeLessThan(300)
    const { rows, labels } = await everythingOf(validation)
    const loss = logLossOf(labels, await predict(learned, rows))
    expect(loss).toBeCloseTo(losses[best - 1] as number, 5)
    expect(Math.abs(loss - (losses.at(-1) as number))).toBeGreaterThan(1e-3)
  })

  it('learns a regression in the unit of its label, whatever that is', async () => {
    const random = createRandom(8)
    const features = Array.from({ length: 3_000 }, () => [2 * random.next() - 1, 2 * random.next() - 1])
    const labels = features.map(([x, y]) => 250_000 + 80_000 * (x as number) - 40_000 * (y as number) ** 2)
    const train = sourceOf(features.slice(0, 2_500), labels.slice(0, 2_500))
    const validation = sourceOf(features.slice(2_500), labels.slice(2_500))
    const data = trainingSetOf({ task: 'regression', train, validation, width: 2 })
    const learned = await mlp({ units: [32, 16], epochs: 20, batchSize: 64, learningRate: 0.005, activation: 'tanh' }).learn(
      data,
      learnerContext(),
    )
    const answers = await predict(learned, features.slice(2_500))
    const squared = answers.reduce((sum, answer, index) => sum + (answer - (labels[2_500 + index] as number)) ** 2, 0) / answers.length
    expect(Math.sqrt(squared)).toBeLessThan(4_000)
    expect(squared / (learned.history.at(-1)?.validationLoss as number)).toBeCloseTo(1, 2)
  })

  it('lays several inputs side by side, as the stored network does', async () => {
    const both = exclusiveOr(600, 1)
    const split: ExampleSource = {
      rowCount: both.rowCount,
      async *batches(options) {
        for await (const batch of both.batches(options)) {
          const data = batch.inputs.features?.data as Float32Array
          const side = (offset: number) => ({
            shape: [batch.rows, 1],
            data: Float32Array.from({ length: batch.rows }, (_, row) => data[row * 2 + offset] as number),
          })
          yield { rows: batch.rows, labels: batch.labels, inputs: { left: side(0), right: side(1) } }
        }
      },
    }
    const spec = (name: string) => ({ shape: [1], type: 'float32', featureNames: [name] }) as const
    const learner = mlp({ units: [6], epochs: 2, batchSize: 64 })
    const one = await learner.learn(trainingSetOf({ train: both, width: 2 }), learnerContext())
    const two = await learner.learn(
      { ...trainingSetOf({ train: split, width: 2 }), inputs: { left: spec('x'), right: spec('y') } },
      learnerContext(),
    )
    expect(two.model.blobs.weights).toEqual(one.model.blobs.weights)
    const model = await learner.loader.load(two.model)
    const output = await model.predict({
      left: { shape: [1, 1], data: Float32Array.of(0.3) },
      right: { shape: [1, 1], data: Float32Array.of(-0.4) },
    })
    expect(output.probability?.data[0]).toBeCloseTo((await predict(one, [[0.3, -0.4]]))[0] as number, 6)
  })

  it('tells how far it is, in rows over all epochs, and ends full', async () => {
    const context = learnerContext()
    const data = trainingSetOf({ train: exclusiveOr(60_000, 1), width: 2 })
    await mlp({ units: [32, 32], epochs: 3, batchSize: 256 }).learn(data, context)
    const calls = context.progressCalls
    expect(calls.length).toBeGreaterThan(1)
    expect(calls.slice(0, -1).every(({ total }) => total === 180_000)).toBe(true)
    expect(calls.every(({ unit, fields }) => unit === 'rows' && (fields?.epoch ?? 0) >= 1 && Number.isFinite(fields?.loss))).toBe(true)
    expect(calls.map(({ done }) => done)).toEqual(calls.map(({ done }) => done).sort((left, right) => left - right))
    expect(calls.at(-1)).toMatchObject({ done: 180_000, total: 180_000 })
  })

  it('lets the event loop run, and an abort stop it at once, with its reason and without a tensor left', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const before = tf.memory().numTensors
    let abortedAtMs = Infinity
    setTimeout(() => {
      abortedAtMs = performance.now()
      controller.abort(reason)
    }, 150)
    const data = trainingSetOf({ train: exclusiveOr(20_000, 1), width: 2 })
    const learning = mlp({ units: [64, 64], epochs: 100_000, batchSize: 256 }).learn(data, learnerContext({ signal: controller.signal }))
    await expect(learning).rejects.toBe(reason)
    expect(performance.now() - abortedAtMs).toBeLessThan(1_000)
    expect(tf.memory().numTensors).toBe(before)
    expect(tf.getBackend()).toBe('cpu')
  })

  it('trains beside another one on another backend, and each gets what it gets alone', async () => {
    const learn = (backend: 'cpu' | 'wasm'): Promise<LearnedModel> =>
      mlp({ units: [8], epochs: 3, batchSize: 64, backend }).learn(
        trainingSetOf({ train: exclusiveOr(640, 1), width: 2 }),
        learnerContext(),
      )
    const alone = [await learn('cpu'), await learn('wasm')]
    const together = await Promise.all([learn('cpu'), learn('wasm')])
    expect(together.map(({ model }) => model.blobs.weights)).toEqual(alone.map(({ model }) => model.blobs.weights))
    await tf.setBackend('cpu')
  })

  it('does no work when it is aborted before it begins', async () => {
    const data = trainingSetOf({ train: exclusiveOr(100, 1), width: 2 })
    const reason = new Error('never mind')
    await expect(mlp({ units: [4], epochs: 1 }).learn(data, learnerContext({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason)
  })

  it('leaves no tensor after success and after failure', async () => {
    const before = tf.memory().numTensors
    const train = exclusiveOr(500, 1)
    const learner = mlp({ units: [8], epochs: 2, batchSize: 64, dropout: 0.1 })
    await learner.learn(trainingSetOf({ train, validation: train, width: 2 }), learnerContext())
    expect(tf.memory().numTensors).toBe(before)
    let batches = 0
    const failing: ExampleSource = {
      rowCount: 500,
      async *batches(options) {
        for await (const batch of train.batches(options)) {
          if (++batches > 3) throw new Error('disk gone')
          yield batch
        }
      },
    }
    await expect(learner.learn(trainingSetOf({ train: failing, width: 2 }), learnerContext())).rejects.toThrow('disk gone')
    expect(tf.memory().numTensors).toBe(before)
  })

  it.each([
    ['a feature that is not a number', [[Number.NaN, 0.5]], 0.001],
    ['a feature beyond all bounds', [[3e38, 3e38]], 0.001],
  ])('reports a divergence: %s', async (_, rows, learningRate) => {
    const features = [...Array.from({ length: 50 }, () => [0.1, 0.2]), ...rows]
    const data = trainingSetOf({
      train: sourceOf(
        features,
        features.map((_row, index) => index % 2),
      ),
      width: 2,
    })
    const before = tf.memory().numTensors
    await expect(mlp({ units: [8], epochs: 20, batchSize: 16, learningRate }).learn(data, learnerContext())).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
      details: { epoch: 1 },
    })
    expect(tf.memory().numTensors).toBe(before)
  })

  it('refuses a batch that would overrun the memory of the backend, before it starts', async () => {
    const data = trainingSetOf({ train: exclusiveOr(100, 1), width: 2 })
    await expect(mlp({ units: [4_096, 4_096], epochs: 1, batchSize: 100_000 }).learn(data, learnerContext())).rejects.toMatchObject({
      code: 'BACKEND_OUT_OF_MEMORY',
    })
  })

  it.each([
    ['units', { units: [0], epochs: 1 }],
    ['epochs', { units: [4], epochs: 0 }],
    ['batchSize', { units: [4], epochs: 1, batchSize: 1.5 }],
    ['learningRate', { units: [4], epochs: 1, learningRate: 0 }],
    ['patience', { units: [4], epochs: 1, patience: -1 }],
    ['l2', { units: [4], epochs: 1, l2: Number.NaN }],
    ['dropout', { units: [4], epochs: 1, dropout: 1 }],
  ] as const)('refuses %s that makes no sense when it is defined', (argument, options) => {
    expect(() => mlp(options)).toThrow(
      expect.objectContaining({ code: 'ARGUMENT_INVALID', details: expect.objectContaining({ argument }) }),
    )
  })

  it('refuses early stopping without validation rows, no training rows, and inputs that are not vectors of numbers', async () => {
    const train = exclusiveOr(10, 1)
    await expect(
      mlp({ units: [4], epochs: 1, patience: 1 }).learn(trainingSetOf({ train, width: 2 }), learnerContext()),
    ).rejects.toMatchObject({
      code: 'SPLIT_EMPTY',
      details: { part: 'validation' },
    })
    await expect(
      mlp({ units: [4], epochs: 1 }).learn(trainingSetOf({ train: sourceOf([], []), width: 2 }), learnerContext()),
    ).rejects.toMatchObject({
      code: 'SPLIT_EMPTY',
      details: { part: 'train' },
    })
    const inputs = { origin: { shape: [1], type: 'int32', featureNames: ['origin'] } } as const
    await expect(
      mlp({ units: [4], epochs: 1 }).learn({ ...trainingSetOf({ train, width: 2 }), inputs }, learnerContext()),
    ).rejects.toMatchObject({
      code: 'ARGUMENT_INVALID',
    })
  })
})
