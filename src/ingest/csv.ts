/**
 * CSV as a source: {@link csv}, in Node and in browsers.
 *
 * @module millrace/ingest/csv
 */

import { canonicalJson } from '../core/json.ts'
import type { Source } from '../data/source.ts'
import { decompress } from './csv/decompress.ts'
import { type CsvInput, Input, nameOfInput } from './csv/input.ts'
import { type CsvOptions, invalid, positive, settingsOf } from './csv/options.ts'
import { readBatches } from './csv/read-batches.ts'

export type { ByteStream, CsvInput } from './csv/input.ts'
export type { CsvOptions, CsvType, CsvTypeName } from './csv/options.ts'

const compressions = ['gzip', 'deflate', 'deflate-raw', 'brotli', 'none']

/**
 * A CSV file (RFC 4180) as a source: a path (Node only), a URL, a `Blob`, bytes, or a stream. Its bytes are read once, straight into typed columns, no faster than
 * the batches are taken; memory is bounded by some batches. Quoted fields with delimiters, ends of lines and doubled quotes in them, ends of lines of any kind, a byte order
 * mark and blank lines are all read as they are meant. A quote inside an unquoted field is a character as others.
 *
 * Columns are read as `types` says, else as the schema of `ingest` has them, else as what the first `inferRows` records hold. An inferred column in which something else
 * turns up later becomes wider and loses nothing: integers become numbers within a batch; where numbers, booleans or times become texts, a new batch begins, and what was given
 * before stays what it was.
 *
 * A record that is broken (too few fields or too many, quotes that do not match, invalid UTF-8, too long) and one with a value that is not of its declared type
 * is left out, and told to `onRejected`; under `ingest` it counts as a row that the schema refuses. Fields of columns that are not read are not looked at.
 *
 * @throws {@link MillraceError} at once: `ARGUMENT_INVALID`. While reading: `SOURCE_UNREADABLE` for what is absent, empty, damaged or decompresses to too much;
 * `SOURCE_MALFORMED` for names that are empty or repeated and, with `onMalformed: 'fail'`, for the first broken record; `COLUMN_NOT_FOUND`.
 * @example
 * const flights = csv(new TextEncoder().encode('origin,distance\nSEA,954\nLAX,2475\n'), { types: { distance: 'number' } })
 * for await (const batch of flights.open({})) batch.numRows // 2
 */
export function csv(input: CsvInput, options: CsvOptions = {}): Source {
  const settings = settingsOf(options)
  const label = options.label ?? nameOfInput(input)
  const { compression, fetch = globalThis.fetch } = options
  if (compression !== undefined && !compressions.includes(compression)) throw invalid('compression', compressions.join(', '), compression)
  const maxBytes = positive('maxDecompressedBytes', options.maxDecompressedBytes ?? 2 ** 36)
  const opener = new Input(input, { label, fetch })
  const isNamedBrotli = nameOfInput(input).split(/[?#]/, 1)[0]?.endsWith('.br') === true
  return {
    kind: 'csv',
    label,
    async fingerprint({ signal }) {
      const content = await opener.fingerprint(signal)
      return content === undefined ? undefined : content + optionsPrint(options)
    },
    async *open(request) {
      const { signal } = request
      const { chunks, isDecoded } = await opener.open(signal)
      const kind = compression ?? (isNamedBrotli && !isDecoded ? 'brotli' : undefined)
      yield* readBatches(decompress(chunks, { label, compression: kind, maxBytes, signal }), settings, label, request)
    },
  }
}

/** What of the options changes what is read. */
function optionsPrint({ label: _label, fetch: _fetch, ...options }: CsvOptions): string {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return given.length === 0 ? '' : `-${canonicalJson(Object.fromEntries(given))}`
}
