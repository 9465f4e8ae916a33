import type { RecordBatch } from 'apache-arrow'
import type { Json } from '../core/json.ts'
import type { Dataset } from '../data/dataset.ts'

/**
 * A guess that needs no training worth the name, such as the prior: what a model has to beat to be worth its keep. Evaluation fits it on
 * the training part and asks it for predictions on the test part.
 */
export interface Baseline {
  /** Names it in reports and verdicts, unique in one evaluation. */
  readonly name: string
  /** Part of the cache key: raise it when `fit` changes its meaning, or figures of the old one are served from the cache. */
  readonly version: string
  /** Part of the cache key. */
  readonly parameters: Json
  /** The raw columns that it reads, the target apart. */
  readonly columns: readonly string[]
  /** Learns from raw rows; what comes back predicts one number a row from a batch that holds at least `columns`. */
  fit(train: Dataset, target: string, options?: { readonly signal?: AbortSignal }): Promise<(batch: RecordBatch) => Float32Array>
}
