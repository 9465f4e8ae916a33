import * as tf from '@tensorflow/tfjs'
import '@tensorflow/tfjs-backend-wasm'
import { createRandom } from 'millrace/core'
import { denseNetworkLoader, storeDenseNetwork } from 'millrace/model'
import type { Benchmark, Case } from './measure.ts'

const features = 15
const sizes = [64, 32, 1]

export const densePredictBenchmark: Benchmark = {
  name: 'dense-predict',
  what: `a dense network of ${[features, ...sizes].join('-')} in plain JavaScript against tfjs on wasm`,
  peer: 'tfjs wasm predict',
  async prepare() {
    tf.enableProdMode()
    if (!(await tf.setBackend('wasm'))) throw new Error('Expected the tfjs backend wasm to start.')
    const random = createRandom(1)
    const draw = (length: number, scale: number): Float32Array => Float32Array.from({ length }, () => (random.next() - 0.5) * scale)
    const layers = sizes.map((units, index) => {
      const inputs = index === 0 ? features : (sizes[index - 1] as number)
      const activation = index === sizes.length - 1 ? ('sigmoid' as const) : ('relu' as const)
      return { inputs, units, activation, kernel: draw(inputs * units, 0.5), bias: draw(units, 0.1) }
    })
    const model = await denseNetworkLoader.load(
      storeDenseNetwork({ inputs: [{ name: 'features', features }], layers, output: 'probability' }),
    )
    const peer = tf.sequential({
      layers: layers.map(({ units, activation }, index) =>
        tf.layers.dense({ units, activation, ...(index === 0 ? { inputShape: [features] } : {}) }),
      ),
    })
    peer.setWeights(layers.flatMap(({ inputs, units, kernel, bias }) => [tf.tensor2d(kernel, [inputs, units]), tf.tensor1d(bias)]))

    const caseOf = (rows: number): Case => {
      const data = draw(rows * features, 2)
      const tensors = { features: { shape: [rows, features], data } }
      const ours = (): Float32Array => {
        const answer = model.predict(tensors)
        // A dense network answers at once.
        if (answer instanceof Promise) throw new Error('Expected an answer. Received a promise of one.')
        return answer.probability?.data as Float32Array
      }
      const theirs = (): Float32Array =>
        tf.tidy(() => (peer.predict(tf.tensor2d(data, [rows, features]), { batchSize: rows }) as tf.Tensor).dataSync<'float32'>())
      const expected = theirs()
      if (ours().some((value, row) => Math.abs(value - (expected[row] as number)) > 1e-5)) {
        throw new Error('Expected the same answers of both. Received others.')
      }
      return { name: rows === 1 ? 'one row' : `${rows.toLocaleString('en-US')} rows`, rows, ours, peer: theirs }
    }
    return [1, 32, 1_024, 16_384].map(caseOf)
  },
}
