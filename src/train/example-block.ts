import { MillraceError } from '../core/error.ts'
import type { Tensor, TensorSpec, Tensors } from '../features/tensors.ts'
import type { Examples } from '../model/learner.ts'

type Specs = Readonly<Record<string, TensorSpec>>
type Values = Float32Array | Int32Array

/** Numbers of one row of a tensor. */
function widthOf(spec: TensorSpec): number {
  return spec.shape.reduce((product, size) => product * size, 1)
}

/** What one prepared row takes, its label included. */
export function rowSizeBytes(inputs: Specs): number {
  return Object.values(inputs).reduce((sum, spec) => sum + 4 * widthOf(spec), 4)
}

function allocate(spec: TensorSpec, rows: number): Values {
  return spec.type === 'int32' ? new Int32Array(rows * widthOf(spec)) : new Float32Array(rows * widthOf(spec))
}

/** Prepared rows, appended until the block is full and reused after `clear`. */
export class ExampleBlock {
  readonly labels: Float32Array
  readonly #specs: Specs
  readonly #values: Readonly<Record<string, Values>>
  #rows = 0

  constructor(specs: Specs, capacity: number) {
    this.#specs = specs
    this.labels = new Float32Array(capacity)
    this.#values = Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, allocate(spec, capacity)]))
  }

  get rows(): number {
    return this.#rows
  }

  values(name: string): Values {
    return this.#values[name] as Values
  }

  clear(): void {
    this.#rows = 0
  }

  /** Where the next `rows` rows go: the plan writes there without a copy. */
  room(rows: number): Tensors {
    if (this.#rows + rows > this.labels.length) {
      throw new MillraceError('ARGUMENT_INVALID', {
        message: `Expected the dataset to keep to the range of rows it was asked for. Received ${rows} rows where ${this.labels.length - this.#rows} are left.`,
        details: { argument: 'dataset', expected: `at most ${this.labels.length - this.#rows} rows`, received: `${rows} rows` },
      })
    }
    return Object.fromEntries(
      Object.entries(this.#specs).map(([name, spec]) => {
        const width = widthOf(spec)
        const data = this.values(name).subarray(this.#rows * width, (this.#rows + rows) * width)
        return [name, { shape: [rows, ...spec.shape], data }]
      }),
    )
  }

  /** Takes rows in; those that the plan wrote elsewhere are copied. `firstRow` names them in errors. */
  add(tensors: Tensors, labels: Float32Array, firstRow: number): void {
    for (const [name, spec] of Object.entries(this.#specs)) {
      const width = widthOf(spec)
      const tensor = tensors[name]
      if (tensor === undefined || tensor.data.length !== labels.length * width) throw shapeMismatch(name, spec, labels.length, tensor)
      const values = this.values(name)
      const start = this.#rows * width
      const inPlace = tensor.data.buffer === values.buffer && tensor.data.byteOffset === values.byteOffset + start * 4
      if (!inPlace) values.set(tensor.data, start)
      if (spec.type === 'float32') rejectNotFinite(values, start, labels.length * width, spec, firstRow)
    }
    this.labels.set(labels, this.#rows)
    this.#rows += labels.length
  }
}

/** Cuts blocks into batches of exactly `batchRows` rows (the last may be smaller), in buffers that are reused. */
export class BatchAssembler {
  readonly #specs: Specs
  readonly #batchRows: number
  readonly #values: Readonly<Record<string, Values>>
  readonly #labels: Float32Array
  readonly #full: Examples
  #filled = 0

  constructor(specs: Specs, batchRows: number) {
    this.#specs = specs
    this.#batchRows = batchRows
    this.#values = Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, allocate(spec, batchRows)]))
    this.#labels = new Float32Array(batchRows)
    this.#full = this.#examples(batchRows)
  }

  /** All rows of the block, in the given order of its rows or as they stand; what fills no batch is kept for the next block. */
  *take(block: ExampleBlock, order?: Uint32Array): Generator<Examples> {
    for (let row = 0; row < block.rows; ) {
      const count = Math.min(this.#batchRows - this.#filled, block.rows - row)
      for (const [name, spec] of Object.entries(this.#specs)) {
        const width = widthOf(spec)
        copyRows(this.#values[name] as Values, this.#filled, block.values(name), row, count, width, order)
      }
      copyRows(this.#labels, this.#filled, block.labels, row, count, 1, order)
      this.#filled += count
      row += count
      if (this.#filled === this.#batchRows) {
        this.#filled = 0
        yield this.#full
      }
    }
  }

  /** The rows that filled no batch. */
  *rest(): Generator<Examples> {
    const rows = this.#filled
    this.#filled = 0
    if (rows > 0) yield this.#examples(rows)
  }

  #examples(rows: number): Examples {
    const inputs: Record<string, Tensor> = {}
    for (const [name, spec] of Object.entries(this.#specs)) {
      inputs[name] = { shape: [rows, ...spec.shape], data: (this.#values[name] as Values).subarray(0, rows * widthOf(spec)) }
    }
    return { rows, inputs, labels: this.#labels.subarray(0, rows) }
  }
}

function copyRows(to: Values, toRow: number, from: Values, fromRow: number, count: number, width: number, order?: Uint32Array): void {
  if (order === undefined) {
    to.set(from.subarray(fromRow * width, (fromRow + count) * width), toRow * width)
    return
  }
  let place = toRow * width
  for (let row = fromRow; row < fromRow + count; row++) {
    const start = (order[row] as number) * width
    for (let index = start; index < start + width; index++) to[place++] = from[index] as number
  }
}

function rejectNotFinite(values: Values, start: number, count: number, spec: TensorSpec, firstRow: number): void {
  for (let index = start; index < start + count; index++) {
    const value = values[index] as number
    // Only a finite number less itself is zero.
    if (value - value !== 0) {
      const width = widthOf(spec)
      const feature = spec.featureNames[(index - start) % width] ?? String((index - start) % width)
      const row = firstRow + Math.floor((index - start) / width)
      throw new MillraceError('FEATURE_INVALID', {
        message: `Expected the feature "${feature}" to be a finite number. Received ${value} in row ${row}.`,
        details: { feature, reason: `${value} in row ${row}` },
      })
    }
  }
}

function shapeMismatch(name: string, spec: TensorSpec, rows: number, tensor: Tensor | undefined): MillraceError<'FEATURE_INVALID'> {
  const received = tensor === undefined ? 'no such tensor' : `shape [${tensor.shape.join(', ')}]`
  return new MillraceError('FEATURE_INVALID', {
    message: `Expected the plan to make "${name}" of shape [${[rows, ...spec.shape].join(', ')}]. Received ${received}.`,
    details: { feature: name, reason: received },
  })
}
