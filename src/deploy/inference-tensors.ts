import type { RecordBatch } from 'apache-arrow'
import { isPlainObject } from '../core/json.ts'
import { nearestName } from '../core/suggest.ts'
import { batchOf } from '../data/build-batch.ts'
import type { Column } from '../data/column.ts'
import type { ColumnKind, ColumnType } from '../data/column-type.ts'
import { columnFromValues, type StoredValue } from '../model/column-values.ts'
import { HttpFault } from './inference-message.ts'
import { describeValue, expectationOf, storedValueOf } from './request-values.ts'

/** The datatype under which a kind of column is published: moments are milliseconds since 1970 UTC, or ISO 8601 text as BYTES. */
export const datatypeOf: Readonly<Record<ColumnKind, string>> = {
  number: 'FP64',
  integer: 'INT32',
  boolean: 'BOOL',
  text: 'BYTES',
  time: 'INT64',
}

const integers: readonly string[] = ['INT8', 'INT16', 'INT32', 'INT64', 'UINT8', 'UINT16', 'UINT32', 'UINT64']
const accepted: Readonly<Record<ColumnKind, readonly string[]>> = {
  number: ['FP64', 'FP32', 'FP16', ...integers],
  integer: integers,
  boolean: ['BOOL'],
  text: ['BYTES'],
  time: ['INT64', 'UINT64', 'BYTES'],
}
/** Rows lie flat or each in a list of its own, and a client may wrap that once more: deeper is a mistake or an attack. */
const deepest = 3

/**
 * The request's tensors, one of [n] or [n, 1] for each raw column, as a batch. Columns that may be null can be left out; elements of theirs may be null.
 * Throws an {@link HttpFault} of 400 that names the input.
 */
export function batchOfTensors(inputs: unknown, columns: readonly ColumnType[]): RecordBatch {
  if (!Array.isArray(inputs) || inputs.length === 0) throw bad('Expected "inputs" with a tensor for each column. Received none.')
  if (inputs.length > columns.length) throw bad(`Expected at most ${columns.length} inputs. Received ${inputs.length}.`)
  const tensors = new Map<string, ReadonlyArray<unknown>>()
  for (const input of inputs) {
    const { name, values } = tensorOf(input, columns)
    if (tensors.has(name)) throw bad(`Expected the input "${name}" once. Received it again.`)
    tensors.set(name, values)
  }
  const [first] = tensors.values()
  const rows = first?.length ?? 0
  const batch: Record<string, Column> = {}
  for (const type of columns) {
    const values = tensors.get(type.name)
    if (values === undefined && !type.nullable) throw bad(`Expected an input "${type.name}". Received ${[...tensors.keys()].join(', ')}.`)
    if (values !== undefined && values.length !== rows)
      throw bad(`Expected ${rows} rows in every input. Received ${values.length} in "${type.name}".`)
    batch[type.name] = columnFromValues(type, values === undefined ? new Array<null>(rows).fill(null) : storedValues(values, type))
  }
  return batchOf(batch)
}

function tensorOf(input: unknown, columns: readonly ColumnType[]): { readonly name: string; readonly values: readonly unknown[] } {
  if (!isPlainObject(input) || typeof input.name !== 'string') throw bad('Expected inputs with a name. Received one without.')
  const { data, datatype, name, parameters, shape } = input
  const type = columns.find((column) => column.name === name)
  if (type === undefined) {
    const nearest = nearestName(
      name,
      columns.map((column) => column.name),
    )
    throw bad(
      `Expected the inputs ${columns.map((column) => column.name).join(', ')}. Received ${describeValue(name)}.${nearest === undefined ? '' : ` Did you mean "${nearest}"?`}`,
    )
  }
  if (isPlainObject(parameters) && parameters.binary_data_size !== undefined)
    throw bad('Binary tensor data is not supported: send tensors as JSON.')
  if (typeof datatype !== 'string' || !accepted[type.kind].includes(datatype)) {
    throw bad(`Expected the datatype of "${name}" to be ${accepted[type.kind].join(', ')}. Received ${describeValue(datatype)}.`)
  }
  const rows: unknown = Array.isArray(shape) ? shape[0] : undefined
  const isColumn = Array.isArray(shape) && (shape.length === 1 || (shape.length === 2 && shape[1] === 1))
  if (!isColumn || !Number.isSafeInteger(rows) || (rows as number) < 0) {
    throw bad(`Expected the shape of "${name}" to be [rows] or [rows, 1]. Received ${describeShape(shape)}.`)
  }
  if (!Array.isArray(data)) throw bad(`Expected data in the input "${name}". Received none.`)
  const values = flat(data, name)
  if (values.length !== rows) throw bad(`Expected ${rows} elements in "${name}". Received ${values.length}.`)
  return { name, values }
}

/** Written out only where it is short and of numbers: a request may nest it a million deep. */
function describeShape(shape: unknown): string {
  return Array.isArray(shape) && shape.length < 8 ? `[${shape.map(describeValue).join(', ')}]` : describeValue(shape)
}

function flat(data: readonly unknown[], name: string): readonly unknown[] {
  let values = data
  for (let depth = 1; values.some(Array.isArray); depth++) {
    if (depth === deepest) throw bad(`Expected data of "${name}" flat or nested by row. Received it nested deeper.`)
    values = values.flat(1)
  }
  return values
}

function storedValues(values: readonly unknown[], type: ColumnType): readonly StoredValue[] {
  return values.map((value, index) => {
    const stored = storedValueOf(value, type)
    if (stored === undefined) {
      throw bad(`Expected ${expectationOf(type)} at element ${index} of "${type.name}". Received ${describeValue(value)}.`)
    }
    return stored
  })
}

function bad(message: string): HttpFault {
  return new HttpFault(400, message)
}
