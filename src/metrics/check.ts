import { MillraceError } from '../core/error.ts'

/** Refuses what no metric is defined on: no rows, NaN among labels or scores, and arrays of different lengths. */
export function checkRows(metric: string, labels: Float32Array, scores: Float32Array, weights?: Float32Array): void {
  checkLength('scores', scores.length, labels.length)
  if (weights !== undefined) checkLength('weights', weights.length, labels.length)
  if (labels.length === 0) throw undefinedMetric(metric, 'there are no rows')
  for (let row = 0; row < labels.length; row++) {
    if (Number.isNaN((labels[row] as number) + (scores[row] as number)))
      throw undefinedMetric(metric, `label or score of row ${row} is NaN`)
  }
}

function checkLength(argument: string, received: number, expected: number): void {
  if (received === expected) return
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected as many ${argument} as labels, ${expected}. Received ${received}.`,
    details: { argument, expected: `${expected} values`, received: `${received} values` },
  })
}

/** The error of a metric that these rows do not define. */
export function undefinedMetric(metric: string, reason: string): MillraceError<'METRIC_UNDEFINED'> {
  return new MillraceError('METRIC_UNDEFINED', {
    message: `Expected rows on which the metric "${metric}" is defined. Received rows on which it is not: ${reason}.`,
    details: { metric, reason },
  })
}

/** Refuses a share of something that has no weight at all. */
export function checkTotalWeight(metric: string, total: number): void {
  if (!(total > 0)) throw undefinedMetric(metric, 'the weights add up to nothing')
}
