import { throwIfAborted, yieldToEventLoop } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import type { Random } from '../core/random.ts'
import { sideBySide } from '../model/dense-input.ts'
import type { DenseInput } from '../model/dense-network-format.ts'
import type { EpochRecord, Examples, LearnerContext, TrainingSet } from '../model/learner.ts'
import { Adam, addKernelDecay } from './adam.ts'
import { type DenseBatch, DenseGradient } from './dense-gradient.ts'
import { type DenseTopology, initialParameters, layerPlaces } from './dense-topology.ts'
import type { LabelScale } from './label-scale.ts'
import type { MlpParameters } from './mlp-options.ts'
import type { StartedBackend } from './start-backend.ts'

export interface DenseTraining {
  readonly backend: StartedBackend
  readonly topology: DenseTopology
  readonly parameters: MlpParameters
  readonly inputs: readonly DenseInput[]
  readonly scale: LabelScale
  readonly data: TrainingSet
  readonly context: LearnerContext
}

export interface TrainedDenseNetwork {
  readonly parameters: Float32Array
  readonly history: readonly EpochRecord[]
  /** Whose parameters these are. */
  readonly bestEpoch: number
}

/** The epochs: each shuffles and steps through the training part, then measures the validation part. */
export async function trainDenseNetwork(training: DenseTraining): Promise<TrainedDenseNetwork> {
  const { topology, parameters: options, data, context } = training
  const loop = new TrainingLoop(training, initialParameters(topology, context.random.split('weights')))
  const history: EpochRecord[] = []
  let best = { epoch: 0, validationLoss: Infinity, weights: loop.weights }
  for (let epoch = 1; epoch <= options.epochs; epoch++) {
    const loss = await loop.epoch(epoch)
    const validationLoss = data.validation.rowCount > 0 ? await loop.validationLoss(epoch) : undefined
    history.push(validationLoss === undefined ? { epoch, loss } : { epoch, loss, validationLoss })
    context.metrics(validationLoss === undefined ? { loss } : { loss, validationLoss }, epoch)
    context.logger.debug(`Epoch ${epoch} of ${options.epochs}`, { epoch, loss, validationLoss })
    if (options.patience === null || validationLoss === undefined) continue
    if (validationLoss < best.validationLoss) best = { epoch, validationLoss, weights: loop.weights.slice() }
    else if (epoch - best.epoch >= options.patience) break
  }
  loop.finish(history)
  return options.patience === null
    ? { parameters: loop.weights, history, bestEpoch: history.length }
    : { parameters: best.weights, history, bestEpoch: best.epoch }
}

/** So often progress is told, and so often the event loop may run, in milliseconds. */
const progressEveryMs = 100
const yieldEveryMs = 50

class TrainingLoop {
  readonly weights: Float32Array
  readonly #training: DenseTraining
  readonly #gradient: DenseGradient
  readonly #adam: Adam
  readonly #rowsInAll: number
  readonly #features: Float32Array
  readonly #labels: Float32Array
  readonly #masks: readonly Float32Array[] | undefined
  #rowsDone = 0
  #toldAtMs: number
  #yieldedAtMs: number

  constructor(training: DenseTraining, weights: Float32Array) {
    const { topology, parameters, data, context } = training
    this.weights = weights
    this.#training = training
    this.#gradient = new DenseGradient(training.backend, topology, data.task)
    this.#adam = new Adam(weights.length, parameters.learningRate)
    this.#rowsInAll = data.train.rowCount * parameters.epochs
    const rows = parameters.batchSize
    // Filled only where there are several inputs to lay side by side.
    this.#features = new Float32Array(training.inputs.length > 1 ? rows * (topology.sizes[0] as number) : 0)
    this.#labels = new Float32Array(rows)
    this.#masks = parameters.dropout > 0 ? parameters.units.map((units) => new Float32Array(rows * units)) : undefined
    this.#toldAtMs = context.clock.monotonicMs()
    this.#yieldedAtMs = this.#toldAtMs
  }

  /** One pass over the training part; the mean of the losses of its rows, each measured at its step. */
  async epoch(epoch: number): Promise<number> {
    const { parameters, data, context, topology } = this.#training
    const { signal } = context
    const places = layerPlaces(topology)
    const random = context.random.split(`epoch-${epoch}`)
    const dropout = random.split('dropout')
    let sum = 0
    let rows = 0
    for await (const examples of data.train.batches({ batchRows: parameters.batchSize, shuffle: random.split('order'), signal })) {
      throwIfAborted(signal)
      const batch = this.#batchOf(examples)
      const { loss, gradient } = await this.#gradient.lossAndGradient(this.weights, this.#withMasks(batch, dropout))
      if (!Number.isFinite(loss)) throw diverged(epoch, loss)
      addKernelDecay(gradient, this.weights, places, parameters.l2)
      if (!this.#adam.update(this.weights, gradient)) throw diverged(epoch, Number.NaN)
      sum += loss * examples.rows
      rows += examples.rows
      this.#rowsDone += examples.rows
      await this.#breathe(epoch, this.#unscaled(sum / rows))
    }
    if (rows === 0)
      throw new MillraceError('SPLIT_EMPTY', { message: 'Expected rows to train on. Received none.', details: { part: 'train', rows } })
    return this.#unscaled(sum / rows)
  }

  async validationLoss(epoch: number): Promise<number> {
    const { parameters, data, context } = this.#training
    const { signal } = context
    let sum = 0
    let rows = 0
    for await (const examples of data.validation.batches({ batchRows: parameters.batchSize, signal })) {
      throwIfAborted(signal)
      sum += await this.#gradient.lossSum(this.weights, this.#batchOf(examples))
      rows += examples.rows
      await this.#breathe()
    }
    if (!Number.isFinite(sum)) throw diverged(epoch, sum)
    return this.#unscaled(sum / rows)
  }

  /** The bar ends full, also where training ended early; and the last step is checked, which no loss has seen. */
  finish(history: readonly EpochRecord[]): void {
    const last = history.at(-1) as EpochRecord
    if (!this.weights.every(Number.isFinite)) throw diverged(last.epoch, Number.NaN)
    this.#training.context.progress(this.#rowsDone, this.#rowsDone, 'rows', { epoch: last.epoch, loss: last.loss })
  }

  #batchOf({ rows, inputs, labels }: Examples): DenseBatch {
    const { scale, inputs: names, data } = this.#training
    const features = sideBySide(inputs, names, rows, this.#features)
    if (data.task === 'binary') return { rows, features, labels }
    for (let row = 0; row < rows; row++) this.#labels[row] = ((labels[row] as number) - scale.mean) / scale.standardDeviation
    return { rows, features, labels: this.#labels.subarray(0, rows) }
  }

  /** Units that stay are scaled up, so that sums keep their expectation (inverted dropout). */
  #withMasks(batch: DenseBatch, random: Random): DenseBatch {
    if (this.#masks === undefined) return batch
    const { units, dropout } = this.#training.parameters
    const kept = 1 / (1 - dropout)
    const masks = this.#masks.map((whole, layer) => {
      const mask = whole.subarray(0, batch.rows * (units[layer] as number))
      for (let index = 0; index < mask.length; index++) mask[index] = random.next() < dropout ? 0 : kept
      return mask
    })
    return { ...batch, masks }
  }

  #unscaled(loss: number): number {
    return loss * this.#training.scale.standardDeviation ** 2
  }

  /** Lets the rest of the process run, and tells how far it is; at most so often. */
  async #breathe(epoch?: number, loss?: number): Promise<void> {
    const { context } = this.#training
    const { clock, signal } = context
    const now = clock.monotonicMs()
    if (epoch !== undefined && loss !== undefined && now - this.#toldAtMs >= progressEveryMs) {
      this.#toldAtMs = now
      context.progress(this.#rowsDone, this.#rowsInAll, 'rows', { epoch, loss })
    }
    if (now - this.#yieldedAtMs >= yieldEveryMs) {
      await yieldToEventLoop()
      this.#yieldedAtMs = clock.monotonicMs()
      throwIfAborted(signal)
    }
  }
}

function diverged(epoch: number, loss: number): MillraceError<'TRAINING_DIVERGED'> {
  return new MillraceError('TRAINING_DIVERGED', {
    message: `Expected a finite loss and gradient. Received ${loss} in epoch ${epoch}: take a lower learningRate, and check that the features are standardised.`,
    details: { epoch, loss: String(loss) },
  })
}
