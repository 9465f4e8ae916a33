import type { RecordBatch } from 'apache-arrow'
import fc from 'fast-check'
import { batchOf } from '../../../src/data/build-batch.ts'
import type { Column } from '../../../src/data/column.ts'
import type { ColumnKind, ColumnType } from '../../../src/data/column-type.ts'
import { columnOf } from '../../../src/data/read-column.ts'
import { type CellValue, valueAt } from '../../../src/data/row-values.ts'

/** Values of a column, null included. */
export type Cells = readonly CellValue[]

/** A column of the given values. `dictionary` sets the order of the texts' codes. */
export function columnFrom(kind: ColumnKind, cells: Cells, dictionary?: readonly string[]): Column {
  const length = cells.length
  const nulls = Uint8Array.from(cells, (cell) => (cell === null ? 1 : 0))
  const base = nulls.includes(1) ? { length, nulls } : { length }
  switch (kind) {
    case 'number':
      return { ...base, kind, values: Float64Array.from(cells, (cell) => Number(cell ?? Number.NaN)) }
    case 'integer':
      return { ...base, kind, values: Int32Array.from(cells, (cell) => Number(cell ?? 7)) }
    case 'boolean':
      return { ...base, kind, values: Uint8Array.from(cells, (cell) => (cell === true ? 1 : 0)) }
    case 'time':
      return { ...base, kind, values: Float64Array.from(cells, (cell) => (cell === null ? 5 : (cell as Date).getTime())) }
    case 'text': {
      const texts: readonly string[] = dictionary ?? [...new Set(cells.filter((cell) => cell !== null))].map(String)
      const codeOf = new Map(texts.map((text, code) => [text, code]))
      return {
        ...base,
        kind,
        codes: Int32Array.from(cells, (cell) => (cell === null ? -1 : (codeOf.get(String(cell)) as number))),
        dictionary: texts,
      }
    }
  }
}

export function cellsOf(batch: RecordBatch, name: string): CellValue[] {
  const column = columnOf(batch, name)
  return Array.from({ length: column.length }, (_, row) => valueAt(column, row))
}

/** A table as values by column. */
export interface Table {
  readonly columns: readonly ColumnType[]
  readonly cells: Readonly<Record<string, Cells>>
  readonly rowCount: number
}

/** The rows of a table in batches that end at the cuts; `shuffleTexts` puts the dictionaries in another order. */
export function batchesOf(table: Table, cuts: readonly number[], shuffleTexts = false): RecordBatch[] {
  const ends = [...new Set([...cuts.map((cut) => Math.min(cut, table.rowCount)), table.rowCount])].sort((left, right) => left - right)
  const batches: RecordBatch[] = []
  let start = 0
  for (const end of ends) {
    const columns: Record<string, Column> = {}
    for (const { name, kind } of table.columns) {
      const cells = (table.cells[name] as Cells).slice(start, end)
      const texts = [...new Set(cells.filter((cell) => cell !== null).map(String))]
      columns[name] = columnFrom(kind, cells, shuffleTexts ? ['not used', ...texts.toReversed()] : texts)
    }
    batches.push(batchOf(columns))
    start = end
  }
  return batches
}

export async function collect(batches: AsyncIterable<RecordBatch>, name: string): Promise<CellValue[]> {
  const cells: CellValue[] = []
  for await (const batch of batches) cells.push(...cellsOf(batch, name))
  return cells
}

/** Whole numbers, fractions, both zeros, values that are not numbers. */
export const numbers: fc.Arbitrary<number> = fc.oneof(
  fc.integer(),
  fc.integer({ min: -200, max: 200 }),
  fc.double(),
  fc.constantFrom(0, -0, 1.5, Number.NaN),
)
/** Among them lone surrogates, which become U+FFFD. */
export const texts: fc.Arbitrary<string> = fc.oneof(fc.constantFrom('a', 'b', 'ä€😀', ''), fc.string({ unit: 'grapheme', maxLength: 5 }))

const cellArbitraries: Readonly<Record<ColumnKind, fc.Arbitrary<CellValue>>> = {
  number: numbers,
  integer: fc.integer(),
  boolean: fc.boolean(),
  text: texts,
  time: fc.date({ noInvalidDate: true }),
}

/** Tables of some columns of every kind, with and without nulls. */
export const tables: fc.Arbitrary<Table> = fc
  .record({
    rowCount: fc.integer({ min: 0, max: 60 }),
    kinds: fc.array(fc.tuple(fc.constantFrom<ColumnKind>('number', 'integer', 'boolean', 'text', 'time'), fc.boolean()), {
      minLength: 1,
      maxLength: 5,
    }),
  })
  .chain(({ rowCount, kinds }) =>
    fc
      .tuple(
        ...kinds.map(([kind, nullable]) =>
          fc.array(nullable ? fc.option(cellArbitraries[kind]) : cellArbitraries[kind], { minLength: rowCount, maxLength: rowCount }),
        ),
      )
      .map((cells) => ({
        rowCount,
        columns: kinds.map(([kind, nullable], index) => ({ name: `${index}`, kind, nullable })),
        cells: Object.fromEntries(cells.map((column, index) => [`${index}`, column])),
      })),
  )
