import { columnOf, type SourceOpenOptions, type SourceRejection, valueAt } from 'millrace/data'
import { type CsvInput, type CsvOptions, csv } from 'millrace/ingest/csv'
import type { CellValue } from '../../../src/data/row-values.ts'

export interface Reading {
  /** Values by column. */
  readonly cells: Readonly<Record<string, CellValue[]>>
  /** Of each batch, by column. */
  readonly kinds: readonly Readonly<Record<string, string>>[]
  readonly sizes: readonly number[]
  readonly rejected: readonly SourceRejection[]
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Reads all of it. */
export async function readCsv(input: CsvInput, options: CsvOptions = {}, request: SourceOpenOptions = {}): Promise<Reading> {
  const cells: Record<string, CellValue[]> = {}
  const kinds: Record<string, string>[] = []
  const sizes: number[] = []
  const rejected: SourceRejection[] = []
  for await (const batch of csv(input, options).open({ onRejected: (one) => rejected.push(one), ...request })) {
    const kindsOfBatch: Record<string, string> = {}
    for (const { name } of batch.schema.fields) {
      const column = columnOf(batch, name)
      kindsOfBatch[name] = column.kind
      const values = cells[name] ?? []
      cells[name] = values
      for (let row = 0; row < column.length; row++) values.push(valueAt(column, row))
    }
    kinds.push(kindsOfBatch)
    sizes.push(batch.numRows)
  }
  return { cells, kinds, sizes, rejected }
}

/** The bytes in chunks of the given sizes, over and over. */
export function inChunks(bytes: Uint8Array, sizes: readonly number[]): () => AsyncGenerator<Uint8Array> {
  return async function* chunks() {
    for (let start = 0, index = 0; start < bytes.length; index++) {
      const end = start + (sizes[index % sizes.length] as number)
      yield bytes.slice(start, end)
      start = end
    }
  }
}
