import { MillraceError } from '../../core/error.ts'
import type { ColumnCode } from './column-code.ts'
import { boolean, integer, isoTimeCode, number, otherTime, text } from './column-code.ts'
import type { Dialect } from './field-reader.ts'
import { NullTokens } from './null-tokens.ts'
import { epochTime, type TimeParser, timePattern } from './time-pattern.ts'

/**
 * What a column is read as. `integer`: whole numbers within 32 bits. `number`: the nearest double, so also what inference leaves as text: `007`, `+5`, `NaN`,
 * whole numbers beyond 2^53. `boolean`: true and false, t and f, yes and no, y and n, 1 and 0. `time`: ISO 8601, in UTC where no offset is said; or a format of its own:
 * seconds or milliseconds since 1970, or a pattern such as `dd/MM/yyyy HH:mm`.
 */
export type CsvType =
  | CsvTypeName
  | {
      readonly kind: 'time'
      /** `iso`, `epoch-s`, `epoch-ms`, or a pattern of yyyy, MM, M, dd, d, HH, H, hh, h, mm, ss, SSS, a and other characters (letters between single quotes). */
      readonly format: string
    }

/** A type that has a name. */
export type CsvTypeName = 'integer' | 'number' | 'boolean' | 'text' | 'time'

export interface CsvOptions {
  /** Names the file in reports of rejected rows; default its path, URL or name. */
  readonly label?: string
  /** Whether the first record has the names of the columns; default true. Without it `names` must be there. */
  readonly header?: boolean
  /** The names of the columns, in place of those of the first record or where there are none. */
  readonly names?: readonly string[]
  /** Only these are read, in this order; the rest is passed over. Default: all. */
  readonly columns?: readonly string[]
  /** What columns are read as: one for all, or by name. Others are as `ingest`'s schema has them, else inferred. */
  readonly types?: CsvTypeName | Readonly<Record<string, CsvType>>
  /** Records that the kinds of the other columns are inferred from; default 1,000. A later value that does not fit makes its column wider. */
  readonly inferRows?: number
  /** One ASCII character; default a comma. */
  readonly delimiter?: string
  /** One ASCII character, or null where quotes mean nothing; default `"`. */
  readonly quote?: string | null
  /** What an unquoted field says that has no value; default `['']`. A quoted field is never null. */
  readonly nullTokens?: readonly string[]
  /** What becomes of a record that is not well-formed: `skip` (the default) leaves it out and reports it, `fail` is `SOURCE_MALFORMED`. */
  readonly onMalformed?: 'fail' | 'skip'
  /** A longer field makes its record malformed; default 1 MiB. */
  readonly maxFieldBytes?: number
  /** A longer record is malformed; default 16 MiB. */
  readonly maxRecordBytes?: number
  /** More columns are refused; default 16,384. */
  readonly maxColumns?: number
  /** Default: told by the content (gzip), or by `.br` at the end of the name. Brotli needs Node. */
  readonly compression?: 'gzip' | 'deflate' | 'deflate-raw' | 'brotli' | 'none'
  /** Compressed data that becomes more than this is refused; default 64 GiB. */
  readonly maxDecompressedBytes?: number
  /** For URLs; default the platform's. */
  readonly fetch?: typeof globalThis.fetch
}

export interface CsvSettings {
  readonly dialect: Dialect
  readonly nullTokens: NullTokens
  readonly hasHeader: boolean
  readonly names: readonly string[] | undefined
  readonly columns: readonly string[] | undefined
  readonly inferRows: number
  readonly failsOnMalformed: boolean
  readonly maxRecordBytes: number
  readonly maxColumns: number
  /** Undefined: it is for others to say. */
  declared(name: string): DeclaredType | undefined
  /** Names in `types`. */
  readonly typedNames: readonly string[]
}

export interface DeclaredType {
  readonly code: ColumnCode
  readonly time: TimeParser | undefined
}

/** @throws {@link MillraceError} `ARGUMENT_INVALID` */
export function settingsOf(options: CsvOptions): CsvSettings {
  const delimiter = delimiterOf(options.delimiter ?? ',')
  const quote = options.quote === null ? -1 : quoteOf(options.quote ?? '"')
  if (delimiter === quote) throw invalid('quote', 'another character than the delimiter', options.quote ?? '"')
  const { types = {}, header = true, names } = options
  if (!header && names === undefined) throw invalid('names', 'names of the columns, where the file has none (header: false)', 'none')
  if (names !== undefined) checkNames(names, 'names')
  if (options.columns !== undefined) checkNames(options.columns, 'columns')
  const onMalformed = options.onMalformed ?? 'skip'
  if (onMalformed !== 'skip' && onMalformed !== 'fail') throw invalid('onMalformed', "'skip' or 'fail'", String(onMalformed))
  const declare = (type: CsvType, name: string): DeclaredType => declaredType(type, delimiter, name)
  const all = typeof types === 'string' ? declare(types, '(all)') : undefined
  const byName = new Map(typeof types === 'string' ? [] : Object.entries(types).map(([name, type]) => [name, declare(type, name)]))
  return {
    dialect: { delimiter, quote, maxFieldBytes: positive('maxFieldBytes', options.maxFieldBytes ?? 1 << 20) },
    nullTokens: new NullTokens(options.nullTokens ?? ['']),
    hasHeader: header,
    names,
    columns: options.columns,
    inferRows: positive('inferRows', options.inferRows ?? 1_000),
    failsOnMalformed: onMalformed === 'fail',
    maxRecordBytes: positive('maxRecordBytes', options.maxRecordBytes ?? 1 << 24),
    maxColumns: positive('maxColumns', options.maxColumns ?? 16_384),
    declared: (name) => all ?? byName.get(name),
    typedNames: [...byName.keys()],
  }
}

/** The type of that kind. */
export function declaredType(type: CsvType, delimiter: number, name: string): DeclaredType {
  if (typeof type === 'object') {
    if (!isTimeType(type) || typeof type.format !== 'string') throw invalid(`types.${name}`, expectedType, JSON.stringify(type))
    if (type.format === 'iso') return { code: isoTimeCode(delimiter), time: undefined }
    const time = type.format === 'epoch-s' ? epochTime(1_000) : type.format === 'epoch-ms' ? epochTime(1) : timePattern(type.format)
    return { code: otherTime, time }
  }
  switch (type) {
    case 'integer':
      return { code: integer, time: undefined }
    case 'number':
      return { code: number, time: undefined }
    case 'boolean':
      return { code: boolean, time: undefined }
    case 'text':
      return { code: text, time: undefined }
    case 'time':
      return { code: isoTimeCode(delimiter), time: undefined }
    default:
      throw invalid(`types.${name}`, expectedType, String(type))
  }
}

const expectedType = "'integer', 'number', 'boolean', 'text', 'time' or { kind: 'time', format }"

function isTimeType(types: object): types is { readonly kind: 'time'; readonly format: string } {
  return (types as { readonly kind?: unknown }).kind === 'time' && typeof (types as { readonly format?: unknown }).format === 'string'
}

/** Letters, digits and signs are parts of values. */
function delimiterOf(delimiter: string): number {
  const byte = delimiter.length === 1 ? delimiter.charCodeAt(0) : 255
  if (byte > 126 || byte === 10 || byte === 13 || /[0-9A-Za-z.+-]/.test(delimiter))
    throw invalid('delimiter', 'one ASCII character that is no letter, digit, point, sign or end of a line', JSON.stringify(delimiter))
  return byte
}

function quoteOf(quote: string): number {
  const byte = quote.length === 1 ? quote.charCodeAt(0) : 255
  if (byte < 32 || byte > 126 || /[0-9A-Za-z.+-]/.test(quote))
    throw invalid('quote', 'one ASCII character that is no letter, digit, point, sign or control character, or null', JSON.stringify(quote))
  return byte
}

function checkNames(names: readonly string[], argument: string): void {
  const seen = new Set<string>()
  const repeated = names.find((name) => seen.size === seen.add(name).size)
  if (names.length === 0 || names.includes('')) throw invalid(argument, 'names, none of them empty', JSON.stringify(names))
  if (repeated !== undefined) throw invalid(argument, 'each name once', JSON.stringify(repeated))
}

export function positive(argument: string, value: number): number {
  if (!(Number.isSafeInteger(value) && value > 0)) throw invalid(argument, 'a whole number above 0', String(value))
  return value
}

export function invalid(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${received}.`,
    details: { argument, expected, received },
  })
}
