import type { Json } from '../core/json.ts'
import type { CategoryKey } from './category-key.ts'
import type { BlobWriter } from './plan-blobs.ts'

/** The folds of the rows of the current block, when they are rows that the plan was fitted on. */
export type BlockFolds = (count: number) => Uint8Array

/** One fitted transform: writes its features of the current block of its sources. */
export interface FittedFeature {
  readonly names: readonly string[]
  /** The numbering of its categories, where it has them. */
  readonly key?: CategoryKey | undefined
  /**
   * Writes feature f of row r to `output[start + r * stride + f]`; every number that comes out is finite. With `folds`, a cross-fitted
   * encoding leaves out each row's own fold.
   */
  write(output: Float32Array, start: number, stride: number, rows: number, folds: BlockFolds | undefined): void
  pack(writer: BlobWriter, options: PackOptions): Json
}

export interface PackOptions {
  /** A prefix for the names of its blobs. */
  readonly blobName: string
  /** Whether to keep what only `applyTraining` needs. */
  readonly training: boolean
}
