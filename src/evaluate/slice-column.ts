import type { RecordBatch } from 'apache-arrow'
import { MillraceError } from '../core/error.ts'
import type { Column } from '../data/column.ts'
import { columnOf } from '../data/read-column.ts'
import type { Metric } from '../metrics/metric.ts'
import type { Slice } from '../model/evaluation.ts'
import { metricValuesOf } from './metric-values.ts'

/** What a missing value is called. */
const missing = 'null'

export interface SliceLimits {
  /** Slices of fewer rows are left out: their figures would be noise. */
  readonly minRows: number
  /** Of one column; the largest are kept. */
  readonly maxSlices: number
}

/** Groups the rows of the test part by the value of one column: a code a row, no text a row. */
export class SliceColumn {
  readonly name: string
  readonly #codes: Int32Array
  readonly #values: string[] = []
  readonly #codeByValue = new Map<string, number>()
  #rows = 0

  constructor(name: string, rowCount: number) {
    this.name = name
    this.#codes = new Int32Array(rowCount)
  }

  /** @throws {@link MillraceError} `ARGUMENT_INVALID` for a column of times, and `COLUMN_NOT_FOUND`. */
  add(batch: RecordBatch): void {
    const column = columnOf(batch, this.name)
    const codes = this.#codes
    const start = this.#rows
    this.#rows += column.length
    const { nulls } = column
    const translate = this.#translation(column)
    for (let row = 0; row < column.length; row++) codes[start + row] = nulls?.[row] === 1 ? -1 : translate(row)
    if (nulls === undefined) return
    const code = this.#encode(missing)
    for (let row = start; row < this.#rows; row++) if (codes[row] === -1) codes[row] = code
  }

  /** The largest slice first, then by value. */
  slices(metrics: readonly Metric[], labels: Float32Array, predictions: Float32Array, limits: SliceLimits): Slice[] {
    const { starts, order } = this.#grouped()
    const rowsOf = (code: number): number => (starts[code + 1] as number) - (starts[code] as number)
    return this.#values
      .map((value, code) => ({ value, code, rows: rowsOf(code) }))
      .filter(({ rows }) => rows >= limits.minRows)
      .sort((left, right) => right.rows - left.rows || (left.value < right.value ? -1 : 1))
      .slice(0, limits.maxSlices)
      .map(({ value, code, rows }) => {
        const members = order.subarray(starts[code] as number, starts[code + 1] as number)
        return {
          column: this.name,
          value,
          rows,
          metrics: metricValuesOf(metrics, gather(labels, members), gather(predictions, members), 'omit'),
        }
      })
  }

  /** The rows of code c are `order[starts[c]] ... order[starts[c + 1] - 1]` (a counting sort). */
  #grouped(): { readonly starts: Uint32Array; readonly order: Uint32Array } {
    const starts = new Uint32Array(this.#values.length + 1)
    for (let row = 0; row < this.#rows; row++) {
      const next = (this.#codes[row] as number) + 1
      starts[next] = (starts[next] as number) + 1
    }
    for (let code = 0; code < this.#values.length; code++) starts[code + 1] = (starts[code + 1] as number) + (starts[code] as number)
    const order = new Uint32Array(this.#rows)
    const place = starts.slice()
    for (let row = 0; row < this.#rows; row++) {
      const code = this.#codes[row] as number
      const target = place[code] as number
      order[target] = row
      place[code] = target + 1
    }
    return { starts, order }
  }

  /** From a row of the column to a code; each distinct value is looked up once a batch. */
  #translation(column: Column): (row: number) => number {
    switch (column.kind) {
      case 'text': {
        const translated = new Int32Array(column.dictionary.length).fill(-1)
        return (row) => {
          const local = column.codes[row] as number
          if (translated[local] === -1) translated[local] = this.#encode(column.dictionary[local] as string)
          return translated[local] as number
        }
      }
      case 'boolean':
        return (row) => this.#encode(column.values[row] === 1 ? 'true' : 'false')
      case 'number':
      case 'integer': {
        const byNumber = new Map<number, number>()
        return (row) => {
          const value = column.values[row] as number
          const known = byNumber.get(value)
          if (known !== undefined) return known
          const code = this.#encode(String(value))
          byNumber.set(value, code)
          return code
        }
      }
      case 'time':
        throw new MillraceError('ARGUMENT_INVALID', {
          message: `Expected slices by text, booleans or numbers. Received "${this.name}", a column of times: derive the part of the time that matters.`,
          details: { argument: 'slices', expected: 'text, booleans or numbers', received: 'times' },
        })
    }
  }

  #encode(value: string): number {
    const known = this.#codeByValue.get(value)
    if (known !== undefined) return known
    const code = this.#values.length
    this.#values.push(value)
    this.#codeByValue.set(value, code)
    return code
  }
}

function gather(values: Float32Array, rows: Uint32Array): Float32Array {
  const gathered = new Float32Array(rows.length)
  for (let index = 0; index < rows.length; index++) gathered[index] = values[rows[index] as number] as number
  return gathered
}
