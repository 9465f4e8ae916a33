import type { RecordBatch } from 'apache-arrow'
import type { Dataset } from '../data/dataset.ts'
import { columnOf } from '../data/read-column.ts'
import { fillLabels, invalidLabel } from '../features/labels.ts'
import type { Task } from './learner.ts'

/**
 * The labels of a batch as learners and metrics take them: 0 or 1 for a binary task (from booleans, or from numbers that are 0 or 1),
 * the numbers themselves for a regression.
 *
 * @param options - `firstRow`: of the batch in its part, so that the message can name the row.
 * @throws {@link MillraceError} `LABEL_INVALID` for a null, a value that is not finite, a value other than 0 and 1 in a binary task, and
 * a column of text or times; `COLUMN_NOT_FOUND`.
 * @example
 * const { length } = labelsOf(batch, 'late', { task: 'binary' })
 * length === batch.numRows // true
 */
export function labelsOf(batch: RecordBatch, target: string, options: { readonly task: Task; readonly firstRow?: number }): Float32Array {
  const rows = batch.numRows
  const labels = new Float32Array(rows)
  fillLabels(labels, columnOf(batch, target), { target, kind: options.task, start: 0, rows, firstRow: options.firstRow ?? 0 })
  return labels
}

/** A difference between labels may be off by this share of their range. */
const mostRounding = 1e-3

/**
 * Refuses a target of numbers whose differences a 32-bit float does not hold, as learners and metrics take labels: near a billion it tells numbers apart
 * only by 64, so a model of them would be measured as perfect. One pass over the column.
 *
 * @throws {@link MillraceError} `LABEL_INVALID`; aborts reject with `signal.reason`.
 * @example
 * await requireDistinctLabels(dataset, 'delay', { signal })
 */
export async function requireDistinctLabels(
  train: Dataset,
  target: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  let rounding = 0
  for await (const batch of train.batches({ columns: [target] as string[] as never[], ...options })) {
    const column = columnOf(batch, target)
    if (column.kind === 'text') return
    for (let row = 0; row < column.length; row++) {
      const label = column.values[row] as number
      if (column.nulls?.[row] === 1 || !Number.isFinite(label)) continue
      least = Math.min(least, label)
      most = Math.max(most, label)
      rounding = Math.max(rounding, Math.abs(label - Math.fround(label)))
    }
  }
  if (!(most > least) || rounding <= mostRounding * (most - least)) return
  const expected = 'numbers that 32-bit floats tell apart: take away what they have in common (derive)'
  throw invalidLabel(target, expected, `numbers from ${least} to ${most}, rounded by up to ${rounding}`)
}
