import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import type { Rejected } from '../data/flow.ts'
import type { CheckedBatch } from '../data/schema/compile-schema.ts'

/** Rejected rows that are described. */
const sampleSize = 10
/** Reasons that are told apart. */
const mostReasons = 100

/** Counts the rows that a schema refuses, and decides when they are too many. */
export class Rejections {
  readonly onInvalid: 'fail' | 'quarantine' | 'null'
  readonly #label: string
  readonly #maxShare: number
  readonly #total: number | undefined
  readonly #reasons = new Map<string, number>()
  readonly #sample: Json[] = []
  #rowsRead = 0
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
    return this.#rowsRead
  }

  /** @throws {@link MillraceError} `ROWS_REJECTED` as soon as it is sure that too many are. */
  add(batch: CheckedBatch): void {
    for (const { row, column, expected, received } of batch.sample) {
      if (this.#sample.length >= sampleSize) break
      this.#sample.push({ source: this.#label, row: this.#rowsRead + row + 1, column: column ?? null, expected, received })
    }
    for (const [reason, count] of batch.reasons) {
      const key = this.#reasons.has(reason) || this.#reasons.size < mostReasons ? reason : 'other reasons'
      this.#reasons.set(key, (this.#reasons.get(key) ?? 0) + count)
    }
    this.#rowsRead += batch.length
    this.#count += batch.rejectedCount
    if (this.onInvalid === 'fail' && this.#count > 0) throw this.#tooMany('no row that the schema refuses')
    if (this.#total !== undefined && this.#count > this.#maxShare * Math.max(this.#total, this.#rowsRead))
      throw this.#tooMany(this.#share())
  }

  /** @throws {@link MillraceError} `ROWS_REJECTED` when too many rows were refused. */
  finish(): void {
    if (this.#count > this.#maxShare * this.#rowsRead) throw this.#tooMany(this.#share())
  }

  report(): Rejected {
    return { count: this.#count, reasons: Object.fromEntries(this.#reasons), sample: this.#sample }
  }

  #share(): string {
    return `at most ${this.#maxShare * 100} % of the rows refused by the schema`
  }

  #tooMany(expected: string): MillraceError<'ROWS_REJECTED'> {
    const reasons = [...this.#reasons].map(([reason, count]) => `${count} x ${reason}`).slice(0, 5)
    return new MillraceError('ROWS_REJECTED', {
      message: `Expected ${expected} in "${this.#label}". Received ${this.#count} of ${this.#rowsRead} read: ${reasons.join('; ')}.`,
      details: { rejected: this.#count, read: this.#rowsRead, sample: this.#sample },
    })
  }
}
