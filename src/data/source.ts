import type { RecordBatch } from 'apache-arrow'
import type { ColumnKind } from './column-type.ts'

/** Why a reader leaves out a record, or a value of it. */
export type SourceRejectionReason =
  | 'too-few-fields'
  | 'too-many-fields'
  | 'stray-quote'
  | 'unterminated-quote'
  | 'field-too-long'
  | 'record-too-long'
  | 'invalid-utf-8'
  | 'not-a-number'
  | 'not-an-integer'
  | 'not-a-boolean'
  | 'not-a-time'

/** What a reader could not make a row, or a value, of. */
export interface SourceRejection {
  /** Of the file, where the record begins; the first is 1. */
  readonly line: number
  /** Absent where no single column is at fault. */
  readonly column?: string
  readonly reason: SourceRejectionReason
  /** The field's text, or the record's beginning: 200 characters at most. */
  readonly value: string
  /** `row`: the row is left out. `value`: the row stays, with null in the column. */
  readonly leftOut: 'row' | 'value'
}

/** What the caller needs a column to be. */
export interface ExpectedColumn {
  readonly name: string
  readonly kind: ColumnKind
  /** What becomes of a value that cannot be read as that: the row is left out, or the value is null. Both are reported. */
  readonly onUnreadable: 'reject' | 'null'
}

export interface SourceOpenOptions {
  /** Only these are needed; a name that the source has not is left out. Default: all. */
  readonly columns?: readonly string[]
  /** For sources that must make values of text: what these columns are read as, unless the source was told otherwise. Others do not look at it. */
  readonly expected?: readonly ExpectedColumn[]
  readonly signal?: AbortSignal
  /** Told of each record or value that could not be read, in the order of the file and before the batch that follows it. What it throws ends the reading. */
  readonly onRejected?: (rejected: SourceRejection) => void
}

/** Where rows come from, lazily: what `rows`, `csv` and `parquet` return and what a plugin defines. */
export interface Source {
  /** Such as `parquet`: for logs and errors. */
  readonly kind: string
  /** Names what is read (a file's name), for reports of rejected rows. */
  readonly label: string
  /** Changes when the content does (digest, size and modification time, ETag). Undefined: it is read every time, and equal content still stops the re-run below it. */
  fingerprint?(options: { readonly signal?: AbortSignal }): Promise<string | undefined>
  /** Reads from the start, batch by batch, no faster than the caller takes them. */
  open(options: SourceOpenOptions): AsyncIterable<RecordBatch>
  /** The number of rows, where the medium tells before it is read: for progress. */
  rowCount?(options: { readonly signal?: AbortSignal }): Promise<number | undefined>
}
