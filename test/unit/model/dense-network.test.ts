import * as tf from '@tensorflow/tfjs'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { createRandom } from '../../../src/core/random.ts'
import { type Activation, activationNames } from '../../../src/model/activations.ts'
import { denseNetworkLoader } from '../../../src/model/dense-network.ts'
import { type DenseLayerDefinition, storeDenseNetwork } from '../../../src/model/dense-network-format.ts'
import type { StoredModel } from '../../../src/model/model.ts'

function randomLayers(sizes: readonly number[], activations: readonly Activation[], seed = 1): DenseLayerDefinition[] {
  const random = createRandom(seed)
  const draw = (length: number): Float32Array => Float32Array.from({ length }, () => random.next() * 2 - 1)
  return activations.map((activation, index) => {
    const inputs = sizes[index] as number
    const units = sizes[index + 1] as number
    return { units, activation, kernel: draw(inputs * units), bias: draw(units) }
  })
}

async function predict(stored: StoredModel, data: Float32Array, features: number): Promise<Float32Array> {
  const model = await denseNetworkLoader.load(stored)
  const answer = await model.predict({ features: { shape: [data.length / features, features], data } })
  model.dispose()
  return answer.out?.data as Float32Array
}

const one = (activation: Activation, units: number, kernel: number[], bias: number[]): StoredModel =>
  storeDenseNetwork({
    inputs: [{ name: 'features', features: kernel.length / units }],
    layers: [{ units, activation, kernel: Float32Array.from(kernel), bias: Float32Array.from(bias) }],
    output: 'out',
  })

describe('a dense network', () => {
  beforeAll(async () => {
    tf.enableProdMode()
    await tf.setBackend('cpu')
  })

  it('answers what is computed by hand', async () => {
    // [1, 2] times [[1, -1], [0.5, 2]] plus [0.25, -4] = [2.25, -1]; relu makes it [2.25, 0].
    expect(await predict(one('relu', 2, [1, -1, 0.5, 2], [0.25, -4]), Float32Array.of(1, 2), 2)).toEqual(Float32Array.of(2.25, 0))
    // 0 at the sigmoid's middle.
    expect(await predict(one('sigmoid', 1, [2, -1], [0]), Float32Array.of(1, 2), 2)).toEqual(Float32Array.of(0.5))
  })

  it.each(activationNames)('answers as TensorFlow.js does with %s', async (activation) => {
    const sizes = [15, 13, 6, 1]
    const layers = randomLayers(sizes, [activation, activation, 'linear'])
    const random = createRandom('inputs')
    const data = Float32Array.from({ length: 101 * 15 }, () => random.next() * 8 - 4)
    const expected = tf.tidy(() => {
      let flow: tf.Tensor = tf.tensor2d(data, [101, 15])
      for (const [index, { kernel, bias, units, activation: name }] of layers.entries()) {
        const inputs = sizes[index] as number
        const layer = tf.layers.dense({ units, activation: name, inputShape: [inputs] })
        layer.build([null, inputs])
        layer.setWeights([tf.tensor2d(kernel, [inputs, units]), tf.tensor1d(bias)])
        flow = layer.apply(flow) as tf.Tensor
      }
      return flow.dataSync()
    })
    const received = await predict(storeDenseNetwork({ inputs: [{ name: 'features', features: 15 }], layers, output: 'out' }), data, 15)
    expect(received).toHaveLength(101)
    for (const [index, value] of received.entries()) expect(value).toBeCloseTo(expected[index] as number, 4)
  })

  it('gives one row the same bits alone as in a batch', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 4 }),
        fc.integer({ min: 1, max: 70 }),
        async (sizes, rows) => {
          const features = sizes[0] as number
          const layers = randomLayers(sizes, new Array<Activation>(sizes.length - 1).fill('tanh'), rows)
          const model = await denseNetworkLoader.load(storeDenseNetwork({ inputs: [{ name: 'x', features }], layers, output: 'out' }))
          const random = createRandom(rows)
          const data = Float32Array.from({ length: rows * features }, () => random.next() * 4 - 2)
          const units = sizes.at(-1) as number
          const all = (await model.predict({ x: { shape: [rows, features], data } })).out
          expect(all?.shape).toEqual([rows, units])
          for (let row = 0; row < rows; row++) {
            const alone = (await model.predict({ x: { shape: [1, features], data: data.slice(row * features, (row + 1) * features) } })).out
            expect(alone?.data).toEqual(all?.data.slice(row * units, (row + 1) * units))
          }
        },
      ),
      { numRuns: 40 },
    )
  })

  it('lays several inputs side by side, in order', async () => {
    const layers = [{ units: 1, activation: 'linear' as const, kernel: Float32Array.of(1, 10, 100), bias: Float32Array.of(0) }]
    const inputs = [
      { name: 'b', features: 1 },
      { name: 'a', features: 2 },
    ]
    const model = await denseNetworkLoader.load(storeDenseNetwork({ inputs, layers, output: 'value' }))
    const answer = await model.predict({
      a: { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
      b: { shape: [2, 1], data: Float32Array.of(5, 6) },
    })
    expect(answer.value).toEqual({ shape: [2, 1], data: Float32Array.of(215, 436) })
  })

  it('lets a NaN through, so that whoever serves can see it', async () => {
    expect(await predict(one('relu', 1, [1], [0]), Float32Array.of(Number.NaN), 1)).toEqual(Float32Array.of(Number.NaN))
  })

  it('answers no rows with no rows', async () => {
    expect(await predict(one('relu', 1, [1], [0]), new Float32Array(0), 1)).toHaveLength(0)
  })

  it('keeps an answer apart from the next', async () => {
    const model = await denseNetworkLoader.load(one('linear', 1, [1], [0]))
    const ask = async (value: number) => (await model.predict({ features: { shape: [1, 1], data: Float32Array.of(value) } })).out?.data
    const first = await ask(1)
    await ask(2)
    expect(first).toEqual(Float32Array.of(1))
  })

  it('refuses inputs that do not fit, and work after its disposal', async () => {
    const model = await denseNetworkLoader.load(one('linear', 1, [1, 1], [0]))
    const tensor = (shape: number[], length: number) => ({ shape, data: new Float32Array(length) })
    for (const inputs of [{}, { features: tensor([1, 3], 3) }, { features: tensor([2, 2], 2) }, { features: tensor([2], 2) }]) {
      expect(() => model.predict(inputs)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
    }
    model.dispose()
    expect(() => model.predict({ features: tensor([1, 2], 2) })).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
  })

  it('rejects with the reason of an aborted signal', async () => {
    const reason = new Error('enough')
    await expect(denseNetworkLoader.load(one('linear', 1, [1], [0]), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

describe('a stored dense network', () => {
  const stored = one('tanh', 2, [1, 2, 3, 4], [5, 6])

  it('is small JSON and one blob of little-endian floats: kernel, then bias', () => {
    expect(stored.json).toEqual({
      format: 'millrace-dense-network',
      formatVersion: 1,
      minReaderVersion: 1,
      inputs: [{ name: 'features', features: 2 }],
      layers: [{ units: 2, activation: 'tanh' }],
      output: 'out',
    })
    expect(Object.keys(stored.blobs)).toEqual(['weights'])
    expect(stored.blobs.weights).toEqual(new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer))
  })

  it('is not made of lengths that do not fit the shapes, or of weights that are not finite', () => {
    expect(() => one('relu', 2, [1, 2], [0])).toThrow(expect.objectContaining({ code: 'MODEL_INVALID' }))
    for (const weight of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => one('relu', 1, [weight], [0])).toThrow(expect.objectContaining({ code: 'MODEL_INVALID' }))
    }
  })

  it('is refused when anything in it does not fit', async () => {
    const weights = stored.blobs.weights as Uint8Array
    const json = stored.json as Record<string, unknown>
    const bad = (change: Record<string, unknown>): StoredModel => ({ ...stored, json: { ...json, ...change } as StoredModel['json'] })
    const notFinite = weights.slice()
    new DataView(notFinite.buffer).setFloat32(8, Number.NaN, true)
    const cases: StoredModel[] = [
      { ...stored, blobs: { weights: weights.subarray(4) } },
      { ...stored, blobs: { weights: Uint8Array.of(...weights, 0) } },
      { ...stored, blobs: { weights: notFinite } },
      { ...stored, blobs: {} },
      { ...stored, blobs: { weights, more: weights } },
      bad({ layers: [] }),
      bad({ layers: [{ units: 2, activation: 'constructor' }] }),
      bad({ layers: [{ units: 0, activation: 'tanh' }] }),
      bad({ layers: [{ units: 1.5, activation: 'tanh' }] }),
      bad({ layers: [{ units: 2 ** 31, activation: 'tanh' }] }),
      // A product of 2^32, which would be 0 in 32 bits.
      bad({ inputs: [{ name: 'features', features: 65536 }], layers: [{ units: 65536, activation: 'tanh' }] }),
      bad({ inputs: [{ name: 'features', features: -1 }] }),
      bad({
        inputs: [
          { name: 'a', features: 1 },
          { name: 'a', features: 1 },
        ],
      }),
      bad({ inputs: 'features' }),
      bad({ output: 7 }),
    ]
    for (const [index, broken] of cases.entries()) {
      await expect(denseNetworkLoader.load(broken), `case ${index}`).rejects.toMatchObject({ code: 'MODEL_INVALID' })
    }
  })

  it('is refused when a later version wrote it', async () => {
    for (const change of [{ format: 'other' }, { minReaderVersion: 2 }, { formatVersion: 'x' }]) {
      const later: StoredModel = { ...stored, json: { ...(stored.json as object), ...change } }
      await expect(denseNetworkLoader.load(later)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED' })
    }
  })
})
