import { MillraceError } from '../core/error.ts'
import type { Column } from '../data/column.ts'
import type { ColumnKind } from '../data/column-type.ts'
import type { Categories } from './categories.ts'
import { blockRows } from './key-index.ts'
import type { TimePart } from './time-part.ts'
import { fillTimeParts, timePartCount, timePartOf } from './time-part.ts'

/**
 * What features read: one block of one column, always in the same form, whether it came from a batch or from a single row. That both take
 * the same way from here on is what makes `applyRow` equal to `apply` bit for bit.
 */
export interface Source {
  readonly column: string
  /** Takes the column of the next batch. @throws {@link MillraceError} `SCHEMA_MISMATCH` for another kind. */
  bind(column: Column): void
  /** Makes rows `start` to `start + rows` of the bound column the current block. */
  fill(start: number, rows: number): void
  /** Makes one value the current block. */
  set(value: unknown): void
  /** Lets go of the batch. */
  release(): void
}

/** A source of category codes: 0 is null, -1 unknown. */
export interface CodeSource extends Source {
  readonly codes: Int32Array
  readonly radix: number
  labelOf(code: number): string
}

/** Numbers; whatever is missing (null, NaN, infinities) is NaN. */
export class NumberSource implements Source {
  readonly column: string
  readonly values: Float64Array = new Float64Array(blockRows)
  #bound: ArrayLike<number> = []
  #nulls: Uint8Array | undefined

  constructor(column: string) {
    this.column = column
  }

  bind(column: Column): void {
    if (column.kind !== 'number' && column.kind !== 'integer') throw wrongKind(this.column, 'number', column.kind)
    this.#bound = column.values
    this.#nulls = column.nulls
  }

  fill(start: number, rows: number): void {
    const bound = this.#bound
    const nulls = this.#nulls
    for (let row = 0; row < rows; row++) {
      const value = bound[start + row] as number
      this.values[row] = value - value === 0 ? value : Number.NaN
    }
    if (nulls !== undefined) for (let row = 0; row < rows; row++) if (nulls[start + row] !== 0) this.values[row] = Number.NaN
  }

  set(value: unknown): void {
    if (value === null) this.values[0] = Number.NaN
    else if (typeof value === 'number') this.values[0] = Number.isFinite(value) ? value : Number.NaN
    else throw wrongKind(this.column, 'number', kindOfValue(value))
  }

  release(): void {
    this.#bound = []
    this.#nulls = undefined
  }
}

/** Text, booleans or numbers as categories. Each entry of a batch's dictionary is looked up once. */
export class CategorySource implements CodeSource {
  readonly column: string
  readonly kind: ColumnKind
  /** The order of appearance; only fitting changes it. */
  categories: Categories
  readonly codes: Int32Array = new Int32Array(blockRows)
  #bound: Column | undefined
  #translation: Int32Array = new Int32Array(0)
  #dictionary: readonly string[] | undefined

  constructor(column: string, kind: ColumnKind, categories: Categories) {
    this.column = column
    this.kind = kind
    this.categories = categories
  }

  get radix(): number {
    return this.kind === 'boolean' ? 3 : this.categories.radix
  }

  labelOf(code: number): string {
    if (this.kind === 'boolean' && code > 0) return code === 2 ? 'true' : 'false'
    return this.categories.labelOf(code)
  }

  bind(column: Column): void {
    this.#check(column)
    this.#bound = column
    if (column.kind !== 'text' || column.dictionary === this.#dictionary) return
    const { dictionary } = column
    if (this.#translation.length < dictionary.length) this.#translation = new Int32Array(dictionary.length)
    for (let code = 0; code < dictionary.length; code++) this.#translation[code] = this.categories.codeOf(dictionary[code] as string)
    this.#dictionary = dictionary
  }

  fill(start: number, rows: number): void {
    const column = this.#bound
    const { codes } = this
    if (column?.kind === 'text') {
      const translation = this.#translation
      const bound = column.codes
      for (let row = 0; row < rows; row++) {
        const code = bound[start + row] as number
        codes[row] = code < 0 ? 0 : (translation[code] as number)
      }
    } else if (column?.kind === 'boolean') {
      for (let row = 0; row < rows; row++) codes[row] = column.values[start + row] === 0 ? 1 : 2
    } else if (column !== undefined) {
      for (let row = 0; row < rows; row++) codes[row] = this.#codeOfNumber(column.values[start + row] as number)
    }
    const nulls = column?.nulls
    if (nulls !== undefined) for (let row = 0; row < rows; row++) if (nulls[start + row] !== 0) codes[row] = 0
  }

  /** Adds the categories of all rows of a column, in the order in which rows have them: an entry of a dictionary that no row has is none. */
  learn(column: Column): void {
    this.#check(column)
    const { length, nulls } = column
    if (column.kind === 'text') {
      const seen = new Uint8Array(column.dictionary.length)
      for (let row = 0; row < length; row++) {
        const code = column.codes[row] as number
        if (code < 0 || seen[code] === 1 || nulls?.[row] === 1) continue
        seen[code] = 1
        this.categories.add(column.dictionary[code] as string)
      }
    } else if (column.kind === 'number' || column.kind === 'integer') {
      for (let row = 0; row < length; row++) {
        const value = column.values[row] as number
        if (Number.isFinite(value) && nulls?.[row] !== 1) this.categories.add(value)
      }
    }
  }

  set(value: unknown): void {
    if (value === null) this.codes[0] = 0
    else if (this.kind === 'text' && typeof value === 'string') this.codes[0] = this.categories.codeOf(value)
    else if (this.kind === 'boolean' && typeof value === 'boolean') this.codes[0] = value ? 2 : 1
    else if ((this.kind === 'number' || this.kind === 'integer') && typeof value === 'number') this.codes[0] = this.#codeOfNumber(value)
    else throw wrongKind(this.column, this.kind, kindOfValue(value))
  }

  release(): void {
    this.#bound = undefined
    this.#dictionary = undefined
  }

  #codeOfNumber(value: number): number {
    return Number.isFinite(value) ? this.categories.codeOf(value) : 0
  }

  #check(column: Column): void {
    const same = column.kind === this.kind || (isNumeric(column.kind) && isNumeric(this.kind))
    if (!same) throw wrongKind(this.column, this.kind, column.kind)
  }
}

/** One part of moments. */
export class TimePartSource implements CodeSource {
  readonly column: string
  readonly part: TimePart
  readonly codes: Int32Array = new Int32Array(blockRows)
  #bound: Float64Array = new Float64Array(0)
  #nulls: Uint8Array | undefined

  constructor(column: string, part: TimePart) {
    this.column = column
    this.part = part
  }

  get radix(): number {
    return timePartCount(this.part) + 1
  }

  labelOf(code: number): string {
    return code === 0 ? '(null)' : String(code - 1)
  }

  bind(column: Column): void {
    if (column.kind !== 'time') throw wrongKind(this.column, 'time', column.kind)
    this.#bound = column.values
    this.#nulls = column.nulls
  }

  fill(start: number, rows: number): void {
    fillTimeParts(this.codes, this.#bound.subarray(start, start + rows), rows, this.part)
    const nulls = this.#nulls
    if (nulls !== undefined) for (let row = 0; row < rows; row++) if (nulls[start + row] !== 0) this.codes[row] = 0
  }

  set(value: unknown): void {
    if (value === null) this.codes[0] = 0
    else if (typeof value === 'number' || value instanceof Date) {
      const moment = Number(value)
      this.codes[0] = Number.isFinite(moment) ? timePartOf(moment, this.part) + 1 : 0
    } else throw wrongKind(this.column, 'time', kindOfValue(value))
  }

  release(): void {
    this.#bound = new Float64Array(0)
    this.#nulls = undefined
  }
}

function isNumeric(kind: ColumnKind): boolean {
  return kind === 'number' || kind === 'integer'
}

function kindOfValue(value: unknown): string {
  if (typeof value === 'string') return 'text'
  return value instanceof Date ? 'time' : typeof value
}

function wrongKind(name: string, expected: string, received: string): MillraceError<'SCHEMA_MISMATCH'> {
  return new MillraceError('SCHEMA_MISMATCH', {
    message: `Expected column "${name}" to be of kind ${expected}. Received ${received}.`,
    details: { columns: [{ name, expected, received }] },
  })
}
