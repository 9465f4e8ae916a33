import type { RecordBatch } from 'apache-arrow'
import type { Json } from '../core/json.ts'
import type { ColumnType } from '../data/column-type.ts'
import type { TensorSpec, Tensors } from './tensors.ts'

/**
 * Fitted preparation: turns raw columns into named tensors, the same code in training and in serving. Part of the model; immutable.
 * Most models have one input, `features`, a Float32Array of [rows, features].
 */
export interface FeaturePlan {
  /** The raw columns that it reads. */
  readonly columns: readonly ColumnType[]
  readonly inputs: Readonly<Record<string, TensorSpec>>
  /** For serving and for data that the plan was not fitted on. `into` is filled and returned where its shapes fit. Categories never seen encode as unknown. */
  apply(batch: RecordBatch, into?: Tensors): Tensors
  /** For the rows it was fitted on: a cross-fitted encoding leaves out the fold of row `firstRow + index`. */
  applyTraining(batch: RecordBatch, firstRow: number, into?: Tensors): Tensors
  /** One row of stored values (numbers, text, booleans, Date or epoch milliseconds), shape [1, features], without Arrow. Equal to `apply` bit for bit. */
  applyRow(row: Readonly<Record<string, unknown>>, into?: Tensors): Tensors
  /**
   * Large tables are blobs, not JSON. The JSON carries `format`, `formatVersion` and `minReaderVersion`. With `training: false` it leaves out
   * what only `applyTraining` needs: enough for serving, and about half the size.
   */
  toPackage(options?: { readonly training?: boolean }): FeaturePlanPackage
}

export interface FeaturePlanPackage {
  readonly json: Json
  readonly blobs: Readonly<Record<string, Uint8Array>>
}
