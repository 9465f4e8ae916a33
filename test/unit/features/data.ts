import type { RecordBatch } from 'apache-arrow'
import { batchOf } from '../../../src/data/build-batch.ts'
import type { Column } from '../../../src/data/column.ts'
import type { ColumnKind, ColumnType } from '../../../src/data/column-type.ts'
import type { Dataset } from '../../../src/data/dataset.ts'
import type { Tensors } from '../../../src/features/tensors.ts'

export type Cell = number | string | boolean | Date | null
export type Cells = Readonly<Record<string, readonly Cell[]>>
export type Kinds = Readonly<Record<string, ColumnKind>>

/** A column of plain values; a text column's dictionary in the order of first appearance, or as given. */
function columnFrom(kind: ColumnKind, cells: readonly Cell[], dictionary?: readonly string[]): Column {
  const nulls = Uint8Array.from(cells, (cell) => (cell === null ? 1 : 0))
  const base = nulls.includes(1) ? { length: cells.length, nulls } : { length: cells.length }
  switch (kind) {
    case 'number':
    case 'integer':
      return { ...base, kind, values: Float64Array.from(cells, Number) }
    case 'time':
      return { ...base, kind, values: Float64Array.from(cells, Number) }
    case 'boolean':
      return { ...base, kind, values: Uint8Array.from(cells, Number) }
    case 'text': {
      const texts = dictionary ?? [...new Set(cells.filter((cell) => cell !== null))].map(String)
      return {
        ...base,
        kind,
        codes: Int32Array.from(cells, (cell) => (cell === null ? -1 : texts.indexOf(String(cell)))),
        dictionary: texts,
      }
    }
  }
}

export function batchFrom(kinds: Kinds, cells: Cells, dictionaries: Readonly<Record<string, readonly string[]>> = {}): RecordBatch {
  return batchOf(
    Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, columnFrom(kind, cells[name] ?? [], dictionaries[name])])),
  )
}

/** A dataset in memory that hands out batches of `batchRows` and counts how often it is read. */
export function datasetFrom<Row extends object = Record<string, never>>(
  kinds: Kinds,
  cells: Cells,
  batchRows = 65_536,
): Dataset<Row> & { reads: number } {
  const names = Object.keys(kinds)
  const rowCount = cells[names[0] as string]?.length ?? 0
  const columns = names.map((name): ColumnType => ({ name, kind: kinds[name] as ColumnKind, nullable: (cells[name] ?? []).includes(null) }))
  return {
    digest: 'in memory',
    rowCount,
    columns,
    reads: 0,
    async *batches(options = {}) {
      this.reads++
      const wanted: Kinds = Object.fromEntries(
        names
          .filter((name) => options.columns === undefined || (options.columns as readonly string[]).includes(name))
          .map((name) => [name, kinds[name] as ColumnKind]),
      )
      for (let start = 0; start < rowCount; start += batchRows) {
        yield batchFrom(wanted, Object.fromEntries(names.map((name) => [name, (cells[name] ?? []).slice(start, start + batchRows)])))
      }
    },
    toTable: () => Promise.reject(new Error('not here')),
    head: () => Promise.reject(new Error('not here')),
  }
}

/** Feature `name` of each row. */
export function featureOf(
  plan: { readonly inputs: Readonly<Record<string, { readonly featureNames: readonly string[] }>> },
  tensors: Readonly<Record<string, { readonly data: ArrayLike<number> }>>,
  name: string,
): number[] {
  const names = plan.inputs.features?.featureNames ?? []
  const data = tensors.features?.data ?? []
  const at = names.indexOf(name)
  if (at < 0) throw new Error(`no feature ${name} among ${names.join(', ')}`)
  return Array.from({ length: data.length / names.length }, (_, row) => data[row * names.length + at] as number)
}

/** The one matrix of a plan's tensors. */
export function matrixOf(tensors: Tensors): Float32Array {
  const data = tensors.features?.data
  if (!(data instanceof Float32Array)) throw new Error('no float32 matrix "features"')
  return data
}
