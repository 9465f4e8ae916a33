import type { RecordBatch } from 'apache-arrow/recordbatch'
import { Table } from 'apache-arrow/table'
import { throwIfAborted } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { blobKey, getBlob } from '../storage/blobs.ts'
import { arrowSchemaOf, recordBatchOf } from './build-batch.ts'
import { decodeChunk } from './chunk-codec.ts'
import { BatchBuilder } from './column-builder.ts'
import { columnNotFound } from './column-not-found.ts'
import type { ColumnType } from './column-type.ts'
import type { Dataset } from './dataset.ts'
import { getManifest, type StoredColumn, type TableManifest } from './dataset-manifest.ts'
import { columnOf } from './read-column.ts'
import { type BatchRows, rechunk, sliceBatch } from './rechunk.ts'
import { valueAt } from './row-values.ts'
import { rangeSelection, type Selection, withinSelection } from './selection.ts'
import { rangeOfSelection } from './selection-range.ts'

/** A dataset in storage: a table of column chunks, or some rows of one. Made by `writeDataset`, `openDataset` and the functions on views. */
export class StoredDataset<Row extends object = object> implements Dataset<Row> {
  readonly storage: StorageAdapter
  /** The blob of this dataset's own manifest. */
  readonly manifestDigest: string
  readonly table: TableManifest
  /** The blob of the table's manifest; that of the dataset itself unless it is a view. */
  readonly tableManifestDigest: string
  /** Undefined: all rows of the table. */
  readonly selection: Selection | undefined
  readonly digest: string
  readonly rowCount: number
  readonly columns: readonly ColumnType[]

  constructor(options: {
    readonly storage: StorageAdapter
    readonly manifestDigest: string
    readonly table: TableManifest
    readonly tableManifestDigest: string
    readonly view?: { readonly digest: string; readonly selection: Selection }
  }) {
    const { table, view } = options
    this.storage = options.storage
    this.manifestDigest = options.manifestDigest
    this.table = table
    this.tableManifestDigest = options.tableManifestDigest
    this.selection = view?.selection
    this.digest = view?.digest ?? table.digest
    this.rowCount = view?.selection.rowCount ?? table.rowCount
    this.columns = table.columns.map(({ name, kind, nullable }) => ({ name, kind, nullable }))
  }

  async *batches(
    options: {
      readonly columns?: readonly (keyof Row & string)[]
      readonly batchRows?: number
      readonly rows?: { readonly start: number; readonly end: number }
      readonly signal?: AbortSignal
    } = {},
  ): AsyncGenerator<RecordBatch, void, undefined> {
    const { signal, batchRows } = options
    if (batchRows !== undefined && !(Number.isInteger(batchRows) && batchRows > 0)) {
      throw new MillraceError('ARGUMENT_INVALID', {
        message: `Expected batchRows to be a whole number of at least 1. Received ${batchRows}.`,
        details: { argument: 'batchRows', expected: 'a whole number of at least 1', received: String(batchRows) },
      })
    }
    const columns = this.#pick(options.columns)
    const pieces = this.#pieces(columns, signal, options.rows)
    if (batchRows === undefined && this.selection?.form !== 'bitmap') {
      for await (const { batch, start, end } of pieces) yield sliceBatch(batch, start, end)
    } else yield* rechunk(pieces, columns, Math.min(batchRows ?? this.table.chunkRows, Math.max(1, this.rowCount)))
  }

  async toTable(options: { readonly columns?: readonly (keyof Row & string)[]; readonly signal?: AbortSignal } = {}): Promise<Table> {
    const columns = this.#pick(options.columns)
    const builder = new BatchBuilder(columns, this.rowCount)
    for await (const { batch, start, end, rows } of this.#pieces(columns, options.signal)) builder.append(batch, start, end, rows)
    return new Table([builder.build()])
  }

  async head(rows: number): Promise<readonly Row[]> {
    const result: Row[] = []
    if (rows <= 0) return result
    for await (const batch of this.batches({ batchRows: Math.min(rows, this.table.chunkRows) })) {
      const columns = this.columns.map(({ name }) => [name, columnOf(batch, name)] as const)
      for (let row = 0; row < batch.numRows && result.length < rows; row++) {
        result.push(Object.fromEntries(columns.map(([name, column]) => [name, valueAt(column, row)])) as Row)
      }
      if (result.length >= rows) break
    }
    return result
  }

  #pick(names: readonly string[] | undefined): readonly StoredColumn[] {
    const { columns } = this.table
    if (names === undefined) return columns
    return names.map((name) => {
      const column = columns.find((candidate) => candidate.name === name)
      if (column !== undefined) return column
      throw columnNotFound(
        name,
        columns.map((candidate) => candidate.name),
      )
    })
  }

  /** Chunk by chunk, the next one being read while the caller works on this one. */
  async *#pieces(
    columns: readonly StoredColumn[],
    signal: AbortSignal | undefined,
    rows: { readonly start: number; readonly end: number } = { start: 0, end: this.rowCount },
  ): AsyncGenerator<BatchRows, void, undefined> {
    const { rowCount, chunkRows } = this.table
    const selection = rangeOfSelection(this.selection ?? rangeSelection(0, rowCount), rows.start, rows.end)
    const wanted: { readonly index: number; readonly taken: ReturnType<typeof withinSelection> }[] = []
    for (let index = 0; index * chunkRows < rowCount; index++) {
      const taken = withinSelection(selection, index * chunkRows, Math.min(rowCount, (index + 1) * chunkRows))
      if ('rows' in taken ? taken.rows.length > 0 : taken.ranges.length > 0) wanted.push({ index, taken })
    }
    let next = this.#read(columns, wanted[0]?.index, signal)
    for (const [position, { taken }] of wanted.entries()) {
      throwIfAborted(signal)
      const batch = (await next) as RecordBatch
      next = this.#read(columns, wanted[position + 1]?.index, signal)
      if ('rows' in taken) yield { batch, start: 0, end: 0, rows: taken.rows }
      else for (const [start, end] of taken.ranges) yield { batch, start, end }
    }
  }

  #read(columns: readonly StoredColumn[], index: number | undefined, signal: AbortSignal | undefined): Promise<RecordBatch | undefined> {
    const batch = index === undefined ? Promise.resolve(undefined) : this.#chunk(columns, index, signal)
    // The caller may stop before it waits for the chunk that is read ahead.
    batch.catch(() => {})
    return batch
  }

  async #chunk(columns: readonly StoredColumn[], index: number, signal: AbortSignal | undefined): Promise<RecordBatch> {
    const { rowCount, chunkRows } = this.table
    const rows = Math.min(chunkRows, rowCount - index * chunkRows)
    const schema = arrowSchemaOf(columns)
    const children = await Promise.all(
      columns.map(async (column, position) => {
        const { blob } = column.chunks[index] as { readonly blob: string }
        const bytes = await getBlob(this.storage, blob, signal === undefined ? {} : { signal })
        return decodeChunk(bytes, column, (schema.fields[position] as (typeof schema.fields)[number]).type, { key: blobKey(blob), rows })
      }),
    )
    return recordBatchOf(schema, children, rows)
  }
}

/**
 * Opens a stored dataset by the SHA-256 of its manifest, in this or another process.
 *
 * @throws {@link MillraceError} `STORAGE_NOT_FOUND`, `STORAGE_CORRUPT` or `FORMAT_UNSUPPORTED`.
 * @example
 * const { manifestDigest, digest } = await sliceDataset(dataset, 0, 10)
 * const again = await openDataset(storage, manifestDigest)
 * again.digest === digest // true
 */
export async function openDataset<Row extends object = object>(
  storage: StorageAdapter,
  manifestDigest: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<StoredDataset<Row>> {
  const manifest = await getManifest(storage, manifestDigest, options.signal)
  if (manifest.form === 'table') return new StoredDataset({ storage, manifestDigest, table: manifest, tableManifestDigest: manifestDigest })
  const table = await getManifest(storage, manifest.base, options.signal)
  if (table.form !== 'table') {
    const key = blobKey(manifest.base)
    throw new MillraceError('STORAGE_CORRUPT', {
      message: `Expected a table under the view at "${blobKey(manifestDigest)}". Received another view at "${key}".`,
      details: { key, reason: 'a view of a view' },
    })
  }
  const { selection } = manifest
  const resolved: Selection =
    'ranges' in selection
      ? { form: 'ranges', rowCount: manifest.rowCount, ranges: selection.ranges }
      : { form: 'bitmap', rowCount: manifest.rowCount, bits: await getBlob(storage, selection.bitmap, options) }
  return new StoredDataset({
    storage,
    manifestDigest,
    table,
    tableManifestDigest: manifest.base,
    view: { digest: manifest.digest, selection: resolved },
  })
}
