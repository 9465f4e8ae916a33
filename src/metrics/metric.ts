import { MillraceError } from '../core/error.ts'
import { nearestName } from '../core/suggest.ts'
import { auc, aucInterval } from './auc.ts'
import { accuracy } from './confusion.ts'
import { expectedCalibrationError } from './curves.ts'
import { brierScore, logLoss, meanAbsoluteError, pointwiseIntervals, rootMeanSquaredError } from './pointwise.ts'

/** What evaluation, gates and monitoring compute from labels and scores: a built-in one by its name, or a plugin's. */
export interface Metric {
  readonly name: string
  readonly higherIsBetter: boolean
  /** @throws {@link MillraceError} `METRIC_UNDEFINED` where the rows do not define it. */
  compute(labels: Float32Array, scores: Float32Array, weights?: Float32Array): number
  /** Its 95 % confidence interval, where there is one. */
  interval?(labels: Float32Array, scores: Float32Array): readonly [number, number]
}

export type MetricName =
  | 'auc'
  | 'log-loss'
  | 'accuracy'
  | 'brier'
  | 'expected-calibration-error'
  | 'mean-absolute-error'
  | 'root-mean-squared-error'

/** The metrics that have names. Accuracy is at the threshold 0.5, the calibration error over 15 bins. */
export const builtInMetrics: Readonly<Record<MetricName, Metric>> = {
  auc: { name: 'auc', higherIsBetter: true, compute: auc, interval: aucInterval },
  'log-loss': { name: 'log-loss', higherIsBetter: false, compute: logLoss, interval: pointwiseIntervals['log-loss'] },
  accuracy: {
    name: 'accuracy',
    higherIsBetter: true,
    compute: (labels, scores, weights) => accuracy(labels, scores, 0.5, weights),
    interval: pointwiseIntervals.accuracy,
  },
  brier: { name: 'brier', higherIsBetter: false, compute: brierScore, interval: pointwiseIntervals.brier },
  'expected-calibration-error': {
    name: 'expected-calibration-error',
    higherIsBetter: false,
    compute: (labels, scores, weights) => expectedCalibrationError(labels, scores, weights === undefined ? {} : { weights }),
  },
  'mean-absolute-error': {
    name: 'mean-absolute-error',
    higherIsBetter: false,
    compute: meanAbsoluteError,
    interval: pointwiseIntervals['mean-absolute-error'],
  },
  'root-mean-squared-error': {
    name: 'root-mean-squared-error',
    higherIsBetter: false,
    compute: rootMeanSquaredError,
    interval: pointwiseIntervals['root-mean-squared-error'],
  },
}

/**
 * The metric of a name; a metric is itself.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for a name that no built-in metric has.
 * @example
 * resolveMetric('log-loss').higherIsBetter // false
 */
export function resolveMetric(metric: MetricName | Metric): Metric {
  if (typeof metric !== 'string') return metric
  if (Object.hasOwn(builtInMetrics, metric)) return builtInMetrics[metric]
  const names = Object.keys(builtInMetrics)
  const nearest = nearestName(metric, names)
  const expected = `one of ${names.join(', ')}`
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${expected}. Received "${metric as string}".${nearest === undefined ? '' : ` Did you mean "${nearest}"?`}`,
    details: { argument: 'metric', expected, received: metric },
  })
}
