import type { Column, TextColumn } from '../column.ts'
import type { ColumnKind } from '../column-type.ts'
import { nullColumn } from '../read-column.ts'
import { type CellValue, valueAt } from '../row-values.ts'
import { type Field, unsupported } from './field.ts'
import type { NumberPredicate } from './number-predicates.ts'

/** A column as the schema lets it out, and the rows that it refuses. */
export interface CheckedColumn {
  readonly column: Column
  /** For each row 0, or 1 more than the index of its reason; absent when every row passed. */
  readonly failures: Uint8Array | undefined
  readonly reasons: readonly string[]
}

/** Checks one column by one field. `column` is undefined where the source has no such column. */
export function checkColumn(field: Field, column: Column | undefined, length: number): CheckedColumn {
  const check = new ColumnCheck(field, length)
  const source = column ?? nullColumn(length)
  return { column: check.nulls(source, check.values(source)), failures: check.failures, reasons: check.reasons }
}

/** Reasons that are told apart in one column of one batch. */
const mostReasons = 200

class ColumnCheck {
  readonly #field: Field
  readonly #length: number
  readonly #codeOf = new Map<string, number>()
  readonly reasons: string[] = []
  failures: Uint8Array | undefined

  constructor(field: Field, length: number) {
    this.#field = field
    this.#length = length
  }

  /** Judges the values that are there. */
  values(column: Column): Column {
    const { kind, predicates, takesOtherKinds } = this.#field
    if (isAllNull(column)) return emptyOf(kind, column)
    const fits =
      column.kind === kind || (column.kind === 'integer' && kind === 'number') || (column.kind === 'number' && kind === 'integer')
    if (!fits && !takesOtherKinds) return this.#refuseAll(column)
    if (!fits || predicates === undefined) return column.kind === 'text' ? this.#throughEntries(column) : this.#throughValues(column)
    return column.kind === 'number' || column.kind === 'integer' || column.kind === 'time'
      ? this.#throughPredicates(column, predicates)
      : column
  }

  /** Puts in what the schema has for missing values, or refuses them. */
  nulls(source: Column, checked: Column): Column {
    const { nulls } = source
    if (nulls === undefined) return checked
    const { onNull } = this.#field
    if (onNull === undefined) {
      let reason = 0
      for (let row = 0; row < nulls.length; row++) {
        if (nulls[row] !== 1) continue
        reason ||= this.#reason(`expected ${this.#field.kind}, received null`)
        this.#fail(row, reason)
      }
      return checked
    }
    return onNull.value === null ? checked : withDefault(checked, nulls, onNull.value, this.#field)
  }

  #refuseAll(column: Column): Column {
    const { nulls } = column
    let reason = 0
    for (let row = 0; row < column.length; row++) {
      if (nulls !== undefined && nulls[row] === 1) continue
      reason ||= this.#reasonFor(valueAt(column, row))
      this.#fail(row, reason)
    }
    return emptyOf(this.#field.kind, column)
  }

  #throughPredicates(column: Exclude<Column, TextColumn>, predicates: readonly NumberPredicate[]): Column {
    const { values, nulls } = column
    const reasonOf = new Uint8Array(predicates.length + 2)
    for (let row = 0; row < column.length; row++) {
      if (nulls !== undefined && nulls[row] === 1) continue
      const value = values[row] as number
      let failed = Number.isFinite(value) ? -1 : predicates.length + (Number.isNaN(value) ? 0 : 1)
      for (let index = 0; failed < 0 && index < predicates.length; index++)
        if (!(predicates[index] as NumberPredicate)(value)) failed = index
      if (failed < 0) continue
      // The text may name the value; that of the first failure stands for all.
      reasonOf[failed] ||= this.#reasonFor(valueAt(column, row))
      this.#fail(row, reasonOf[failed] as number)
    }
    return column.kind === this.#field.kind || column.kind === 'time' ? column : this.#asKind(column)
  }

  /** Whole numbers under another name: a failed row's value is not one, and means nothing. */
  #asKind(column: Exclude<Column, TextColumn>): Column {
    if (this.#field.kind === 'integer') return { ...column, kind: 'integer', values: Int32Array.from(column.values) }
    return { ...column, kind: 'number', values: column.values as Int32Array }
  }

  /** Each text that occurs is judged once. */
  #throughEntries(column: TextColumn): Column {
    const { codes, dictionary, length } = column
    const output = new OutputColumn(this.#field, column)
    const outcomes = new Int32Array(dictionary.length)
    const values: CellValue[] = []
    for (let row = 0; row < length; row++) {
      const code = codes[row] as number
      if (code < 0) continue
      let outcome = outcomes[code] as number
      if (outcome === 0) {
        const result = this.#field.validate(dictionary[code])
        if (result.issues === undefined) {
          values.push(cellOf(result.value, this.#field))
          outcome = values.length
        } else outcome = -this.#reason(reasonText(result.issues[0]?.message))
        outcomes[code] = outcome
      }
      if (outcome > 0) output.set(row, values[outcome - 1] as CellValue)
      else this.#fail(row, -outcome)
    }
    return output.column()
  }

  #throughValues(column: Column): Column {
    const { nulls, length } = column
    const output = new OutputColumn(this.#field, column)
    for (let row = 0; row < length; row++) {
      if (nulls !== undefined && nulls[row] === 1) continue
      const result = this.#field.validate(valueAt(column, row))
      if (result.issues === undefined) output.set(row, cellOf(result.value, this.#field))
      else this.#fail(row, this.#reason(reasonText(result.issues[0]?.message)))
    }
    return output.column()
  }

  /** What zod says of a value that a predicate refused. */
  #reasonFor(value: CellValue): number {
    const { issues } = this.#field.validate(value)
    return this.#reason(reasonText(issues?.[0]?.message))
  }

  #reason(text: string): number {
    let code = this.#codeOf.get(text)
    if (code === undefined) {
      if (this.reasons.length >= mostReasons) return mostReasons
      this.reasons.push(text)
      code = this.reasons.length
      this.#codeOf.set(text, code)
    }
    return code
  }

  #fail(row: number, reason: number): void {
    this.failures ??= new Uint8Array(this.#length)
    this.failures[row] = reason
  }
}

/** Collects what zod puts out, row by row. Rows that are not set are null. */
class OutputColumn {
  readonly #field: Field
  readonly #source: Column
  readonly #nulls: Uint8Array
  readonly #values: Float64Array
  readonly #dictionary: string[] = []
  readonly #codeOf = new Map<string, number>()

  constructor(field: Field, source: Column) {
    this.#field = field
    this.#source = source
    this.#nulls = new Uint8Array(source.length).fill(1)
    this.#values = new Float64Array(source.length)
  }

  set(row: number, value: CellValue): void {
    if (value === null) return
    this.#nulls[row] = 0
    this.#values[row] = typeof value === 'string' ? this.#code(value) : Number(value)
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

  column(): Column {
    const nulls = this.#nulls.includes(1) ? { nulls: this.#nulls } : {}
    const base = { length: this.#source.length, ...nulls }
    switch (this.#field.kind) {
      case 'number':
        return { ...base, kind: 'number', values: this.#values }
      case 'integer':
        return { ...base, kind: 'integer', values: Int32Array.from(this.#values) }
      case 'time':
        return { ...base, kind: 'time', values: this.#values }
      case 'boolean':
        return { ...base, kind: 'boolean', values: Uint8Array.from(this.#values) }
      case 'text': {
        const codes = Int32Array.from(this.#values)
        for (let row = 0; row < codes.length; row++) if (this.#nulls[row] === 1) codes[row] = -1
        return { ...base, kind: 'text', codes, dictionary: this.#dictionary }
      }
    }
  }
}

/** What zod put out, where it is of the field's kind. */
function cellOf(value: unknown, field: Field): CellValue {
  if (value === null || value === undefined) return null
  const isOfKind =
    field.kind === 'text'
      ? typeof value === 'string'
      : field.kind === 'boolean'
        ? typeof value === 'boolean'
        : field.kind === 'time'
          ? value instanceof Date
          : typeof value === 'number'
  if (!isOfKind) throw unsupported(field.name, `a schema that made ${typeof value} of a value where it promised ${field.kind}`)
  return value as CellValue
}

function withDefault(column: Column, nulls: Uint8Array, value: unknown, field: Field): Column {
  const output = new OutputColumn(field, column)
  const substitute = cellOf(value, field)
  for (let row = 0; row < column.length; row++) output.set(row, nulls[row] === 1 ? substitute : valueAt(column, row))
  return output.column()
}

function reasonText(message: string | undefined): string {
  return message ?? 'it does not fit the schema'
}

function isAllNull({ nulls, length }: Column): boolean {
  if (nulls === undefined) return length === 0
  for (let row = 0; row < length; row++) if (nulls[row] === 0) return false
  return true
}

/** As long as the column, without a value. */
function emptyOf(kind: ColumnKind, { length }: Column): Column {
  const base = { length, nulls: new Uint8Array(length).fill(1) }
  switch (kind) {
    case 'number':
      return { ...base, kind, values: new Float64Array(length) }
    case 'integer':
      return { ...base, kind, values: new Int32Array(length) }
    case 'boolean':
      return { ...base, kind, values: new Uint8Array(length) }
    case 'time':
      return { ...base, kind, values: new Float64Array(length) }
    case 'text':
      return { ...base, kind, codes: new Int32Array(length).fill(-1), dictionary: [] }
  }
}
