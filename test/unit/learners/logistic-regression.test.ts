import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { solveSymmetric } from '../../../src/learners/cholesky.ts'
import { logisticRegression } from '../../../src/learners/index.ts'
import { LogisticObjective } from '../../../src/learners/logistic-objective.ts'
import type { LearnedModel } from '../../../src/model/learner.ts'
import { learnerContext, sourceOf, trainingSetOf } from '../train/learning-fixtures.ts'

interface Fixture {
  readonly scikitLearn: string
  readonly features: number[][]
  readonly labels: number[]
  readonly fits: readonly { readonly l2: number; readonly weights: number[]; readonly intercept: number }[]
}
const fixture = JSON.parse(readFileSync(new URL('../../fixtures/learners/logistic-regression.json', import.meta.url), 'utf8')) as Fixture
const data = trainingSetOf({ train: sourceOf(fixture.features, fixture.labels), width: 5 })

function weightsOf(learned: LearnedModel): number[] {
  const bytes = learned.model.blobs.weights as Uint8Array
  return Array.from(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4))
}

describe('logisticRegression', () => {
  it.each(fixture.fits)('finds the coefficients of scikit-learn at l2 $l2', async ({ l2, weights, intercept }) => {
    const learned = await logisticRegression({ l2 }).learn(data, learnerContext())
    expect(learned.details).toMatchObject({ converged: true })
    const found = weightsOf(learned)
    for (const [index, weight] of [...weights, intercept].entries()) expect(Math.abs((found[index] as number) - weight)).toBeLessThan(1e-6)
  })

  it('converges in a few passes, each lower than the one before, and gives the same bits again', async () => {
    const learned = await logisticRegression().learn(data, learnerContext({ seed: 1 }))
    expect(learned.history.length).toBeLessThan(10)
    const losses = learned.history.map(({ loss }) => loss)
    expect(losses).toEqual([...losses].sort((left, right) => right - left))
    expect(losses[0]).toBeCloseTo(Math.LN2, 12)
    const again = await logisticRegression().learn(data, learnerContext({ seed: 2 }))
    expect(again.model.blobs).toEqual(learned.model.blobs)
  })

  it('finds an end where the classes can be told apart entirely', async () => {
    const features = Array.from({ length: 40 }, (_, row) => [row - 19.5])
    const labels = features.map(([x]) => ((x as number) > 0 ? 1 : 0))
    const learned = await logisticRegression({ l2: 1e-4 }).learn(
      trainingSetOf({ train: sourceOf(features, labels), width: 1 }),
      learnerContext(),
    )
    expect(learned.details).toMatchObject({ converged: true })
  })

  it('survives a feature that is constant and two that are copies, without a penalty', async () => {
    const features = fixture.features.map(([first]) => [first as number, first as number, 1])
    const learned = await logisticRegression({ l2: 0 }).learn(
      trainingSetOf({ train: sourceOf(features, fixture.labels), width: 3 }),
      learnerContext(),
    )
    const single = await logisticRegression({ l2: 0 }).learn(
      trainingSetOf({
        train: sourceOf(
          fixture.features.map(([first]) => [first as number]),
          fixture.labels,
        ),
        width: 1,
      }),
      learnerContext(),
    )
    expect(learned.history.at(-1)?.loss).toBeCloseTo(single.history.at(-1)?.loss as number, 6)
  })

  it('halves a step that is too long instead of running away', async () => {
    // Far out on the flat part of the curve Newton overshoots.
    const features = [[-30], [-20], [-10], [10], [20], [400]]
    const labels = [0, 0, 1, 0, 1, 1]
    const learned = await logisticRegression({ epochs: 60 }).learn(
      trainingSetOf({ train: sourceOf(features, labels), width: 1 }),
      learnerContext(),
    )
    expect(learned.details).toMatchObject({ converged: true })
    expect(learned.history.at(-1)?.loss).toBeLessThan(Math.LN2)
  })

  it('measures the validation part, and warns when it runs out of epochs', async () => {
    const context = learnerContext()
    const train = sourceOf(fixture.features, fixture.labels)
    const learned = await logisticRegression({ epochs: 2 }).learn(trainingSetOf({ train, validation: train, width: 5 }), context)
    expect(learned.history.every(({ loss, validationLoss }) => Math.abs(loss - (validationLoss as number)) < 1e-12)).toBe(true)
    expect(learned.details).toMatchObject({ converged: false, epochsRun: 2 })
    expect(context.logger.calls).toContainEqual({ level: 'warn', message: 'Logistic regression did not converge' })
  })

  it('refuses a regression, no rows, too many features and options that make no sense', async () => {
    await expect(logisticRegression().learn({ ...data, task: 'regression' }, learnerContext())).rejects.toMatchObject({
      code: 'ARGUMENT_INVALID',
    })
    await expect(logisticRegression().learn(trainingSetOf({ train: sourceOf([], []), width: 1 }), learnerContext())).rejects.toMatchObject({
      code: 'SPLIT_EMPTY',
    })
    await expect(logisticRegression().learn(trainingSetOf({ train: data.train, width: 2_000 }), learnerContext())).rejects.toMatchObject({
      code: 'ARGUMENT_INVALID',
    })
    expect(() => logisticRegression({ l2: -1 })).toThrow(/l2/)
    expect(() => logisticRegression({ epochs: 0 })).toThrow(/epochs/)
    expect(() => logisticRegression({ tolerance: Number.NaN })).toThrow(/tolerance/)
  })

  it('reports features that make the objective infinite', async () => {
    const train = sourceOf([[Number.NaN], [1]], [0, 1])
    await expect(logisticRegression().learn(trainingSetOf({ train, width: 1 }), learnerContext())).rejects.toMatchObject({
      code: 'TRAINING_DIVERGED',
    })
  })

  it('stops when aborted, with the reason', async () => {
    const reason = new Error('enough')
    await expect(logisticRegression().learn(data, learnerContext({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason)
    const controller = new AbortController()
    const train = sourceOf(fixture.features, fixture.labels)
    const endless = {
      ...train,
      async *batches(options: Parameters<typeof train.batches>[0]) {
        for (;;) yield* train.batches(options)
      },
    }
    setTimeout(() => controller.abort(reason), 100)
    await expect(
      logisticRegression().learn(trainingSetOf({ train: endless, width: 5 }), learnerContext({ signal: controller.signal })),
    ).rejects.toBe(reason)
  })
})

describe('LogisticObjective', () => {
  it('agrees with finite differences, and does not overflow', () => {
    const features = Float32Array.from(fixture.features.slice(0, 30).flat())
    const labels = Float32Array.from(fixture.labels.slice(0, 30))
    const at = (weights: Float64Array): number => {
      const objective = new LogisticObjective(weights)
      objective.add(features, labels, 30)
      return objective.finish(0.3)
    }
    const weights = Float64Array.of(0.4, -0.2, 0.1, 0.9, -1, 0.3)
    const exact = new LogisticObjective(weights)
    exact.add(features, labels, 30)
    exact.finish(0.3)
    for (let index = 0; index < 6; index++) {
      const [above, below] = [1e-5, -1e-5].map((step) => at(weights.map((weight, place) => (place === index ? weight + step : weight))))
      expect(exact.gradient[index]).toBeCloseTo(((above as number) - (below as number)) / 2e-5, 8)
    }
    const steep = new LogisticObjective(Float64Array.of(1e6, 0))
    steep.add(Float32Array.of(1, -1), Float32Array.of(0, 1), 2)
    expect(steep.meanLoss).toBe(1e6)
  })
})

describe('solveSymmetric', () => {
  it('solves, and refuses what is not positive definite', () => {
    const solution = solveSymmetric(Float64Array.of(4, 0, 2, 3), Float64Array.of(10, 8))
    expect(solution?.[0]).toBeCloseTo(1.75, 12)
    expect(solution?.[1]).toBeCloseTo(1.5, 12)
    expect(solveSymmetric(Float64Array.of(1, 0, 2, 1), Float64Array.of(1, 1))).toBeUndefined()
    expect(solveSymmetric(Float64Array.of(Number.NaN), Float64Array.of(1))).toBeUndefined()
  })
})
