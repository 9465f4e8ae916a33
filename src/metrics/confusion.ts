import { checkRows, checkTotalWeight, undefinedMetric } from './check.ts'

/** Rows (or their weights) by label and by prediction. */
export interface ConfusionMatrix {
  readonly truePositives: number
  readonly falsePositives: number
  readonly trueNegatives: number
  readonly falseNegatives: number
}

/** Counts by label and prediction; a row is predicted positive when its score reaches `threshold`, and is positive when its label is above 0.5. */
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
 */
export function f1(labels: Float32Array, scores: Float32Array, threshold = 0.5, weights?: Float32Array): number {
  const { truePositives, falsePositives, falseNegatives } = confusionMatrix(labels, scores, threshold, weights)
  const doubled = 2 * truePositives + falsePositives + falseNegatives
  if (!(doubled > 0)) throw undefinedMetric('f1', 'no row is positive or predicted so')
  return (2 * truePositives) / doubled
}
