import type { Data } from 'apache-arrow/data'
import type { RecordBatch } from 'apache-arrow/recordbatch'
import { type Field, Schema } from 'apache-arrow/schema'
import type { TypeMap } from 'apache-arrow/type'
import { recordBatchOf } from './build-batch.ts'
import { columnNotFound } from './column-not-found.ts'

/**
 * A batch with only the named columns, in that order, by reference. Use it rather than `RecordBatch.select` of Arrow 21, which leaves the columns'
 * data at their old places, where the new schema does not find them.
 *
 * @throws {@link MillraceError} `COLUMN_NOT_FOUND`.
 * @example
 * selectColumns(batch, ['origin', 'distance']).schema.names // ['origin', 'distance']
 */
export function selectColumns(batch: RecordBatch, names: readonly string[]): RecordBatch {
  const known = batch.schema.fields.map((field) => String(field.name))
  const places = names.map((name) => {
    const place = known.indexOf(name)
    if (place < 0) throw columnNotFound(name, known)
    return place
  })
  const fields = places.map((place) => batch.schema.fields[place] as Field)
  const children = places.map((place) => batch.data.children[place] as Data)
  return recordBatchOf(new Schema<TypeMap>(fields), children, batch.numRows)
}
