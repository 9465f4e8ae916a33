import type { RecordBatch } from 'apache-arrow/recordbatch'
import { BatchBuilder } from './column-builder.ts'
import type { ColumnType } from './column-type.ts'

/** Some rows of a batch: all in [start, end), or those listed. */
export interface BatchRows {
  readonly batch: RecordBatch
  readonly start: number
  readonly end: number
  readonly rows?: Int32Array
}

/** Batches of exactly `batchRows` rows, the last may have fewer. A batch that lies within one of the given is a view of it; others are put together. */
export async function* rechunk(
  pieces: AsyncIterable<BatchRows>,
  columns: readonly ColumnType[],
  batchRows: number,
): AsyncGenerator<RecordBatch, void, undefined> {
  let builder: BatchBuilder | undefined
  for await (const { batch, start, end, rows } of pieces) {
    const last = rows === undefined ? end : rows.length
    let position = rows === undefined ? start : 0
    while (position < last) {
      const pending = builder?.length ?? 0
      const take = Math.min(batchRows - pending, last - position)
      if (rows === undefined && pending === 0 && take === batchRows) {
        yield sliceBatch(batch, position, position + take)
      } else {
        builder ??= new BatchBuilder(columns, batchRows)
        if (rows === undefined) builder.append(batch, position, position + take)
        else builder.append(batch, 0, 0, rows.subarray(position, position + take))
        if (builder.length === batchRows) yield builder.build()
      }
      position += take
    }
  }
  if (builder !== undefined && builder.length > 0) yield builder.build()
}

/** Rows [start, end) of a batch, without copying. */
export function sliceBatch(batch: RecordBatch, start: number, end: number): RecordBatch {
  return start === 0 && end === batch.numRows ? batch : batch.slice(start, end)
}
