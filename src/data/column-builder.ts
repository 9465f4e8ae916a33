import type { RecordBatch } from 'apache-arrow/recordbatch'
import type { Schema } from 'apache-arrow/schema'
import type { TypeMap } from 'apache-arrow/type'
import { MillraceError } from '../core/error.ts'
import { arrowSchemaOf, batchOf } from './build-batch.ts'
import type { Column, NumberColumn, TextColumn } from './column.ts'
import type { ColumnKind, ColumnType } from './column-type.ts'
import { columnOf } from './read-column.ts'

/**
 * Collects rows of columns of one kind into one column, canonically: a value under a null is 0 (code -1), and the dictionary of a text column
 * has the texts that occur, in the order of their first appearance. So the result depends on the rows only, not on how they came.
 */
export class ColumnBuilder {
  readonly type: ColumnType
  readonly #capacity: number
  #length = 0
  #values: Float64Array | Int32Array | Uint8Array
  #nulls: Uint8Array | undefined
  #dictionary: string[] = []
  #codeOf = new Map<string, number>()
  /** Codes of the source's dictionary in ours, -1 where not met yet; kept while the source keeps its dictionary. */
  #translatedFrom: readonly string[] | undefined
  #translation = new Int32Array(0)

  constructor(type: ColumnType, capacity: number) {
    this.type = type
    this.#capacity = capacity
    this.#values = valuesFor(type.kind, capacity)
  }

  get length(): number {
    return this.#length
  }

  /** Appends rows [start, end) of a column, or with `rows` those rows. They must fit the capacity. */
  append(column: Column, start: number, end: number, rows?: Int32Array): void {
    const from = this.#length
    const count = rows === undefined ? end - start : rows.length
    if (column.nulls !== undefined) this.#appendNulls(column.nulls, start, count, rows)
    if (column.kind === 'text' && this.type.kind === 'text') this.#appendCodes(column, start, count, rows)
    else if (isAllNull(column, start, count, rows)) this.#appendNothing(from, count)
    else if (column.kind === this.type.kind || (column.kind === 'integer' && this.type.kind === 'number')) {
      this.#appendValues((column as NumberColumn).values, column.nulls, start, count, rows)
    } else throw mismatch(this.type, column.kind)
    this.#length = from + count
  }

  /** The column so far; the builder starts again, empty. */
  build(): Column {
    const length = this.#length
    const nulls = this.#nulls?.subarray(0, length)
    const values = this.#values.subarray(0, length)
    const base = nulls === undefined || !nulls.includes(1) ? { length } : { length, nulls }
    const column = columnFrom(this.type.kind, base, values, this.#dictionary)
    this.#length = 0
    this.#nulls = undefined
    this.#values = valuesFor(this.type.kind, this.#capacity)
    if (this.type.kind === 'text') {
      this.#dictionary = []
      this.#codeOf = new Map()
      this.#translatedFrom = undefined
    }
    return column
  }

  #appendNulls(nulls: Uint8Array, start: number, count: number, rows: Int32Array | undefined): void {
    let target = this.#nulls
    if (target === undefined) {
      target = new Uint8Array(this.#capacity)
      this.#nulls = target
    }
    const from = this.#length
    if (rows === undefined) target.set(nulls.subarray(start, start + count), from)
    else for (let index = 0; index < count; index++) target[from + index] = nulls[rows[index] as number] as number
  }

  #appendNothing(from: number, count: number): void {
    if (this.type.kind === 'text') this.#values.fill(-1, from, from + count)
    else this.#values.fill(0, from, from + count)
  }

  #appendValues(
    values: Float64Array | Float32Array | Int32Array | Uint8Array,
    nulls: Uint8Array | undefined,
    start: number,
    count: number,
    rows: Int32Array | undefined,
  ): void {
    const from = this.#length
    const target = this.#values
    if (rows === undefined) target.set(values.subarray(start, start + count), from)
    else for (let index = 0; index < count; index++) target[from + index] = values[rows[index] as number] as number
    const ours = nulls === undefined ? undefined : this.#nulls
    if (ours !== undefined) for (let row = from; row < from + count; row++) if (ours[row] === 1) target[row] = 0
  }

  #appendCodes(column: TextColumn, start: number, count: number, rows: Int32Array | undefined): void {
    const { codes, dictionary, nulls } = column
    if (this.#translatedFrom !== dictionary) {
      this.#translation = new Int32Array(dictionary.length).fill(-1)
      this.#translatedFrom = dictionary
    }
    const translation = this.#translation
    const target = this.#values
    const from = this.#length
    for (let index = 0; index < count; index++) {
      const row = rows === undefined ? start + index : (rows[index] as number)
      const source = codes[row] as number
      if (source < 0 || (nulls !== undefined && nulls[row] === 1)) {
        target[from + index] = -1
        continue
      }
      let code = translation[source] as number
      if (code < 0) {
        code = this.#codeFor(dictionary[source] as string)
        translation[source] = code
      }
      target[from + index] = code
    }
  }

  #codeFor(text: string): number {
    let code = this.#codeOf.get(text)
    if (code === undefined) {
      code = this.#dictionary.length
      this.#dictionary.push(text)
      this.#codeOf.set(text, code)
    }
    return code
  }
}

/** Collects rows of batches into batches of the given columns. */
export class BatchBuilder {
  readonly #schema: Schema<TypeMap>
  readonly #builders: readonly ColumnBuilder[]
  readonly capacity: number
  #length = 0

  constructor(columns: readonly ColumnType[], capacity: number) {
    this.#schema = arrowSchemaOf(columns)
    this.#builders = columns.map((column) => new ColumnBuilder(column, capacity))
    this.capacity = capacity
  }

  get length(): number {
    return this.#length
  }

  /** Appends rows [start, end) of a batch, or those listed; they must fit. */
  append(batch: RecordBatch, start: number, end: number, rows?: Int32Array): void {
    for (const builder of this.#builders) builder.append(columnOf(batch, builder.type.name), start, end, rows)
    this.#length += rows === undefined ? end - start : rows.length
  }

  /** The rows so far as a batch; starts again, empty. */
  build(): RecordBatch {
    const columns: Record<string, Column> = {}
    for (const builder of this.#builders) columns[builder.type.name] = builder.build()
    this.#length = 0
    return batchOf(columns, this.#schema)
  }
}

/** The listed rows of a column, in the canonical form of {@link ColumnBuilder}. */
export function takeRows(column: Column, rows: Int32Array): Column {
  const builder = new ColumnBuilder({ name: '', kind: column.kind, nullable: true }, rows.length)
  builder.append(column, 0, 0, rows)
  return builder.build()
}

function valuesFor(kind: ColumnKind, capacity: number): Float64Array | Int32Array | Uint8Array {
  switch (kind) {
    case 'number':
    case 'time':
      return new Float64Array(capacity)
    case 'integer':
    case 'text':
      return new Int32Array(capacity)
    case 'boolean':
      return new Uint8Array(capacity)
  }
}

function columnFrom(
  kind: ColumnKind,
  base: { readonly length: number; readonly nulls?: Uint8Array },
  values: Float64Array | Int32Array | Uint8Array,
  dictionary: readonly string[],
): Column {
  switch (kind) {
    case 'number':
    case 'integer':
      return { ...base, kind, values: values as Float64Array | Int32Array }
    case 'time':
      return { ...base, kind, values: values as Float64Array }
    case 'boolean':
      return { ...base, kind, values: values as Uint8Array }
    case 'text':
      return { ...base, kind, codes: values as Int32Array, dictionary }
  }
}

/** A column without any value fits every kind. */
function isAllNull(column: Column, start: number, count: number, rows: Int32Array | undefined): boolean {
  const { nulls } = column
  if (nulls === undefined) return count === 0
  if (rows !== undefined) return rows.every((row) => nulls[row] === 1)
  for (let row = start; row < start + count; row++) if (nulls[row] === 0) return false
  return true
}

function mismatch(type: ColumnType, received: ColumnKind): MillraceError<'SCHEMA_MISMATCH'> {
  return new MillraceError('SCHEMA_MISMATCH', {
    message: `Expected ${type.kind} in column "${type.name}". Received ${received}.`,
    details: { columns: [{ name: type.name, expected: type.kind, received }] },
  })
}
