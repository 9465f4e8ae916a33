import type { CalibrationBin, RocPoint } from '../metrics/curves.ts'

/** A metric's value and, where it was asked for, its 95 % interval. */
export interface MetricValue {
  readonly value: number
  readonly interval?: readonly [number, number]
}
export type MetricValues = Readonly<Record<string, MetricValue>>

/** The same metrics on the rows of one value of one column. */
export interface Slice {
  readonly column: string
  readonly value: string
  readonly rows: number
  readonly metrics: MetricValues
}

/** What evaluation found on the test part: figures only, no rows. */
export interface Evaluation {
  readonly rows: number
  readonly metrics: MetricValues
  readonly baselines: Readonly<Record<string, MetricValues>>
  readonly slices: readonly Slice[]
  readonly calibration: readonly CalibrationBin[]
  /** At most 201 points. Empty for regression. */
  readonly roc: readonly RocPoint[]
}
