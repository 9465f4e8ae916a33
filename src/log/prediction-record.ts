// The one place that turns record batches into bytes for the log and back.
import type { RecordBatch as AnyRecordBatch } from 'apache-arrow'
import { makeData } from 'apache-arrow/data'
import { RecordBatchReader } from 'apache-arrow/ipc/reader'
import { RecordBatchStreamWriter } from 'apache-arrow/ipc/writer'
import { RecordBatch } from 'apache-arrow/recordbatch'
import { Field, Schema } from 'apache-arrow/schema'
import type { TypeMap } from 'apache-arrow/type'
import { DataType, Dictionary, Struct } from 'apache-arrow/type'
import { MillraceError } from '../core/error.ts'
import type { PredictionRecordKind } from './prediction-log.ts'

/** Eight, so that Arrow's buffers stay aligned. */
const headerBytes = 8
const recordVersion = 1
const kinds: readonly PredictionRecordKind[] = ['prediction', 'outcome', 'action']

/**
 * A record: version (1 byte) | kind (1) | zeros (6) | one self-contained Arrow IPC stream of one batch. Self-contained, since batches of one schema
 * have dictionaries and dictionary ids of their own, which one long stream could not hold.
 */
export function encodePredictionRecord(kind: PredictionRecordKind, batch: AnyRecordBatch): Uint8Array {
  const writer = new RecordBatchStreamWriter()
  writer.write(withDistinctDictionaries(batch))
  writer.finish()
  const stream = writer.toUint8Array(true)
  const bytes = new Uint8Array(headerBytes + stream.length)
  bytes[0] = recordVersion
  bytes[1] = kinds.indexOf(kind) + 1
  bytes.set(stream, headerBytes)
  return bytes
}

/** The kind of a record, without reading the batch. @throws {@link MillraceError} `FORMAT_UNSUPPORTED`. */
export function kindOfPredictionRecord(bytes: Uint8Array): PredictionRecordKind {
  const kind = kinds[(bytes[1] ?? 0) - 1]
  if (bytes[0] === recordVersion && kind !== undefined) return kind
  throw new MillraceError('FORMAT_UNSUPPORTED', {
    message: `Expected a prediction record of version ${recordVersion}. Received version ${bytes[0]}, kind ${bytes[1]}.`,
    details: { format: 'millrace-prediction-record', formatVersion: bytes[0] ?? 0, supportedVersion: recordVersion },
  })
}

/** The batch of a record; it is a view of the bytes. Give only bytes whose checksum was verified: Arrow reads damaged ones silently wrong. */
export function decodePredictionRecord(bytes: Uint8Array): { readonly kind: PredictionRecordKind; readonly batch: AnyRecordBatch } {
  const kind = kindOfPredictionRecord(bytes)
  const stream = bytes.byteOffset % headerBytes === 0 ? bytes.subarray(headerBytes) : bytes.slice(headerBytes)
  const reader = RecordBatchReader.from(stream)
  const [batch] = [...reader]
  return { kind, batch: batch ?? new RecordBatch(reader.schema) }
}

/** Arrow keeps dictionaries by id, so of two columns of one id (made with one type object) and different dictionaries, one would be read with the other's. */
function withDistinctDictionaries(batch: AnyRecordBatch): AnyRecordBatch {
  const seen = new Map<number, unknown>()
  let isMixed = false
  const columns = batch.schema.fields.map((field, index) => {
    const data = batch.data.children[index]
    if (data === undefined || !DataType.isDictionary(field.type)) return { field, data }
    const { id, dictionary, indices, isOrdered } = field.type
    if (!seen.has(id) || seen.get(id) === data.dictionary) {
      seen.set(id, data.dictionary)
      return { field, data }
    }
    isMixed = true
    const type = new Dictionary(dictionary, indices, null, isOrdered)
    const own = data.clone(type as typeof data.type)
    return { field: new Field(field.name, type, field.nullable, field.metadata), data: own }
  })
  if (!isMixed) return batch
  const fields = columns.map(({ field }) => field)
  const children = columns.flatMap(({ data }) => (data === undefined ? [] : [data]))
  const { length } = batch.data
  return new RecordBatch(
    new Schema<TypeMap>(fields, batch.schema.metadata),
    makeData({ type: new Struct<TypeMap>(fields), length, nullCount: 0, children }),
  )
}
