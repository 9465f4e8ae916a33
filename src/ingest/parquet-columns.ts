import type { ParquetParsers, SchemaElement } from 'hyparquet'
import type { Column, NumberColumn } from '../data/column.ts'
import type { ColumnKind } from '../data/column-type.ts'

/** A column of a Parquet file that can be read. */
export interface ParquetColumn {
  readonly name: string
  readonly kind: ColumnKind
  /** The schema element to decode with: 64-bit integers are declared as timestamps, so that a parser of ours sees each distinct one. */
  readonly element: SchemaElement
  readonly unsigned: boolean
  /** Digits after the point of a decimal. */
  readonly scale?: number
}

/** What hyparquet decodes for consecutive rows, from `start` on. */
export interface DecodedRun {
  readonly start: number
  readonly values: ArrayLike<unknown>
}

/** The top-level columns of a file, in order; `undefined` for one that this library has no kind for (nested, binary, time of day). */
export function parquetColumns(schema: readonly SchemaElement[]): Map<string, ParquetColumn | undefined> {
  const columns = new Map<string, ParquetColumn | undefined>()
  for (let index = 1; index < schema.length; ) {
    const element = schema[index] as SchemaElement
    const end = endOf(schema, index)
    columns.set(element.name, end === index + 1 && element.repetition_type !== 'REPEATED' ? describe(element) : undefined)
    index = end
  }
  return columns
}

/** The index after an element and all that is nested in it. */
function endOf(schema: readonly SchemaElement[], index: number): number {
  let end = index + 1
  for (let child = 0; child < (schema[index]?.num_children ?? 0); child++) end = endOf(schema, end)
  return end
}

function describe(element: SchemaElement): ParquetColumn | undefined {
  const { name } = element
  const as = (kind: ColumnKind, changes: Partial<SchemaElement> = {}, unsigned = false): ParquetColumn => ({
    name,
    kind,
    element: { ...element, ...changes },
    unsigned,
  })
  const logical = element.logical_type
  const converted = element.converted_type
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') {
    const scale = element.scale ?? (logical?.type === 'DECIMAL' ? logical.scale : 0)
    return { ...as('number', { converted_type: 'DECIMAL', scale }), scale }
  }
  if (logical?.type === 'TIME' || converted?.startsWith('TIME_') || converted === 'INTERVAL' || converted === 'BSON') return undefined
  switch (element.type) {
    case 'BOOLEAN':
      return as('boolean')
    case 'INT32':
      if (converted === 'DATE' || logical?.type === 'DATE') return as('time', { converted_type: 'DATE' })
      return as(isUnsigned(element, 32) ? 'number' : 'integer')
    case 'INT64':
      if (logical?.type === 'TIMESTAMP' || converted?.startsWith('TIMESTAMP')) return as('time')
      return as('number', wholeNumbers, isUnsigned(element, 64))
    case 'INT96':
      return as('time')
    case 'FLOAT':
    case 'DOUBLE':
      return as('number')
    case 'BYTE_ARRAY':
      if (logical !== undefined && !['STRING', 'ENUM', 'JSON'].includes(logical.type)) return undefined
      return as('text', { converted_type: 'UTF8', logical_type: { type: 'STRING' } })
    case 'FIXED_LEN_BYTE_ARRAY':
      if (logical?.type === 'UUID') return as('text')
      return logical?.type === 'FLOAT16' ? as('number') : undefined
    default:
      return undefined
  }
}

/** hyparquet gives plain 64-bit integers as bigints, row by row; as timestamps each distinct one goes through a parser once. */
const wholeNumbers: Partial<SchemaElement> = {
  converted_type: 'TIMESTAMP_MILLIS',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
}

function isUnsigned(element: SchemaElement, bits: number): boolean {
  const logical = element.logical_type
  return element.converted_type === `UINT_${bits}` || (logical?.type === 'INTEGER' && logical.bitWidth === bits && !logical.isSigned)
}

/** Texts met so far in one column, as codes. */
export class TextCodes {
  #codeOf = new Map<string, number>()
  #texts: string[] = []
  #snapshot: readonly string[] = []

  code(text: string): number {
    let code = this.#codeOf.get(text)
    if (code === undefined) {
      code = this.#texts.length
      this.#texts.push(text)
      this.#codeOf.set(text, code)
    }
    return code
  }

  /** The texts as they stand; the same array as long as none is added, so that what is made of it can be reused. */
  dictionary(): readonly string[] {
    if (this.#snapshot.length !== this.#texts.length) this.#snapshot = this.#texts.slice()
    return this.#snapshot
  }

  /** Starts again when there are many, so that a column of unique texts does not fill memory. */
  trim(most: number): void {
    if (this.#texts.length <= most) return
    this.#codeOf = new Map()
    this.#texts = []
    this.#snapshot = []
  }
}

/** What turns Parquet's values into ours: times to milliseconds, texts to codes. */
export function parsersFor(column: ParquetColumn, codes: TextCodes): Partial<ParquetParsers> {
  // A byte order mark is a character of the value, not of a file.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return {
    timestampFromMilliseconds: column.unsigned ? (value) => Number(BigInt.asUintN(64, value)) : Number,
    timestampFromMicroseconds: (value) => Number(floorDivide(value, 1000n)),
    timestampFromNanoseconds: (value) => Number(floorDivide(value, 1_000_000n)),
    dateFromDays: (days) => days * 86_400_000,
    stringFromBytes: (bytes) => codes.code(decoder.decode(bytes)),
    uuidFromBytes: (bytes) => codes.code(uuidOf(bytes)),
  }
}

function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor
  return value < 0n && quotient * divisor !== value ? quotient - 1n : quotient
}

function uuidOf(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** Powers of ten up to this are exact as doubles. */
const mostExactDigits = 22

/**
 * Puts decimals right in place: hyparquet multiplies by 0.01, say, which no double is, and 0.29 comes out as 0.29000000000000004. A whole number divided
 * by 100 is the double nearest to the decimal.
 */
export function roundDecimals({ values }: NumberColumn, scale: number): void {
  if (scale <= 0 || scale > mostExactDigits) return
  const units = Number(`1e${scale}`)
  for (let row = 0; row < values.length; row++) {
    const whole = Math.round((values[row] as number) * units)
    if (Number.isSafeInteger(whole)) values[row] = whole / units
  }
}

/** Rows [start, end) of the decoded runs as a typed column. */
export function columnFromRuns(
  kind: ColumnKind,
  runs: readonly DecodedRun[],
  start: number,
  end: number,
  dictionary: readonly string[],
): Column {
  const length = end - start
  const nulls = new Uint8Array(length)
  const values =
    kind === 'boolean' ? new Uint8Array(length) : kind === 'integer' || kind === 'text' ? new Int32Array(length) : new Float64Array(length)
  const missing = kind === 'text' ? -1 : 0
  let nullCount = 0
  for (const run of runs) {
    const from = Math.max(start, run.start)
    const to = Math.min(end, run.start + run.values.length)
    for (let row = from; row < to; row++) {
      const value = run.values[row - run.start]
      if (value === null || value === undefined) {
        nulls[row - start] = 1
        values[row - start] = missing
        nullCount++
      } else values[row - start] = value as number
    }
  }
  const base = nullCount === 0 ? { length } : { length, nulls }
  switch (kind) {
    case 'number':
    case 'integer':
      return { ...base, kind, values: values as Float64Array | Int32Array }
    case 'boolean':
      return { ...base, kind, values: values as Uint8Array }
    case 'time':
      return { ...base, kind, values: values as Float64Array }
    case 'text':
      return { ...base, kind, codes: values as Int32Array, dictionary }
  }
}
