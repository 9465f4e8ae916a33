import { MillraceError } from '../core/error.ts'
import type { Metric } from '../metrics/metric.ts'
import type { MetricValue, MetricValues } from '../model/evaluation.ts'

/**
 * Values by the metrics' names, with the interval where a metric has one.
 *
 * @param onUndefined - `fail` throws `METRIC_UNDEFINED`; `omit` leaves out what the rows do not define, such as the AUC of one class.
 */
export function metricValuesOf(
  metrics: readonly Metric[],
  labels: Float32Array,
  predictions: Float32Array,
  onUndefined: 'fail' | 'omit',
): MetricValues {
  const values: Record<string, MetricValue> = {}
  for (const metric of metrics) {
    const value = onUndefined === 'fail' ? metric.compute(labels, predictions) : whereDefined(() => metric.compute(labels, predictions))
    if (value === undefined) continue
    if (!Number.isFinite(value)) {
      if (onUndefined === 'omit') continue
      throw new MillraceError('METRIC_UNDEFINED', {
        message: `Expected the metric "${metric.name}" to be a finite number. Received ${value}.`,
        details: { metric: metric.name, reason: `its value is ${value}` },
      })
    }
    const interval = whereDefined(() => metric.interval?.(labels, predictions))
    values[metric.name] = interval === undefined ? { value } : { value, interval: [interval[0], interval[1]] }
  }
  return values
}

/** Undefined where the rows do not define it. */
export function whereDefined<Value>(compute: () => Value): Value | undefined {
  try {
    return compute()
  } catch (error) {
    if (MillraceError.is(error, 'METRIC_UNDEFINED')) return undefined
    throw error
  }
}
