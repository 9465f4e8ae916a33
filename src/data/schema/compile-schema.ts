import type { RecordBatch } from 'apache-arrow/recordbatch'
import { MillraceError } from '../../core/error.ts'
import type { ColumnMismatch } from '../../core/error-codes.ts'
import { nearestName } from '../../core/suggest.ts'
import type { Column } from '../column.ts'
import type { ColumnType } from '../column-type.ts'
import { columnOf } from '../read-column.ts'
import type { RowSchema } from '../row-schema.ts'
import { valueAt } from '../row-values.ts'
import type { ExpectedColumn } from '../source.ts'
import { type CheckedColumn, checkColumn } from './check-column.ts'
import { describeSchema } from './describe-schema.ts'
import { compileField, type Field, unsupported } from './field.ts'
import { issueText, type ZodCheck, type ZodDef, type ZodPayload, type ZodType } from './zod-structure.ts'

/** A row that the schema refuses, and why. */
export interface RowFailure {
  /** Index in the batch. */
  readonly row: number
  /** Undefined for a check of the row as a whole. */
  readonly column: string | undefined
  readonly expected: string
  readonly received: string
}

/** A batch after the schema: its columns as they come out, and the rows that are refused (their values mean nothing). */
export interface CheckedBatch {
  readonly length: number
  /** In the order of the schema. */
  readonly columns: Readonly<Record<string, Column>>
  /** 1 for a row that is refused; absent when none is. */
  readonly rejected: Uint8Array | undefined
  readonly rejectedCount: number
  /** How many values were refused by reason, `column: what zod says`. A row may be refused for several. */
  readonly reasons: ReadonlyMap<string, number>
  /** The first few. */
  readonly sample: readonly RowFailure[]
}

export interface CheckOptions {
  /** `null`: a value that is refused becomes null where the schema allows that, and the row stays. Default `reject`. */
  readonly onInvalid?: 'reject' | 'null'
  /** Failures that are described; default 10. */
  readonly sampleSize?: number
}

/** A row schema, ready to check record batches column by column. */
export interface CompiledSchema {
  readonly columns: readonly ColumnType[]
  /** What a source of text should read the columns as: what goes into the fields. A field that takes several kinds (coercion, preprocessing) is not among them. */
  expected(onInvalid: 'reject' | 'null'): readonly ExpectedColumn[]
  /** What becomes of columns that the schema does not name: zod's `object`, `looseObject` and `strictObject`. */
  readonly otherColumns: 'drop' | 'keep' | 'refuse'
  /** Plain data for a cache key. */
  readonly description: unknown
  /**
   * Checks a batch. Numbers and dates are compared in their typed arrays, texts once for each distinct one; only what zod alone can tell (a transform, a
   * `superRefine`) is given to zod value by value, and a refinement of the whole object row by row.
   *
   * @throws {@link MillraceError} `SCHEMA_MISMATCH` when a column that must be there is not, or one that must not be there is.
   */
  check(batch: RecordBatch, options?: CheckOptions): CheckedBatch
}

/**
 * Compiles a zod 4 object schema, by structure only.
 *
 * @throws {@link MillraceError} `SCHEMA_UNSUPPORTED`, naming the field, for what has no column: nested objects, arrays, bigint, a transform without a type
 * after it, an asynchronous check.
 * @example
 * compileSchema(z.object({ distance: z.number().positive().nullable() })).columns // [{ name: 'distance', kind: 'number', nullable: true }]
 */
export function compileSchema(schema: RowSchema): CompiledSchema {
  const { shape, checks, catchall } = objectDef(schema as unknown as ZodType)
  const fields = Object.entries(shape ?? {}).map(([name, field]) => compileField(name, field))
  if (fields.length === 0) throw unsupported('(the schema)', 'an object without a field')
  if (catchall !== undefined && !['never', 'unknown', 'any'].includes(catchall._zod.def.type))
    throw unsupported('(the schema)', 'a catchall with a type')
  const otherColumns = catchall === undefined ? 'drop' : catchall._zod.def.type === 'never' ? 'refuse' : 'keep'
  const rowChecks = (checks ?? []).filter(({ _zod }) => _zod.def.check !== 'describe' && _zod.def.check !== 'meta')
  if (rowChecks.some(({ _zod }) => _zod.def.check === 'overwrite')) throw unsupported('(the schema)', 'an overwrite of the whole row')
  const columns = fields.map(({ name, kind, onNull }) => ({ name, kind, nullable: onNull !== undefined && onNull.value === null }))
  return {
    columns,
    expected(onInvalid) {
      const nullable = new Set(columns.filter((column) => column.nullable).map(({ name }) => name))
      return fields.flatMap(({ name, inputKind, replacesUnreadable }): ExpectedColumn[] => {
        const becomesNull = replacesUnreadable || (onInvalid === 'null' && nullable.has(name))
        return inputKind === undefined ? [] : [{ name, kind: inputKind, onUnreadable: becomesNull ? 'null' : 'reject' }]
      })
    },
    otherColumns,
    description: describeSchema(schema),
    check(batch, options = {}) {
      requireColumns(batch, fields, otherColumns)
      const names = new Set(batch.schema.fields.map((field) => field.name))
      const checked = fields.map((field) =>
        checkColumn(field, names.has(field.name) ? columnOf(batch, field.name) : undefined, batch.numRows),
      )
      const report = new Report(batch, options)
      fields.forEach((field, index) => {
        checked[index] = report.take(field, checked[index] as CheckedColumn)
      })
      const output: Record<string, Column> = {}
      fields.forEach(({ name }, index) => {
        output[name] = (checked[index] as CheckedColumn).column
      })
      if (rowChecks.length > 0) report.checkRows(fields, output, rowChecks)
      return report.result(output)
    },
  }
}

function objectDef(schema: ZodType): ZodDef {
  const def = schema._zod?.def
  if (def?.type === 'object') return def
  if (def?.type === 'readonly' && def.innerType !== undefined && (def.checks ?? []).length === 0) return objectDef(def.innerType)
  if (def?.type === 'lazy' && def.getter !== undefined) return objectDef(def.getter())
  throw unsupported('(the schema)', def?.type ?? 'no zod schema')
}

function requireColumns(batch: RecordBatch, fields: readonly Field[], otherColumns: 'drop' | 'keep' | 'refuse'): void {
  const names = batch.schema.fields.map((field) => field.name)
  const mismatches: ColumnMismatch[] = fields
    .filter(({ name, optional }) => !optional && !names.includes(name))
    .map(({ name, kind }) => ({ name, expected: kind, received: nearest(name, names) }))
  if (otherColumns === 'refuse') {
    const known = new Set(fields.map(({ name }) => name))
    for (const name of names) if (!known.has(name)) mismatches.push({ name, expected: 'no such column', received: 'a column' })
  }
  if (mismatches.length === 0) return
  throw new MillraceError('SCHEMA_MISMATCH', {
    message: `Expected the columns of the schema. Received ${mismatches.map(({ name, expected, received }) => `"${name}": expected ${expected}, received ${received}`).join('; ')}.`,
    details: { columns: mismatches },
  })
}

function nearest(name: string, names: readonly string[]): string {
  const other = nearestName(name, names)
  return other === undefined
    ? `no such column among ${names.map((one) => `"${one}"`).join(', ')}`
    : `no such column (did you mean "${other}"?)`
}

/** Puts the failures of all columns together. */
class Report {
  readonly #batch: RecordBatch
  readonly #onInvalid: 'reject' | 'null'
  readonly #sampleSize: number
  readonly #reasons = new Map<string, number>()
  readonly #sample: RowFailure[] = []
  #rejected: Uint8Array | undefined

  constructor(batch: RecordBatch, { onInvalid = 'reject', sampleSize = 10 }: CheckOptions) {
    this.#batch = batch
    this.#onInvalid = onInvalid
    this.#sampleSize = sampleSize
  }

  /** Counts the failures of a column; where they become null, the column comes back with nulls in their place. */
  take(field: Field, checked: CheckedColumn): CheckedColumn {
    const { failures, reasons } = checked
    if (failures === undefined) return checked
    const replace = this.#onInvalid === 'null' && field.onNull?.value === null
    const counts = new Float64Array(reasons.length + 1)
    const nulls = replace ? new Uint8Array(failures.length) : undefined
    let described = 0
    const source = this.#batch.getChild(field.name) === null ? undefined : columnOf(this.#batch, field.name)
    for (let row = 0; row < failures.length; row++) {
      const reason = failures[row] as number
      if (reason === 0) continue
      counts[reason] = (counts[reason] as number) + 1
      if (nulls !== undefined) nulls[row] = 1
      else this.#reject(row)
      if (described++ < this.#sampleSize) {
        const received = source === undefined ? 'nothing' : textOf(valueAt(source, row))
        this.#sample.push({ row, column: field.name, expected: reasons[reason - 1] as string, received })
      }
    }
    reasons.forEach((reason, index) => {
      this.#count(`${field.name}: ${reason}${replace ? ' (set to null)' : ''}`, counts[index + 1] as number)
    })
    return nulls === undefined ? checked : { ...checked, column: withNulls(checked.column, nulls) }
  }

  /** Runs the checks of the object on each row that passed so far. */
  checkRows(fields: readonly Field[], columns: Readonly<Record<string, Column>>, checks: readonly ZodCheck[]): void {
    let described = 0
    for (let row = 0; row < this.#batch.numRows; row++) {
      if (this.#rejected?.[row] === 1) continue
      const value: Record<string, unknown> = {}
      for (const { name, nullable } of fields) {
        const cell = valueAt(columns[name] as Column, row)
        if (cell !== null || nullable) value[name] = cell
      }
      const payload: ZodPayload = { value, issues: [] }
      for (const check of checks) {
        const pending = check._zod.check(payload)
        if (pending instanceof Promise) {
          pending.catch(() => {})
          throw unsupported('(the schema)', 'an asynchronous check')
        }
      }
      const issue = payload.issues[0]
      if (issue === undefined) continue
      this.#reject(row)
      this.#count(`row: ${issueText(issue)}`, 1)
      if (described++ < this.#sampleSize) {
        this.#sample.push({ row, column: undefined, expected: issueText(issue), received: textOf(JSON.stringify(value)) })
      }
    }
  }

  result(columns: Readonly<Record<string, Column>>): CheckedBatch {
    let rejectedCount = 0
    if (this.#rejected !== undefined) for (const flag of this.#rejected) rejectedCount += flag
    return {
      length: this.#batch.numRows,
      columns,
      rejected: this.#rejected,
      rejectedCount,
      reasons: this.#reasons,
      sample: this.#sample.sort((left, right) => left.row - right.row).slice(0, this.#sampleSize),
    }
  }

  #reject(row: number): void {
    this.#rejected ??= new Uint8Array(this.#batch.numRows)
    this.#rejected[row] = 1
  }

  #count(reason: string, count: number): void {
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + count)
  }
}

function withNulls(column: Column, nulls: Uint8Array): Column {
  if (column.nulls !== undefined) for (let row = 0; row < nulls.length; row++) if (column.nulls[row] === 1) nulls[row] = 1
  if (column.kind !== 'text') return { ...column, nulls }
  return { ...column, nulls, codes: column.codes.map((code, row) => (nulls[row] === 1 ? -1 : code)) }
}

const longestText = 80

function textOf(value: unknown): string {
  const text =
    value instanceof Date
      ? Number.isNaN(value.getTime())
        ? 'Invalid Date'
        : value.toISOString()
      : typeof value === 'string'
        ? value
        : String(value)
  return text.length > longestText ? `${text.slice(0, longestText)}...` : text
}
