import { checkRows, checkTotalWeight, undefinedMetric } from './check.ts'

const clip = 1e-15
/** The normal quantile at 0.975. */
const z95 = 1.959963984540054

/** What one row contributes to a metric that is a mean over rows. */
type RowLoss = (label: number, score: number) => number

function rowLogLoss(label: number, score: number): number {
  const probability = Math.min(Math.max(score, clip), 1 - clip)
  return -(label * Math.log(probability) + (1 - label) * Math.log1p(-probability))
}

function squaredDifference(label: number, score: number): number {
  return (score - label) * (score - label)
}

function absoluteDifference(label: number, score: number): number {
  return Math.abs(score - label)
}

/**
 * Mean negative log-likelihood of 0/1 labels under predicted probabilities, in nats; probabilities are clipped to [1e-15, 1 - 1e-15].
 *
 * @throws {@link MillraceError} `METRIC_UNDEFINED` without rows.
 * @example
 * logLoss(Float32Array.of(1, 0), Float32Array.of(0.5, 0.5)) // 0.6931471805599453
 */
export function logLoss(labels: Float32Array, scores: Float32Array, weights?: Float32Array): number {
  return meanOf('log-loss', labels, scores, weights, rowLogLoss)
}

/**
 * Mean squared difference of probability and 0/1 label (Brier 1950): 0 is best, 0.25 is what a constant 0.5 scores.
 *
 * @example
 * brierScore(Float32Array.of(1, 0), Float32Array.of(0.5, 0.5)) // 0.25
 */
export function brierScore(labels: Float32Array, scores: Float32Array, weights?: Float32Array): number {
  return meanOf('brier', labels, scores, weights, squaredDifference)
}

/**
 * Mean absolute difference, in the label's unit.
 *
 * @example
 * meanAbsoluteError(Float32Array.of(1, 2), Float32Array.of(2, 4)) // 1.5
 */
export function meanAbsoluteError(labels: Float32Array, scores: Float32Array, weights?: Float32Array): number {
  return meanOf('mean-absolute-error', labels, scores, weights, absoluteDifference)
}

/**
 * Root of the mean squared difference, in the label's unit.
 *
 * @example
 * rootMeanSquaredError(Float32Array.of(1, 2), Float32Array.of(2, 4)) // about 1.5811
 */
export function rootMeanSquaredError(labels: Float32Array, scores: Float32Array, weights?: Float32Array): number {
  return Math.sqrt(meanOf('root-mean-squared-error', labels, scores, weights, squaredDifference))
}

function meanOf(metric: string, labels: Float32Array, scores: Float32Array, weights: Float32Array | undefined, loss: RowLoss): number {
  checkRows(metric, labels, scores, weights)
  let sum = 0
  let total = 0
  for (let row = 0; row < labels.length; row++) {
    const weight = weights === undefined ? 1 : (weights[row] as number)
    sum += weight * loss(labels[row] as number, scores[row] as number)
    total += weight
  }
  checkTotalWeight(metric, total)
  return sum / total
}

type Interval = (labels: Float32Array, scores: Float32Array) => readonly [number, number]

/** 95 % intervals of the means above and of accuracy at 0.5, by the normal approximation over rows; of the root, the root of its square's. */
export const pointwiseIntervals: Readonly<
  Record<'log-loss' | 'brier' | 'accuracy' | 'mean-absolute-error' | 'root-mean-squared-error', Interval>
> = {
  'log-loss': intervalOf('log-loss', rowLogLoss),
  brier: intervalOf('brier', squaredDifference, 1),
  accuracy: intervalOf('accuracy', (label, score) => (score >= 0.5 === label > 0.5 ? 1 : 0), 1),
  'mean-absolute-error': intervalOf('mean-absolute-error', absoluteDifference),
  'root-mean-squared-error': (labels: Float32Array, scores: Float32Array): readonly [number, number] => {
    const [lower, upper] = intervalOf('root-mean-squared-error', squaredDifference)(labels, scores)
    return [Math.sqrt(lower), Math.sqrt(upper)]
  },
}

function intervalOf(metric: string, loss: RowLoss, most: number = Number.POSITIVE_INFINITY): Interval {
  return (labels, scores) => {
    const mean = meanOf(metric, labels, scores, undefined, loss)
    if (labels.length < 2) throw undefinedMetric(metric, 'an interval needs two rows')
    let squares = 0
    for (let row = 0; row < labels.length; row++) squares += (loss(labels[row] as number, scores[row] as number) - mean) ** 2
    const halfWidth = z95 * Math.sqrt(squares / (labels.length - 1) / labels.length)
    return [Math.max(0, mean - halfWidth), Math.min(most, mean + halfWidth)]
  }
}
