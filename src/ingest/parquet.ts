/**
 * Parquet files as a source: {@link parquet}. It needs the optional packages `hyparquet` and `hyparquet-compressors`.
 *
 * @module millrace/ingest/parquet
 */

import type { RecordBatch } from 'apache-arrow/recordbatch'
import type { FileMetaData } from 'hyparquet'
import { throwIfAborted } from '../core/abort.ts'
import { sha256HexAsync } from '../core/digest.ts'
import { MillraceError, messageOf } from '../core/error.ts'
import { canonicalJson } from '../core/json.ts'
import { batchOf } from '../data/build-batch.ts'
import type { Column } from '../data/column.ts'
import { columnNotFound } from '../data/column-not-found.ts'
import type { Source } from '../data/source.ts'
import {
  columnFromRuns,
  type DecodedRun,
  type ParquetColumn,
  parquetColumns,
  parsersFor,
  roundDecimals,
  TextCodes,
} from './parquet-columns.ts'

/** A file that is read in pieces: what hyparquet calls an AsyncBuffer. */
export interface ParquetFile {
  readonly byteLength: number
  slice(start: number, end?: number): ArrayBuffer | Promise<ArrayBuffer>
}

export interface ParquetOptions {
  /** Only these are read, in this order; default: all that hold numbers, booleans, text or times. */
  readonly columns?: readonly string[]
  /** Names the file in reports of rejected rows; default its path. */
  readonly label?: string
}

/** Rows of one batch: as the chunks of a dataset. */
const batchRows = 65_536
/** Rows that are decoded at once, so that a file with one giant row group does not fill memory. */
const decodeRows = 8 * batchRows
/** Distinct texts of a column that are kept from one stretch of rows to the next. */
const textsKept = 65_536

/**
 * A Parquet file as a source: a path (Node only), its bytes, or anything that reads slices of it. It is read row group by row group, only the columns
 * asked for, straight into typed columns: integers and decimals as numbers, timestamps and dates as times in UTC (finer than a millisecond is cut off),
 * texts (and bytes that the file gives no meaning, as UTF-8) as dictionary codes. Nested columns, times of day and bytes of another meaning are left out unless they are asked for, which is refused.
 *
 * It needs the optional packages `hyparquet` and `hyparquet-compressors`.
 *
 * @throws {@link MillraceError} while reading: `DEPENDENCY_MISSING`; `COLUMN_NOT_FOUND`; `SCHEMA_UNSUPPORTED` for a column without a kind;
 * `SOURCE_UNREADABLE` for a file that is absent or not Parquet.
 * @example
 * ingest({ source: parquet('flights.parquet'), schema: flight })
 */
export function parquet(input: string | Uint8Array | ArrayBuffer | ParquetFile, options: ParquetOptions = {}): Source {
  const label = options.label ?? (typeof input === 'string' ? input : 'parquet')
  const withFile = async <Result>(work: (file: OpenFile) => Promise<Result>): Promise<Result> => {
    const file = await openInput(input, label)
    try {
      return await work(file)
    } finally {
      await file.close()
    }
  }
  const contentPrint = async (): Promise<string | undefined> => {
    if (typeof input === 'string') return withFile(async (file) => file.stamp)
    if (input instanceof Uint8Array) return sha256HexAsync(input)
    return input instanceof ArrayBuffer ? sha256HexAsync(new Uint8Array(input)) : undefined
  }
  return {
    kind: 'parquet',
    label,
    async fingerprint() {
      const content = await contentPrint()
      // A column that is not chosen is read as absent.
      return content === undefined || options.columns === undefined ? content : `${content}-${canonicalJson(options.columns)}`
    },
    async rowCount() {
      const library = await loadLibrary()
      return withFile(async (file) => Number((await metadataOf(library, file, label)).num_rows))
    },
    async *open({ columns, signal }) {
      const library = await loadLibrary()
      throwIfAborted(signal)
      const file = await openInput(input, label)
      try {
        yield* readBatches(library, file, label, { chosen: options.columns, needed: columns }, signal)
      } finally {
        await file.close()
      }
    },
  }
}

interface Library {
  readonly parquetMetadataAsync: typeof import('hyparquet')['parquetMetadataAsync']
  readonly parquetRead: typeof import('hyparquet')['parquetRead']
  readonly compressors: typeof import('hyparquet-compressors')['compressors']
}

async function loadLibrary(): Promise<Library> {
  try {
    const [{ parquetMetadataAsync, parquetRead }, { compressors }] = await Promise.all([
      import('hyparquet'),
      import('hyparquet-compressors'),
    ])
    return { parquetMetadataAsync, parquetRead, compressors }
  } catch (cause) {
    const install = 'npm install hyparquet hyparquet-compressors'
    throw new MillraceError('DEPENDENCY_MISSING', {
      message: `Expected the packages hyparquet and hyparquet-compressors, to read Parquet. Received neither or one: ${install}`,
      details: { package: 'hyparquet', install },
      cause,
    })
  }
}

interface OpenFile extends ParquetFile {
  /** Size and modification time of a path. */
  readonly stamp: string | undefined
  close(): Promise<void>
}

async function openInput(input: string | Uint8Array | ArrayBuffer | ParquetFile, label: string): Promise<OpenFile> {
  if (typeof input === 'string') return openPath(input, label)
  const close = async (): Promise<void> => {}
  if (input instanceof Uint8Array) {
    const copy = (start: number, end?: number): ArrayBuffer => input.slice(start, end).buffer as ArrayBuffer
    return { byteLength: input.byteLength, slice: copy, stamp: undefined, close }
  }
  return { byteLength: input.byteLength, slice: (start, end) => input.slice(start, end), stamp: undefined, close }
}

async function openPath(path: string, label: string): Promise<OpenFile> {
  try {
    const { open } = await import('node:fs/promises')
    const handle = await open(path, 'r')
    const { size, mtimeMs } = await handle.stat()
    return {
      byteLength: size,
      stamp: `${size}-${mtimeMs}`,
      close: () => handle.close(),
      async slice(start, end = size) {
        const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start))
        let done = 0
        while (done < bytes.length) {
          const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done)
          if (bytesRead === 0) break
          done += bytesRead
        }
        return bytes.buffer.slice(0, done)
      },
    }
  } catch (cause) {
    throw unreadable(label, cause)
  }
}

async function metadataOf(library: Library, file: OpenFile, label: string): Promise<FileMetaData> {
  try {
    return await library.parquetMetadataAsync(file, { geoparquet: false })
  } catch (cause) {
    throw unreadable(label, cause)
  }
}

async function* readBatches(
  library: Library,
  file: OpenFile,
  label: string,
  names: { readonly chosen: readonly string[] | undefined; readonly needed: readonly string[] | undefined },
  signal: AbortSignal | undefined,
): AsyncGenerator<RecordBatch, void, undefined> {
  const metadata = await metadataOf(library, file, label)
  const columns = pick(parquetColumns(metadata.schema), names)
  if (columns.length === 0) return
  const elements = new Map(columns.map(({ name, element }) => [name, element]))
  // Column names are unique at the top level, and a column that is read is not nested.
  const schema = metadata.schema.map((element, index) =>
    index > 0 && isTopLevel(metadata, index) ? (elements.get(element.name) ?? element) : element,
  )
  const codes = columns.map(() => new TextCodes())
  let groupStart = 0
  for (const group of metadata.row_groups) {
    const groupEnd = groupStart + Number(group.num_rows)
    for (let start = groupStart; start < groupEnd; start += decodeRows) {
      const end = Math.min(groupEnd, start + decodeRows)
      const runs: DecodedRun[][] = []
      for (const [index, column] of columns.entries()) {
        throwIfAborted(signal)
        const textCodes = codes[index] as TextCodes
        textCodes.trim(textsKept)
        runs.push(await decode(library, file, label, { ...metadata, schema }, column, textCodes, start, end))
      }
      for (let from = start; from < end; from += batchRows) {
        const to = Math.min(end, from + batchRows)
        const batch: Record<string, Column> = {}
        columns.forEach(({ name, kind, scale }, index) => {
          const column = columnFromRuns(kind, runs[index] as DecodedRun[], from, to, (codes[index] as TextCodes).dictionary())
          if (column.kind === 'number' && scale !== undefined) roundDecimals(column, scale)
          batch[name] = column
        })
        yield batchOf(batch)
      }
    }
    groupStart = groupEnd
  }
}

async function decode(
  library: Library,
  file: OpenFile,
  label: string,
  metadata: FileMetaData,
  column: ParquetColumn,
  codes: TextCodes,
  rowStart: number,
  rowEnd: number,
): Promise<DecodedRun[]> {
  const runs: DecodedRun[] = []
  try {
    await library.parquetRead({
      file,
      metadata,
      columns: [column.name],
      rowStart,
      rowEnd,
      compressors: library.compressors,
      parsers: parsersFor(column, codes),
      onChunk: ({ columnData, rowStart: start }) => {
        runs.push({ start, values: columnData })
      },
    })
  } catch (cause) {
    throw unreadable(label, cause)
  }
  const decoded = runs.reduce(
    (sum, run) => sum + Math.max(0, Math.min(rowEnd, run.start + run.values.length) - Math.max(rowStart, run.start)),
    0,
  )
  if (decoded !== rowEnd - rowStart)
    throw unreadable(label, new Error(`column "${column.name}" has ${decoded} of ${rowEnd - rowStart} rows`))
  return runs
}

/** Whether the element at an index is a column of its own: it is reached by skipping whole columns. */
function isTopLevel(metadata: FileMetaData, index: number): boolean {
  const next = (position: number): number => {
    let end = position + 1
    for (let child = 0; child < (metadata.schema[position]?.num_children ?? 0); child++) end = next(end)
    return end
  }
  let position = 1
  while (position < index) position = next(position)
  return position === index
}

/** Of the columns chosen (all by default) those that are needed. A name that is needed and not there is left to the schema, which may do without. */
function pick(
  available: Map<string, ParquetColumn | undefined>,
  names: { readonly chosen: readonly string[] | undefined; readonly needed: readonly string[] | undefined },
): readonly ParquetColumn[] {
  for (const name of names.chosen ?? []) if (!available.has(name)) throw columnNotFound(name, [...available.keys()])
  if (names.chosen === undefined && names.needed === undefined) return [...available.values()].filter((column) => column !== undefined)
  const candidates = names.chosen ?? [...available.keys()]
  const wanted = names.needed === undefined ? candidates : names.needed.filter((name) => candidates.includes(name))
  if (wanted.length === 0) throw columnNotFound(names.needed?.[0] ?? '', [...available.keys()])
  return wanted.map((name) => {
    const column = available.get(name)
    if (column !== undefined) return column
    throw new MillraceError('SCHEMA_UNSUPPORTED', {
      message: `Expected column "${name}" to hold numbers, booleans, text or times. Received a nested, binary or time-of-day column.`,
      details: { path: name, type: 'parquet' },
    })
  })
}

function unreadable(label: string, cause: unknown): MillraceError<'SOURCE_UNREADABLE'> {
  return new MillraceError('SOURCE_UNREADABLE', {
    message: `Expected a Parquet file at "${label}". Received a failure: ${messageOf(cause)}`,
    details: { source: label, reason: messageOf(cause) },
    cause,
  })
}
