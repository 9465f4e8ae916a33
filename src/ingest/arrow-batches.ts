import type { RecordBatch } from 'apache-arrow/recordbatch'
import type { Table } from 'apache-arrow/table'
import { throwIfAborted, untilAborted } from '../core/abort.ts'
import { selectColumns } from '../data/select-columns.ts'
import type { Source } from '../data/source.ts'

/** Arrow data that can be read from the start. */
export type BatchSupply = Table | readonly RecordBatch[] | (() => Iterable<RecordBatch> | AsyncIterable<RecordBatch>)

/**
 * Arrow record batches, or a table, as a source. Nothing is copied.
 *
 * @example
 * const table = tableFromArrays({ distance: Int32Array.of(954, 679) })
 * ingest({ source: arrowBatches(table), schema: z.object({ distance: z.int() }) })
 */
export function arrowBatches(supply: BatchSupply, options: { readonly label?: string } = {}): Source {
  return {
    kind: 'arrow',
    label: options.label ?? 'arrow',
    async rowCount() {
      if (typeof supply === 'function') return undefined
      return 'batches' in supply ? supply.numRows : supply.reduce((sum, batch) => sum + batch.numRows, 0)
    },
    async *open({ columns, signal }): AsyncGenerator<RecordBatch, void, undefined> {
      const batches = typeof supply === 'function' ? supply() : 'batches' in supply ? supply.batches : supply
      for await (const batch of Symbol.asyncIterator in batches ? untilAborted(batches, signal) : batches) {
        throwIfAborted(signal)
        yield columns === undefined ? batch : neededOf(batch, columns)
      }
    },
  }
}

/** Without any column the number of rows would be lost. */
function neededOf(batch: RecordBatch, columns: readonly string[]): RecordBatch {
  const names = new Set(batch.schema.fields.map((field) => String(field.name)))
  const there = columns.filter((name) => names.has(name))
  return there.length === 0 ? batch : selectColumns(batch, there)
}
