import { type Data, makeData } from 'apache-arrow/data'
import { RecordBatchReader } from 'apache-arrow/ipc/reader'
import { RecordBatchStreamWriter } from 'apache-arrow/ipc/writer'
import type { RecordBatch } from 'apache-arrow/recordbatch'
import { Field, Schema } from 'apache-arrow/schema'
import type { Bool, DataType, TimestampMillisecond, TypeMap } from 'apache-arrow/type'
import { Dictionary, Float32, Float64, Int8, Int16, Int32, Uint8, Uint16, Utf8 } from 'apache-arrow/type'
import { sha256HexAsync } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import { canonicalJson } from '../core/json.ts'
import { arrowTypeOf, dataOf, packBits, recordBatchOf, validityBitmap } from './build-batch.ts'
import type { Column, NumberColumn, TextColumn } from './column.ts'
import type { ColumnType } from './column-type.ts'
import { encodeDictionary } from './text-dictionary.ts'

/** A chunk of one column, as stored. */
export interface EncodedChunk {
  /** An Arrow IPC stream of one record batch with one column, in the smallest type that holds its values. */
  readonly bytes: Uint8Array
  /** SHA-256 over kind, length, nulls and values: the same whatever Arrow's layout. */
  readonly digest: string
}

type Narrow = BigInt64Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array | Uint8Array | Uint16Array

/** Encodes a canonical column, as a `ColumnBuilder` makes it; its arrays are read before this returns. */
export async function encodeChunk(name: string, column: Column): Promise<EncodedChunk> {
  const base =
    column.nulls === undefined
      ? { length: column.length, nullCount: 0 }
      : { length: column.length, nullCount: countNulls(column.nulls), nullBitmap: validityBitmap(column.nulls) }
  switch (column.kind) {
    case 'number':
    case 'integer': {
      const { type, values } = narrowNumbers(column)
      return finish(name, column, makeData({ ...base, type: type as Float64, data: values as Float64Array }), values)
    }
    case 'boolean':
      return finish(name, column, dataOf(column, arrowTypeOf('boolean') as Bool), packBits(column.values))
    case 'time': {
      const data = dataOf(column, arrowTypeOf('time') as TimestampMillisecond)
      return finish(name, column, data, data.values as BigInt64Array)
    }
    case 'text': {
      const codes = narrowCodes(column)
      // A fixed dictionary id, so that equal columns have equal bytes.
      const type = new Dictionary(
        new Utf8(),
        codes instanceof Uint8Array ? new Uint8() : codes instanceof Uint16Array ? new Uint16() : new Int32(),
        0,
      )
      return finish(name, column, makeData({ ...base, type, data: codes, dictionary: encodeDictionary(column.dictionary) } as never), codes)
    }
  }
}

/**
 * The column of a stored chunk, in the Arrow type of its kind.
 *
 * @throws {@link MillraceError} `STORAGE_CORRUPT` when the bytes are not the chunk that the manifest describes.
 */
export function decodeChunk(
  bytes: Uint8Array,
  column: ColumnType,
  type: DataType,
  expected: { readonly key: string; readonly rows: number },
): Data {
  // Arrow makes typed arrays over these bytes, and their start must be aligned for it.
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice()
  const batch = read(aligned, expected.key)
  const vector = batch?.getChildAt(0)
  const data = vector?.data[0]
  if (batch === undefined || data === undefined || batch.numRows !== expected.rows) {
    throw corrupt(expected.key, `it holds ${batch?.numRows ?? 0} rows, not ${expected.rows}`)
  }
  const stored = data.type as DataType
  switch (column.kind) {
    case 'number':
      return data.values instanceof Float64Array
        ? retyped(data, type, data.values)
        : retyped(data, type, Float64Array.from(data.values as Int8Array))
    case 'integer':
      return data.values instanceof Int32Array
        ? retyped(data, type, data.values)
        : retyped(data, type, Int32Array.from(data.values as Int8Array))
    case 'boolean':
    case 'time':
      return data
    case 'text': {
      if (!(stored instanceof Dictionary) || data.dictionary === undefined) throw corrupt(expected.key, 'its text has no dictionary')
      return retyped(data, type, data.values instanceof Int32Array ? data.values : Int32Array.from(data.values as Uint8Array))
    }
  }
}

function read(bytes: Uint8Array, key: string): RecordBatch | undefined {
  try {
    for (const batch of RecordBatchReader.from(bytes)) return batch
    return undefined
  } catch (error) {
    throw corrupt(key, 'it is no Arrow stream', error)
  }
}

function retyped(data: Data, type: DataType, values: Float64Array | Int32Array): Data {
  const { length, nullCount, nullBitmap, dictionary } = data
  const base = nullCount === 0 ? { length, nullCount } : { length, nullCount, nullBitmap }
  return makeData({ ...base, type, data: values, ...(dictionary && { dictionary }) } as never)
}

async function finish(name: string, column: Column, data: Data, values: Narrow): Promise<EncodedChunk> {
  const field = new Field(name, data.type as DataType, column.nulls !== undefined)
  const batch = recordBatchOf(new Schema<TypeMap>([field]), [data], column.length)
  const writer = new RecordBatchStreamWriter()
  writer.write(batch)
  writer.finish()
  return { bytes: writer.toUint8Array(true), digest: await digestOf(column, data, values) }
}

function digestOf(column: Column, data: Data, values: Narrow): Promise<string> {
  const nullBytes = column.nulls === undefined ? undefined : data.nullBitmap
  const texts = column.kind === 'text' ? encodeDictionary(column.dictionary).data[0] : undefined
  const header = `${canonicalJson({
    kind: column.kind,
    length: column.length,
    layout: values.constructor.name,
    nulls: nullBytes !== undefined,
    texts: column.kind === 'text' ? column.dictionary.length : 0,
  })}\n`
  const parts = [new TextEncoder().encode(header), nullBytes, texts?.valueOffsets, texts?.values, values]
  return sha256HexAsync(joined(parts.filter((part) => part !== undefined)))
}

function joined(parts: readonly ArrayBufferView[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0))
  let start = 0
  for (const part of parts) {
    bytes.set(bytesOf(part), start)
    start += part.byteLength
  }
  return bytes
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

/** The smallest of five types that holds every value exactly (so -0 and NaN need a float). */
function narrowNumbers(column: NumberColumn): { readonly type: DataType; readonly values: Narrow } {
  const { values, length } = column
  let least = 0
  let most = 0
  let whole = true
  for (let row = 0; row < length; row++) {
    const value = values[row] as number
    if (value !== (value | 0) || (value === 0 && 1 / value < 0)) {
      whole = false
      break
    }
    if (value < least) least = value
    else if (value > most) most = value
  }
  if (whole) {
    if (least >= -0x80 && most <= 0x7f) return { type: new Int8(), values: values instanceof Int8Array ? values : Int8Array.from(values) }
    if (least >= -0x8000 && most <= 0x7fff) return { type: new Int16(), values: Int16Array.from(values) }
    return { type: new Int32(), values: values instanceof Int32Array ? values : Int32Array.from(values) }
  }
  const single = new Float32Array(length)
  for (let row = 0; row < length; row++) {
    const value = values[row] as number
    single[row] = value
    if (single[row] !== value && !Number.isNaN(value)) return { type: new Float64(), values: withOneNaN(values) }
  }
  return { type: new Float32(), values: withOneNaN(single) }
}

/** NaN has many bit patterns; this leaves one of them. */
function withOneNaN<Values extends Float64Array | Float32Array | Int32Array>(values: Values): Values {
  let clean = values
  for (let row = 0; row < values.length; row++) {
    if (!Number.isNaN(values[row])) continue
    if (clean === values) clean = values.slice() as Values
    clean[row] = Number.NaN
  }
  return clean
}

/** Codes in the smallest width; a null's code is 0. */
function narrowCodes(column: TextColumn): Uint8Array | Uint16Array | Int32Array {
  const { codes, dictionary, nulls } = column
  const target =
    dictionary.length <= 0x100
      ? new Uint8Array(codes.length)
      : dictionary.length <= 0x1_0000
        ? new Uint16Array(codes.length)
        : new Int32Array(codes.length)
  target.set(codes)
  if (nulls !== undefined) for (let row = 0; row < nulls.length; row++) if (nulls[row] === 1) target[row] = 0
  return target
}

function countNulls(nulls: Uint8Array): number {
  let count = 0
  for (let row = 0; row < nulls.length; row++) count += nulls[row] as number
  return count
}

function corrupt(key: string, reason: string, cause?: unknown): MillraceError<'STORAGE_CORRUPT'> {
  return new MillraceError('STORAGE_CORRUPT', {
    message: `Expected a chunk of a dataset at "${key}". Received something else: ${reason}.`,
    details: { key, reason },
    cause,
  })
}
