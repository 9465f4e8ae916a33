import type { Random } from '../core/random.ts'
import type { DenseLayerDefinition } from '../model/dense-network-format.ts'

/** The activations that {@link DenseGradient} can differentiate from their output. */
export const hiddenActivations = ['elu', 'relu', 'sigmoid', 'tanh'] as const
export type HiddenActivation = (typeof hiddenActivations)[number]

/** A dense network with one output; its last layer is linear here, and the loss is over what that puts out. */
export interface DenseTopology {
  /** Features, units of each hidden layer, 1. */
  readonly sizes: readonly number[]
  readonly activation: HiddenActivation
}

/** Where a layer's numbers stand in the one array of all parameters: kernel [inputs, units] row-major, then bias. */
export interface LayerPlace {
  readonly inputs: number
  readonly units: number
  readonly kernelStart: number
  readonly biasStart: number
  readonly end: number
}

export function layerPlaces(topology: DenseTopology): readonly LayerPlace[] {
  let end = 0
  return topology.sizes.slice(1).map((units, index) => {
    const inputs = topology.sizes[index] as number
    const kernelStart = end
    const biasStart = kernelStart + inputs * units
    end = biasStart + units
    return { inputs, units, kernelStart, biasStart, end }
  })
}

export function parameterCountOf(topology: DenseTopology): number {
  return layerPlaces(topology).at(-1)?.end ?? 0
}

/**
 * Initial parameters: kernels uniform with the variance 2 / inputs before a relu or elu (He et al. 2015) and 2 / (inputs + units) elsewhere
 * (Glorot and Bengio 2010), biases zero. Drawn here and not by tfjs, whose seed 0 means none.
 */
export function initialParameters(topology: DenseTopology, random: Random): Float32Array {
  const places = layerPlaces(topology)
  const parameters = new Float32Array(parameterCountOf(topology))
  for (const [index, { inputs, units, kernelStart, biasStart }] of places.entries()) {
    const rectified = index < places.length - 1 && (topology.activation === 'relu' || topology.activation === 'elu')
    const limit = Math.sqrt(rectified ? 6 / inputs : 6 / (inputs + units))
    for (let place = kernelStart; place < biasStart; place++) parameters[place] = (2 * random.next() - 1) * limit
  }
  return parameters
}

/** The network to store; `output` says what stands behind its last layer. */
export function layersOf(
  topology: DenseTopology,
  parameters: Float32Array,
  output: { readonly activation: 'sigmoid' | 'linear'; readonly scale: number; readonly offset: number },
): readonly DenseLayerDefinition[] {
  const places = layerPlaces(topology)
  return places.map(({ units, kernelStart, biasStart, end }, index) => {
    const kernel = parameters.slice(kernelStart, biasStart)
    const bias = parameters.slice(biasStart, end)
    if (index < places.length - 1) return { units, activation: topology.activation, kernel, bias }
    for (let place = 0; place < kernel.length; place++) kernel[place] = (kernel[place] as number) * output.scale
    bias[0] = (bias[0] as number) * output.scale + output.offset
    return { units, activation: output.activation, kernel, bias }
  })
}
