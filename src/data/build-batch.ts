// The one place that builds Arrow memory. Deep imports: 17 kB gz instead of 50 (they share instances with 'apache-arrow').
import { type Data, makeData } from 'apache-arrow/data'
import { RecordBatch } from 'apache-arrow/recordbatch'
import { Field, Schema } from 'apache-arrow/schema'
import type { DataType, TypeMap } from 'apache-arrow/type'
import { Bool, Dictionary, Float64, Int32, Struct, TimestampMillisecond, Utf8 } from 'apache-arrow/type'
import { MillraceError } from '../core/error.ts'
import { type Column, latestMs, type TextColumn } from './column.ts'
import type { ColumnKind, ColumnType } from './column-type.ts'
import { encodeDictionary } from './text-dictionary.ts'

/**
 * The Arrow type that a kind of column is kept in. Each dictionary column needs a dictionary id of its own among the columns of a batch; it is
 * a new one when none is given.
 */
export function arrowTypeOf(kind: ColumnKind, dictionaryId?: number): DataType {
  switch (kind) {
    case 'number':
      return new Float64()
    case 'integer':
      return new Int32()
    case 'boolean':
      return new Bool()
    case 'text':
      return new Dictionary(new Utf8(), new Int32(), dictionaryId)
    case 'time':
      return new TimestampMillisecond()
  }
}

/**
 * The Arrow schema of columns; the same for equal columns, so that batches made with it can be put together.
 *
 * @example
 * arrowSchemaOf([{ name: 'distance', kind: 'integer', nullable: false }]).names // ['distance']
 */
export function arrowSchemaOf(columns: readonly ColumnType[]): Schema<TypeMap> {
  return new Schema<TypeMap>(columns.map(({ name, kind, nullable }, index) => new Field(name, arrowTypeOf(kind, index), nullable)))
}

/**
 * A record batch over the given columns, in the order of the record's keys. Numbers, codes and doubles are not copied, so they must not change
 * afterwards. With `schema` (of {@link arrowSchemaOf}, for these columns in this order) all batches made with it have equal types.
 *
 * @throws {@link MillraceError} `SCHEMA_MISMATCH` when the columns have not one length.
 * @example
 * const distance = { kind: 'integer', length: 2, values: Int32Array.of(954, 679) } as const
 * batchOf({ distance }).numRows // 2
 */
export function batchOf(columns: Readonly<Record<string, Column>>, schema?: Schema<TypeMap>): RecordBatch {
  // Names that look like numbers would come first in the record, so a schema's order is taken from the schema.
  const entries =
    schema === undefined ? Object.entries(columns) : schema.fields.map(({ name }): [string, Column] => [name, columns[name] as Column])
  const length = entries[0]?.[1].length ?? 0
  const wrong = entries.find(([, column]) => column.length !== length)
  if (wrong !== undefined) {
    throw new MillraceError('SCHEMA_MISMATCH', {
      message: `Expected ${length} rows in column "${wrong[0]}". Received ${wrong[1].length}.`,
      details: { columns: [{ name: wrong[0], expected: `${length} rows`, received: `${wrong[1].length} rows` }] },
    })
  }
  const types = entries.map(([, column], index) => schema?.fields[index]?.type ?? arrowTypeOf(column.kind))
  const children = entries.map(([, column], index) => dataOf(column, types[index] as DataType))
  return recordBatchOf(
    schema ??
      new Schema<TypeMap>(entries.map(([name, column], index) => new Field(name, types[index] as DataType, column.nulls !== undefined))),
    children,
    length,
  )
}

/** A record batch over Arrow memory that is there already. */
export function recordBatchOf(schema: Schema<TypeMap>, children: Data[], length: number): RecordBatch {
  return new RecordBatch(schema, makeData({ type: new Struct<TypeMap>(schema.fields), length, nullCount: 0, children }))
}

/** One column in Arrow memory of the given type, which must be the one that {@link arrowTypeOf} gives for its kind. */
export function dataOf(column: Column, type: DataType): Data {
  const { length, nulls } = column
  const base = nulls === undefined ? { length, nullCount: 0 } : { length, nullCount: countOnes(nulls), nullBitmap: validityBitmap(nulls) }
  switch (column.kind) {
    case 'number':
      return makeData({
        ...base,
        type: type as Float64,
        data: column.values instanceof Float64Array ? column.values : Float64Array.from(column.values),
      })
    case 'integer':
      return makeData({
        ...base,
        type: type as Int32,
        data: column.values instanceof Int32Array ? column.values : Int32Array.from(column.values),
      })
    case 'boolean':
      return makeData({ ...base, type: type as Bool, data: packBits(column.values) })
    case 'time':
      return makeData({ ...base, type: type as TimestampMillisecond, data: bigIntsOf(column.values) })
    case 'text':
      return makeData({
        ...base,
        type: type as Dictionary<Utf8, Int32>,
        data: codesOf(column),
        dictionary: encodeDictionary(column.dictionary),
      })
  }
}

function codesOf(column: TextColumn): Int32Array {
  if (column.nulls === undefined) return column.codes
  return column.codes.map((code) => Math.max(code, 0))
}

function countOnes(flags: Uint8Array): number {
  let count = 0
  for (let row = 0; row < flags.length; row++) count += flags[row] as number
  return count
}

/** Arrow's validity bitmap (1 is valid) of flags where 1 is null; whole groups of 64 bits. */
export function validityBitmap(nulls: Uint8Array): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(nulls.length / 64) * 8)
  for (let row = 0; row < nulls.length; row++) if (nulls[row] === 0) bitmap[row >> 3] = (bitmap[row >> 3] as number) | (1 << (row & 7))
  return bitmap
}

/** Arrow's bits of bytes that are 0 or not; whole groups of 64 bits. */
export function packBits(values: Uint8Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(values.length / 64) * 8)
  for (let row = 0; row < values.length; row++) if (values[row] !== 0) bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7))
  return bits
}

/** Arrow's place for a moment that does not exist: no Date reaches it, so it is read back as NaN and never as 1970. */
const noMoment = -(2 ** 63)

/** Doubles to 64-bit integers through two 32-bit halves: twice as fast as through BigInt. */
function bigIntsOf(values: Float64Array): BigInt64Array {
  const halves = new Int32Array(values.length * 2)
  for (let row = 0; row < values.length; row++) {
    const moment = Math.floor(values[row] as number)
    const value = Math.abs(moment) <= latestMs ? moment : noMoment
    halves[row * 2] = value
    halves[row * 2 + 1] = Math.floor(value / 0x1_0000_0000)
  }
  return new BigInt64Array(halves.buffer)
}
