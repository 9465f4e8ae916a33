import { MillraceError } from '../core/error.ts'
import { isPlainObject, toJson } from '../core/json.ts'
import { type Activation, activationNames, isActivation } from './activations.ts'
import { checkFormat } from './check-format.ts'
import type { StoredModel } from './model.ts'

/** The kind under which dense networks are stored and loaded. */
export const denseNetworkKind = 'dense-network'
const format = { format: 'millrace-dense-network', supportedVersion: 1 } as const
/** No shape product can pass 2^53 under it, so that a length check cannot be fooled by rounding. */
const mostUnits = 1 << 20
const mostLayers = 1_000

/** One input tensor of [rows, features], float32. Several are laid side by side, in order. */
export interface DenseInput {
  readonly name: string
  readonly features: number
}
export interface DenseLayerDefinition {
  readonly units: number
  readonly activation: Activation
  /** [features or the units before, units], row-major. */
  readonly kernel: Float32Array
  /** One a unit. */
  readonly bias: Float32Array
}
export interface DenseNetworkDefinition {
  readonly inputs: readonly DenseInput[]
  readonly layers: readonly DenseLayerDefinition[]
  /** Names the output tensor of [rows, units of the last layer]: `probability` for a binary classifier, `value` for a regression. */
  readonly output: string
}

/**
 * A dense network as it is stored: topology as JSON, all weights in one blob `weights` (float32, little-endian; for each layer its kernel
 * [inputs, units], then its bias).
 *
 * @throws {@link MillraceError} `MODEL_INVALID` when lengths do not fit the shapes, or a weight is not finite.
 * @example
 * storeDenseNetwork({
 *   inputs: [{ name: 'features', features: 2 }],
 *   layers: [{ units: 1, activation: 'sigmoid', kernel: Float32Array.of(0.5, -0.25), bias: Float32Array.of(0) }],
 *   output: 'probability',
 * })
 */
export function storeDenseNetwork(network: DenseNetworkDefinition): StoredModel {
  let inputs = network.inputs.reduce((sum, input) => sum + input.features, 0)
  for (const [index, layer] of network.layers.entries()) {
    expectLength(`kernel of layer ${index}`, layer.kernel.length, inputs * layer.units)
    expectLength(`bias of layer ${index}`, layer.bias.length, layer.units)
    inputs = layer.units
  }
  const tensors = network.layers.flatMap((layer) => [layer.kernel, layer.bias])
  const bytes = new Uint8Array(4 * tensors.reduce((count, tensor) => count + tensor.length, 0))
  const view = new DataView(bytes.buffer)
  let offset = 0
  for (const tensor of tensors) {
    for (const value of tensor) {
      view.setFloat32(offset, value, true)
      offset += 4
    }
  }
  const stored: StoredModel = {
    kind: denseNetworkKind,
    json: toJson({
      format: format.format,
      formatVersion: 1,
      minReaderVersion: 1,
      inputs: network.inputs.map(({ name, features }) => ({ name, features })),
      layers: network.layers.map(({ units, activation }) => ({ units, activation })),
      output: network.output,
    }),
    blobs: { weights: bytes },
  }
  // Reading it back is the check: what is written can be loaded.
  parseDenseNetwork(stored)
  return stored
}

/**
 * The definition again, with everything verified before a weight is used.
 *
 * @throws {@link MillraceError} `FORMAT_UNSUPPORTED`, or `MODEL_INVALID` with the reason.
 */
export function parseDenseNetwork(stored: StoredModel): DenseNetworkDefinition {
  const { json } = stored
  checkFormat(json, format)
  const inputs = listOf(json.inputs, 'inputs').map((input, index) => {
    const { name, features } = recordOf(input, `inputs[${index}]`)
    return { name: nameOf(name, `inputs[${index}].name`), features: sizeOf(features, `inputs[${index}].features`) }
  })
  if (new Set(inputs.map((input) => input.name)).size < inputs.length) throw invalid('two inputs have one name')
  const shapes = listOf(json.layers, 'layers').map((layer, index) => {
    const { units, activation } = recordOf(layer, `layers[${index}]`)
    if (!isActivation(activation)) {
      throw invalid(`layers[${index}].activation is ${JSON.stringify(activation)}, which is none of ${activationNames.join(', ')}`)
    }
    return { units: sizeOf(units, `layers[${index}].units`), activation }
  })
  const output = nameOf(json.output, 'output')
  const features = inputs.reduce((sum, input) => sum + input.features, 0)
  return { inputs, layers: readLayers(stored, shapes, sizeOf(features, 'the sum of features')), output }
}

function readLayers(
  stored: StoredModel,
  shapes: readonly { readonly units: number; readonly activation: Activation }[],
  features: number,
): DenseLayerDefinition[] {
  const names = Object.keys(stored.blobs)
  const bytes = stored.blobs.weights
  if (names.length !== 1 || bytes === undefined) throw invalid(`there is not one blob "weights" but ${names.length} (${names.join(', ')})`)
  let values = 0
  let width = features
  for (const { units } of shapes) {
    values += (width + 1) * units
    width = units
  }
  expectLength('blob "weights" in bytes', bytes.byteLength, 4 * values)
  const weights = new Float32Array(values)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let index = 0; index < values; index++) {
    const value = view.getFloat32(4 * index, true)
    if (!Number.isFinite(value)) throw invalid(`weight ${index} is ${value}`)
    weights[index] = value
  }
  let position = 0
  width = features
  return shapes.map(({ units, activation }) => {
    const kernel = weights.subarray(position, position + width * units)
    const bias = weights.subarray(position + width * units, position + (width + 1) * units)
    position += (width + 1) * units
    width = units
    return { units, activation, kernel, bias }
  })
}

function listOf(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > mostLayers) throw invalid(`${path} is not a list of 1 to ${mostLayers}`)
  return value
}

function recordOf(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (!isPlainObject(value)) throw invalid(`${path} is not an object`)
  return value
}

function nameOf(value: unknown, path: string): string {
  if (typeof value !== 'string' || value === '') throw invalid(`${path} is not a name`)
  return value
}

function sizeOf(value: unknown, path: string): number {
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > mostUnits) {
    throw invalid(`${path} is not a whole number from 1 to ${mostUnits}`)
  }
  return value as number
}

function expectLength(what: string, received: number, expected: number): void {
  if (received !== expected) throw invalid(`the length of the ${what} is ${received} where the shapes need ${expected}`)
}

function invalid(reason: string): MillraceError<'MODEL_INVALID'> {
  return new MillraceError('MODEL_INVALID', { message: `Expected a dense network. Received one in which ${reason}.`, details: { reason } })
}
