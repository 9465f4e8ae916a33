import type { RecordBatch } from 'apache-arrow'
import { MillraceError } from '../core/error.ts'
import type { Dataset } from '../data/dataset.ts'
import { columnOf } from '../data/read-column.ts'
import { type TimePart, timePartOf, timeParts } from '../features/time-part.ts'
import type { Baseline } from '../model/baseline.ts'
import { forEachLabels } from './prior.ts'

/** A column, or a part of the moments in a column of times (UTC). */
export type GroupBy = string | { readonly time: string; readonly part: TimePart }

export interface MeanByOptions {
  /** How many rows at the prior each group is mixed with, so that small groups do not overstate; default 20. */
  readonly smoothing?: number
}

/**
 * The baseline that predicts the mean label of the rows with the same value, smoothed towards the mean of all:
 * (sum of labels + smoothing * prior) / (rows + smoothing). Missing values are a group; a value never seen in training gets the prior.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` here for a smoothing below 0 or an unknown part; when fitted `COLUMN_NOT_FOUND`, `SPLIT_EMPTY`, `LABEL_INVALID`, and
 * `ARGUMENT_INVALID` for a column of times without a part, or a part of what is no time.
 * @example
 * evaluate({ metrics: ['auc'], baselines: [prior(), meanBy({ time: 'date', part: 'hour' })] })
 */
export function meanBy(by: GroupBy, options: MeanByOptions = {}): Baseline {
  const { smoothing = 20 } = options
  if (!(smoothing >= 0 && smoothing < Infinity)) throw invalid('smoothing', 'a number of at least 0', String(smoothing))
  if (typeof by !== 'string' && !timeParts.includes(by.part)) throw invalid('part', `one of ${timeParts.join(', ')}`, String(by.part))
  const column = typeof by === 'string' ? by : by.time
  return {
    name: typeof by === 'string' ? `mean by ${by}` : `mean by ${by.part} of ${by.time}`,
    version: '1',
    parameters: { by: typeof by === 'string' ? by : { time: by.time, part: by.part }, smoothing },
    columns: [column],
    async fit(train: Dataset, target: string, { signal }: { readonly signal?: AbortSignal } = {}) {
      const groups = new GroupIndex(by)
      let sums = new Float64Array(64)
      let counts = new Float64Array(64)
      let sumOfAll = 0
      await forEachLabels(train, [column, target], target, signal, (labels, batch) => {
        const codes = groups.codesOf(batch, 'learn')
        sums = withRoom(sums, groups.size)
        counts = withRoom(counts, groups.size)
        for (let row = 0; row < labels.length; row++) {
          const code = codes[row] as number
          const label = labels[row] as number
          sums[code] = (sums[code] as number) + label
          counts[code] = (counts[code] as number) + 1
          sumOfAll += label
        }
      })
      const prior = sumOfAll / train.rowCount
      const means = Float32Array.from({ length: groups.size }, (_, code) => {
        const weight = (counts[code] as number) + smoothing
        return weight === 0 ? prior : ((sums[code] as number) + smoothing * prior) / weight
      })
      return (batch: RecordBatch) => {
        const codes = groups.codesOf(batch, 'look up')
        const predictions = new Float32Array(codes.length)
        for (let row = 0; row < codes.length; row++) predictions[row] = means[codes[row] as number] ?? prior
        return predictions
      }
    },
  }
}

/** Numbers the distinct values of a column from 0; the same value has the same code in every batch. */
class GroupIndex {
  readonly #by: GroupBy
  readonly #codes = new Map<string | number | null, number>()

  constructor(by: GroupBy) {
    this.#by = by
  }

  get size(): number {
    return this.#codes.size
  }

  /** A code a row; to `look up` gives -1 for what was not learned. */
  codesOf(batch: RecordBatch, mode: 'learn' | 'look up'): Int32Array {
    const by = this.#by
    const column = columnOf(batch, typeof by === 'string' ? by : by.time)
    const { length, nulls } = column
    const codes = new Int32Array(length)
    if ((column.kind === 'time') !== (typeof by !== 'string')) {
      throw invalid('by', typeof by === 'string' ? 'a part of the time' : 'a part of a column of times', `a column of ${column.kind}`)
    }
    const missing = nulls === undefined ? -1 : this.#codeOf(null, mode)
    if (column.kind === 'text') {
      // Each text that occurs is looked up once a batch, not once a row.
      const known = new Int32Array(column.dictionary.length).fill(-2)
      for (let row = 0; row < length; row++) {
        const local = column.codes[row] as number
        if (local >= 0 && known[local] === -2) known[local] = this.#codeOf(column.dictionary[local] as string, mode)
        codes[row] = local < 0 ? missing : (known[local] as number)
      }
      return codes
    }
    for (let row = 0; row < length; row++) {
      const value = column.values[row] as number
      if (nulls?.[row] === 1) codes[row] = missing
      else codes[row] = this.#codeOf(typeof by === 'string' ? value : timePartOf(value, by.part), mode)
    }
    return codes
  }

  #codeOf(key: string | number | null, mode: 'learn' | 'look up'): number {
    const known = this.#codes.get(key)
    if (known !== undefined) return known
    if (mode === 'look up') return -1
    this.#codes.set(key, this.#codes.size)
    return this.#codes.size - 1
  }
}

/** The same numbers with room for more, doubling. */
function withRoom(values: Float64Array<ArrayBuffer>, size: number): Float64Array<ArrayBuffer> {
  if (size <= values.length) return values
  const larger = new Float64Array(Math.max(size, 2 * values.length))
  larger.set(values)
  return larger
}

function invalid(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${received}.`,
    details: { argument, expected, received },
  })
}
