import { throwIfAborted, yieldToEventLoop } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import { denseInputsOf, sideBySide } from '../model/dense-input.ts'
import { denseNetworkLoader } from '../model/dense-network.ts'
import { type DenseInput, storeDenseNetwork } from '../model/dense-network-format.ts'
import type { EpochRecord, ExampleSource, LearnedModel, Learner, LearnerContext, TrainingSet } from '../model/learner.ts'
import { solveSymmetric } from './cholesky.ts'
import { LogisticObjective } from './logistic-objective.ts'

export interface LogisticRegressionOptions {
  /** Minimises the mean log loss + l2 / 2 * (sum of squares of the weights, the intercept apart); default 1e-6. */
  readonly l2?: number
  /** At most so many passes over the training part; default 25. Newton's method mostly takes under ten. */
  readonly epochs?: number
  /** Ends when the next step would lower the objective by less; default 1e-12. */
  readonly tolerance?: number
}

/** The Hessian has features * features numbers, and every row adds to each of them. */
const mostFeatures = 1_024
const batchRows = 8_192
const yieldEveryMs = 50

/**
 * Logistic regression for a binary task, by Newton's method with step halving over streamed batches: deterministic, without a learning
 * rate or a seed, and it converges to the one optimum. Stored as a dense network of one layer.
 *
 * An epoch of the history is one pass; its loss is that of the weights which it tries.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for options that make no sense, here; while learning for a regression task and more than
 * 1,024 features, `SPLIT_EMPTY`, `TRAINING_DIVERGED`.
 * @example
 * train({ learner: logisticRegression({ l2: 1e-4 }) })
 */
export function logisticRegression(options: LogisticRegressionOptions = {}): Learner {
  const { l2 = 1e-6, epochs = 25, tolerance = 1e-12 } = options
  if (!(l2 >= 0 && l2 < Infinity)) throw invalid('l2', 'a number of at least 0', String(l2))
  if (!Number.isSafeInteger(epochs) || epochs < 1) throw invalid('epochs', 'a whole number of at least 1', String(epochs))
  if (!(tolerance > 0 && tolerance < Infinity)) throw invalid('tolerance', 'a number above 0', String(tolerance))
  const parameters = { l2, epochs, tolerance }
  return {
    kind: 'logistic-regression',
    version: '1',
    parameters,
    loader: denseNetworkLoader,
    learn: (data, context) => learn(parameters, data, context),
  }
}

type Parameters = Required<LogisticRegressionOptions>

async function learn({ l2, epochs, tolerance }: Parameters, data: TrainingSet, context: LearnerContext): Promise<LearnedModel> {
  throwIfAborted(context.signal)
  if (data.task !== 'binary') throw invalid('task', 'binary, for a logistic regression', data.task)
  if (data.train.rowCount === 0) {
    throw new MillraceError('SPLIT_EMPTY', { message: 'Expected rows to train on. Received none.', details: { part: 'train', rows: 0 } })
  }
  const inputs = denseInputsOf(data.inputs)
  const features = inputs.reduce((sum, input) => sum + input.features, 0)
  if (features > mostFeatures)
    throw invalid('features', `at most ${mostFeatures} for Newton's method: take mlp({ units: [] })`, `${features}`)
  const pass = new Passes(inputs, features, epochs * data.train.rowCount, context)
  const history: EpochRecord[] = []
  let weights: Float64Array = new Float64Array(features + 1)
  let step: Float64Array = new Float64Array(features + 1)
  let reached = Infinity
  let converged = false
  for (let epoch = 1; epoch <= epochs && !converged; epoch++) {
    const candidate = weights.map((weight, index) => weight - (step[index] as number))
    const objective = await pass.train(data.train, candidate, epoch)
    const value = objective.finish(l2)
    if (!Number.isFinite(value)) throw diverged(epoch, value)
    const record = await pass.record(data.validation, candidate, epoch, objective.meanLoss)
    history.push(record)
    context.metrics(figuresOf(record), epoch)
    // A step too long: half of it, from where it began. Rounding may make the last step look like one.
    if (value > reached + 1e-12 * Math.abs(reached)) {
      step = step.map((length) => length / 2)
      continue
    }
    weights = candidate
    reached = value
    step = newtonStep(objective, epoch)
    // Half of Newton's decrement estimates what the step gains (Boyd and Vandenberghe, "Convex Optimization", 9.5).
    converged = objective.gradient.reduce((sum, slope, index) => sum + slope * (step[index] as number), 0) / 2 <= tolerance
  }
  if (!converged) context.logger.warn('Logistic regression did not converge', { epochs, objective: reached })
  pass.finish(history)
  const kernel = Float32Array.from(weights.subarray(0, features))
  const bias = Float32Array.from(weights.subarray(features))
  return {
    model: storeDenseNetwork({ inputs, layers: [{ units: 1, activation: 'sigmoid', kernel, bias }], output: 'probability' }),
    history,
    details: { method: 'newton', converged, epochsRun: history.length },
  }
}

/** The Hessian's diagonal is raised until it can be solved: features that are constant or copies of each other make it singular. */
function newtonStep({ hessian, gradient }: LogisticObjective, epoch: number): Float64Array {
  const size = gradient.length
  for (let damping = 0; damping < 1e6; damping = damping === 0 ? 1e-10 : damping * 10) {
    const raised = hessian.slice()
    for (let index = 0; index < size; index++) raised[index * size + index] = (raised[index * size + index] as number) + damping
    const step = solveSymmetric(raised, gradient)
    if (step?.every(Number.isFinite)) return step
  }
  throw diverged(epoch, Number.NaN)
}

function figuresOf({ epoch: _, ...figures }: EpochRecord): Readonly<Record<string, number>> {
  return figures
}

/** Passes over the data, which yield, tell how far they are, and stop when aborted. */
class Passes {
  readonly #inputs: readonly DenseInput[]
  readonly #context: LearnerContext
  readonly #rowsInAll: number
  readonly #buffer: Float32Array
  #rowsDone = 0
  #yieldedAtMs: number

  constructor(inputs: readonly DenseInput[], features: number, rowsInAll: number, context: LearnerContext) {
    this.#inputs = inputs
    this.#context = context
    this.#rowsInAll = rowsInAll
    this.#buffer = new Float32Array(inputs.length > 1 ? batchRows * features : 0)
    this.#yieldedAtMs = context.clock.monotonicMs()
  }

  async train(source: ExampleSource, weights: Float64Array, epoch: number): Promise<LogisticObjective> {
    const objective = new LogisticObjective(weights)
    const { signal } = this.#context
    for await (const { rows, inputs, labels } of source.batches({ batchRows, signal })) {
      throwIfAborted(signal)
      objective.add(sideBySide(inputs, this.#inputs, rows, this.#buffer), labels, rows)
      this.#rowsDone += rows
      if (await this.#breathe()) this.#context.progress(this.#rowsDone, this.#rowsInAll, 'rows', { epoch, loss: objective.meanLoss })
    }
    throwIfAborted(signal)
    return objective
  }

  async record(validation: ExampleSource, weights: Float64Array, epoch: number, loss: number): Promise<EpochRecord> {
    if (validation.rowCount === 0) return { epoch, loss }
    const objective = new LogisticObjective(weights)
    const { signal } = this.#context
    for await (const { rows, inputs, labels } of validation.batches({ batchRows, signal })) {
      throwIfAborted(signal)
      objective.addLosses(sideBySide(inputs, this.#inputs, rows, this.#buffer), labels, rows)
      await this.#breathe()
    }
    return { epoch, loss, validationLoss: objective.meanLoss }
  }

  /** It mostly converges long before the last epoch allowed: the bar ends full. */
  finish(history: readonly EpochRecord[]): void {
    const { epoch, loss } = history.at(-1) as EpochRecord
    this.#context.progress(this.#rowsDone, this.#rowsDone, 'rows', { epoch, loss })
  }

  async #breathe(): Promise<boolean> {
    const { clock, signal } = this.#context
    if (clock.monotonicMs() - this.#yieldedAtMs < yieldEveryMs) return false
    await yieldToEventLoop()
    this.#yieldedAtMs = clock.monotonicMs()
    throwIfAborted(signal)
    return true
  }
}

function diverged(epoch: number, loss: number): MillraceError<'TRAINING_DIVERGED'> {
  return new MillraceError('TRAINING_DIVERGED', {
    message: `Expected a finite objective. Received ${loss} in epoch ${epoch}: check that the features are standardised, or raise l2.`,
    details: { epoch, loss: String(loss) },
  })
}

function invalid(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${received}.`,
    details: { argument, expected, received },
  })
}
