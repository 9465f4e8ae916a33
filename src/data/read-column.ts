// The one place that takes Arrow memory apart.
import type { Data } from 'apache-arrow/data'
import { Type } from 'apache-arrow/enum'
import type { RecordBatch } from 'apache-arrow/recordbatch'
import type { DataType, Dictionary } from 'apache-arrow/type'
import type { Vector } from 'apache-arrow/vector'
import { MillraceError } from '../core/error.ts'
import { nearestName } from '../core/suggest.ts'
import type { Column, TextColumn } from './column.ts'
import type { ColumnKind } from './column-type.ts'

/**
 * A column of a record batch as typed arrays.
 *
 * @throws {@link MillraceError} `COLUMN_NOT_FOUND`, or `SCHEMA_UNSUPPORTED` for an Arrow type that has no {@link ColumnKind} (lists, structs, decimals).
 */
export function columnOf(batch: RecordBatch, name: string): Column {
  const vector = batch.getChild(name)
  if (vector === null) {
    const names = batch.schema.fields.map((field) => field.name)
    const nearest = nearestName(name, names)
    throw new MillraceError('COLUMN_NOT_FOUND', {
      message: `Expected a column "${name}". Received ${names.map((other) => `"${other}"`).join(', ')}.${nearest === undefined ? '' : ` Did you mean "${nearest}"?`}`,
      details: nearest === undefined ? { column: name } : { column: name, nearest },
    })
  }
  return columnOfVector(vector, name)
}

/** The kind under which {@link columnOf} reads an Arrow type; undefined where it has none. */
export function kindOfArrowType(type: DataType): ColumnKind | undefined {
  switch (type.typeId as Type) {
    case Type.Int: {
      const { bitWidth, isSigned } = type as DataType & { readonly bitWidth: number; readonly isSigned: boolean }
      return bitWidth < 32 || (bitWidth === 32 && isSigned) ? 'integer' : 'number'
    }
    case Type.Float:
      return 'number'
    case Type.Utf8:
    case Type.LargeUtf8:
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
  if (vector.nullCount === 0) return undefined
  const nulls = new Uint8Array(vector.length)
  let start = 0
  for (const data of vector.data) {
    if (data.nullCount > 0) for (let row = 0; row < data.length; row++) if (!isValid(data, row)) nulls[start + row] = 1
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

const unitsPerMillisecond: Readonly<Record<number, number>> = { 0: 0.001, 1: 1, 2: 1e3, 3: 1e6 }

/** 64-bit integers through two 32-bit halves (Arrow memory is little-endian, as every platform that runs this). */
function timesOf(vector: Vector): Float64Array {
  const values = new Float64Array(vector.length)
  const { unit, typeId } = vector.type as DataType & { readonly unit: number }
  let start = 0
  for (const data of vector.data) {
    if ((typeId as Type) === Type.Date && unit === 0) {
      const days = data.values as Int32Array
      for (let row = 0; row < data.length; row++) values[start + row] = (days[row] as number) * 86_400_000
    } else {
      const source = data.values as BigInt64Array | Int32Array
      const halves = new Int32Array(source.buffer, source.byteOffset, data.length * 2)
      const divisor = (typeId as Type) === Type.Date ? 1 : (unitsPerMillisecond[unit] as number)
      for (let row = 0; row < data.length; row++) {
        values[start + row] = Math.floor(((halves[row * 2 + 1] as number) * 0x1_0000_0000 + ((halves[row * 2] as number) >>> 0)) / divisor)
      }
    }
    start += data.length
  }
  return values
}

function textOf(vector: Vector, nulls: Uint8Array | undefined): TextColumn {
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
    const translate = data.dictionary === undefined ? undefined : dictionaryTranslation(data.dictionary, encode)
    const indices = data.values as ArrayLike<number>
    for (let row = 0; row < data.length; row++) {
      if (nulls !== undefined && nulls[start + row] === 1) codes[start + row] = -1
      else
        codes[start + row] =
          translate === undefined ? encode(vector.get(start + row) as string) : (translate[indices[row] as number] as number)
    }
    start += data.length
  }
  return nulls === undefined
    ? { kind: 'text', length: vector.length, codes, dictionary }
    : { kind: 'text', length: vector.length, nulls, codes, dictionary }
}

/** Decodes each entry of a dictionary once. */
function dictionaryTranslation(dictionary: Vector, encode: (text: string) => number): Int32Array {
  const translation = new Int32Array(dictionary.length)
  for (let index = 0; index < dictionary.length; index++) translation[index] = encode((dictionary.get(index) as string | null) ?? '')
  return translation
}
