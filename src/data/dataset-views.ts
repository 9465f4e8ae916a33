import type { RecordBatch } from 'apache-arrow/recordbatch'
import { MillraceError } from '../core/error.ts'
import { putBlob } from '../storage/blobs.ts'
import type { ColumnType } from './column-type.ts'
import type { Dataset } from './dataset.ts'
import { putManifest, type StoredSelection, viewDigest } from './dataset-manifest.ts'
import { flagSelection, narrowSelection, rangeSelection, type Selection } from './selection.ts'
import { StoredDataset } from './stored-dataset.ts'
import { saveTable, type WriteDatasetOptions, writeDataset } from './write-dataset.ts'

/**
 * Rows [start, end) of a dataset, sharing its chunks.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` when the range is not within the dataset, or the dataset is not a stored one.
 * @example
 * const firstTen = await sliceDataset(dataset, 0, 10)
 * firstTen.rowCount // 10
 */
export async function sliceDataset<Row extends object>(
  dataset: Dataset<Row>,
  start: number,
  end: number,
  options: { readonly signal?: AbortSignal } = {},
): Promise<StoredDataset<Row>> {
  const stored = asStored(dataset)
  if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= stored.rowCount)) {
    throw new MillraceError('ARGUMENT_INVALID', {
      message: `Expected a range of rows within 0 and ${stored.rowCount}. Received ${start} to ${end}.`,
      details: { argument: 'start, end', expected: `0 to ${stored.rowCount}`, received: `${start} to ${end}` },
    })
  }
  const { selection } = stored
  if (selection === undefined) return saveView(stored, rangeSelection(start, end), options.signal)
  const flags = new Uint8Array(selection.rowCount).fill(1, start, end)
  return saveView(stored, narrowSelection(selection, flags, stored.table.rowCount), options.signal)
}

/**
 * The rows of a dataset whose flag is not 0, in order, sharing its chunks.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` when there is not one flag a row, or the dataset is not a stored one.
 * @example
 * const everySecond = Uint8Array.from({ length: dataset.rowCount }, (_, row) => row % 2)
 * const half = await selectRows(dataset, everySecond)
 * half.rowCount === Math.floor(dataset.rowCount / 2) // true
 */
export async function selectRows<Row extends object>(
  dataset: Dataset<Row>,
  flags: Uint8Array,
  options: { readonly signal?: AbortSignal } = {},
): Promise<StoredDataset<Row>> {
  const stored = asStored(dataset)
  if (flags.length !== stored.rowCount) {
    throw new MillraceError('ARGUMENT_INVALID', {
      message: `Expected ${stored.rowCount} flags, one a row. Received ${flags.length}.`,
      details: { argument: 'flags', expected: `${stored.rowCount} flags`, received: `${flags.length}` },
    })
  }
  const { selection } = stored
  return saveView(
    stored,
    selection === undefined ? flagSelection(flags) : narrowSelection(selection, flags, stored.table.rowCount),
    options.signal,
  )
}

/**
 * The dataset with one more column, or with one replaced (which then stands last). All other chunks are shared; the rows of a view are copied,
 * since its chunks are not its own.
 *
 * @param batches batches that hold the column, together as many rows as the dataset.
 * @throws {@link MillraceError} `SCHEMA_MISMATCH` when there are more or fewer rows.
 */
export async function withColumn<Row extends object>(
  dataset: Dataset,
  column: ColumnType,
  batches: AsyncIterable<RecordBatch> | Iterable<RecordBatch>,
  options: WriteDatasetOptions = {},
): Promise<StoredDataset<Row>> {
  const stored = asStored(dataset)
  const { storage } = stored
  const added = await writeDataset(storage, [column], batches, options)
  if (added.rowCount !== stored.rowCount) {
    throw new MillraceError('SCHEMA_MISMATCH', {
      message: `Expected ${stored.rowCount} rows in column "${column.name}". Received ${added.rowCount}.`,
      details: { columns: [{ name: column.name, expected: `${stored.rowCount} rows`, received: `${added.rowCount} rows` }] },
    })
  }
  const kept = stored.columns.filter(({ name }) => name !== column.name)
  const whole = stored.selection === undefined || kept.length === 0 ? stored : await copyOf(stored, kept, options.signal)
  const columns = [...whole.table.columns.filter(({ name }) => name !== column.name), ...added.table.columns]
  return saveTable(storage, columns, added.rowCount, options.signal)
}

/** The stored dataset itself. @throws {@link MillraceError} `ARGUMENT_INVALID` for another implementation; write it with `writeDataset` first. */
export function asStored<Row extends object>(dataset: Dataset<Row>): StoredDataset<Row> {
  if (isStored(dataset)) return dataset
  throw new MillraceError('ARGUMENT_INVALID', {
    message: 'Expected a dataset in storage. Received another implementation of Dataset: write it with writeDataset first.',
    details: { argument: 'dataset', expected: 'a dataset in storage', received: 'another implementation' },
  })
}

/** By structure, since two copies of the library may be installed. */
export function isStored<Row extends object>(dataset: Dataset<Row>): dataset is StoredDataset<Row> {
  const candidate = dataset as Partial<StoredDataset<Row>>
  return (
    typeof candidate.manifestDigest === 'string' && typeof candidate.tableManifestDigest === 'string' && candidate.table?.form === 'table'
  )
}

/** All rows of the table are the table. */
async function saveView<Row extends object>(
  dataset: StoredDataset<Row>,
  selection: Selection,
  signal: AbortSignal | undefined,
): Promise<StoredDataset<Row>> {
  const { storage, table, tableManifestDigest } = dataset
  if (selection.rowCount === table.rowCount) {
    return new StoredDataset({ storage, manifestDigest: tableManifestDigest, table, tableManifestDigest })
  }
  const stored: StoredSelection =
    selection.form === 'ranges'
      ? { ranges: selection.ranges }
      : { bitmap: await putBlob(storage, selection.bits, signal === undefined ? {} : { signal }), sizeBytes: selection.bits.length }
  const digest = viewDigest(table.digest, stored)
  const manifestDigest = await putManifest(
    storage,
    { form: 'view', digest, rowCount: selection.rowCount, base: tableManifestDigest, selection: stored },
    signal,
  )
  return new StoredDataset({ storage, manifestDigest, table, tableManifestDigest, view: { digest, selection } })
}

function copyOf(dataset: StoredDataset, columns: readonly ColumnType[], signal: AbortSignal | undefined): Promise<StoredDataset> {
  const names = columns.map(({ name }) => name) as never[]
  return writeDataset(
    dataset.storage,
    columns,
    dataset.batches({ columns: names, ...(signal && { signal }) }),
    signal === undefined ? {} : { signal },
  )
}
