/** A metric's value and, where it was asked for, its 95 % interval. */
export interface MetricValue {
  readonly value: number
  readonly interval?: readonly [number, number]
}
export type MetricValues = Readonly<Record<string, MetricValue>>

/** Rows whose prediction fell in (lower, upper]: what was predicted on average, what came true. */
export interface CalibrationBin {
  readonly lower: number
  readonly upper: number
  readonly count: number
  readonly meanPrediction: number
  readonly meanLabel: number
}

/** One point of the receiver operating characteristic. */
export interface RocPoint {
  readonly threshold: number
  readonly falsePositiveRate: number
  readonly truePositiveRate: number
}

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
