import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { Events } from '../core/events.ts'
import type { Json } from '../core/json.ts'
import { toJson } from '../core/json.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import type { Monitor, PredictionObservation } from './monitor.ts'
import { readState, stateHeader } from './state.ts'
import type { WindowBounds, WindowDefinition } from './window.ts'
import { defaultWindow, rowTimes, WindowCutter } from './window.ts'

const format = 'millrace-operations-monitor'

/** How serving went. Quantiles are within one per cent. */
export interface OperationsFigures {
  /** Rows that were predicted. */
  readonly rows: number
  /** Calls that were answered. */
  readonly requests: number
  readonly failures: number
  readonly failedRows: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Rows by second of prediction time, as if one call had followed another. 0 before the first. */
  readonly rowsPerSecond: number
}
export interface OperationsWindow extends WindowBounds, OperationsFigures {}

export interface OperationsSnapshot {
  /** Since the monitor was made, this state's earlier lives included. */
  readonly uptimeMs: number
  /** Share of calls that were answered; 1 before the first. */
  readonly availability: number
  readonly total: OperationsFigures
  /** The open window; undefined while it is empty. */
  readonly window: OperationsWindow | undefined
}

/** `time` is that of the observation that closed the window. */
export type OperationsEvent = { readonly type: 'operations-window-closed'; readonly time: number; readonly window: OperationsWindow }

export interface OperationsMonitorOptions {
  /** Default 10,000 rows. */
  readonly window?: WindowDefinition
  /** Default 100. */
  readonly keepWindows?: number
  /** Default `operations`. */
  readonly name?: string
  readonly clock?: Clock
  readonly onListenerError?: (error: unknown, event: OperationsEvent) => void
}

interface State {
  readonly name: string
  readonly window: WindowDefinition
  readonly keepWindows: number
  readonly startedAt: number
  readonly cutter: { readonly rows: number; readonly first: number; readonly last: number; readonly index: number | null }
  readonly open: Json
  readonly total: Json
  readonly closed: readonly OperationsWindow[]
}

/**
 * Latency, throughput, failures and uptime of a deployment, in all and by window. A call whose rows fall in two windows counts with its latency
 * in the first. A failure counts in the open window.
 *
 * @example
 * const monitor = new OperationsMonitor({ window: { durationMs: 60_000 } })
 * monitor.snapshot().availability // 1
 */
export class OperationsMonitor implements Monitor {
  readonly name: string
  readonly #keepWindows: number
  readonly #clock: Clock
  readonly #events: Events<OperationsEvent>
  #startedAt: number
  #cutter: WindowCutter
  #open = new Figures()
  #total = new Figures()
  #closed: OperationsWindow[] = []

  constructor(options: OperationsMonitorOptions = {}) {
    this.name = options.name ?? 'operations'
    this.#keepWindows = options.keepWindows ?? 100
    this.#clock = options.clock ?? systemClock
    this.#events = new Events(options.onListenerError === undefined ? {} : { onListenerError: options.onListenerError })
    this.#startedAt = this.#clock.now()
    this.#cutter = new WindowCutter(options.window ?? defaultWindow)
  }

  /** Windows that have closed, the oldest first. */
  get closedWindows(): readonly OperationsWindow[] {
    return this.#closed
  }

  observePredictions({ time, scores, durationMs, inputs }: PredictionObservation): void {
    const rows = scores.length
    this.#total.addRequest(rows, durationMs)
    if (rows === 0) return
    this.#cutter.cut(rows, time, rowTimes(this.#cutter.definition, inputs), {
      take: (from, to) => {
        if (from === 0) this.#open.addRequest(to - from, (durationMs * (to - from)) / rows, durationMs)
        else this.#open.addRows(to - from, (durationMs * (to - from)) / rows)
      },
      close: (bounds) => this.#close(bounds, time),
    })
  }

  observeFailure({ rows }: { readonly time: number; readonly rows: number; readonly durationMs: number; readonly error: unknown }): void {
    this.#total.addFailure(rows)
    this.#open.addFailure(rows)
  }

  snapshot(): OperationsSnapshot {
    const total = this.#total.figures()
    const calls = total.requests + total.failures
    return {
      uptimeMs: Math.max(0, this.#clock.now() - this.#startedAt),
      availability: calls === 0 ? 1 : total.requests / calls,
      total,
      window: this.#cutter.rows === 0 ? undefined : { ...this.#open.figures(), ...this.#cutter.bounds() },
    }
  }

  /** Ends the open window now, as at the end of a stream. Undefined when it has no rows. */
  closeWindow(): OperationsWindow | undefined {
    const bounds = this.#cutter.close()
    return bounds === undefined ? undefined : this.#close(bounds, this.#clock.now())
  }

  on(listener: (event: OperationsEvent) => unknown): () => void {
    return this.#events.on(listener)
  }

  toJSON(): Json {
    return toJson({
      ...stateHeader(format),
      name: this.name,
      window: this.#cutter.definition,
      keepWindows: this.#keepWindows,
      startedAt: this.#startedAt,
      cutter: this.#cutter.toJSON(),
      open: this.#open.toJSON(),
      total: this.#total.toJSON(),
      closed: this.#closed,
    })
  }

  /** The monitor that {@link toJSON} wrote, without its listeners. @throws {@link MillraceError} `MONITOR_STATE_MISMATCH`, `FORMAT_UNSUPPORTED`. */
  static fromJSON(stored: Json, options: Pick<OperationsMonitorOptions, 'clock' | 'onListenerError'> = {}): OperationsMonitor {
    const state = readState<State>(format, stored)
    const monitor = new OperationsMonitor({ ...options, name: state.name, window: state.window, keepWindows: state.keepWindows })
    monitor.#startedAt = state.startedAt
    monitor.#cutter = WindowCutter.fromJSON(state.window, state.cutter)
    monitor.#open = Figures.fromJSON(state.open)
    monitor.#total = Figures.fromJSON(state.total)
    monitor.#closed = [...state.closed]
    return monitor
  }

  #close(bounds: WindowBounds, time: number): OperationsWindow {
    const window = { ...this.#open.figures(), ...bounds }
    this.#open = new Figures()
    this.#closed.push(window)
    if (this.#closed.length > this.#keepWindows) this.#closed.shift()
    this.#events.emit({ type: 'operations-window-closed', time, window })
    return window
  }
}

/** Running figures of a window or of all. */
class Figures {
  #latency = new LatencyHistogram()
  #rows = 0
  #busyMs = 0
  #failures = 0
  #failedRows = 0

  addRequest(rows: number, busyMs: number, latencyMs: number = busyMs): void {
    this.#latency.add(latencyMs)
    this.addRows(rows, busyMs)
  }

  addRows(rows: number, busyMs: number): void {
    this.#rows += rows
    this.#busyMs += busyMs
  }

  addFailure(rows: number): void {
    this.#failures++
    this.#failedRows += rows
  }

  figures(): OperationsFigures {
    return {
      rows: this.#rows,
      requests: this.#latency.count,
      failures: this.#failures,
      failedRows: this.#failedRows,
      p50Ms: this.#latency.quantileMs(0.5),
      p99Ms: this.#latency.quantileMs(0.99),
      maxMs: this.#latency.maxMs,
      rowsPerSecond: this.#busyMs === 0 ? 0 : (this.#rows / this.#busyMs) * 1000,
    }
  }

  toJSON(): Json {
    return {
      latency: this.#latency.toJSON(),
      rows: this.#rows,
      busyMs: this.#busyMs,
      failures: this.#failures,
      failedRows: this.#failedRows,
    }
  }

  static fromJSON(stored: Json): Figures {
    const state = stored as unknown as { latency: Json; rows: number; busyMs: number; failures: number; failedRows: number }
    const figures = new Figures()
    figures.#latency = LatencyHistogram.fromJSON(state.latency)
    figures.#rows = state.rows
    figures.#busyMs = state.busyMs
    figures.#failures = state.failures
    figures.#failedRows = state.failedRows
    return figures
  }
}
