import type { RecordBatch } from 'apache-arrow'

/** What a record of the prediction log tells: what was predicted, what came true, what was done about it. */
export type PredictionRecordKind = 'prediction' | 'outcome' | 'action'

/**
 * Where a deployment writes what it did. Columns of a `prediction` batch: `id` (text), `time`, `version` (integer), `score` (number), and the input columns
 * as `input.<name>`; of an `outcome`: `id`, `time`, `label` (number); of an `action`: `id`, `time`, `action` (text).
 */
export interface PredictionLog {
  /** Resolves as the log's policy says: when queued or when durable. */
  append(kind: PredictionRecordKind, batch: RecordBatch): Promise<void>
  /** Resolves when all that was appended is durable. */
  flush(): Promise<void>
  close(): Promise<void>
}
