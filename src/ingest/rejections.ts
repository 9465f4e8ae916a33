import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import type { Rejected } from '../data/flow.ts'
import type { CheckedBatch } from '../data/schema/compile-schema.ts'
import type { SourceRejection } from '../data/source.ts'

/** Rejected rows that are described. */
const sampleSize = 10
/** Reasons that are told apart. */
const mostReasons = 100

/** Counts the rows that a schema refuses or that the source itself cannot read, and decides when they are too many. */
export class Rejections {
  readonly onInvalid: 'fail' | 'quarantine' | 'null'
  readonly #label: string
  readonly #maxShare: number
  readonly #total: number | undefined
  readonly #reasons = new Map<string, number>()
  readonly #sample: Json[] = []
  /** Rows that the source gave, and those that it left out. */
  #rowsGiven = 0
  #rowsUnread = 0
  #count = 0

  constructor(options: {
    readonly label: string
    readonly onInvalid: 'fail' | 'quarantine' | 'null'
    readonly maxRejectedShare: number
    readonly total: number | undefined
  }) {
    this.onInvalid = options.onInvalid
    this.#label = options.label
    this.#maxShare = options.maxRejectedShare
    this.#total = options.total
  }

  get rowsRead(): number {
    return this.#rowsGiven + this.#rowsUnread
  }

  /**
   * What the source could not read: told by its line, as it is no row.
   *
   * @throws {@link MillraceError} `ROWS_REJECTED` when none may be.
   */
  addUnread({ line, column, reason, value, leftOut }: SourceRejection): void {
    if (this.#sample.length < sampleSize) {
      this.#sample.push({ source: this.#label, line, column: column ?? null, expected: expectedBy[reason], received: value })
    }
    this.#countReason(`${column === undefined ? '' : `${column}: `}${reason}${leftOut === 'value' ? ' (set to null)' : ''}`, 1)
    if (leftOut === 'value') return
    this.#rowsUnread++
    this.#count++
    if (this.onInvalid === 'fail') throw this.#tooMany('no row that cannot be read')
  }

  /** @throws {@link MillraceError} `ROWS_REJECTED` as soon as it is sure that too many are. */
  add(batch: CheckedBatch): void {
    for (const { row, column, expected, received } of batch.sample) {
      if (this.#sample.length >= sampleSize) break
      this.#sample.push({ source: this.#label, row: this.#rowsGiven + row + 1, column: column ?? null, expected, received })
    }
    for (const [reason, count] of batch.reasons) this.#countReason(reason, count)
    this.#rowsGiven += batch.length
    this.#count += batch.rejectedCount
    if (this.onInvalid === 'fail' && this.#count > 0) throw this.#tooMany('no row that the schema refuses')
    if (this.#total !== undefined && this.#count > this.#maxShare * Math.max(this.#total, this.rowsRead)) throw this.#tooMany(this.#share())
  }

  /** @throws {@link MillraceError} `ROWS_REJECTED` when too many rows were refused. */
  finish(): void {
    if (this.#count > this.#maxShare * this.rowsRead) throw this.#tooMany(this.#share())
  }

  report(): Rejected {
    return { count: this.#count, reasons: Object.fromEntries(this.#reasons), sample: this.#sample }
  }

  #countReason(reason: string, count: number): void {
    const key = this.#reasons.has(reason) || this.#reasons.size < mostReasons ? reason : 'other reasons'
    this.#reasons.set(key, (this.#reasons.get(key) ?? 0) + count)
  }

  #share(): string {
    return `at most ${this.#maxShare * 100} % of the rows refused`
  }

  #tooMany(expected: string): MillraceError<'ROWS_REJECTED'> {
    const reasons = [...this.#reasons].map(([reason, count]) => `${count} x ${reason}`).slice(0, 5)
    return new MillraceError('ROWS_REJECTED', {
      message: `Expected ${expected} in "${this.#label}". Received ${this.#count} of ${this.rowsRead} read: ${reasons.join('; ')}.`,
      details: { rejected: this.#count, read: this.rowsRead, sample: this.#sample },
    })
  }
}

/** What a record was expected to have, for the report. */
const expectedBy: Readonly<Record<SourceRejection['reason'], string>> = {
  'too-few-fields': 'a field for each column',
  'too-many-fields': 'no more fields than columns',
  'stray-quote': 'a delimiter or the end of the line after a closing quote',
  'unterminated-quote': 'a closing quote',
  'field-too-long': 'a shorter field',
  'record-too-long': 'a shorter record',
  'invalid-utf-8': 'UTF-8',
  'not-a-number': 'a number',
  'not-an-integer': 'a whole number within 32 bits',
  'not-a-boolean': 'true or false',
  'not-a-time': 'a moment',
}
