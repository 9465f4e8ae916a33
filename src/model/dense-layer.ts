import { type Activation, activate } from './activations.ts'

/** Units computed together: their weights lie side by side, and their sums stay in registers. */
const unitsTogether = 4

/**
 * One dense layer, made for the loop that runs it: weights in groups of four units, each group [inputs, 4], in doubles (a load of a float
 * costs a conversion). Sums run over the inputs in order, whatever the number of rows, so one row alone and the same row in a batch
 * give the same bits.
 */
export interface DenseLayer {
  readonly inputs: number
  readonly units: number
  readonly activation: Activation
  readonly packedKernel: Float64Array
  readonly bias: Float64Array
}

/** `kernel` is [inputs, units], row-major. */
export function packDenseLayer(
  kernel: Float32Array,
  bias: Float32Array,
  inputs: number,
  units: number,
  activation: Activation,
): DenseLayer {
  const packedKernel = new Float64Array(inputs * units)
  let position = 0
  for (let start = 0; start < units; start += unitsTogether) {
    const width = Math.min(unitsTogether, units - start)
    for (let input = 0; input < inputs; input++) {
      for (let unit = 0; unit < width; unit++) packedKernel[position++] = kernel[input * units + start + unit] as number
    }
  }
  return { inputs, units, activation, packedKernel, bias: Float64Array.from(bias) }
}

/** `input` is [rows, inputs], `output` [rows, units], both row-major. */
export function runDenseLayer(layer: DenseLayer, input: Float64Array, output: Float64Array, rows: number): void {
  const whole = layer.units - (layer.units % unitsTogether)
  for (let start = 0; start < whole; start += unitsTogether) fourUnits(layer, start, input, output, rows)
  if (whole < layer.units) remainingUnits(layer, whole, input, output, rows)
  activate(layer.activation, output, rows * layer.units)
}

/** Two rows by four units at a time: eight sums over six loads, as many as fit in the sixteen registers of x64. */
function fourUnits(layer: DenseLayer, start: number, input: Float64Array, output: Float64Array, rows: number): void {
  const { inputs, units, packedKernel: weights, bias } = layer
  const base = start * inputs
  const bias0 = bias[start] as number
  const bias1 = bias[start + 1] as number
  const bias2 = bias[start + 2] as number
  const bias3 = bias[start + 3] as number
  let row = 0
  for (; row + 1 < rows; row += 2) {
    let a0 = bias0
    let a1 = bias1
    let a2 = bias2
    let a3 = bias3
    let b0 = bias0
    let b1 = bias1
    let b2 = bias2
    let b3 = bias3
    const first = row * inputs
    const second = first + inputs
    let weight = base
    for (let index = 0; index < inputs; index++) {
      const x = input[first + index] as number
      const y = input[second + index] as number
      const w0 = weights[weight] as number
      const w1 = weights[weight + 1] as number
      const w2 = weights[weight + 2] as number
      const w3 = weights[weight + 3] as number
      weight += 4
      a0 += x * w0
      a1 += x * w1
      a2 += x * w2
      a3 += x * w3
      b0 += y * w0
      b1 += y * w1
      b2 += y * w2
      b3 += y * w3
    }
    let target = row * units + start
    output[target] = a0
    output[target + 1] = a1
    output[target + 2] = a2
    output[target + 3] = a3
    target += units
    output[target] = b0
    output[target + 1] = b1
    output[target + 2] = b2
    output[target + 3] = b3
  }
  if (row < rows) {
    let a0 = bias0
    let a1 = bias1
    let a2 = bias2
    let a3 = bias3
    const first = row * inputs
    let weight = base
    for (let index = 0; index < inputs; index++) {
      const x = input[first + index] as number
      a0 += x * (weights[weight] as number)
      a1 += x * (weights[weight + 1] as number)
      a2 += x * (weights[weight + 2] as number)
      a3 += x * (weights[weight + 3] as number)
      weight += 4
    }
    const target = row * units + start
    output[target] = a0
    output[target + 1] = a1
    output[target + 2] = a2
    output[target + 3] = a3
  }
}

function remainingUnits(layer: DenseLayer, start: number, input: Float64Array, output: Float64Array, rows: number): void {
  const { inputs, units, packedKernel: weights, bias } = layer
  const width = units - start
  for (let unit = 0; unit < width; unit++) {
    const base = start * inputs + unit
    for (let row = 0; row < rows; row++) {
      let sum = bias[start + unit] as number
      let weight = base
      const first = row * inputs
      for (let index = 0; index < inputs; index++) {
        sum += (input[first + index] as number) * (weights[weight] as number)
        weight += width
      }
      output[row * units + start + unit] = sum
    }
  }
}
