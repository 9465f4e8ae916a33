/**
 * What happened, for people and for programs: {@link Logger} with its sinks, the progress bar, and the prediction log, which keeps every prediction, outcome
 * and action as Arrow batches ({@link openPredictionLog}, {@link readPredictionLog}).
 *
 * @module millrace/log
 */

export type { ConsoleLike } from './console-sink.ts'
export { consoleSink } from './console-sink.ts'
export type { LogFields, LogLevel, LogRecord, LogSink, LogTarget } from './log-target.ts'
export type { LoggerOptions, LogSpan } from './logger.ts'
export { Logger } from './logger.ts'
export type { PredictionLog, PredictionRecordKind } from './prediction-log.ts'
export type { Progress, ProgressBar, ProgressBarOptions } from './progress-bar.ts'
export { progressBar } from './progress-bar.ts'
export type { PredictionLogIssue, ReadPredictionLogOptions } from './read-prediction-log.ts'
export { readPredictionLog } from './read-prediction-log.ts'
export { Secret } from './secret.ts'
export type { PredictionLogOptions, SegmentPredictionLog } from './segment-prediction-log.ts'
export { openPredictionLog } from './segment-prediction-log.ts'
export type { SerializedError } from './serialize-error.ts'
export { serializeError } from './serialize-error.ts'
export type { MemorySink } from './sinks.ts'
export { jsonLinesSink, memorySink } from './sinks.ts'
