import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import { Events } from '../core/events.ts'
import type { Json } from '../core/json.ts'
import { toJson } from '../core/json.ts'
import type { Metric, MetricName } from '../metrics/metric.ts'
import { builtInMetrics, resolveMetric } from '../metrics/metric.ts'
import { FloatBuffer } from './float-buffer.ts'
import type { LateWindow } from './late-windows.ts'
import { LateWindows } from './late-windows.ts'
import type { Monitor, OutcomeObservation, PredictionObservation } from './monitor.ts'
import type { PerformanceEvent, PerformanceWindow } from './performance-event.ts'
import { bytesToText, readState, stateHeader, stateMismatch, textToBytes } from './state.ts'
import type { WindowDefinition } from './window.ts'
import { defaultWindow, rowTimes } from './window.ts'

const format = 'millrace-performance-monitor'
const dayMs = 86_400_000

export interface PerformanceMonitorOptions {
  /** Default `auc` and `log-loss`. */
  readonly metrics?: readonly (MetricName | Metric)[]
  /** What each metric was when the model was evaluated; a metric without one never counts as degraded. */
  readonly reference?: Readonly<Record<string, number>>
  /** Of the predictions, not of their labels. Default 10,000 rows. */
  readonly window?: WindowDefinition
  /** How much worse is bearable, as a share of the reference value; default 0.02. */
  readonly tolerance?: number
  /** Labels without which a window is not judged; default 100. */
  readonly minLabels?: number
  /** How long after its last prediction a window waits for labels, in milliseconds; default 30 days. */
  readonly maxDelayMs?: number
  /** Rows that are kept waiting (a batch counts as sixteen more); beyond that the oldest window is closed with what it has. Default 2,000,000: some 30 MB. */
  readonly maxRows?: number
  /** Closed windows that are kept for {@link PerformanceMonitor.closedWindows}; default 100. */
  readonly keepWindows?: number
  /** Default `performance`. */
  readonly name?: string
  readonly clock?: Clock
  readonly onListenerError?: (error: unknown, event: PerformanceEvent) => void
}

interface Labelled {
  readonly labels: FloatBuffer
  readonly scores: FloatBuffer
}

interface State {
  readonly name: string
  readonly metrics: readonly string[]
  readonly reference: Readonly<Record<string, number>>
  readonly window: WindowDefinition
  readonly tolerance: number
  readonly minLabels: number
  readonly maxDelayMs: number
  readonly maxRows: number
  readonly keepWindows: number
  readonly late: Json
  readonly labelled: readonly (readonly [window: number, labels: string, scores: string])[]
  readonly closed: readonly PerformanceWindow[]
  readonly unmatchedLabels: number
}

/**
 * How good the predictions turned out to be, window by window, as labels come late: they are joined by batch and row, and a window closes when
 * all its labels have come, when it has waited long enough, or when memory needs it to.
 *
 * Guarantee: a window's metrics depend on which labels have come, not on their order. A metric is degraded when it is worse than its reference by
 * more than the tolerance *and* the reference lies outside its 95 % interval (where it has one); memory is bounded.
 *
 * @example
 * const monitor = new PerformanceMonitor({ metrics: ['auc'], reference: { auc: 0.78 }, window: { durationMs: 7 * 86_400_000 } })
 * monitor.on((event) => {
 *   if (event.type === 'performance-degraded') console.log(event.metrics, event.window.metrics)
 * })
 */
export class PerformanceMonitor implements Monitor {
  readonly name: string
  readonly #metrics: readonly Metric[]
  readonly #reference: Readonly<Record<string, number>>
  readonly #tolerance: number
  readonly #minLabels: number
  readonly #maxDelayMs: number
  readonly #maxRows: number
  readonly #keepWindows: number
  readonly #clock: Clock
  readonly #events: Events<PerformanceEvent>
  #late: LateWindows
  #labelled = new Map<number, Labelled>()
  #closed: PerformanceWindow[] = []
  #unmatchedLabels = 0

  /** @throws {@link MillraceError} `ARGUMENT_INVALID`. */
  constructor(options: PerformanceMonitorOptions = {}) {
    this.name = options.name ?? 'performance'
    this.#metrics = (options.metrics ?? ['auc', 'log-loss']).map(resolveMetric)
    this.#reference = { ...options.reference }
    this.#tolerance = options.tolerance ?? 0.02
    this.#minLabels = options.minLabels ?? 100
    this.#maxDelayMs = options.maxDelayMs ?? 30 * dayMs
    this.#maxRows = options.maxRows ?? 2_000_000
    this.#keepWindows = options.keepWindows ?? 100
    this.#clock = options.clock ?? systemClock
    this.#events = new Events(options.onListenerError === undefined ? {} : { onListenerError: options.onListenerError })
    this.#late = new LateWindows(options.window ?? defaultWindow)
  }

  /** Windows that have closed, in the order in which they closed. */
  get closedWindows(): readonly PerformanceWindow[] {
    return this.#closed
  }

  /** Labels whose prediction is not known, or no longer. */
  get unmatchedLabels(): number {
    return this.#unmatchedLabels
  }

  observePredictions(observation: PredictionObservation): void {
    const { batchId, time, scores, inputs } = observation
    this.#late.add(batchId, time, scores, rowTimes(this.#late.definition, inputs))
    this.#closeDue(time)
  }

  observeOutcomes({ batchId, time, rows, labels }: OutcomeObservation): void {
    const { unknown } = this.#late.join(batchId, rows, labels.length, (window, score, place) => {
      const labelled = this.#labelledOf(window)
      labelled.labels.push(labels[place] as number)
      labelled.scores.push(score)
    })
    this.#unmatchedLabels += unknown
    this.#closeDue(time)
  }

  /** What the windows that still wait look like so far, the oldest first. */
  check(): readonly PerformanceWindow[] {
    return Array.from(this.#late.windows(), (window) => this.#judge(window))
  }

  /** Closes every window with the labels that have come, as at the end of a stream. */
  closeWindows(): readonly PerformanceWindow[] {
    this.#late.endWindow()
    return Array.from(this.#late.windows(), (window) => this.#close(window, this.#clock.now()))
  }

  on(listener: (event: PerformanceEvent) => unknown): () => void {
    return this.#events.on(listener)
  }

  /** Metrics of the host's own are stored by name. */
  toJSON(): Json {
    return toJson({
      ...stateHeader(format),
      name: this.name,
      metrics: this.#metrics.map((metric) => metric.name),
      reference: this.#reference,
      window: this.#late.definition,
      tolerance: this.#tolerance,
      minLabels: this.#minLabels,
      maxDelayMs: this.#maxDelayMs,
      maxRows: this.#maxRows,
      keepWindows: this.#keepWindows,
      late: this.#late.toJSON(),
      labelled: [...this.#labelled].map(([window, { labels, scores }]) => [window, bytesToText(labels.view()), bytesToText(scores.view())]),
      closed: this.#closed,
      unmatchedLabels: this.#unmatchedLabels,
    })
  }

  /**
   * The monitor that {@link toJSON} wrote, without its listeners. `metrics`: those of the host's own, since a function cannot be stored.
   *
   * @throws {@link MillraceError} `MONITOR_STATE_MISMATCH`, `FORMAT_UNSUPPORTED`.
   */
  static fromJSON(
    stored: Json,
    options: Pick<PerformanceMonitorOptions, 'clock' | 'onListenerError'> & { readonly metrics?: readonly Metric[] } = {},
  ): PerformanceMonitor {
    const { late, labelled, closed, unmatchedLabels, metrics, ...rest } = readState<State>(format, stored)
    const own = new Map((options.metrics ?? []).map((metric) => [metric.name, metric]))
    const resolved = metrics.map((name): Metric => {
      const metric = own.get(name) ?? (Object.hasOwn(builtInMetrics, name) ? builtInMetrics[name as MetricName] : undefined)
      if (metric === undefined) throw stateMismatch(`its metric "${name}" is not built in and was not given`)
      return metric
    })
    const monitor = new PerformanceMonitor({ ...rest, ...options, metrics: resolved })
    monitor.#late = LateWindows.fromJSON(rest.window, late)
    for (const [window, labels, scores] of labelled) monitor.#labelled.set(window, { labels: floatsOf(labels), scores: floatsOf(scores) })
    monitor.#closed = [...closed]
    monitor.#unmatchedLabels = unmatchedLabels
    return monitor
  }

  #labelledOf(window: number): Labelled {
    const known = this.#labelled.get(window)
    if (known !== undefined) return known
    const labelled = { labels: new FloatBuffer(), scores: new FloatBuffer() }
    this.#labelled.set(window, labelled)
    return labelled
  }

  #closeDue(now: number): void {
    for (const window of this.#late.due(now, this.#maxDelayMs, true)) this.#close(window, now)
    while (this.#late.rows > this.#maxRows) {
      const [oldest] = this.#late.windows()
      if (oldest === undefined) return
      if (!oldest.isOver) this.#late.endWindow()
      this.#close(oldest, now)
    }
  }

  #close(window: LateWindow, time: number): PerformanceWindow {
    let judged: PerformanceWindow
    try {
      judged = this.#judge(window)
    } finally {
      // Also when a metric of the host's own throws: else it would throw again at every observation, and the window would stay for ever.
      this.#late.remove(window.id)
      this.#labelled.delete(window.id)
    }
    this.#closed.push(judged)
    if (this.#closed.length > this.#keepWindows) this.#closed.shift()
    this.#events.emit({ type: 'performance-window-closed', time, window: judged })
    if (judged.degraded.length > 0) this.#events.emit({ type: 'performance-degraded', time, window: judged, metrics: judged.degraded })
    return judged
  }

  #judge({ id, bounds }: LateWindow): PerformanceWindow {
    const labelled = this.#labelled.get(id)
    const labels = labelled?.labels.view() ?? new Float32Array(0)
    const scores = labelled?.scores.view() ?? new Float32Array(0)
    const metrics: Record<string, number> = {}
    const intervals: Record<string, readonly [number, number]> = {}
    const degraded: string[] = []
    for (const metric of this.#metrics) {
      const value = whereDefined(() => metric.compute(labels, scores))
      if (value === undefined) continue
      const interval = whereDefined(() => metric.interval?.(labels, scores))
      metrics[metric.name] = value
      if (interval !== undefined) intervals[metric.name] = interval
      if (labels.length >= this.#minLabels && this.#isWorse(metric, value, interval)) degraded.push(metric.name)
    }
    return { ...bounds, labelledRows: labels.length, metrics, intervals, reference: this.#reference, degraded }
  }

  #isWorse(metric: Metric, value: number, interval: readonly [number, number] | undefined): boolean {
    const reference = this.#reference[metric.name]
    if (reference === undefined) return false
    const worseBy = metric.higherIsBetter ? reference - value : value - reference
    if (worseBy <= this.#tolerance * Math.abs(reference)) return false
    return interval === undefined || (metric.higherIsBetter ? interval[1] < reference : interval[0] > reference)
  }
}

function floatsOf(text: string): FloatBuffer {
  return new FloatBuffer(new Float32Array(textToBytes(text).buffer))
}

/** Undefined instead of `METRIC_UNDEFINED`. */
function whereDefined<Value>(compute: () => Value): Value | undefined {
  try {
    return compute()
  } catch (error) {
    if (MillraceError.is(error, 'METRIC_UNDEFINED')) return undefined
    throw error
  }
}
