import { MillraceError } from '../core/error.ts'
import { createRandom, type Random } from '../core/random.ts'
import type { Dataset } from '../data/dataset.ts'
import { datasetPortable } from '../data/dataset-portable.ts'
import { selectRows } from '../data/dataset-views.ts'
import type { ColumnOf, Flow, RowOf, SplitPart } from '../data/flow.ts'
import { columnOf } from '../data/read-column.ts'
import { Stage } from '../pipeline/stage.ts'
import { checkShare, groupedParts, type Moments, orderedParts, part, randomParts, stratifiedParts } from './split-parts.ts'

export interface SplitOptions<Column extends string> {
  /** The share of all rows; or, with `by`, the moment from which on rows are test, and until which (then later rows are `holdout`). */
  readonly test: number | { readonly from: Date; readonly until?: Date }
  /** The share of the rows that are not test, default 0.1 (0: none); or, with `by`, the moment from which on they are. */
  readonly validation?: number | { readonly from: Date }
  /** Splits in the order of this column (a time, or a number): the last rows are test, the last before them validation. */
  readonly by?: Column
  /** Keeps the proportions of this column's values in every part. */
  readonly stratify?: Column
  /** Keeps all rows with the same value of this column in one part; a row without a value is a group of its own. */
  readonly group?: Column
  /** Of the draws; default is the run's. */
  readonly seed?: number
}

/**
 * Divides a dataset into train, validation and test: by chance, by chance within strata or groups, or in the order of time. The parts share the
 * dataset's chunks: contiguous ones are ranges, others bitmaps. Every row is in exactly one part.
 *
 * @throws {@link MillraceError} at once: `ARGUMENT_INVALID`. When run: `COLUMN_NOT_FOUND`; `SPLIT_EMPTY` when train, or a part that was asked for, has no
 * row; `SCHEMA_MISMATCH` when `by` has a row without a value.
 * @example
 * pipeline.pipe(split({ by: 'date', test: { from: new Date('2001-05-01'), until: new Date('2001-06-01') }, validation: 0.1 }))
 */
export function split<F extends Flow>(options: SplitOptions<ColumnOf<F>>): Stage<F, F & SplitPart<RowOf<F>>> {
  const { by, stratify, group, seed, test, validation = 0.1 } = options
  checkOptions(options)
  return new Stage<F, F & SplitPart<RowOf<F>>>({
    name: 'split',
    version: '1',
    parameters: { test, validation, by, stratify, group, seed },
    portables: [datasetPortable],
    async run(input, context) {
      const dataset: Dataset<RowOf<F>> = input.dataset as Dataset<RowOf<F>>
      const random = seed === undefined ? context.random : createRandom(seed)
      const parts = await partsOf(dataset as Dataset, options, random, context.signal)
      const take = async (code: number): Promise<Dataset<RowOf<F>>> => {
        const flags = parts.map((value) => (value === code ? 1 : 0))
        return selectRows<RowOf<F>>(dataset, flags, { signal: context.signal })
      }
      const train = await take(part.train)
      const validationPart = await take(part.validation)
      const testPart = await take(part.test)
      const holdout = await take(part.holdout)
      requireRows('train', train)
      if (validation !== 0) requireRows('validation', validationPart)
      requireRows('test', testPart)
      return { ...input, train, validation: validationPart, test: testPart, holdout }
    },
  })
}

function requireRows(name: string, dataset: { readonly rowCount: number }): void {
  if (dataset.rowCount > 0) return
  throw new MillraceError('SPLIT_EMPTY', {
    message: `Expected rows in the ${name} part. Received none: the dataset is too small, or no row lies between the moments given.`,
    details: { part: name, rows: 0 },
  })
}

function checkOptions(options: SplitOptions<string>): void {
  const { by, stratify, group, test, validation = 0.1 } = options
  const chosen = Object.entries({ by, stratify, group }).filter(([, column]) => column !== undefined)
  if (chosen.length > 1) throw invalid('by, stratify, group', 'at most one of them', chosen.map(([name]) => name).join(' and '))
  if (typeof test === 'number') {
    checkShare('test', test, { zero: false })
    if (typeof validation !== 'number') throw invalid('validation', 'a share, as test is one', 'a moment')
  } else {
    if (by === undefined) throw invalid('by', 'a time column, since test is given as a moment', 'none')
    const from = momentOf('test.from', test.from)
    if (test.until !== undefined && momentOf('test.until', test.until) <= from) {
      throw invalid('test.until', `a moment after ${test.from.toISOString()}`, test.until.toISOString())
    }
    if (typeof validation !== 'number' && momentOf('validation.from', validation.from) >= from) {
      throw invalid('validation.from', `a moment before ${test.from.toISOString()}`, validation.from.toISOString())
    }
  }
  if (typeof validation === 'number') checkShare('validation', validation, { zero: true })
}

function momentOf(argument: string, moment: Date): number {
  const time = moment.getTime()
  if (Number.isNaN(time)) throw invalid(argument, 'a valid Date', 'an invalid one')
  return time
}

async function partsOf(dataset: Dataset, options: SplitOptions<string>, random: Random, signal: AbortSignal): Promise<Uint8Array> {
  const { by, stratify, group, test, validation = 0.1 } = options
  if (by !== undefined) {
    const moments: number | Moments =
      typeof test === 'number'
        ? test
        : {
            testFrom: test.from.getTime(),
            testUntil: test.until?.getTime() ?? Number.POSITIVE_INFINITY,
            validationFrom: typeof validation === 'number' ? undefined : validation.from.getTime(),
          }
    const values = await orderOf(dataset, by, typeof test !== 'number', signal)
    return orderedParts(values, moments, typeof validation === 'number' ? validation : 0)
  }
  const shares = { test: test as number, validation: validation as number }
  if (stratify !== undefined) return stratifiedParts(await codesOf(dataset, stratify, false, signal), shares, random)
  if (group !== undefined) return groupedParts(await codesOf(dataset, group, true, signal), shares, random)
  return randomParts(dataset.rowCount, shares, random)
}

/** The values of a time or number column, in the order of rows. */
async function orderOf(dataset: Dataset, name: string, timeOnly: boolean, signal: AbortSignal): Promise<Float64Array> {
  const values = new Float64Array(dataset.rowCount)
  let start = 0
  for await (const batch of dataset.batches({ columns: [name as never], signal })) {
    const column = columnOf(batch, name)
    if (column.kind === 'text' || column.kind === 'boolean' || (timeOnly && column.kind !== 'time')) {
      throw mismatch(name, timeOnly ? 'a time' : 'a time or a number', column.kind)
    }
    if (column.nulls !== undefined) throw mismatch(name, 'a value in every row', 'null')
    if (column.values.includes(Number.NaN)) throw mismatch(name, 'a value in every row', 'NaN')
    values.set(column.values, start)
    start += column.length
  }
  return values
}

/** A code for each distinct value of a column. Null is one of them, or with `apart` each null is a value of its own. */
async function codesOf(dataset: Dataset, name: string, apart: boolean, signal: AbortSignal): Promise<Int32Array> {
  const codes = new Int32Array(dataset.rowCount)
  const known = new Map<unknown, number>()
  let next = 0
  const codeOf = (value: unknown): number => {
    let code = known.get(value)
    if (code === undefined) {
      code = next++
      known.set(value, code)
    }
    return code
  }
  let start = 0
  for await (const batch of dataset.batches({ columns: [name as never], signal })) {
    const column = columnOf(batch, name)
    const translation = column.kind === 'text' ? new Int32Array(column.dictionary.length).fill(-1) : undefined
    for (let row = 0; row < column.length; row++) {
      if (column.nulls !== undefined && column.nulls[row] === 1) codes[start + row] = apart ? next++ : codeOf(null)
      else if (column.kind === 'text' && translation !== undefined) {
        const code = column.codes[row] as number
        if (translation[code] === -1) translation[code] = codeOf(column.dictionary[code])
        codes[start + row] = translation[code] as number
      } else if (column.kind !== 'text') codes[start + row] = codeOf(column.values[row])
    }
    start += column.length
  }
  return codes
}

function invalid(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${received}.`,
    details: { argument, expected, received },
  })
}

function mismatch(name: string, expected: string, received: string): MillraceError<'SCHEMA_MISMATCH'> {
  return new MillraceError('SCHEMA_MISMATCH', {
    message: `Expected column "${name}" to be ${expected}. Received ${received}.`,
    details: { columns: [{ name, expected, received }] },
  })
}
