import { MillraceError } from '../core/error.ts'
import type { TensorSpec, Tensors } from '../features/tensors.ts'
import type { DenseInput } from './dense-network-format.ts'

/**
 * The inputs that a dense network lays side by side, in the order of the record's keys.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` unless every input is a float32 vector a row and there is at least one number.
 */
export function denseInputsOf(inputs: Readonly<Record<string, TensorSpec>>): readonly DenseInput[] {
  const dense = Object.entries(inputs).map(([name, { shape, type }]) => {
    const [features] = shape
    if (shape.length !== 1 || features === undefined || type !== 'float32') {
      throw invalid(name, 'a float32 vector in each row', `${type} of shape [${shape.join(', ')}]`)
    }
    return { name, features }
  })
  if (dense.every(({ features }) => features === 0)) throw invalid('inputs', 'at least one feature', 'none')
  return dense
}

/**
 * All inputs as one matrix [rows, features], row-major: the tensor's own array where there is one input, else a copy into `into`, which
 * must hold rows * features numbers.
 */
export function sideBySide(tensors: Tensors, inputs: readonly DenseInput[], rows: number, into: Float32Array): Float32Array {
  const [only] = inputs
  if (inputs.length === 1 && only !== undefined) return valuesOf(tensors, only, rows)
  const width = inputs.reduce((sum, { features }) => sum + features, 0)
  let column = 0
  for (const input of inputs) {
    const values = valuesOf(tensors, input, rows)
    let source = 0
    for (let row = 0; row < rows; row++) {
      let target = row * width + column
      for (let feature = 0; feature < input.features; feature++) into[target++] = values[source++] as number
    }
    column += input.features
  }
  return into.subarray(0, rows * width)
}

function valuesOf(tensors: Tensors, { name, features }: DenseInput, rows: number): Float32Array {
  const data = tensors[name]?.data
  if (data instanceof Float32Array && data.length === rows * features) return data
  throw invalid(name, `a float32 tensor of [${rows}, ${features}]`, data === undefined ? 'none' : `${data.length} values`)
}

function invalid(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${received}.`,
    details: { argument, expected, received },
  })
}
