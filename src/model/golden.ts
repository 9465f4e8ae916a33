import { throwIfAborted } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import { isPlainObject, type Json, toJson } from '../core/json.ts'
import { batchOf } from '../data/build-batch.ts'
import type { Column } from '../data/column.ts'
import type { ColumnType } from '../data/column-type.ts'
import type { Dataset } from '../data/dataset.ts'
import { columnOf } from '../data/read-column.ts'
import type { FeaturePlan } from '../features/feature-plan.ts'
import type { Tensors } from '../features/tensors.ts'
import { checkFormat } from './check-format.ts'
import { columnFromValues, type StoredValue, valuesOfColumn } from './column-values.ts'
import type { Model } from './model.ts'

const format = { format: 'millrace-golden', supportedVersion: 1 } as const
const goldenRows = 16

/**
 * How far an answer may be from the golden one: `absolute + relative * |expected|`. Backends add in different orders and round `exp` differently,
 * which stays well below it; a wrong weight or a feature in the wrong place does not.
 */
export const goldenTolerance = { absolute: 1e-5, relative: 1e-4 } as const

/** Raw rows, by column, and what the model answered to them. */
export interface Golden {
  readonly columns: readonly ColumnType[]
  readonly rows: Readonly<Record<string, readonly StoredValue[]>>
  /** Output tensors, row-major. */
  readonly answers: Readonly<Record<string, readonly number[]>>
}

/**
 * Takes about sixteen rows, evenly from the first chunk of a dataset, and asks the model, by the plan that serves.
 *
 * @throws {@link MillraceError} `SPLIT_EMPTY` when there is no row, `MODEL_INVALID` when an answer is not finite.
 */
export async function makeGolden(options: {
  readonly plan: FeaturePlan
  readonly model: Model
  readonly rows: Dataset
  readonly signal?: AbortSignal
}): Promise<{ readonly golden: Golden; readonly answer: Tensors }> {
  const { plan, model } = options
  const samples = await sampleColumns(options.rows, plan.columns, options.signal)
  const answer = await model.predict(plan.apply(batchOf(samples)), options.signal === undefined ? {} : { signal: options.signal })
  const count = Object.values(samples)[0]?.length ?? 0
  for (const [name, tensor] of Object.entries(answer)) {
    const wrong =
      tensor.shape[0] !== count
        ? `${tensor.shape[0]} rows for ${count}`
        : tensor.data.every(Number.isFinite)
          ? ''
          : 'a value that is not finite'
    if (wrong !== '') {
      throw new MillraceError('MODEL_INVALID', {
        message: `Expected ${count} finite answers in "${name}". Received ${wrong}.`,
        details: { reason: `output "${name}" has ${wrong}` },
      })
    }
  }
  const rows = Object.fromEntries(plan.columns.map((column) => [column.name, valuesOfColumn(samples[column.name] as Column)]))
  const answers = Object.fromEntries(Object.entries(answer).map(([name, tensor]) => [name, Array.from(tensor.data)]))
  return { golden: { columns: plan.columns, rows, answers }, answer }
}

/**
 * Asks a loaded model again, all rows together and each row alone, as serving does.
 *
 * @throws {@link MillraceError} `GOLDEN_MISMATCH` naming the first row whose answer is further away than {@link goldenTolerance}.
 */
export async function checkGolden(
  golden: Golden,
  options: { readonly plan: FeaturePlan; readonly model: Model; readonly signal?: AbortSignal },
): Promise<void> {
  const { plan, model, signal } = options
  const predictOptions = signal === undefined ? {} : { signal }
  const columns = Object.fromEntries(golden.columns.map((type) => [type.name, columnFromValues(type, golden.rows[type.name] ?? [])]))
  compare(golden, await model.predict(plan.apply(batchOf(columns)), predictOptions), 0, Object.values(columns)[0]?.length ?? 0)
  const count = Object.values(columns)[0]?.length ?? 0
  for (let row = 0; row < count; row++) {
    throwIfAborted(signal)
    const values = Object.fromEntries(golden.columns.map(({ name }) => [name, golden.rows[name]?.[row] ?? null]))
    compare(golden, await model.predict(plan.applyRow(values), predictOptions), row, 1)
  }
}

function compare(golden: Golden, answer: Tensors, firstRow: number, rows: number): void {
  for (const [name, expected] of Object.entries(golden.answers)) {
    const received = answer[name]?.data
    const total = Object.values(golden.rows)[0]?.length ?? 0
    const width = total === 0 ? 0 : expected.length / total
    for (let index = 0; index < rows * width; index++) {
      const want = expected[firstRow * width + index] as number
      const got = received?.[index] ?? Number.NaN
      // Written so that NaN, and an answer that is not there, is a mismatch.
      if (!(Math.abs(got - want) <= goldenTolerance.absolute + goldenTolerance.relative * Math.abs(want))) {
        const row = firstRow + Math.floor(index / width)
        throw new MillraceError('GOLDEN_MISMATCH', {
          message: `Expected the answer ${want} in "${name}" to golden row ${row}, as when the model was packaged. Received ${got}.`,
          details: { row, expected: want, received: got },
        })
      }
    }
  }
}

/** Evenly over the first chunk: neighbours are often alike. */
async function sampleColumns(
  dataset: Dataset,
  columns: readonly ColumnType[],
  signal: AbortSignal | undefined,
): Promise<Readonly<Record<string, Column>>> {
  const names = columns.map((column) => column.name)
  for await (const batch of dataset.batches({ columns: names as never[], ...(signal === undefined ? {} : { signal }) })) {
    if (batch.numRows === 0) continue
    const count = Math.min(goldenRows, batch.numRows)
    const picked = Array.from({ length: count }, (_, index) => Math.floor((index * batch.numRows) / count))
    return Object.fromEntries(
      columns.map((type) => {
        const values = valuesOfColumn(columnOf(batch, type.name), picked)
        return [type.name, columnFromValues(type, values)]
      }),
    )
  }
  throw new MillraceError('SPLIT_EMPTY', {
    message: 'Expected rows to take golden predictions from. Received a dataset of none.',
    details: { part: 'test', rows: 0 },
  })
}

/** Numbers that JSON cannot say are written as text: NaN occurs in raw columns. */
export function encodeGolden(golden: Golden): Json {
  const rows = Object.fromEntries(
    Object.entries(golden.rows).map(([name, values]) => [
      name,
      values.map((value) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value)),
    ]),
  )
  return toJson({ format: format.format, formatVersion: 1, minReaderVersion: 1, columns: golden.columns, rows, answers: golden.answers })
}

/** @throws {@link MillraceError} `FORMAT_UNSUPPORTED`, or `MODEL_INVALID` when it is not what {@link encodeGolden} writes. */
export function decodeGolden(stored: unknown): Golden {
  checkFormat(stored, format)
  const { columns, rows, answers } = stored
  if (!Array.isArray(columns) || !isPlainObject(rows) || !isPlainObject(answers))
    throw invalidGolden('columns, rows or answers are missing')
  if (!columns.every(isColumnType)) throw invalidGolden('a column has no name, kind or nullable')
  const types: readonly ColumnType[] = columns
  const lengths = new Set<number>()
  const decoded = types.map(({ name, kind }): [string, readonly StoredValue[]] => {
    const values = Object.hasOwn(rows, name) ? rows[name] : undefined
    if (!Array.isArray(values)) throw invalidGolden(`column "${name}" has no values`)
    lengths.add(values.length)
    return [name, values.map((value: unknown) => storedValueOf(name, kind, value))]
  })
  const [count, ...others] = lengths
  if (count === undefined || count === 0 || others.length > 0) throw invalidGolden('its columns are empty or differ in length')
  for (const [name, values] of Object.entries(answers)) {
    if (!Array.isArray(values) || values.length === 0 || values.length % count !== 0)
      throw invalidGolden(`the answers "${name}" do not fit its rows`)
    if (!values.every(Number.isFinite)) throw invalidGolden(`an answer "${name}" is not a number`)
  }
  if (Object.keys(answers).length === 0) throw invalidGolden('it has no answers')
  return { columns: types, rows: Object.fromEntries(decoded), answers: answers as Golden['answers'] }
}

const valueTypes = { number: 'number', integer: 'number', time: 'number', boolean: 'boolean', text: 'string' } as const

function storedValueOf(name: string, kind: ColumnType['kind'], value: unknown): StoredValue {
  if (value === null) return null
  const number = (kind === 'number' || kind === 'integer') && typeof value === 'string' ? Number(value) : value
  if (typeof number === valueTypes[kind]) return number as StoredValue
  throw invalidGolden(`column "${name}" has a value that is no ${kind}`)
}

function isColumnType(value: unknown): value is ColumnType {
  if (!isPlainObject(value)) return false
  return (
    typeof value.name === 'string' &&
    typeof value.nullable === 'boolean' &&
    typeof value.kind === 'string' &&
    Object.hasOwn(valueTypes, value.kind)
  )
}

function invalidGolden(reason: string): MillraceError<'MODEL_INVALID'> {
  return new MillraceError('MODEL_INVALID', {
    message: `Expected golden predictions. Received some of which ${reason}.`,
    details: { reason },
  })
}
