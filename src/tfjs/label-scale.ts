import { throwIfAborted } from '../core/abort.ts'
import type { ExampleSource } from '../model/learner.ts'

/** What labels are standardised by, so that the learning rate does not depend on their unit; folded into the last layer when it is stored. */
export interface LabelScale {
  readonly mean: number
  readonly standardDeviation: number
}

/** One pass over the labels (Welford 1962). A constant label has the standard deviation 1. */
export async function labelScaleOf(source: ExampleSource, signal: AbortSignal): Promise<LabelScale> {
  let count = 0
  let mean = 0
  let squares = 0
  for await (const { labels } of source.batches({ batchRows: 65_536, signal })) {
    throwIfAborted(signal)
    for (const label of labels) {
      count++
      const step = label - mean
      mean += step / count
      squares += step * (label - mean)
    }
  }
  const standardDeviation = Math.sqrt(squares / Math.max(1, count))
  return { mean, standardDeviation: standardDeviation > 0 ? standardDeviation : 1 }
}
