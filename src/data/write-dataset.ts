import type { RecordBatch } from 'apache-arrow/recordbatch'
import { throwIfAborted } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { putBlob } from '../storage/blobs.ts'
import { encodeChunk } from './chunk-codec.ts'
import { ColumnBuilder } from './column-builder.ts'
import type { ColumnType } from './column-type.ts'
import { chunkRows } from './dataset.ts'
import { putManifest, type StoredChunk, type StoredColumn, type TableManifest, tableDigest } from './dataset-manifest.ts'
import { columnOf } from './read-column.ts'
import { StoredDataset } from './stored-dataset.ts'

/** Writes under way at once: enough to hide the storage's latency, few enough that memory stays at some chunks. */
const writesAtOnce = 8

export interface WriteDatasetOptions {
  readonly signal?: AbortSignal
  /** Rows written so far. */
  readonly progress?: (rows: number) => void
  /** A column that is declared nullable is stored as such only when it has a null. */
  readonly detectNullable?: boolean
}

/**
 * Writes batches as a dataset: column chunks of 65,536 rows, however many rows the batches have. Memory is bounded by one chunk of each column and
 * the few that are being written. Nothing names the dataset before its manifest is stored, so a failure leaves blobs that garbage collection finds.
 *
 * @throws {@link MillraceError} `COLUMN_NOT_FOUND` or `SCHEMA_MISMATCH` (another kind, or a null in a column that has none) for a batch that does not
 * fit the columns; `ARGUMENT_INVALID` without columns.
 * @example
 * const distance = { kind: 'integer', length: 2, values: Int32Array.of(954, 679) } as const
 * const dataset = await writeDataset(storage, [{ name: 'distance', kind: 'integer', nullable: false }], [batchOf({ distance })])
 * await dataset.head(2) // [{ distance: 954 }, { distance: 679 }]
 */
export async function writeDataset<Row extends object = object>(
  storage: StorageAdapter,
  columns: readonly ColumnType[],
  batches: AsyncIterable<RecordBatch> | Iterable<RecordBatch>,
  options: WriteDatasetOptions = {},
): Promise<StoredDataset<Row>> {
  const { signal } = options
  if (columns.length === 0 || new Set(columns.map(({ name }) => name)).size !== columns.length) {
    throw new MillraceError('ARGUMENT_INVALID', {
      message: `Expected at least one column, each with a name of its own. Received ${columns.map(({ name }) => `"${name}"`).join(', ') || 'none'}.`,
      details: { argument: 'columns', expected: 'distinct names', received: columns.map(({ name }) => name).join(', ') },
    })
  }
  const writers = columns.map((column) => new ChunkWriter(storage, column, signal))
  const writes = new BoundedWrites(writesAtOnce)
  let rowCount = 0
  try {
    for await (const batch of batches) {
      throwIfAborted(signal)
      for (const writer of writers) await writer.append(batch, writes)
      rowCount += batch.numRows
      options.progress?.(rowCount)
    }
    for (const writer of writers) await writer.flush(writes)
  } finally {
    await writes.settled()
  }
  writes.throwFailure()
  const stored = writers.map((writer) => writer.stored(options.detectNullable === true))
  return saveTable(storage, stored, rowCount, signal)
}

/** Stores the manifest over columns that are in storage already. */
export async function saveTable<Row extends object>(
  storage: StorageAdapter,
  columns: readonly StoredColumn[],
  rowCount: number,
  signal: AbortSignal | undefined,
): Promise<StoredDataset<Row>> {
  const table: TableManifest = { form: 'table', digest: tableDigest(columns, rowCount), rowCount, chunkRows, columns }
  const manifestDigest = await putManifest(storage, table, signal)
  return new StoredDataset({ storage, manifestDigest, table, tableManifestDigest: manifestDigest })
}

/** Collects one column and writes a chunk whenever it is full. */
class ChunkWriter {
  readonly #storage: StorageAdapter
  readonly #column: ColumnType
  readonly #signal: AbortSignal | undefined
  readonly #builder: ColumnBuilder
  readonly #chunks: StoredChunk[] = []
  #started = 0
  #hasNull = false

  constructor(storage: StorageAdapter, column: ColumnType, signal: AbortSignal | undefined) {
    this.#storage = storage
    this.#column = column
    this.#signal = signal
    this.#builder = new ColumnBuilder(column, chunkRows)
  }

  async append(batch: RecordBatch, writes: BoundedWrites): Promise<void> {
    const column = columnOf(batch, this.#column.name)
    for (let start = 0; start < column.length; ) {
      const end = Math.min(column.length, start + chunkRows - this.#builder.length)
      this.#builder.append(column, start, end)
      if (this.#builder.length === chunkRows) await this.flush(writes)
      start = end
    }
  }

  async flush(writes: BoundedWrites): Promise<void> {
    if (this.#builder.length === 0) return
    const column = this.#builder.build()
    if (column.nulls !== undefined) {
      if (!this.#column.nullable) throw unexpectedNull(this.#column.name)
      this.#hasNull = true
    }
    const index = this.#started++
    await writes.add(async () => {
      const { bytes, digest } = await encodeChunk(this.#column.name, column)
      const blob = await putBlob(this.#storage, bytes, this.#signal === undefined ? {} : { signal: this.#signal })
      this.#chunks[index] = { blob, digest, sizeBytes: bytes.length }
    })
  }

  stored(detectNullable: boolean): StoredColumn {
    const { name, kind, nullable } = this.#column
    return { name, kind, nullable: nullable && (this.#hasNull || !detectNullable), chunks: this.#chunks }
  }
}

/** Runs work with a bound on how much is under way; the first failure is kept and stops what comes after. */
class BoundedWrites {
  readonly #limit: number
  readonly #pending = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  async add(work: () => Promise<void>): Promise<void> {
    while (this.#pending.size >= this.#limit) await Promise.race(this.#pending)
    this.throwFailure()
    const running: Promise<void> = work()
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#pending.delete(running))
    this.#pending.add(running)
  }

  async settled(): Promise<void> {
    await Promise.all(this.#pending)
  }

  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

function unexpectedNull(name: string): MillraceError<'SCHEMA_MISMATCH'> {
  return new MillraceError('SCHEMA_MISMATCH', {
    message: `Expected a value in every row of column "${name}". Received null.`,
    details: { columns: [{ name, expected: 'no null', received: 'null' }] },
  })
}
