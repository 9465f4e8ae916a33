import { MillraceError } from '../core/error.ts'
import { checkClasses, classTotals } from './auc.ts'
import { checkRows, checkTotalWeight } from './check.ts'
import { ascendingOrder } from './order.ts'

/** Rows whose prediction fell in (lower, upper]: what was predicted on average, what came true. */
export interface CalibrationBin {
  readonly lower: number
  readonly upper: number
  readonly count: number
  /** 0 in an empty bin, as is `meanLabel`. */
  readonly meanPrediction: number
  readonly meanLabel: number
}

/** One point of the receiver operating characteristic. */
export interface RocPoint {
  readonly threshold: number
  readonly falsePositiveRate: number
  readonly truePositiveRate: number
}

/**
 * The reliability diagram: `bins` bins of equal width over [0, 1] (default 10), empty ones included. Scores outside go to the first and the
 * last bin.
 *
 * @throws {@link MillraceError} `METRIC_UNDEFINED` without rows.
 * @example
 * const [low, high] = calibrationBins(Float32Array.of(0, 1), Float32Array.of(0.25, 0.75), { bins: 2 })
 * high // { lower: 0.5, upper: 1, count: 1, meanPrediction: 0.75, meanLabel: 1 }
 */
export function calibrationBins(
  labels: Float32Array,
  scores: Float32Array,
  options: { readonly bins?: number; readonly weights?: Float32Array } = {},
): readonly CalibrationBin[] {
  const { bins = 10, weights } = options
  checkRows('calibration', labels, scores, weights)
  checkCount('bins', bins, 1)
  const counts = new Float64Array(bins)
  const predictions = new Float64Array(bins)
  const trues = new Float64Array(bins)
  for (let row = 0; row < labels.length; row++) {
    const score = scores[row] as number
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(score * bins) - 1))
    const weight = weights === undefined ? 1 : (weights[row] as number)
    counts[bin] = (counts[bin] as number) + weight
    predictions[bin] = (predictions[bin] as number) + weight * score
    trues[bin] = (trues[bin] as number) + weight * (labels[row] as number)
  }
  return Array.from(counts, (count, bin) => ({
    lower: bin / bins,
    upper: (bin + 1) / bins,
    count,
    meanPrediction: count > 0 ? (predictions[bin] as number) / count : 0,
    meanLabel: count > 0 ? (trues[bin] as number) / count : 0,
  }))
}

/**
 * Mean over the rows of |mean prediction - mean label| of their calibration bin (Naeini, Cooper and Hauskrecht 2015), over `bins` bins of
 * equal width, default 15 (Guo et al. 2017).
 *
 * @throws {@link MillraceError} `METRIC_UNDEFINED` without rows.
 * @example
 * expectedCalibrationError(Float32Array.of(0, 1), Float32Array.of(0.25, 0.75)) // 0.25
 */
export function expectedCalibrationError(
  labels: Float32Array,
  scores: Float32Array,
  options: { readonly bins?: number; readonly weights?: Float32Array } = {},
): number {
  checkRows('expected-calibration-error', labels, scores, options.weights)
  let gap = 0
  let total = 0
  for (const bin of calibrationBins(labels, scores, { ...options, bins: options.bins ?? 15 })) {
    gap += bin.count * Math.abs(bin.meanPrediction - bin.meanLabel)
    total += bin.count
  }
  checkTotalWeight('expected-calibration-error', total)
  return gap / total
}

/**
 * The receiver operating characteristic from (0, 0) to (1, 1): at each threshold the share of negative and of positive rows whose score
 * reaches it. Where there are more thresholds than `maxPoints` (default 201), those are kept that are evenly spaced along the curve.
 * The first threshold is one above the highest score, which flags nothing.
 *
 * @throws {@link MillraceError} `METRIC_UNDEFINED` without rows or with one class only.
 * @example
 * const points = rocCurve(Float32Array.of(0, 1), Float32Array.of(0.25, 0.75))
 * points.map(({ falsePositiveRate, truePositiveRate }) => [falsePositiveRate, truePositiveRate]) // [[0, 0], [0, 1], [1, 1]]
 */
export function rocCurve(labels: Float32Array, scores: Float32Array, options: { readonly maxPoints?: number } = {}): readonly RocPoint[] {
  const { maxPoints = 201 } = options
  checkRows('roc', labels, scores)
  checkCount('maxPoints', maxPoints, 2)
  const { positives, negatives } = classTotals(labels)
  checkClasses('roc', positives, negatives)
  const order = ascendingOrder(scores)
  const thresholds = distinctScores(scores, order)
  const step = thresholds > maxPoints - 1 ? 2 / (maxPoints - 2) : 0
  const points: RocPoint[] = [
    { threshold: (scores[order[order.length - 1] as number] as number) + 1, falsePositiveRate: 0, truePositiveRate: 0 },
  ]
  let flaggedPositives = 0
  let flagged = 0
  let travelled = 0
  for (let index = order.length - 1; index >= 0; ) {
    const threshold = scores[order[index] as number] as number
    for (; index >= 0 && scores[order[index] as number] === threshold; index--) {
      if ((labels[order[index] as number] as number) > 0.5) flaggedPositives++
      flagged++
    }
    const falsePositiveRate = (flagged - flaggedPositives) / negatives
    const truePositiveRate = flaggedPositives / positives
    const distance = falsePositiveRate + truePositiveRate
    if (index < 0 || distance >= travelled + step) {
      points.push({ threshold, falsePositiveRate, truePositiveRate })
      travelled = step === 0 ? 0 : Math.floor(distance / step) * step
    }
  }
  return points
}

function distinctScores(scores: Float32Array, order: Uint32Array): number {
  let distinct = 1
  for (let index = 1; index < order.length; index++) {
    if (scores[order[index] as number] !== scores[order[index - 1] as number]) distinct++
  }
  return distinct
}

function checkCount(argument: string, received: number, least: number): void {
  if (Number.isInteger(received) && received >= least) return
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be a whole number from ${least}. Received ${received}.`,
    details: { argument, expected: `a whole number from ${least}`, received: String(received) },
  })
}
