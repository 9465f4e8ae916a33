import { throwIfAborted } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import { toJson } from '../core/json.ts'
import { denseInputsOf } from '../model/dense-input.ts'
import { denseNetworkLoader } from '../model/dense-network.ts'
import { storeDenseNetwork } from '../model/dense-network-format.ts'
import type { LearnedModel, Learner, LearnerContext, TrainingSet } from '../model/learner.ts'
import { outOfMemory } from './dense-gradient.ts'
import { type DenseTopology, layersOf, parameterCountOf } from './dense-topology.ts'
import { labelScaleOf } from './label-scale.ts'
import { checkedMlpParameters, type MlpOptions, type MlpParameters } from './mlp-options.ts'
import { startBackend } from './start-backend.ts'
import { trainDenseNetwork } from './train-dense-network.ts'

/** Far below the 4 GB at which the wasm heap corrupts itself. */
const largestStepBytes = 1024 ** 3

/**
 * A multi-layer perceptron, trained with TensorFlow.js: Adam on binary cross-entropy, or on squared error of the standardised label for a
 * regression. The model is stored as a dense network, which serves without tfjs.
 *
 * Seeded: the same data, parameters, seed and backend give the same weights, bit for bit on wasm and cpu, from Node to the browser. Memory
 * on the backend is one batch; nothing stays there afterwards, however it ends. It yields to the event loop some twenty times a second.
 * tfjs has one engine in a process, the host's too. While it trains, the engine's backend is the one trained on; afterwards it is again
 * the one from before. The engine stays in production mode, started backends stay started, and wasm stays without threads, as
 * {@link openBackend} says.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for options that make no sense, here and not at run time; while learning
 * `BACKEND_UNAVAILABLE`, `DEPENDENCY_MISSING`, `BACKEND_OUT_OF_MEMORY`, `TRAINING_DIVERGED` when loss or gradient are not finite, and
 * `SPLIT_EMPTY` for early stopping without validation rows.
 * @example
 * train({ learner: mlp({ units: [64, 32], epochs: 5, patience: 2 }), seed: 7 })
 */
export function mlp(options: MlpOptions): Learner {
  const parameters = checkedMlpParameters(options)
  return {
    kind: 'mlp',
    version: '1',
    parameters: toJson(parameters),
    loader: denseNetworkLoader,
    learn: (data, context) => learn(parameters, options, data, context),
  }
}

async function learn(
  parameters: MlpParameters,
  { wasmPaths }: MlpOptions,
  data: TrainingSet,
  context: LearnerContext,
): Promise<LearnedModel> {
  const { signal, logger } = context
  throwIfAborted(signal)
  const inputs = denseInputsOf(data.inputs)
  requireRows('train', data.train.rowCount)
  if (parameters.patience !== null) requireRows('validation', data.validation.rowCount)
  const features = inputs.reduce((sum, input) => sum + input.features, 0)
  const topology: DenseTopology = { sizes: [features, ...parameters.units, 1], activation: parameters.activation }
  const parameterCount = parameterCountOf(topology)
  const backend = await startBackend(parameters.backend, { logger, parameterCount, ...(wasmPaths !== undefined && { wasmPaths }) })
  try {
    // A step holds each layer's sums, activations and their gradients, transposed too.
    const stepBytes = 4 * (parameters.batchSize * 6 * topology.sizes.reduce((sum, size) => sum + size, 0) + 4 * parameterCount)
    if (stepBytes > largestStepBytes) throw outOfMemory(backend.name, stepBytes)
    const scale = data.task === 'binary' ? { mean: 0, standardDeviation: 1 } : await labelScaleOf(data.train, signal)
    const trained = await trainDenseNetwork({ backend, topology, parameters, inputs, scale, data, context })
    const output =
      data.task === 'binary'
        ? ({ activation: 'sigmoid', scale: 1, offset: 0 } as const)
        : ({ activation: 'linear', scale: scale.standardDeviation, offset: scale.mean } as const)
    return {
      model: storeDenseNetwork({
        inputs,
        layers: layersOf(topology, trained.parameters, output),
        output: data.task === 'binary' ? 'probability' : 'value',
      }),
      history: trained.history,
      details: {
        backend: backend.name,
        reason: backend.reason,
        packages: { '@tensorflow/tfjs': backend.version },
        bestEpoch: trained.bestEpoch,
        epochsRun: trained.history.length,
      },
    }
  } finally {
    await backend.release()
  }
}

function requireRows(part: string, rows: number): void {
  if (rows > 0) return
  throw new MillraceError('SPLIT_EMPTY', { message: `Expected rows in the ${part} part. Received none.`, details: { part, rows } })
}
