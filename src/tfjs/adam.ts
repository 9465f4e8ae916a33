import type { LayerPlace } from './dense-topology.ts'

const decayOfMean = 0.9
const decayOfSquares = 0.999
const epsilon = 1e-7

/**
 * Adam (Kingma and Ba 2015) over one array of all parameters, in one pass: what tfjs does in some fifteen kernels for each variable. It runs
 * beside the backend, so its result does not depend on one.
 */
export class Adam {
  readonly #learningRate: number
  readonly #mean: Float32Array
  readonly #squares: Float32Array
  #step = 0

  constructor(parameterCount: number, learningRate: number) {
    this.#learningRate = learningRate
    this.#mean = new Float32Array(parameterCount)
    this.#squares = new Float32Array(parameterCount)
  }

  /** Changes `parameters` in place. False, and nothing is changed, when the gradient is not finite. */
  update(parameters: Float32Array, gradient: Float32Array): boolean {
    let sum = 0
    for (let index = 0; index < parameters.length; index++) sum += gradient[index] as number
    if (!Number.isFinite(sum)) return false
    this.#step++
    const mean = this.#mean
    const squares = this.#squares
    const correction = Math.sqrt(1 - decayOfSquares ** this.#step)
    const rate = (this.#learningRate * correction) / (1 - decayOfMean ** this.#step)
    const floor = epsilon * correction
    for (let index = 0; index < parameters.length; index++) {
      const slope = gradient[index] as number
      const nextMean = decayOfMean * (mean[index] as number) + (1 - decayOfMean) * slope
      const nextSquares = decayOfSquares * (squares[index] as number) + (1 - decayOfSquares) * slope * slope
      mean[index] = nextMean
      squares[index] = nextSquares
      parameters[index] = (parameters[index] as number) - (rate * nextMean) / (Math.sqrt(nextSquares) + floor)
    }
    return true
  }
}

/** Adds the gradient of l2 * (sum of squares of the kernels); biases are free. */
export function addKernelDecay(gradient: Float32Array, parameters: Float32Array, places: readonly LayerPlace[], l2: number): void {
  if (l2 === 0) return
  for (const { kernelStart, biasStart } of places) {
    for (let index = kernelStart; index < biasStart; index++) {
      gradient[index] = (gradient[index] as number) + 2 * l2 * (parameters[index] as number)
    }
  }
}
