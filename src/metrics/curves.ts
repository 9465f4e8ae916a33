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
