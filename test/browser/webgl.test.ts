// Training on a graphics processor, or on the software that stands in for one (SwiftShader).
import { memory } from '@tensorflow/tfjs'
import { Logger } from 'millrace'
import { mlp, openBackend } from 'millrace/tfjs'
import { expect, test } from 'vitest'
import { learnerContext, sourceOf, trainingSetOf } from '../unit/train/learning-fixtures.ts'

const logger = new Logger({ sinks: [] })

test('a network learns on webgl, answers without it, and leaves no tensor behind', async () => {
  const features = Array.from({ length: 600 }, (_, row) => [Math.sin(row * 1.7), Math.cos(row * 2.3)])
  const labels = features.map(([x, y]) => ((x as number) + (y as number) > 0 ? 1 : 0))
  const learner = mlp({ units: [8], epochs: 12, batchSize: 60, learningRate: 0.05, backend: 'webgl' })
  const learned = await learner.learn(trainingSetOf({ train: sourceOf(features, labels), width: 2 }), learnerContext())
  expect(learned.details).toMatchObject({ backend: 'webgl', epochsRun: 12 })
  expect(learned.history[0]?.loss).toBeGreaterThan(0.2)
  expect(learned.history.at(-1)?.loss).toBeLessThan(0.1)

  const model = await learner.loader.load(learned.model)
  const { probability } = await model.predict({ features: { shape: [2, 2], data: Float32Array.of(0.7, 0.6, -0.7, -0.6) } })
  expect(Array.from(probability?.data ?? [], Math.round)).toEqual([1, 0])
  model.dispose()

  const { name, release } = await openBackend('webgl', { logger })
  expect(name).toBe('webgl')
  expect(memory().numTensors).toBe(0)
  await release()
})
