import { MillraceError } from '../core/error.ts'
import { nearestName } from '../core/suggest.ts'
import type { Column } from '../data/column.ts'
import type { ColumnType } from '../data/column-type.ts'
import { columnFromValues, type StoredValue } from '../model/column-values.ts'
import { describeValue, expectationOf, storedValueOf } from './request-values.ts'

/** Checks the rows of requests against the columns that a model takes, and turns them into what its feature plan takes. */
export class RowReader {
  readonly #columns: readonly ColumnType[]
  readonly #known: ReadonlySet<string>

  /** `further` names columns that rows may have and the model does not take. */
  constructor(columns: readonly ColumnType[], further: readonly string[]) {
    this.#columns = columns
    this.#known = new Set([...columns.map((column) => column.name), ...further])
  }

  /**
   * One row.
   *
   * @throws {@link MillraceError} `REQUEST_INVALID` with the path of what does not fit, such as `[3].origin`.
   */
  row(row: unknown, index: number): Readonly<Record<string, StoredValue>> {
    this.#checkNames(row, index)
    const values: Record<string, StoredValue> = {}
    for (const column of this.#columns) values[column.name] = valueIn(row, column, index)
    return values
  }

  /** All rows, column by column. @throws {@link MillraceError} `REQUEST_INVALID`. */
  columns(rows: readonly unknown[]): Readonly<Record<string, Column>> {
    for (let index = 0; index < rows.length; index++) this.#checkNames(rows[index], index)
    return Object.fromEntries(
      this.#columns.map((column) => [
        column.name,
        columnFromValues(
          column,
          rows.map((row, index) => valueIn(row as object, column, index)),
        ),
      ]),
    )
  }

  #checkNames(row: unknown, index: number): asserts row is object {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      throw requestInvalid(`[${index}]`, 'an object with a value for each column', describeValue(row))
    }
    for (const name of Object.keys(row)) {
      if (this.#known.has(name)) continue
      const nearest = nearestName(name, this.#known)
      const known = [...this.#known].join(', ')
      throw requestInvalid(
        `[${index}].${name}`,
        `no column but ${known}`,
        nearest === undefined ? 'another' : `another; did you mean "${nearest}"?`,
      )
    }
  }
}

function valueIn(row: object, column: ColumnType, index: number): StoredValue {
  // Only what the row itself has: a column may be called "constructor".
  const value: unknown = Object.hasOwn(row, column.name) ? (row as Readonly<Record<string, unknown>>)[column.name] : undefined
  const stored = storedValueOf(value, column)
  if (stored === undefined) throw requestInvalid(`[${index}].${column.name}`, expectationOf(column), describeValue(value))
  return stored
}

export function requestInvalid(path: string, expected: string, received: string): MillraceError<'REQUEST_INVALID'> {
  return new MillraceError('REQUEST_INVALID', {
    message: `Expected ${expected} at ${path}. Received ${received}.`,
    details: { reason: `expected ${expected}, received ${received}`, path },
  })
}
