import type { RecordBatch } from 'apache-arrow/recordbatch'
import { arrowSchemaOf, batchOf } from '../../data/build-batch.ts'
import type { Column } from '../../data/column.ts'
import type { ColumnType } from '../../data/column-type.ts'
import { boolean, type ColumnCode, integer, isoTime, number, otherTime, skipped, text, unknown } from './column-code.ts'
import { TextCodes } from './text-codes.ts'

/** Bytes of new texts after which a batch ends, however few its rows. */
const mostTextBytes = 1 << 25

const [noDoubles, noInts, noFlags] = [new Float64Array(0), new Int32Array(0), new Uint8Array(0)]
const noTexts = new TextCodes({ sizeBytes: 0 })

/** The columns of the batch that is being read, as typed arrays by the position of the column in the file. */
export class BatchColumns {
  readonly capacity: number
  /** Numbers and times. */
  readonly doubles: Float64Array[]
  /** Integers and the codes of texts. */
  readonly ints: Int32Array[]
  /** Booleans. */
  readonly flags: Uint8Array[]
  /** 1 where a row is null. */
  readonly nulls: Uint8Array[]
  readonly texts: TextCodes[]
  readonly #names: readonly string[]
  readonly #codes: Uint8Array
  /** Positions in the file in the order of the batch. */
  readonly #order: readonly number[]
  readonly #newText: { sizeBytes: number } = { sizeBytes: 0 }

  /** `codes` may change from batch to batch, and as {@link convert} says. */
  constructor(capacity: number, names: readonly string[], codes: Uint8Array, order: readonly number[]) {
    this.capacity = capacity
    this.#names = names
    this.#codes = codes
    this.#order = order
    this.doubles = names.map(() => noDoubles)
    this.ints = names.map(() => noInts)
    this.flags = names.map(() => noFlags)
    this.nulls = names.map(() => noFlags)
    this.texts = names.map((_, column) => (codes[column] === skipped ? noTexts : new TextCodes(this.#newText)))
    this.begin()
  }

  /** Whether the texts that are new in the batch take so much memory that it should end. */
  get isHeavy(): boolean {
    return this.#newText.sizeBytes > mostTextBytes
  }

  /** A new batch, of arrays of its own. */
  begin(): void {
    for (const column of this.#order) this.#allocate(column)
    this.#newText.sizeBytes = 0
  }

  #allocate(column: number): void {
    const { capacity } = this
    this.nulls[column] = new Uint8Array(capacity)
    switch (this.#codes[column]) {
      case number:
      case isoTime:
      case otherTime:
        this.doubles[column] = new Float64Array(capacity)
        break
      case boolean:
        this.flags[column] = new Uint8Array(capacity)
        break
      case integer:
      case text:
        this.ints[column] = new Int32Array(capacity)
        break
    }
  }

  /** From here on the column is of another kind: an integer column becomes one of numbers, one that has had no value any. */
  convert(column: number, code: ColumnCode, rows: number): void {
    const before = this.#codes[column]
    const nulls = this.nulls[column] as Uint8Array
    this.#codes[column] = code
    this.#allocate(column)
    this.nulls[column] = nulls
    if (before === integer) (this.doubles[column] as Float64Array).set((this.ints[column] as Int32Array).subarray(0, rows))
    else if (code === text) (this.ints[column] as Int32Array).fill(-1, 0, rows)
  }

  /** The rows so far as a batch; it is for the caller to begin the next. */
  build(rows: number): RecordBatch {
    // A column may be called __proto__.
    const columns: Record<string, Column> = Object.create(null)
    const types: ColumnType[] = []
    for (const position of this.#order) {
      const name = this.#names[position] as string
      const column = this.#column(position, rows)
      columns[name] = column
      types.push({ name, kind: column.kind, nullable: true })
      this.texts[position]?.endBatch(rows)
    }
    return batchOf(columns, arrowSchemaOf(types))
  }

  #column(column: number, rows: number): Column {
    const nulls = cut(this.nulls[column] as Uint8Array, rows)
    const base = nulls.includes(1) ? { length: rows, nulls } : { length: rows }
    switch (this.#codes[column]) {
      case integer:
        return { ...base, kind: 'integer', values: cut(this.ints[column] as Int32Array, rows) }
      case number:
        return { ...base, kind: 'number', values: cut(this.doubles[column] as Float64Array, rows) }
      case boolean:
        return { ...base, kind: 'boolean', values: cut(this.flags[column] as Uint8Array, rows) }
      case isoTime:
      case otherTime:
        return { ...base, kind: 'time', values: cut(this.doubles[column] as Float64Array, rows) }
      case unknown:
        return { ...base, kind: 'text', codes: new Int32Array(rows).fill(-1), dictionary: [] }
      default:
        return {
          ...base,
          kind: 'text',
          codes: cut(this.ints[column] as Int32Array, rows),
          dictionary: (this.texts[column] as TextCodes).dictionary(),
        }
    }
  }
}

/** The first elements: a view, or a copy where they are so few that a view would keep much alive for them. */
function cut<Values extends Float64Array | Int32Array | Uint8Array>(values: Values, length: number): Values {
  return (length * 2 < values.length ? values.slice(0, length) : values.subarray(0, length)) as Values
}
