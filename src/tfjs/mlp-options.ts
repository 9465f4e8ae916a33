import { MillraceError } from '../core/error.ts'
import type { Backend, WasmPaths } from './backend.ts'
import { type HiddenActivation, hiddenActivations } from './dense-topology.ts'

export interface MlpOptions {
  /** Units of each hidden layer, first to last; empty: logistic or linear regression. */
  readonly units: readonly number[]
  /** At most so many passes over the training part. */
  readonly epochs: number
  /** Rows a step; default 1,024. */
  readonly batchSize?: number
  /** Of Adam; default 0.001. */
  readonly learningRate?: number
  /** Of the hidden layers; default `relu`. */
  readonly activation?: HiddenActivation
  /**
   * Early stopping: training ends after so many epochs without a lower validation loss, and the model is that of the best epoch. Left out,
   * all epochs run and the model is that of the last.
   */
  readonly patience?: number
  /** Adds l2 * (sum of squares of the kernels) to the loss that is minimised, not to the one that is reported; default 0. */
  readonly l2?: number
  /** The share of hidden units that each step leaves out; default 0. */
  readonly dropout?: number
  /** Default `auto`. */
  readonly backend?: Backend
  /** In a browser: where the .wasm files are. */
  readonly wasmPaths?: WasmPaths
}

/** All options that change the result, with their defaults. */
export interface MlpParameters {
  readonly units: readonly number[]
  readonly epochs: number
  readonly batchSize: number
  readonly learningRate: number
  readonly activation: HiddenActivation
  readonly patience: number | null
  readonly l2: number
  readonly dropout: number
  readonly backend: Backend
}

const backends: readonly Backend[] = ['auto', 'wasm', 'webgl', 'node', 'cpu']

/** @throws {@link MillraceError} `ARGUMENT_INVALID` naming the option. */
export function checkedMlpParameters(options: MlpOptions): MlpParameters {
  const parameters: MlpParameters = {
    units: [...options.units],
    epochs: options.epochs,
    batchSize: options.batchSize ?? 1_024,
    learningRate: options.learningRate ?? 0.001,
    activation: options.activation ?? 'relu',
    patience: options.patience ?? null,
    l2: options.l2 ?? 0,
    dropout: options.dropout ?? 0,
    backend: options.backend ?? 'auto',
  }
  const { learningRate, l2, dropout, activation, backend } = parameters
  for (const units of parameters.units) whole('units', units, 1)
  whole('epochs', parameters.epochs, 1)
  whole('batchSize', parameters.batchSize, 1)
  if (parameters.patience !== null) whole('patience', parameters.patience, 1)
  if (!(learningRate > 0 && learningRate < Infinity)) throw invalid('learningRate', 'a number above 0', String(learningRate))
  if (!(l2 >= 0 && l2 < Infinity)) throw invalid('l2', 'a number of at least 0', String(l2))
  if (!(dropout >= 0 && dropout < 1)) throw invalid('dropout', 'a number of at least 0 and below 1', String(dropout))
  if (!hiddenActivations.includes(activation)) throw invalid('activation', `one of ${hiddenActivations.join(', ')}`, String(activation))
  if (!backends.includes(backend)) throw invalid('backend', `one of ${backends.join(', ')}`, String(backend))
  return parameters
}

function whole(argument: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) throw invalid(argument, `whole numbers of at least ${least}`, String(value))
}

function invalid(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${received}.`,
    details: { argument, expected, received },
  })
}
