/**
 * Metrics as pure functions of labels and scores in typed arrays. Evaluation, gates and monitors all call these; {@link builtInMetrics} lists the named ones,
 * and a {@link Metric} of your own goes wherever a name does.
 *
 * @module millrace/metrics
 */

export { auc, aucInterval } from './auc.ts'
export type { ConfusionMatrix } from './confusion.ts'
export { accuracy, confusionMatrix, f1, precision, recall } from './confusion.ts'
export type { CalibrationBin, RocPoint } from './curves.ts'
export { calibrationBins, expectedCalibrationError, rocCurve } from './curves.ts'
export type { Metric, MetricName } from './metric.ts'
export { builtInMetrics, resolveMetric } from './metric.ts'
export { brierScore, logLoss, meanAbsoluteError, rootMeanSquaredError } from './pointwise.ts'
