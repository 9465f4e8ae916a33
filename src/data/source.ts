import type { RecordBatch } from 'apache-arrow'

/** Where rows come from, lazily: what `rows` and `parquet` return and what a plugin defines. */
export interface Source {
  /** Such as `parquet`: for logs and errors. */
  readonly kind: string
  /** Names what is read (a file's name), for reports of rejected rows. */
  readonly label: string
  /** Changes when the content does (digest, size and modification time, ETag). Undefined: it is read every time, and equal content still stops the re-run below it. */
  fingerprint?(options: { readonly signal?: AbortSignal }): Promise<string | undefined>
  /** Reads from the start, batch by batch, no faster than the caller takes them. `columns`: only those are needed; a name that the source has not is left out. */
  open(options: { readonly columns?: readonly string[]; readonly signal?: AbortSignal }): AsyncIterable<RecordBatch>
  /** The number of rows, where the medium tells before it is read: for progress. */
  rowCount?(options: { readonly signal?: AbortSignal }): Promise<number | undefined>
}
