import type { BlockFolds, FittedFeature } from './fitted-feature.ts'

/** Learns one feature from the training data, pass by pass over the columns that it asks for. */
export interface FeatureFitter {
  /** What the next pass has to read. */
  readonly columns: readonly string[]
  readonly needsTarget: boolean
  /** Whether another pass is needed. */
  readonly pending: boolean
  /** The next block of rows, which its sources hold. */
  observe(rows: number, labels: Float64Array, folds: BlockFolds): void
  endPass(): void
  /** When no longer pending. */
  finish(): FittedFeature
}
