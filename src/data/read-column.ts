// The one place that takes Arrow memory apart.
import type { Data } from 'apache-arrow/data'
import { DateUnit, Precision, TimeUnit, Type } from 'apache-arrow/enum'
import type { RecordBatch } from 'apache-arrow/recordbatch'
import type { DataType, Dictionary } from 'apache-arrow/type'
import type { Vector } from 'apache-arrow/vector'
import { MillraceError } from '../core/error.ts'
import { type Column, latestMs, type TextColumn } from './column.ts'
import { columnNotFound } from './column-not-found.ts'
import type { ColumnKind } from './column-type.ts'
import { decodeDictionary, textAt } from './text-dictionary.ts'

/**
 * A column of a record batch as typed arrays.
 *
 * @throws {@link MillraceError} `COLUMN_NOT_FOUND`, or `SCHEMA_UNSUPPORTED` for an Arrow type that has no {@link ColumnKind} (lists, structs, decimals).
 * @example
 * const distance = columnOf(batch, 'distance')
 * distance.kind // 'number'
 * distance.length === batch.numRows // true
 */
export function columnOf(batch: RecordBatch, name: string): Column {
  const vector = batch.getChild(name)
  if (vector === null) {
    throw columnNotFound(
      name,
      batch.schema.fields.map((field) => String(field.name)),
    )
  }
  return columnOfVector(vector, name)
}

/** The kind under which {@link columnOf} reads an Arrow type; undefined where it has none. Arrow's Null reads as text without a value. */
export function kindOfArrowType(type: DataType): ColumnKind | undefined {
  switch (type.typeId as Type) {
    case Type.Int: {
      const { bitWidth, isSigned } = type as DataType & { readonly bitWidth: number; readonly isSigned: boolean }
      return bitWidth < 32 || (bitWidth === 32 && isSigned) ? 'integer' : 'number'
    }
    case Type.Float:
      return (type as DataType & { readonly precision: Precision }).precision === Precision.HALF ? undefined : 'number'
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Null:
      return 'text'
    case Type.Bool:
      return 'boolean'
    case Type.Date:
    case Type.Timestamp:
      return 'time'
    case Type.Dictionary:
      return kindOfArrowType((type as Dictionary).dictionary) === 'text' ? 'text' : undefined
    default:
      return undefined
  }
}

function columnOfVector(vector: Vector, name: string): Column {
  const kind = kindOfArrowType(vector.type)
  if (kind === undefined) {
    throw new MillraceError('SCHEMA_UNSUPPORTED', {
      message: `Expected column "${name}" to be numbers, booleans, text or times. Received Arrow ${vector.type}.`,
      details: { path: name, type: String(vector.type) },
    })
  }
  if (vector.length === 0) return emptyColumn(kind)
  if ((vector.type.typeId as Type) === Type.Null) return nullColumn(vector.length)
  const nulls = nullsOf(vector)
  const base = nulls === undefined ? { length: vector.length } : { length: vector.length, nulls }
  switch (kind) {
    case 'number':
      return { ...base, kind, values: numbersOf(vector, Float64Array) }
    case 'integer':
      return { ...base, kind, values: numbersOf(vector, Int32Array) }
    case 'boolean':
      return { ...base, kind, values: bitsOf(vector) }
    case 'time':
      return { ...base, kind, values: timesOf(vector) }
    case 'text':
      return textOf(vector, nulls)
  }
}

function nullsOf(vector: Vector): Uint8Array | undefined {
  const throughDictionary = vector.data.some((data) => data.dictionary !== undefined && data.dictionary.nullCount > 0)
  if (vector.nullCount === 0 && !throughDictionary) return undefined
  const nulls = new Uint8Array(vector.length)
  let start = 0
  for (const data of vector.data) {
    if (throughDictionary) for (let row = 0; row < data.length; row++) nulls[start + row] = vector.get(start + row) === null ? 1 : 0
    else if (data.nullCount > 0) for (let row = 0; row < data.length; row++) if (!isValid(data, row)) nulls[start + row] = 1
    start += data.length
  }
  return nulls
}

/** After a slice Arrow shifts the values but leaves the bitmap where it was, so the bitmap is read from `offset`. */
function isValid(data: Data, row: number): boolean {
  const position = data.offset + row
  return (
    data.nullBitmap === undefined ||
    data.nullBitmap.length === 0 ||
    ((data.nullBitmap[position >> 3] as number) & (1 << (position & 7))) !== 0
  )
}

function numbersOf<Values extends Float64Array | Int32Array>(
  vector: Vector,
  Target: { new (length: number): Values },
): Values | Float32Array {
  const only = vector.data.length === 1 ? (vector.data[0] as Data) : undefined
  if (only !== undefined && (only.values instanceof Target || only.values instanceof Float32Array) && only.stride === 1) {
    return only.values.subarray(0, vector.length) as Values | Float32Array
  }
  const values = new Target(vector.length)
  let start = 0
  for (const data of vector.data) {
    const source = data.values as ArrayLike<number | bigint>
    for (let row = 0; row < data.length; row++) values[start + row] = Number(source[row])
    start += data.length
  }
  return values
}

function bitsOf(vector: Vector): Uint8Array {
  const values = new Uint8Array(vector.length)
  let start = 0
  for (const data of vector.data) {
    const bits = data.values as Uint8Array
    for (let row = 0; row < data.length; row++) {
      const position = data.offset + row
      values[start + row] = ((bits[position >> 3] as number) >> (position & 7)) & 1
    }
    start += data.length
  }
  return values
}

/** 64-bit integers through two 32-bit halves (Arrow memory is little-endian, as every platform that runs this). Finer units are rounded down. */
function timesOf(vector: Vector): Float64Array {
  const values = new Float64Array(vector.length)
  const { unit, typeId } = vector.type as DataType & { readonly unit: number }
  const isDate = (typeId as Type) === Type.Date
  let start = 0
  for (const data of vector.data) {
    const target = values.subarray(start, start + data.length)
    if (isDate && unit === DateUnit.DAY) {
      const days = data.values as Int32Array
      for (let row = 0; row < target.length; row++) target[row] = (days[row] as number) * 86_400_000
    } else {
      const source = data.values as BigInt64Array | Int32Array
      millisecondsOf(new Int32Array(source.buffer, source.byteOffset, data.length * 2), isDate ? TimeUnit.MILLISECOND : unit, target)
    }
    start += data.length
  }
  for (let row = 0; row < values.length; row++) if (Math.abs(values[row] as number) > latestMs) values[row] = Number.NaN
  return values
}

/** Exact in every unit: 64-bit nanoseconds do not fit a double, so the halves are divided apart (2^32 is 4,294 * 10^6 + 967,296). */
function millisecondsOf(halves: Int32Array, unit: TimeUnit, target: Float64Array): void {
  for (let row = 0; row < target.length; row++) {
    const low = (halves[row * 2] as number) >>> 0
    const high = halves[row * 2 + 1] as number
    switch (unit) {
      case TimeUnit.SECOND:
        target[row] = (high * 0x1_0000_0000 + low) * 1000
        break
      case TimeUnit.MILLISECOND:
        target[row] = high * 0x1_0000_0000 + low
        break
      case TimeUnit.MICROSECOND:
        target[row] = high * 4_294_967 + Math.floor((high * 296 + low) / 1000)
        break
      default:
        target[row] = high * 4294 + Math.floor((high * 967_296 + low) / 1_000_000)
    }
  }
}

function textOf(vector: Vector, nulls: Uint8Array | undefined): TextColumn {
  const only = vector.data.length === 1 ? (vector.data[0] as Data) : undefined
  if (only?.dictionary !== undefined) {
    const { texts, distinct } = decodeDictionary(only.dictionary)
    if (distinct) return textColumn(codesUnder(only, nulls), texts, nulls)
  }
  const codes = new Int32Array(vector.length)
  const dictionary: string[] = []
  const codeOf = new Map<string, number>()
  const encode = (text: string): number => {
    let code = codeOf.get(text)
    if (code === undefined) {
      code = dictionary.length
      dictionary.push(text)
      codeOf.set(text, code)
    }
    return code
  }
  let start = 0
  for (const data of vector.data) {
    const translate = data.dictionary === undefined ? undefined : decodeDictionary(data.dictionary).texts.map(encode)
    const indices = data.values as ArrayLike<number | bigint>
    for (let row = 0; row < data.length; row++) {
      if (nulls !== undefined && nulls[start + row] === 1) codes[start + row] = -1
      else if (translate === undefined) codes[start + row] = encode(textAt(data, row))
      else codes[start + row] = translate[Number(indices[row])] as number
    }
    start += data.length
  }
  return textColumn(codes, dictionary, nulls)
}

function textColumn(codes: Int32Array, dictionary: readonly string[], nulls: Uint8Array | undefined): TextColumn {
  return nulls === undefined
    ? { kind: 'text', length: codes.length, codes, dictionary }
    : { kind: 'text', length: codes.length, nulls, codes, dictionary }
}

/** The codes as they are where nothing is null, with -1 for null elsewhere. */
function codesUnder(data: Data, nulls: Uint8Array | undefined): Int32Array {
  const indices = data.values as ArrayLike<number | bigint>
  if (nulls === undefined && indices instanceof Int32Array) return indices.subarray(0, data.length)
  const codes = new Int32Array(data.length)
  for (let row = 0; row < data.length; row++) codes[row] = nulls?.[row] === 1 ? -1 : Number(indices[row])
  return codes
}

function emptyColumn(kind: ColumnKind): Column {
  switch (kind) {
    case 'number':
      return { kind, length: 0, values: new Float64Array(0) }
    case 'integer':
      return { kind, length: 0, values: new Int32Array(0) }
    case 'boolean':
      return { kind, length: 0, values: new Uint8Array(0) }
    case 'time':
      return { kind, length: 0, values: new Float64Array(0) }
    case 'text':
      return { kind, length: 0, codes: new Int32Array(0), dictionary: [] }
  }
}

/** A column without any value, which fits every kind. */
export function nullColumn(length: number): TextColumn {
  return { kind: 'text', length, nulls: new Uint8Array(length).fill(1), codes: new Int32Array(length).fill(-1), dictionary: [] }
}
