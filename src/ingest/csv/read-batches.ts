import type { RecordBatch } from 'apache-arrow/recordbatch'
import { throwIfAborted } from '../../core/abort.ts'
import { columnNotFound } from '../../data/column-not-found.ts'
import type { ExpectedColumn, SourceOpenOptions, SourceRejection } from '../../data/source.ts'
import { BatchColumns } from './batch-columns.ts'
import { ByteWindow } from './byte-window.ts'
import { type ColumnCode, excess, skipped, text, unknown } from './column-code.ts'
import { malformed } from './faults.ts'
import { inferCodes } from './infer-columns.ts'
import { type CsvSettings, declaredType } from './options.ts'
import { type Header, readHeader } from './read-header.ts'
import { RecordScanner, type ScannedColumn } from './record-scanner.ts'

/** Rows of one batch: as the chunks of a dataset. */
const batchRows = 65_536
const windowBytes = 1 << 19
/** Bytes that are looked at to infer kinds; the next look is at twice as many, until there are enough records. */
const sampleBytes = 1 << 16
const mostSampleBytes = 1 << 23

/** Reads chunks of a file into batches. A chunk need not outlive the asking for the next. */
export async function* readBatches(
  chunks: AsyncIterable<Uint8Array>,
  settings: CsvSettings,
  label: string,
  options: SourceOpenOptions,
): AsyncGenerator<RecordBatch, void, undefined> {
  const window = new ByteWindow(windowBytes)
  const file = new CsvReader(window, settings, label, options)
  for await (const chunk of chunks) {
    throwIfAborted(options.signal)
    if (chunk.length === 0) continue
    window.append(chunk)
    if (window.isWorthReading) yield* file.read()
  }
  throwIfAborted(options.signal)
  window.close()
  yield* file.read()
}

/** What is known of the file so far: its header, then what its columns are, then its records. */
class CsvReader {
  readonly #window: ByteWindow
  readonly #settings: CsvSettings
  readonly #label: string
  readonly #options: SourceOpenOptions
  #header: Header | undefined
  #layout: Layout | undefined
  #scanner: RecordScanner | undefined
  #batch: BatchColumns | undefined

  constructor(window: ByteWindow, settings: CsvSettings, label: string, options: SourceOpenOptions) {
    this.#window = window
    this.#settings = settings
    this.#label = label
    this.#options = options
  }

  /** The batches that can be made of what is in the window. */
  *read(): Generator<RecordBatch, void, undefined> {
    const scanner = this.#scanner ?? this.#begin()
    const batch = this.#batch
    if (scanner === undefined || batch === undefined) {
      this.#window.needMore()
      return
    }
    while (scanner.scan()) {
      if (scanner.rows > 0) yield batch.build(scanner.rows)
      scanner.beginBatch()
    }
    if (this.#window.isLast && scanner.rows > 0) yield batch.build(scanner.rows)
    this.#window.needMore()
  }

  /** Undefined until enough of the file is there. */
  #begin(): RecordScanner | undefined {
    const window = this.#window
    const settings = this.#settings
    this.#header ??= readHeader(window, settings, this.#label)
    const header = this.#header
    if (header === undefined) return undefined
    this.#layout ??= layoutOf(header.names, settings, this.#options)
    const { codes, columns, order } = this.#layout
    if (codes.includes(unknown)) {
      if (window.length < sampleBytes && !window.isLast) return undefined
      const rows = this.#infer(header, this.#layout)
      if (rows < settings.inferRows && window.length < mostSampleBytes && !window.isLast) return undefined
    }
    this.#batch = new BatchColumns(batchRows, header.names, codes, order)
    this.#scanner = this.#scannerOf(columns, codes, this.#batch, header.line, (rejected) => this.#onRejected(rejected))
    return this.#scanner
  }

  /** Reads the first records as texts, only to look at them; gives their number. */
  #infer(header: Header, { codes, columns, order }: Layout): number {
    const window = this.#window
    const { start } = window
    const asText = codes.map((code) => (code === unknown ? text : code === excess ? excess : skipped))
    const sample = new BatchColumns(this.#settings.inferRows, header.names, asText, order)
    const scanner = this.#scannerOf(columns, asText, sample, header.line, () => {})
    scanner.scan()
    window.start = start
    const inferred = inferCodes(sample, scanner.rows, codes, this.#settings.dialect.delimiter)
    if (scanner.rows >= this.#settings.inferRows || window.isLast || window.length >= mostSampleBytes) codes.set(inferred)
    return scanner.rows
  }

  #scannerOf(
    columns: readonly ScannedColumn[],
    codes: Uint8Array,
    batch: BatchColumns,
    line: number,
    onRejected: (rejected: SourceRejection) => void,
  ): RecordScanner {
    const { dialect, nullTokens, maxRecordBytes } = this.#settings
    return new RecordScanner({ window: this.#window, dialect, nullTokens, maxRecordBytes, columns, codes, batch, line, onRejected })
  }

  #onRejected(rejected: SourceRejection): void {
    const isOfValue = rejected.reason.startsWith('not-')
    if (this.#settings.failsOnMalformed && !isOfValue) throw malformed(this.#label, rejected)
    this.#options.onRejected?.(rejected)
  }
}

interface Layout {
  readonly columns: readonly ScannedColumn[]
  readonly codes: Uint8Array
  readonly order: readonly number[]
}

/**
 * Which columns are read, as what, and in which order they come.
 *
 * @throws {@link MillraceError} `COLUMN_NOT_FOUND`
 */
function layoutOf(names: readonly string[], settings: CsvSettings, { columns: needed, expected }: SourceOpenOptions): Layout {
  const { delimiter } = settings.dialect
  const positions = new Map(names.map((name, position) => [name, position]))
  for (const name of [...(settings.columns ?? []), ...settings.typedNames]) if (!positions.has(name)) throw columnNotFound(name, names)
  const chosen = settings.columns ?? names
  const choice = new Set(chosen)
  const there = needed?.filter((name) => choice.has(name)) ?? []
  // Without any column the number of rows would be lost; what is missing is for the schema to say.
  const order = there.length === 0 ? chosen : there
  const wanted = new Set(order)
  const expectations = new Map<string, ExpectedColumn>((expected ?? []).map((column) => [column.name, column]))
  const codes = new Uint8Array(names.length + 1)
  codes[names.length] = excess
  const columns = names.map((name, position): ScannedColumn => {
    if (!wanted.has(name)) return { name, isDeclared: false, onUnreadable: 'reject', time: undefined }
    const expectation = expectations.get(name)
    const type = settings.declared(name) ?? (expectation === undefined ? undefined : declaredType(expectation.kind, delimiter, name))
    codes[position] = (type?.code ?? unknown) satisfies ColumnCode
    return { name, isDeclared: type !== undefined, onUnreadable: expectation?.onUnreadable ?? 'reject', time: type?.time }
  })
  return { columns, codes, order: order.map((name) => positions.get(name) as number) }
}
