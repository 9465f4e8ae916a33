/**
 * What watches a deployment: {@link DriftMonitor}, {@link PerformanceMonitor}, {@link OperationsMonitor}, {@link ActionMonitor}. They are handed to
 * `Deployment.open` of `millrace/deploy`, or fed by hand; their state is plain JSON at any point.
 *
 * @module millrace/monitor
 */

export type { ActionEvent, ActionMonitorOptions, ActionWindow } from './action-monitor.ts'
export { ActionMonitor } from './action-monitor.ts'
export { chiSquareTest, compareCategories } from './chi-square-test.ts'
export type { ComparisonOptions, MinimumEffect } from './compare-profiles.ts'
export { compareProfiles, defaultMinimumEffects } from './compare-profiles.ts'
export type { DriftEvent, DriftWindow } from './drift-event.ts'
export type { DriftMonitorOptions } from './drift-monitor.ts'
export { DriftMonitor } from './drift-monitor.ts'
export type { HysteresisOptions } from './hysteresis.ts'
export { binnedKolmogorovSmirnov, ksTwoSample } from './kolmogorov-smirnov.ts'
export type { ActionObservation, Monitor, OutcomeObservation, PredictionObservation } from './monitor.ts'
export type {
  OperationsEvent,
  OperationsFigures,
  OperationsMonitorOptions,
  OperationsSnapshot,
  OperationsWindow,
} from './operations-monitor.ts'
export { OperationsMonitor } from './operations-monitor.ts'
export type { PerformanceEvent, PerformanceWindow } from './performance-event.ts'
export type { PerformanceMonitorOptions } from './performance-monitor.ts'
export { PerformanceMonitor } from './performance-monitor.ts'
export { populationStabilityIndex } from './population-stability-index.ts'
export type { ProportionTest } from './proportion-test.ts'
export { proportionTest } from './proportion-test.ts'
export type { ColumnVerdict, DriftTest, EffectName, TestResult } from './verdict.ts'
export type { WindowBounds, WindowDefinition } from './window.ts'
