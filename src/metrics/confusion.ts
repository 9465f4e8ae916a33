import { checkRows, checkTotalWeight, undefinedMetric } from './check.ts'

/** Rows (or their weights) by label and by prediction. */
export interface ConfusionMatrix {
  readonly truePositives: number
  readonly falsePositives: number
  readonly trueNegatives: number
  readonly falseNegatives: number
}

/**
 * Counts by label and prediction; a row is predicted positive when its score reaches `threshold`, and is positive when its label is above 0.5.
 *
 * @example
 * const labels = Float32Array.of(0, 0, 1, 1)
 * const scores = Float32Array.of(0.1, 0.4, 0.35, 0.8)
 * confusionMatrix(labels, scores) // { truePositives: 1, falsePositives: 0, trueNegatives: 2, falseNegatives: 1 }
 */
export function confusionMatrix(labels: Float32Array, scores: Float32Array, threshold = 0.5, weights?: Float32Array): ConfusionMatrix {
  checkRows('confusion-matrix', labels, scores, weights)
  let truePositives = 0
  let falsePositives = 0
  let trueNegatives = 0
  let falseNegatives = 0
  for (let row = 0; row < labels.length; row++) {
    const weight = weights === undefined ? 1 : (weights[row] as number)
    const flagged = (scores[row] as number) >= threshold
    if ((labels[row] as number) > 0.5) {
      if (flagged) truePositives += weight
      else falseNegatives += weight
    } else if (flagged) falsePositives += weight
    else trueNegatives += weight
  }
  return { truePositives, falsePositives, trueNegatives, falseNegatives }
}

/**
 * Share of rows whose prediction, positive from `threshold` up, equals the label.
 *
 * @throws {@link MillraceError} `METRIC_UNDEFINED` without rows.
 * @example
 * accuracy(Float32Array.of(0, 0, 1, 1), Float32Array.of(0.1, 0.4, 0.35, 0.8)) // 0.75
 */
export function accuracy(labels: Float32Array, scores: Float32Array, threshold = 0.5, weights?: Float32Array): number {
  checkRows('accuracy', labels, scores, weights)
  const { truePositives, falsePositives, trueNegatives, falseNegatives } = confusionMatrix(labels, scores, threshold, weights)
  const total = truePositives + falsePositives + trueNegatives + falseNegatives
  checkTotalWeight('accuracy', total)
  return (truePositives + trueNegatives) / total
}

/**
 * Share of the rows predicted positive that are.
 *
 * @throws {@link MillraceError} `METRIC_UNDEFINED` without rows and when none is predicted positive.
 * @example
 * precision(Float32Array.of(0, 0, 1, 1), Float32Array.of(0.1, 0.4, 0.35, 0.8)) // 1
 */
export function precision(labels: Float32Array, scores: Float32Array, threshold = 0.5, weights?: Float32Array): number {
  const { truePositives, falsePositives } = confusionMatrix(labels, scores, threshold, weights)
  if (!(truePositives + falsePositives > 0)) throw undefinedMetric('precision', `no score reaches the threshold ${threshold}`)
  return truePositives / (truePositives + falsePositives)
}

/**
 * Share of the positive rows that are predicted positive.
 *
 * @throws {@link MillraceError} `METRIC_UNDEFINED` without rows and without a positive one.
 * @example
 * recall(Float32Array.of(0, 0, 1, 1), Float32Array.of(0.1, 0.4, 0.35, 0.8)) // 0.5
 */
export function recall(labels: Float32Array, scores: Float32Array, threshold = 0.5, weights?: Float32Array): number {
  const { truePositives, falseNegatives } = confusionMatrix(labels, scores, threshold, weights)
  if (!(truePositives + falseNegatives > 0)) throw undefinedMetric('recall', 'there is no positive row')
  return truePositives / (truePositives + falseNegatives)
}

/**
 * Harmonic mean of {@link precision} and {@link recall}.
 *
 * @throws {@link MillraceError} `METRIC_UNDEFINED` without rows and when no row is positive or predicted so.
 * @example
 * f1(Float32Array.of(0, 0, 1, 1), Float32Array.of(0.1, 0.4, 0.35, 0.8)) // about 0.6667
 */
export function f1(labels: Float32Array, scores: Float32Array, threshold = 0.5, weights?: Float32Array): number {
  const { truePositives, falsePositives, falseNegatives } = confusionMatrix(labels, scores, threshold, weights)
  const doubled = 2 * truePositives + falsePositives + falseNegatives
  if (!(doubled > 0)) throw undefinedMetric('f1', 'no row is positive or predicted so')
  return (2 * truePositives) / doubled
}
