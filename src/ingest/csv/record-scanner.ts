import { latestMs } from '../../data/column.ts'
import type { SourceRejection, SourceRejectionReason } from '../../data/source.ts'
import type { BatchColumns } from './batch-columns.ts'
import { booleanOf, plainBooleanAt } from './boolean-parser.ts'
import type { ByteWindow } from './byte-window.ts'
import {
  boolean,
  type ColumnCode,
  excess,
  integer,
  isoTime,
  isoTimeCode,
  number,
  otherTime,
  skipped,
  text,
  unknown,
} from './column-code.ts'
import { exactPowers } from './exact-powers.ts'
import { type Dialect, FieldReader, fieldEnds, fieldTooLong, incomplete, strayQuote, textOf } from './field-reader.ts'
import { type InferredKind, kindOfField, widen } from './infer.ts'
import { IsoTimeParser } from './iso-time-parser.ts'
import type { NullTokens } from './null-tokens.ts'
import { NumberParser } from './number-parser.ts'
import { hashStep, type TextCodes } from './text-codes.ts'
import type { TimeParser } from './time-pattern.ts'
import { isUtf8 } from './utf-8.ts'

/** A column as it is read. */
export interface ScannedColumn {
  readonly name: string
  /** Somebody said what it is: a value that is something else is refused. Otherwise the column becomes what holds it. */
  readonly isDeclared: boolean
  readonly onUnreadable: 'reject' | 'null'
  /** For a time of a form of its own. */
  readonly time: TimeParser | undefined
}

export interface ScannerOptions {
  readonly window: ByteWindow
  readonly dialect: Dialect
  readonly nullTokens: NullTokens
  readonly maxRecordBytes: number
  /** By position in the file. */
  readonly columns: readonly ScannedColumn[]
  /** A code for each column, and {@link excess} after them. */
  readonly codes: Uint8Array
  readonly batch: BatchColumns
  /** Of the first record. */
  readonly line: number
  readonly onRejected: (rejected: SourceRejection) => void
}

/** What comes of a record when it is not taken, beside {@link incomplete}. */
const kindChanged = -10
const rejected = -11

const codeOfKind: Readonly<Record<InferredKind, ColumnCode>> = { unknown, integer, number, boolean, time: isoTime, text }
const kindOfCode: readonly InferredKind[] = ['text', 'unknown', 'integer', 'number', 'text', 'time', 'boolean', 'text', 'text']
const reasonOfCode: readonly SourceRejectionReason[] = [
  ...(['invalid-utf-8', 'invalid-utf-8', 'not-an-integer', 'not-a-number', 'invalid-utf-8'] as const),
  ...(['not-a-time', 'not-a-boolean', 'not-a-time', 'invalid-utf-8'] as const),
]

/**
 * Reads records from the window into the columns of a batch: each byte once, each field by what its column is. What is frequent (plain numbers, texts, moments) is read
 * in one loop here; what is not (escaped quotes, long numbers, values that do not fit) goes the general way, {@link FieldReader}. A record whose end is not there yet
 * is left in the window, to be read again.
 */
export class RecordScanner {
  readonly #window: ByteWindow
  readonly #dialect: Dialect
  readonly #nullTokens: NullTokens
  readonly #maxRecordBytes: number
  readonly #columns: readonly ScannedColumn[]
  readonly #codes: Uint8Array
  readonly #batch: BatchColumns
  readonly #onRejected: (rejected: SourceRejection) => void
  readonly #ends: Uint8Array
  readonly #fields: FieldReader
  readonly #ahead: FieldReader
  readonly #numbers = new NumberParser()
  readonly #times = new IsoTimeParser()
  /** Of the record that is read. */
  #line: number
  #start = 0
  /** What is reported once it is certain that the record is read to its end, and not again. */
  #held: SourceRejection[] = []
  /** After a broken record: up to the end of the line. */
  #isSkippingLine = false
  /** Columns that become text with the next batch. */
  #toText: number[] = []
  #rows = 0
  /** Of the record, as far as it was looked at. */
  #fieldsSeen = 0
  /** Where a space or a colon ends a field, the fast way would read a moment past its end. */
  readonly #timeCode: ColumnCode

  constructor(options: ScannerOptions) {
    this.#window = options.window
    this.#dialect = options.dialect
    this.#nullTokens = options.nullTokens
    this.#maxRecordBytes = options.maxRecordBytes
    this.#columns = options.columns
    this.#codes = options.codes
    this.#batch = options.batch
    this.#line = options.line
    this.#onRejected = options.onRejected
    this.#ends = fieldEnds(options.dialect.delimiter)
    this.#fields = new FieldReader(options.window, options.dialect)
    this.#timeCode = isoTimeCode(options.dialect.delimiter)
    this.#ahead = new FieldReader(options.window, options.dialect)
  }

  /** Rows of the batch so far. */
  get rows(): number {
    return this.#rows
  }

  /** Begins the next batch. */
  beginBatch(): void {
    for (const column of this.#toText) this.#codes[column] = text
    this.#toText = []
    this.#batch.begin()
    this.#rows = 0
  }

  /** Reads until the batch is done (full, or a column changes its kind): true; or there is no further record in the window: false. */
  scan(): boolean {
    while (this.#rows < this.#batch.capacity && !this.#batch.isHeavy) {
      if (this.#isSkippingLine && !this.#skipLine()) return false
      const outcome = this.#scanRecords()
      this.#settle()
      if (outcome === incomplete) return false
      if (outcome === kindChanged) return true
    }
    return true
  }

  /** Reads records up to the first that is not taken, and says why it is not; 0 when the batch is done. */
  #scanRecords(): number {
    const window = this.#window
    const { bytes, end, isLast } = window
    const { delimiter, quote, maxFieldBytes } = this.#dialect
    const { emptyIsNull, lengths: tokenLengths } = this.#nullTokens
    const batch = this.#batch
    const { capacity, doubles, flags, ints, nulls, texts } = batch
    const codes = this.#codes
    const ends = this.#ends
    const times = this.#times
    const lastColumn = this.#columns.length - 1
    const maxRecordBytes = this.#maxRecordBytes
    let row = this.#rows
    let position = window.start
    while (row < capacity && !batch.isHeavy) {
      let byte = bytes[position] as number
      if (byte === 10 || byte === 13) {
        // A blank line, or the end of the window.
        const next = position >= end ? incomplete : this.#afterLine(position)
        if (next < 0) {
          window.start = position
          this.#rows = row
          return incomplete
        }
        this.#line++
        position = next
        continue
      }
      const start = position
      this.#start = start
      this.#rows = row
      this.#fields.lines = 0
      let column = 0
      for (;;) {
        const from = position
        byte = bytes[position] as number
        // Each way ends with the position at the end of the field, or leaves it where it began for the general way.
        let isRead = false
        // Numbers from `column-code.ts`: literals become a jump table.
        switch (codes[column]) {
          case 0: {
            if (byte === quote) break
            while (ends[byte] === 0) byte = bytes[++position] as number
            isRead = position - from <= maxFieldBytes
            break
          }
          case 1: {
            if (!emptyIsNull || ends[byte] === 0) break
            ;(nulls[column] as Uint8Array)[row] = 1
            isRead = true
            break
          }
          case 2: {
            const isNegative = byte === 45
            if (isNegative) byte = bytes[++position] as number
            const first = position
            const leading = byte
            let value = 0
            while (byte >= 48 && byte <= 57) {
              value = (value * 10 + byte - 48) | 0
              byte = bytes[++position] as number
            }
            const digits = position - first
            if (
              digits > 0 &&
              digits < 10 &&
              ends[byte] !== 0 &&
              (leading !== 48 || (digits === 1 && !isNegative)) &&
              ((tokenLengths >>> (position - from)) & 1) === 0
            ) {
              ;(ints[column] as Int32Array)[row] = isNegative ? -value : value
              isRead = true
            } else if (position === from && emptyIsNull && ends[byte] !== 0) {
              ;(nulls[column] as Uint8Array)[row] = 1
              ;(ints[column] as Int32Array)[row] = 0
              isRead = true
            }
            break
          }
          case 3: {
            const isNegative = byte === 45
            if (isNegative) byte = bytes[++position] as number
            const first = position
            const leading = byte
            let value = 0
            while (byte >= 48 && byte <= 57) {
              value = (value * 10 + byte - 48) | 0
              byte = bytes[++position] as number
            }
            const digits = position - first
            let size = value
            let isExact = digits > 0 && digits < 10 && (leading !== 48 || digits === 1)
            if (byte === 46) {
              byte = bytes[++position] as number
              const point = position
              let fraction = 0
              while (byte >= 48 && byte <= 57) {
                fraction = (fraction * 10 + byte - 48) | 0
                byte = bytes[++position] as number
              }
              const decimals = position - point
              isExact = isExact && decimals > 0 && decimals < 10 && digits + decimals < 16
              const power = exactPowers[decimals < 10 ? decimals : 0] as number
              size = (value * power + fraction) / power
            }
            if (isExact && ends[byte] !== 0 && ((tokenLengths >>> (position - from)) & 1) === 0) {
              ;(doubles[column] as Float64Array)[row] = isNegative ? -size : size
              isRead = true
            } else if (position === from && emptyIsNull && ends[byte] !== 0) {
              ;(nulls[column] as Uint8Array)[row] = 1
              ;(doubles[column] as Float64Array)[row] = 0
              isRead = true
            }
            break
          }
          case 4: {
            let hash = 0
            if (byte === quote) {
              byte = bytes[++position] as number
              while (byte !== quote && byte >= 32) {
                hash = hashStep(hash, byte)
                byte = bytes[++position] as number
              }
              if (byte !== quote) break
              byte = bytes[++position] as number
              if (ends[byte] === 0 || position - from - 2 > maxFieldBytes || (position >= end && !isLast)) break
              const code = (texts[column] as TextCodes).code(bytes, from + 1, position - 1, hash)
              ;(ints[column] as Int32Array)[row] = code
              isRead = code >= 0
              break
            }
            while (ends[byte] === 0) {
              hash = hashStep(hash, byte)
              byte = bytes[++position] as number
            }
            const length = position - from
            if (length === 0 && emptyIsNull) {
              ;(nulls[column] as Uint8Array)[row] = 1
              ;(ints[column] as Int32Array)[row] = -1
              isRead = true
            } else if (length <= maxFieldBytes && ((tokenLengths >>> Math.min(length, 31)) & 1) === 0 && (position < end || isLast)) {
              const code = (texts[column] as TextCodes).code(bytes, from, position, hash)
              ;(ints[column] as Int32Array)[row] = code
              isRead = code >= 0
            }
            break
          }
          case 5: {
            if (times.parse(bytes, position)) {
              position = times.end
              byte = bytes[position] as number
              if (ends[byte] !== 0 && ((tokenLengths >>> (position - from)) & 1) === 0) {
                ;(doubles[column] as Float64Array)[row] = times.value
                isRead = true
              }
            }
            break
          }
          case 6: {
            const length = plainBooleanAt(bytes, position)
            if (length === 0 || ((tokenLengths >>> length) & 1) !== 0) break
            position += length
            byte = bytes[position] as number
            ;(flags[column] as Uint8Array)[row] = length === 4 ? 1 : 0
            isRead = ends[byte] !== 0
            break
          }
        }
        if (!isRead) {
          position = this.#read(column, from)
          if (position < 0) break
          byte = bytes[position] as number
        }
        if (byte !== delimiter) break
        position++
        column++
      }
      if (position >= 0) {
        const next = this.#afterLine(position)
        if (next >= 0 && column === lastColumn && next - start <= maxRecordBytes) {
          this.#line += 1 + this.#fields.lines
          position = next
          row++
          continue
        }
        position = next < 0 ? incomplete : this.#reject(position, column)
      }
      this.#clearRow()
      if (position === rejected) return rejected
      window.start = start
      return position === incomplete && end - start > maxRecordBytes && !isLast ? this.#rejectLine('record-too-long') : position
    }
    window.start = position
    this.#rows = row
    return 0
  }

  /** After the end of a line that is at the position; {@link incomplete} when it may go on in the next chunk. */
  #afterLine(position: number): number {
    const { bytes, end, isLast } = this.#window
    if (position >= end) return isLast ? end : incomplete
    if (bytes[position] === 10) return position + 1
    if (position + 1 >= end) return isLast ? end : incomplete
    return bytes[position + 1] === 10 ? position + 2 : position + 1
  }

  /** Reads a field whatever it is. Answers where it ends, or what comes of its record. */
  #read(column: number, from: number): number {
    const fields = this.#fields
    const position = fields.read(from)
    if (position === incomplete) return incomplete
    if (position < 0) return this.#rejectQuoting(position, column, fields)
    const code = this.#codes[column] as ColumnCode
    if (code === skipped) return position
    if (code === excess) return this.#reject(position, column)
    if (!fields.isQuoted && this.#nullTokens.has(fields.content, fields.from, fields.to)) {
      this.#setNull(column, code)
      return position
    }
    return this.#store(column, code, fields) ? position : this.#unfit(column, code, position)
  }

  #setNull(column: number, code: ColumnCode): void {
    const row = this.#rows
    ;(this.#batch.nulls[column] as Uint8Array)[row] = 1
    if (code === integer) (this.#batch.ints[column] as Int32Array)[row] = 0
    else if (code === text) (this.#batch.ints[column] as Int32Array)[row] = -1
    else if (code === boolean) (this.#batch.flags[column] as Uint8Array)[row] = 0
    else if (code !== unknown) (this.#batch.doubles[column] as Float64Array)[row] = 0
  }

  /** Puts a field's value into its column; false when it is none of that kind. */
  #store(column: number, code: ColumnCode, { content, from, to }: FieldReader): boolean {
    const row = this.#rows
    const { isDeclared, time } = this.#columns[column] as ScannedColumn
    switch (code) {
      case integer:
      case number: {
        if (!this.#numbers.parse(content, from, to, isDeclared)) return false
        const { value, isWhole } = this.#numbers
        if (code === integer) {
          if (!isWhole || value !== (value | 0) || (!isDeclared && Object.is(value, -0))) return false
          ;(this.#batch.ints[column] as Int32Array)[row] = value
        } else {
          // Nobody said that it may lose digits.
          if (!isDeclared && !(isWhole ? Number.isSafeInteger(value) : Number.isFinite(value))) return false
          ;(this.#batch.doubles[column] as Float64Array)[row] = value
        }
        return true
      }
      case text: {
        let hash = 0
        for (let position = from; position < to; position++) hash = hashStep(hash, content[position] as number)
        const found = (this.#batch.texts[column] as TextCodes).code(content, from, to, hash)
        ;(this.#batch.ints[column] as Int32Array)[row] = found
        return found >= 0
      }
      case boolean: {
        const value = booleanOf(content, from, to, isDeclared)
        ;(this.#batch.flags[column] as Uint8Array)[row] = value
        return value >= 0
      }
      case isoTime:
      case otherTime: {
        const value =
          time !== undefined ? time(content, from, to) : this.#times.parseAll(content, from, to) ? this.#times.value : Number.NaN
        ;(this.#batch.doubles[column] as Float64Array)[row] = value
        return Math.abs(value) <= latestMs
      }
      default:
        return false
    }
  }

  /** A value that is not of its column's kind: refused where the kind was declared, elsewhere the column becomes what holds both. */
  #unfit(column: number, code: ColumnCode, position: number): number {
    const fields = this.#fields
    const { name, isDeclared, onUnreadable } = this.#columns[column] as ScannedColumn
    const { content, from, to } = fields
    const isText = isUtf8(content, from, to)
    const reason = isText ? (reasonOfCode[code] as SourceRejectionReason) : 'invalid-utf-8'
    const value = fields.text()
    if (isText && isDeclared && onUnreadable === 'reject') return this.#reject(position, column, reason, value)
    if (!isText) return this.#reject(position, column, reason, value)
    // What follows first: nothing is made of a record that is broken.
    const end = this.#endOfRecord(position, column)
    if (end < 0) return end
    if (isDeclared) {
      this.#hold({ line: this.#line, column: name, reason, value, leftOut: 'value' })
      this.#setNull(column, code)
      return position
    }
    const found = kindOfField(content, from, to)
    const kind = code === unknown ? found : widen(kindOfCode[code] as InferredKind, found)
    if (kind === 'text' && code !== unknown) {
      // Numbers already given stay numbers: the batch ends before the record.
      this.#toText.push(column)
      return kindChanged
    }
    const next = kind === 'time' ? this.#timeCode : codeOfKind[kind]
    this.#batch.convert(column, next, this.#rows)
    return this.#store(column, next, fields) ? position : incomplete
  }

  /** Where the record's last field ends, seen from the end of one of its fields; {@link incomplete}, or {@link rejected} when it is broken. */
  #endOfRecord(position: number, column: number): number {
    const end = this.#skipFields(position, column)
    if (end < 0) return end
    return this.#fieldsSeen === this.#columns.length ? end : this.#reject(position, column)
  }

  #skipFields(from: number, column: number): number {
    const { bytes } = this.#window
    let position = from
    this.#ahead.lines = 0
    this.#fieldsSeen = column + 1
    while (bytes[position] === this.#dialect.delimiter) {
      position = this.#ahead.read(position + 1)
      if (position === incomplete) return incomplete
      if (position < 0) return this.#rejectQuoting(position, this.#fieldsSeen, this.#ahead)
      this.#fieldsSeen++
    }
    return this.#afterLine(position) < 0 ? incomplete : position
  }

  /** Leaves out the record, whose field `column` ends at the position, and goes on after it. That it has too few or too many fields comes before what is wrong with one. */
  #reject(position: number, column: number, reason?: SourceRejectionReason, value?: string): number {
    const end = this.#skipFields(position, column)
    if (end < 0) return end
    const next = this.#afterLine(end)
    const expected = this.#columns.length
    if (this.#fieldsSeen !== expected) this.#report(this.#fieldsSeen < expected ? 'too-few-fields' : 'too-many-fields', undefined, end)
    else if (reason === undefined) this.#report('record-too-long', undefined, end)
    else this.#tell({ line: this.#line, column: (this.#columns[column] as ScannedColumn).name, reason, value: value ?? '', leftOut: 'row' })
    this.#line += 1 + this.#fields.lines + this.#ahead.lines
    this.#window.start = next
    return rejected
  }

  #rejectQuoting(status: number, column: number, fields: FieldReader): number {
    const reason = status === strayQuote ? 'stray-quote' : status === fieldTooLong ? 'field-too-long' : 'unterminated-quote'
    const name = this.#columns[column]?.name
    this.#tell({ line: this.#line, ...(name !== undefined && { column: name }), reason, value: fields.text(), leftOut: 'row' })
    return this.#skipFrom()
  }

  /** Where quotes are broken, nobody knows where the record ends: reading goes on with the line after the one where it begins. So a lone quote does not swallow what follows. */
  #skipFrom(): number {
    this.#window.start = this.#start
    this.#isSkippingLine = true
    return rejected
  }

  #rejectLine(reason: SourceRejectionReason): number {
    this.#report(reason, undefined, this.#window.end)
    return this.#skipFrom()
  }

  /** To the next line; false when its beginning is not there yet. */
  #skipLine(): boolean {
    const window = this.#window
    const { bytes, end } = window
    let position = window.start
    while (position < end && bytes[position] !== 10 && bytes[position] !== 13) position++
    const next = position < end || window.isLast ? this.#afterLine(position) : incomplete
    window.start = next < 0 ? position : next
    if (next < 0) return false
    this.#line++
    this.#isSkippingLine = false
    return true
  }

  #report(reason: SourceRejectionReason, column: string | undefined, end: number): void {
    const { bytes } = this.#window
    const value = textOf(bytes, this.#start, end)
    this.#tell({ line: this.#line, ...(column !== undefined && { column }), reason, value, leftOut: 'row' })
  }

  #tell(rejection: SourceRejection): void {
    this.#settle()
    this.#onRejected(rejection)
  }

  #hold(rejection: SourceRejection): void {
    if (this.#held[0]?.line !== rejection.line) this.#settle()
    this.#held.push(rejection)
  }

  /** Tells what is held, unless it is of the record that is not read to its end. */
  #settle(): void {
    const held = this.#held
    if (held.length === 0) return
    this.#held = []
    if (held[0]?.line !== this.#line) for (const rejection of held) this.#onRejected(rejection)
  }

  /** A row that is begun anew has no nulls. */
  #clearRow(): void {
    for (const nulls of this.#batch.nulls) if (nulls.length > 0) nulls[this.#rows] = 0
  }
}
