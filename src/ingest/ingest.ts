import type { RecordBatch } from 'apache-arrow/recordbatch'
import { MillraceError } from '../core/error.ts'
import { arrowSchemaOf, batchOf } from '../data/build-batch.ts'
import type { Column } from '../data/column.ts'
import { ColumnBuilder, takeRows } from '../data/column-builder.ts'
import type { ColumnType } from '../data/column-type.ts'
import type { Stored } from '../data/dataset.ts'
import { datasetPortable } from '../data/dataset-portable.ts'
import type { Ingested } from '../data/flow.ts'
import { profileDataset } from '../data/profile-dataset.ts'
import { profilePortable } from '../data/profile-portable.ts'
import { columnOf, kindOfArrowType, nullColumn } from '../data/read-column.ts'
import type { RowSchema } from '../data/row-schema.ts'
import { type CheckedBatch, type CompiledSchema, compileSchema } from '../data/schema/compile-schema.ts'
import type { Source } from '../data/source.ts'
import { writeDataset } from '../data/write-dataset.ts'
import { Stage } from '../pipeline/stage.ts'
import { Rejections } from './rejections.ts'

export interface IngestOptions<Row extends object, Input> {
  /** What to read, or how the stage's input says what to read. */
  readonly source: Source | ((input: Input) => Source)
  /** A zod 4 object schema: its columns are read and checked, others are left out unless it is loose. */
  readonly schema: RowSchema<Row>
  /**
   * What becomes of a row that the schema refuses. `quarantine` (the default) leaves it out and reports it; `null` sets the refused value to null
   * where the schema allows null, and leaves the row out elsewhere; `fail` fails at the first.
   */
  readonly onInvalid?: 'fail' | 'quarantine' | 'null'
  /** The stage fails when more than this share of the rows is left out; default 0.05. */
  readonly maxRejectedShare?: number
}

/**
 * Reads a source under a schema into a stored dataset. Rows that the schema refuses are counted by reason, the first few described, and left out.
 * Memory is bounded by some batches, whatever the size of the source. Records that the source itself cannot read (a broken line of a CSV file, a text where
 * the schema has a number) count as rows that were refused, with the line where they stand.
 *
 * The schema counts in the cache key, with the functions of its refinements; what `superRefine` and `transform` do is out of sight, so name the stage's
 * data anew (or force it) after changing those.
 *
 * @throws {@link MillraceError} at once: `SCHEMA_UNSUPPORTED`, `ARGUMENT_INVALID`. When run: `SCHEMA_MISMATCH`; `ROWS_REJECTED`; what the source throws.
 * @example
 * new Pipeline('flights').pipe(ingest({ source: parquet('flights.parquet'), schema: z.object({ date: z.date(), delay: z.number() }) }))
 */
export function ingest<Row extends object, Input = void>(options: IngestOptions<Row, Input>): Stage<Input, Ingested<Stored<Row>>> {
  const { onInvalid = 'quarantine', maxRejectedShare = 0.05 } = options
  if (!(maxRejectedShare >= 0 && maxRejectedShare <= 1)) {
    throw new MillraceError('ARGUMENT_INVALID', {
      message: `Expected maxRejectedShare between 0 and 1. Received ${maxRejectedShare}.`,
      details: { argument: 'maxRejectedShare', expected: '0 to 1', received: String(maxRejectedShare) },
    })
  }
  const schema = compileSchema(options.schema)
  const sourceOf = (input: Input): Source => (typeof options.source === 'function' ? options.source(input) : options.source)
  return new Stage<Input, Ingested<Stored<Row>>>({
    name: 'ingest',
    version: '1',
    parameters: {
      schema: schema.description,
      onInvalid,
      maxRejectedShare,
      source: typeof options.source === 'function' ? options.source : { kind: options.source.kind, label: options.source.label },
    },
    portables: [datasetPortable, profilePortable],
    async fingerprint(input, { signal }) {
      const source = sourceOf(input)
      const print = await source.fingerprint?.({ signal })
      return print === undefined ? undefined : `${source.kind}:${source.label}:${print}`
    },
    async run(input, { storage, signal, progress, logger }) {
      const source = sourceOf(input)
      const total = await source.rowCount?.({ signal })
      const rejections = new Rejections({ label: source.label, onInvalid, maxRejectedShare, total })
      const read = source.open({
        signal,
        ...(schema.otherColumns === 'drop' && { columns: schema.columns.map(({ name }) => name) }),
        expected: schema.expected(onInvalid === 'null' ? 'null' : 'reject'),
        onRejected: (rejected) => rejections.addUnread(rejected),
      })
      const { columns, batches } = await begin(read, schema)
      const accepted = accept(batches, columns, schema, rejections, (rows) => progress(rows, total, 'rows'))
      const dataset = await writeDataset<Stored<Row>>(storage, columns, accepted, { signal })
      rejections.finish()
      const rejected = rejections.report()
      if (rejected.count > 0)
        logger.warn('rows rejected', {
          source: source.label,
          rejected: rejected.count,
          read: rejections.rowsRead,
          reasons: rejected.reasons,
        })
      const profile = await profileDataset<Stored<Row>>(dataset, { signal })
      return { dataset, profile, rowsRead: rejections.rowsRead, rejected }
    },
  })
}

/** Reads the first batch, since a loose schema takes the kinds of further columns from it. */
async function begin(
  batches: AsyncIterable<RecordBatch>,
  schema: CompiledSchema,
): Promise<{ readonly columns: readonly ColumnType[]; readonly batches: AsyncIterable<RecordBatch> }> {
  if (schema.otherColumns !== 'keep') return { columns: schema.columns, batches }
  const iterator = batches[Symbol.asyncIterator]()
  const first = await iterator.next()
  const known = new Set(schema.columns.map(({ name }) => name))
  const others: ColumnType[] = []
  if (first.done !== true) {
    for (const field of first.value.schema.fields) {
      const kind = kindOfArrowType(field.type)
      if (!known.has(field.name) && kind !== undefined) others.push({ name: field.name, kind, nullable: true })
    }
  }
  async function* again(): AsyncGenerator<RecordBatch, void, undefined> {
    try {
      for (let next = first; next.done !== true; next = await iterator.next()) yield next.value
    } finally {
      await iterator.return?.()
    }
  }
  return { columns: [...schema.columns, ...others], batches: again() }
}

async function* accept(
  batches: AsyncIterable<RecordBatch>,
  columns: readonly ColumnType[],
  schema: CompiledSchema,
  rejections: Rejections,
  progress: (rows: number) => void,
): AsyncGenerator<RecordBatch, void, undefined> {
  const arrowSchema = arrowSchemaOf(columns)
  for await (const batch of batches) {
    const checked = schema.check(batch, { onInvalid: rejections.onInvalid === 'null' ? 'null' : 'reject' })
    rejections.add(checked)
    const output: Record<string, Column> = {}
    for (const type of columns) output[type.name] = checked.columns[type.name] ?? otherColumn(batch, type)
    const rows = acceptedRows(checked)
    if (rows !== undefined) for (const { name } of columns) output[name] = takeRows(output[name] as Column, rows)
    yield batchOf(output, arrowSchema)
    progress(rejections.rowsRead)
  }
}

/**
 * A column that the schema does not name, in the kind that the first batch gave it; null where a later batch has none.
 *
 * @throws {@link MillraceError} `SCHEMA_MISMATCH` when it has become one of another kind.
 */
function otherColumn(batch: RecordBatch, type: ColumnType): Column {
  const isThere = batch.schema.fields.some((field) => field.name === type.name)
  const column = isThere ? columnOf(batch, type.name) : nullColumn(batch.numRows)
  if (column.kind === type.kind) return column
  const builder = new ColumnBuilder(type, column.length)
  builder.append(column, 0, column.length)
  return builder.build()
}

/** Undefined when all are. */
function acceptedRows({ rejected, rejectedCount, length }: CheckedBatch): Int32Array | undefined {
  if (rejected === undefined) return undefined
  const rows = new Int32Array(length - rejectedCount)
  let count = 0
  for (let row = 0; row < length; row++) if (rejected[row] === 0) rows[count++] = row
  return rows
}
