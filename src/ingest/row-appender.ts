import type { RecordBatch } from 'apache-arrow/recordbatch'
import { MillraceError } from '../core/error.ts'
import { batchOf } from '../data/build-batch.ts'
import type { Column } from '../data/column.ts'
import type { ColumnKind } from '../data/column-type.ts'

/** Builds batches from objects. The kinds of columns are inferred as they come; a value of another kind than its column's ends the batch. */
export class RowAppender {
  readonly #capacity: number
  readonly #only: readonly string[] | undefined
  #columns = new Map<string, ValueAppender>()
  #length = 0

  constructor(capacity: number, only: readonly string[] | undefined) {
    this.#capacity = capacity
    this.#only = only
  }

  get length(): number {
    return this.#length
  }

  get isFull(): boolean {
    return this.#length === this.#capacity
  }

  /** Whether the row's values are of the kinds that this batch has so far. */
  fits(row: Readonly<Record<string, unknown>>): boolean {
    for (const name of this.#only ?? Object.keys(row)) {
      const kind = kindOf(row[name], name)
      const column = this.#columns.get(name)
      if (kind !== undefined && column?.kind !== undefined && column.kind !== kind) return false
    }
    return true
  }

  /** Appends a row that {@link fits}. */
  append(row: Readonly<Record<string, unknown>>): void {
    for (const name of this.#only ?? Object.keys(row)) {
      const value = row[name]
      let column = this.#columns.get(name)
      if (column === undefined) {
        column = new ValueAppender()
        this.#columns.set(name, column)
      }
      const kind = kindOf(value, name)
      if (kind !== undefined) column.set(this.#length, kind, value as number | bigint | boolean | string | Date)
    }
    this.#length++
  }

  /** The rows so far; starts again, empty. */
  build(): RecordBatch {
    const columns: Record<string, Column> = {}
    for (const [name, column] of this.#columns) columns[name] = column.build(this.#length)
    this.#columns = new Map()
    this.#length = 0
    return batchOf(columns)
  }
}

/** undefined for a missing value. */
function kindOf(value: unknown, name: string): ColumnKind | undefined {
  switch (typeof value) {
    case 'undefined':
      return undefined
    case 'number':
    case 'bigint':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'string':
      return 'text'
    default:
      if (value === null) return undefined
      if (value instanceof Date) return 'time'
      throw new MillraceError('SCHEMA_UNSUPPORTED', {
        message: `Expected a number, boolean, text, Date or null in column "${name}". Received ${Array.isArray(value) ? 'an array' : typeof value}.`,
        details: { path: name, type: Array.isArray(value) ? 'array' : typeof value },
      })
  }
}

/** Rows that a column begins with: where kinds alternate, most batches end after a few. */
const firstRows = 64

/** One column as it grows. Rows that are not set are null. */
class ValueAppender {
  readonly #dictionary: string[] = []
  readonly #codeOf = new Map<string, number>()
  #nulls = new Uint8Array(0)
  #values: Float64Array | Int32Array | Uint8Array | undefined
  #set = 0
  kind: ColumnKind | undefined

  set(row: number, kind: ColumnKind, value: number | bigint | boolean | string | Date): void {
    this.kind = kind
    if (row >= this.#nulls.length) this.#reserve(Math.max(firstRows, row + 1, this.#nulls.length * 2))
    this.#values ??= valuesFor(kind, this.#nulls.length)
    this.#nulls[row] = 0
    this.#set++
    this.#values[row] = typeof value === 'string' ? this.#code(value) : Number(value)
  }

  build(length: number): Column {
    if (this.#nulls.length < length) this.#reserve(length)
    const base = this.#set === length ? { length } : { length, nulls: this.#nulls.subarray(0, length) }
    const values = (this.#values ?? valuesFor('text', length)).subarray(0, length)
    switch (this.kind) {
      case 'number':
        return { ...base, kind: 'number', values: values as Float64Array }
      case 'time':
        return { ...base, kind: 'time', values: values as Float64Array }
      case 'boolean':
        return { ...base, kind: 'boolean', values: values as Uint8Array }
      default:
        return { ...base, kind: 'text', codes: values as Int32Array, dictionary: this.#dictionary }
    }
  }

  /** Room for so many rows; new ones are null. */
  #reserve(rows: number): void {
    const nulls = new Uint8Array(rows).fill(1)
    nulls.set(this.#nulls)
    this.#nulls = nulls
    if (this.#values === undefined || this.kind === undefined) return
    const values = valuesFor(this.kind, rows)
    values.set(this.#values)
    this.#values = values
  }

  #code(text: string): number {
    let code = this.#codeOf.get(text)
    if (code === undefined) {
      code = this.#dictionary.length
      this.#dictionary.push(text)
      this.#codeOf.set(text, code)
    }
    return code
  }
}

function valuesFor(kind: ColumnKind, rows: number): Float64Array | Int32Array | Uint8Array {
  if (kind === 'text') return new Int32Array(rows).fill(-1)
  return kind === 'boolean' ? new Uint8Array(rows) : new Float64Array(rows)
}
