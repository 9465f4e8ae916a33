import * as tf from '@tensorflow/tfjs'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../src/core/index.ts'
import type { Task } from '../../../src/model/learner.ts'
import { Adam, addKernelDecay } from '../../../src/tfjs/adam.ts'
import { type DenseBatch, DenseGradient } from '../../../src/tfjs/dense-gradient.ts'
import { type DenseTopology, hiddenActivations, initialParameters, layerPlaces } from '../../../src/tfjs/dense-topology.ts'
import { startBackend } from '../../../src/tfjs/start-backend.ts'
import { recordingLogger } from '../train/learning-fixtures.ts'

const logger = recordingLogger()
const rows = 37

function batchOf(task: Task, features: number, units: readonly number[], dropout: boolean): DenseBatch {
  const random = createRandom(`batch ${features}`)
  const batch = {
    rows,
    features: Float32Array.from({ length: rows * features }, () => 2 * random.next() - 1),
    labels: Float32Array.from({ length: rows }, () => (task === 'binary' ? random.int(2) : 3 * random.next())),
  }
  if (!dropout) return batch
  return { ...batch, masks: units.map((width) => Float32Array.from({ length: rows * width }, () => (random.next() < 0.3 ? 0 : 1 / 0.7))) }
}

/** The loss again, in doubles and without tfjs. */
function lossInDoubles(topology: DenseTopology, task: Task, parameters: Float64Array, batch: DenseBatch): number {
  const activate = {
    relu: (x: number) => Math.max(x, 0),
    tanh: Math.tanh,
    sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
    elu: (x: number) => (x < 0 ? Math.expm1(x) : x),
  }[topology.activation]
  let loss = 0
  const places = layerPlaces(topology)
  for (let row = 0; row < rows; row++) {
    const width = topology.sizes[0] as number
    let input = Array.from(batch.features.subarray(row * width, (row + 1) * width))
    for (const [index, { inputs, units, kernelStart, biasStart }] of places.entries()) {
      const last = index === places.length - 1
      const mask = last ? undefined : batch.masks?.[index]
      const output: number[] = []
      for (let unit = 0; unit < units; unit++) {
        let sum = parameters[biasStart + unit] as number
        for (let from = 0; from < inputs; from++) sum += (input[from] as number) * (parameters[kernelStart + from * units + unit] as number)
        output.push((last ? sum : activate(sum)) * (mask?.[row * units + unit] ?? 1))
      }
      input = output
    }
    const [output] = input as [number]
    const label = batch.labels[row] as number
    loss += task === 'binary' ? Math.log1p(Math.exp(output)) - label * output : (output - label) ** 2
  }
  return loss / rows
}

describe('DenseGradient', () => {
  const cases = hiddenActivations.flatMap((activation) =>
    (['binary', 'regression'] as const).flatMap((task) => [false, true].map((dropout) => ({ activation, task, dropout }))),
  )
  it.each(cases)('agrees with finite differences: $activation, $task, dropout $dropout', async ({ activation, task, dropout }) => {
    const topology: DenseTopology = { sizes: [4, 6, 5, 1], activation }
    const backend = await startBackend('wasm', { logger })
    const parameters = initialParameters(topology, createRandom(3))
    // Biases away from zero, so that a bias gradient in the wrong place shows.
    for (const { biasStart, end } of layerPlaces(topology))
      for (let index = biasStart; index < end; index++) parameters[index] = 0.05 * (index % 7) - 0.1
    const batch = batchOf(task, 4, [6, 5], dropout)
    const { loss, gradient } = await new DenseGradient(backend, topology, task).lossAndGradient(parameters, batch)
    const exact = Float64Array.from(parameters)
    expect(loss).toBeCloseTo(lossInDoubles(topology, task, exact, batch), 5)
    const step = 1e-6
    for (let index = 0; index < exact.length; index++) {
      const at = exact[index] as number
      exact[index] = at + step
      const above = lossInDoubles(topology, task, exact, batch)
      exact[index] = at - step
      const below = lossInDoubles(topology, task, exact, batch)
      exact[index] = at
      const expected = (above - below) / (2 * step)
      expect(Math.abs((gradient[index] as number) - expected), `parameter ${index}`).toBeLessThan(2e-6 + 2e-5 * Math.abs(expected))
    }
  })

  it('gives the same on cpu and wasm to float32, and the same bits on every call', async () => {
    const topology: DenseTopology = { sizes: [9, 33, 17, 1], activation: 'relu' }
    const parameters = initialParameters(topology, createRandom(0))
    const batch = batchOf('binary', 9, [33, 17], false)
    const wasm = new DenseGradient(await startBackend('wasm', { logger }), topology, 'binary')
    const first = await wasm.lossAndGradient(parameters, batch)
    const again = await wasm.lossAndGradient(parameters, batch)
    expect(again.gradient).toEqual(first.gradient)
    expect(again.loss).toBe(first.loss)
    const cpu = new DenseGradient(await startBackend('cpu', { logger }), topology, 'binary')
    const other = await cpu.lossAndGradient(parameters, batch)
    expect(other.loss).toBeCloseTo(first.loss, 6)
    for (const [index, value] of other.gradient.entries()) expect(Math.abs(value - (first.gradient[index] as number))).toBeLessThan(1e-6)
  })

  it('notices that the wasm heap is full, where tfjs writes over low memory without a word, and keeps no tensor', async () => {
    const backend = await startBackend('wasm', { logger })
    const full = { ...backend, tf: { ...backend.tf, backend: () => ({ getMemoryOffset: () => 0 }) } } as unknown as typeof backend
    const topology: DenseTopology = { sizes: [4, 6, 5, 1], activation: 'relu' }
    const before = tf.memory().numTensors
    const parameters = initialParameters(topology, createRandom(1))
    await expect(
      new DenseGradient(full, topology, 'binary').lossAndGradient(parameters, batchOf('binary', 4, [6, 5], false)),
    ).rejects.toMatchObject({
      code: 'BACKEND_OUT_OF_MEMORY',
      details: { backend: 'wasm' },
    })
    expect(tf.memory().numTensors).toBe(before)
  })

  it('keeps no tensor', async () => {
    const topology: DenseTopology = { sizes: [4, 6, 5, 1], activation: 'tanh' }
    const gradient = new DenseGradient(await startBackend('wasm', { logger }), topology, 'binary')
    const parameters = initialParameters(topology, createRandom(1))
    const before = tf.memory().numTensors
    for (let call = 0; call < 5; call++) {
      await gradient.lossAndGradient(parameters, batchOf('binary', 4, [6, 5], true))
      await gradient.lossSum(parameters, batchOf('binary', 4, [6, 5], false))
    }
    expect(tf.memory().numTensors).toBe(before)
  })
})

describe('Adam', () => {
  it('makes the steps of the Adam of tfjs', async () => {
    await tf.setBackend('cpu')
    const random = createRandom(5)
    const parameters = Float32Array.from({ length: 20 }, () => random.next() - 0.5)
    const variable = tf.variable(tf.tensor1d(parameters.slice()), true, 'adam-under-test')
    const theirs = tf.train.adam(0.01)
    const ours = new Adam(20, 0.01)
    for (let step = 0; step < 30; step++) {
      const gradient = Float32Array.from({ length: 20 }, () => random.next() - 0.4)
      theirs.applyGradients([{ name: 'adam-under-test', tensor: tf.tensor1d(gradient) }])
      expect(ours.update(parameters, gradient)).toBe(true)
    }
    const expected = variable.dataSync()
    for (const [index, value] of parameters.entries()) expect(value).toBeCloseTo(expected[index] as number, 5)
    variable.dispose()
    theirs.dispose()
  })

  it('changes nothing when the gradient is not finite', () => {
    const parameters = Float32Array.of(1, 2)
    const adam = new Adam(2, 0.1)
    expect(adam.update(parameters, Float32Array.of(0.5, Number.NaN))).toBe(false)
    expect(adam.update(parameters, Float32Array.of(Infinity, 0))).toBe(false)
    expect(parameters).toEqual(Float32Array.of(1, 2))
  })

  it('decays kernels and not biases', () => {
    const topology: DenseTopology = { sizes: [2, 1], activation: 'relu' }
    const gradient = new Float32Array(3)
    addKernelDecay(gradient, Float32Array.of(1, -2, 5), layerPlaces(topology), 0.1)
    expect(Array.from(gradient)).toEqual([Math.fround(0.2), Math.fround(-0.4), 0])
  })
})
