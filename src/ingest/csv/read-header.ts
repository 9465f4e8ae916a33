import type { ByteWindow } from './byte-window.ts'
import { malformed, unreadable } from './faults.ts'
import { FieldReader, fieldTooLong, incomplete, strayQuote } from './field-reader.ts'
import type { CsvSettings } from './options.ts'

export interface Header {
  readonly names: readonly string[]
  /** Of the record after it. */
  readonly line: number
}

/**
 * Takes a byte order mark and the record with the names off the window, unless the names are given; undefined when it is not there to its end.
 *
 * @throws {@link MillraceError} `SOURCE_MALFORMED` when names are empty, repeated or broken; `SOURCE_UNREADABLE` when there are none, too many, or they are no UTF-8.
 */
export function readHeader(window: ByteWindow, settings: CsvSettings, label: string): Header | undefined {
  if (window.length < 3 && !window.isLast) return undefined
  const { bytes, start } = window
  let position = window.length >= 3 && bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf ? start + 3 : start
  let line = 1
  if (!settings.hasHeader) {
    window.start = position
    return { names: settings.names as readonly string[], line }
  }
  for (; position < window.end && isLineEnd(bytes[position] as number); position++) if (endsLine(bytes, position)) line++
  const record = readNames(window, settings, label, position, line)
  if (record === undefined) return undefined
  const { names, lines, end } = record
  // A carriage return and a line feed may come in two chunks.
  if (bytes[end] === 13 && end + 1 >= window.end && !window.isLast) return undefined
  window.start = Math.min(window.end, bytes[end] === 13 && bytes[end + 1] === 10 ? end + 2 : end + 1)
  if (settings.names !== undefined && settings.names.length !== names.length) {
    throw unreadable(label, `${names.length} columns where ${settings.names.length} names are given`)
  }
  if (settings.names === undefined) checkNames(names, label, line)
  return { names: settings.names ?? names, line: line + lines + 1 }
}

function readNames(
  window: ByteWindow,
  settings: CsvSettings,
  label: string,
  start: number,
  line: number,
): { readonly names: readonly string[]; readonly lines: number; readonly end: number } | undefined {
  const { bytes, end, isLast } = window
  if (start >= end) {
    if (!isLast) return undefined
    throw unreadable(label, 'it is empty, where the first record should name the columns')
  }
  const fields = new FieldReader(window, settings.dialect)
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const names: string[] = []
  for (let position = start; ; position++) {
    position = fields.read(position)
    if (position === incomplete) {
      if (end - start > settings.maxRecordBytes) throw malformed(label, { line, reason: 'record-too-long', value: fields.text() })
      return undefined
    }
    if (position < 0) {
      const reason = position === strayQuote ? 'stray-quote' : position === fieldTooLong ? 'field-too-long' : 'unterminated-quote'
      throw malformed(label, { line, reason, value: fields.text() })
    }
    try {
      names.push(decoder.decode(fields.content.subarray(fields.from, fields.to)))
    } catch (cause) {
      throw unreadable(label, `the name of column ${names.length + 1} is not UTF-8`, cause)
    }
    if (names.length > settings.maxColumns) throw unreadable(label, `more than ${settings.maxColumns} columns`)
    if (position >= end || bytes[position] !== settings.dialect.delimiter) return { names, lines: fields.lines, end: position }
  }
}

function checkNames(names: readonly string[], label: string, line: number): void {
  if (names.includes(''))
    throw malformed(label, { line, reason: 'empty-name', value: `column ${names.indexOf('') + 1} of ${names.length}` })
  const seen = new Set<string>()
  const repeated = new Set(names.filter((name) => seen.size === seen.add(name).size))
  if (repeated.size > 0) throw malformed(label, { line, reason: 'repeated-name', value: [...repeated].join(', ') })
}

function isLineEnd(byte: number): boolean {
  return byte === 10 || byte === 13
}

/** Not the carriage return before a line feed. */
function endsLine(bytes: Uint8Array, position: number): boolean {
  return bytes[position] === 10 || bytes[position + 1] !== 10
}
