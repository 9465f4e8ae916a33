import type { WindowBounds } from './window.ts'

/** Metrics on the predictions of one window whose labels have come. */
export interface PerformanceWindow extends WindowBounds {
  readonly labelledRows: number
  /** A metric that the rows do not define (one class only, say) is left out. */
  readonly metrics: Readonly<Record<string, number>>
  /** 95 % intervals, of the metrics that have one. */
  readonly intervals: Readonly<Record<string, readonly [number, number]>>
  readonly reference: Readonly<Record<string, number>>
  /** Metrics that are worse than the reference: by more than the tolerance, and surely so. */
  readonly degraded: readonly string[]
}

/** `time` is that of the observation that closed the window. */
export type PerformanceEvent = { readonly time: number; readonly window: PerformanceWindow } & (
  | { readonly type: 'performance-window-closed' }
  | { readonly type: 'performance-degraded'; readonly metrics: readonly string[] }
)
