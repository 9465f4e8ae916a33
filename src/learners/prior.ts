import type { RecordBatch } from 'apache-arrow'
import { MillraceError } from '../core/error.ts'
import type { Dataset } from '../data/dataset.ts'
import type { Baseline } from '../model/baseline.ts'
import { labelsOf } from '../model/labels.ts'

/**
 * The baseline that predicts the training part's mean label for every row: the share of positives, or the mean. A model that does not beat
 * it has learned nothing.
 *
 * @throws {@link MillraceError} when fitted: `SPLIT_EMPTY` without training rows, `LABEL_INVALID`.
 * @example
 * evaluate({ metrics: ['log-loss'], baselines: [prior()] })
 */
export function prior(): Baseline {
  return {
    name: 'prior',
    version: '1',
    parameters: {},
    columns: [],
    async fit(train: Dataset, target: string, options: { readonly signal?: AbortSignal } = {}) {
      let sum = 0
      await forEachLabels(train, [target], target, options.signal, (labels) => {
        for (const label of labels) sum += label
      })
      const mean = sum / train.rowCount
      return (batch: RecordBatch) => new Float32Array(batch.numRows).fill(mean)
    },
  }
}

/** Batch by batch with its labels; 0 and 1 where the target is boolean. */
export async function forEachLabels(
  train: Dataset,
  columns: readonly string[],
  target: string,
  signal: AbortSignal | undefined,
  take: (labels: Float32Array, batch: RecordBatch) => void,
): Promise<void> {
  if (train.rowCount === 0) {
    throw new MillraceError('SPLIT_EMPTY', {
      message: 'Expected rows to fit a baseline on. Received none.',
      details: { part: 'train', rows: 0 },
    })
  }
  let firstRow = 0
  // The row type is not known here: names are checked by the dataset when it is read.
  for await (const batch of train.batches({ columns: [...new Set(columns)] as never[], ...(signal && { signal }) })) {
    take(labelsOf(batch, target, { task: 'regression', firstRow }), batch)
    firstRow += batch.numRows
  }
}
