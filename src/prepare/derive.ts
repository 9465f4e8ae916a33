import type { RecordBatch } from 'apache-arrow/recordbatch'
import { MillraceError } from '../core/error.ts'
import { arrowSchemaOf, batchOf } from '../data/build-batch.ts'
import type { Column } from '../data/column.ts'
import type { ColumnKind } from '../data/column-type.ts'
import type { Dataset } from '../data/dataset.ts'
import { datasetPortable } from '../data/dataset-portable.ts'
import { withColumn } from '../data/dataset-views.ts'
import type { ColumnOf, Flow, RowOf } from '../data/flow.ts'
import { columnOf } from '../data/read-column.ts'
import { type CellValue, valueAt } from '../data/row-values.ts'
import { Stage } from '../pipeline/stage.ts'

/** A literal's type as a column has it. */
export type Widen<Value> = Value extends boolean ? boolean : Value extends number ? number : Value extends string ? string : Value

/** What flows after a column was added or replaced. */
export type Derived<F extends Flow, Name extends string, Value> = Omit<F, 'dataset'> &
  Flow<Omit<RowOf<F>, Name> & { [Key in Name]: Widen<Value> }>

/**
 * Adds (or replaces) a column by a plain function of the named columns' values, before `split`. The function is called once a row with the values
 * themselves, no object is made; all other columns are shared with the dataset that came in. A time column comes as a Date and null as null.
 *
 * For labels and analysis: what serving must compute again is a transform of `prepare`, because a function cannot be stored. The function counts in the
 * cache key by its source text, so what it closes over does not.
 *
 * @throws {@link MillraceError} when run: `COLUMN_NOT_FOUND`; `SCHEMA_MISMATCH` when the function gives values of two kinds.
 * @example
 * new Pipeline('flights').pipe(ingest({ source: rows(flights), schema: flight })).pipe(derive('late', ['delay'], (delay) => delay > 15))
 */
export function derive<
  F extends Flow & { readonly train?: never },
  const From extends readonly ColumnOf<F>[],
  const Name extends string,
  Value extends number | boolean | string | Date | null,
>(
  name: Name,
  from: From,
  value: (...values: { [Index in keyof From]: RowOf<NoInfer<F>>[From[Index] & keyof RowOf<NoInfer<F>>] }) => Value,
): Stage<F, Derived<F, Name, Value>> {
  if (name === '' || from.length === 0) {
    throw new MillraceError('ARGUMENT_INVALID', {
      message: `Expected a name and at least one column to derive from. Received "${name}" from ${from.length} columns.`,
      details: { argument: 'from', expected: 'at least one column', received: String(from.length) },
    })
  }
  const call = value as unknown as (...values: readonly CellValue[]) => unknown
  return new Stage<F, Derived<F, Name, Value>>({
    name: `derive-${slug(name)}`,
    version: '1',
    parameters: { name, from, value },
    portables: [datasetPortable],
    async run(input, { signal, progress }) {
      const dataset: Dataset = input.dataset
      const source = dataset.batches({ columns: from as readonly string[] as readonly never[], signal })
      const batches = source[Symbol.asyncIterator]()
      const { kind, pending } = await firstValues(batches, name, from, call)
      const type = { name, kind, nullable: true }
      const total = dataset.rowCount
      const derived = await withColumn<Omit<RowOf<F>, Name> & { [Key in Name]: Widen<Value> }>(dataset, type, computed(), {
        signal,
        detectNullable: true,
        progress: (rows) => progress(rows, total, 'rows'),
      })
      return { ...input, dataset: derived }

      async function* computed(): AsyncGenerator<RecordBatch, void, undefined> {
        const schema = arrowSchemaOf([type])
        try {
          for (const values of pending) yield batchOf({ [name]: columnOfValues(values, kind, name) }, schema)
          for (let next = await batches.next(); next.done !== true; next = await batches.next()) {
            yield batchOf({ [name]: columnOfValues(valuesOf(next.value, from, call), kind, name) }, schema)
          }
        } finally {
          await batches.return?.()
        }
      }
    },
  })
}

/** Computes batches until one has a value, which tells the kind; a column without any is of numbers. */
async function firstValues(
  batches: AsyncIterator<RecordBatch>,
  name: string,
  from: readonly string[],
  call: (...values: readonly CellValue[]) => unknown,
): Promise<{ readonly kind: ColumnKind; readonly pending: readonly (readonly unknown[])[] }> {
  const pending: (readonly unknown[])[] = []
  for (let next = await batches.next(); next.done !== true; next = await batches.next()) {
    const values = valuesOf(next.value, from, call)
    pending.push(values)
    const found = values.find((value) => !isMissing(value))
    if (found !== undefined) return { kind: kindOf(found, name), pending }
  }
  return { kind: 'number', pending }
}

function valuesOf(batch: RecordBatch, from: readonly string[], call: (...values: readonly CellValue[]) => unknown): readonly unknown[] {
  const columns = from.map((column) => columnOf(batch, column))
  const values = new Array<unknown>(batch.numRows)
  const [first, second] = columns
  // One and two columns without a list of arguments for each row.
  if (first !== undefined && columns.length === 1) {
    for (let row = 0; row < values.length; row++) values[row] = call(valueAt(first, row))
  } else if (first !== undefined && second !== undefined && columns.length === 2) {
    for (let row = 0; row < values.length; row++) values[row] = call(valueAt(first, row), valueAt(second, row))
  } else {
    const given = new Array<CellValue>(columns.length)
    for (let row = 0; row < values.length; row++) {
      for (let index = 0; index < columns.length; index++) given[index] = valueAt(columns[index] as Column, row)
      values[row] = call(...given)
    }
  }
  return values
}

function columnOfValues(values: readonly unknown[], kind: ColumnKind, name: string): Column {
  const length = values.length
  const nulls = new Uint8Array(length)
  const numbers = new Float64Array(length)
  const dictionary: string[] = []
  const codeOf = new Map<string, number>()
  let nullCount = 0
  for (let row = 0; row < length; row++) {
    const value = values[row]
    if (isMissing(value)) {
      nulls[row] = 1
      nullCount++
      if (kind === 'text') numbers[row] = -1
      continue
    }
    if (kindOf(value, name) !== kind) throw mixed(name, kind, kindOf(value, name))
    if (typeof value !== 'string') {
      numbers[row] = Number(value)
      continue
    }
    let code = codeOf.get(value)
    if (code === undefined) {
      code = dictionary.length
      dictionary.push(value)
      codeOf.set(value, code)
    }
    numbers[row] = code
  }
  const base = nullCount === 0 ? { length } : { length, nulls }
  switch (kind) {
    case 'boolean':
      return { ...base, kind, values: Uint8Array.from(numbers) }
    case 'text':
      return { ...base, kind, codes: Int32Array.from(numbers), dictionary }
    case 'time':
      return { ...base, kind, values: numbers }
    default:
      return { ...base, kind: 'number', values: numbers }
  }
}

/** A moment that does not exist is as good as none. */
function isMissing(value: unknown): boolean {
  return value === null || value === undefined || (value instanceof Date && Number.isNaN(value.getTime()))
}

function kindOf(value: unknown, name: string): ColumnKind {
  switch (typeof value) {
    case 'number':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'string':
      return 'text'
    default:
      if (value instanceof Date) return 'time'
      throw mixed(name, 'a number, boolean, text, Date or null', Array.isArray(value) ? 'an array' : typeof value)
  }
}

function mixed(name: string, expected: string, received: string): MillraceError<'SCHEMA_MISMATCH'> {
  return new MillraceError('SCHEMA_MISMATCH', {
    message: `Expected the derived column "${name}" to be ${expected} in every row. Received ${received}.`,
    details: { columns: [{ name, expected, received }] },
  })
}

/** A column's name as part of a stage's name, which has letters, digits and hyphens only. */
function slug(name: string): string {
  const text = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 80)
    .replace(/-+$/, '')
  return text === '' ? 'column' : text
}
