import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { Events } from '../core/events.ts'
import type { Json } from '../core/json.ts'
import { toJson } from '../core/json.ts'
import type { LateWindow } from './late-windows.ts'
import { LateWindows } from './late-windows.ts'
import type { ActionObservation, Monitor, PredictionObservation } from './monitor.ts'
import { readState, stateHeader } from './state.ts'
import type { WindowBounds, WindowDefinition } from './window.ts'
import { defaultWindow, rowTimes } from './window.ts'

const format = 'millrace-action-monitor'
/** Kinds of action that are told apart; further ones count as `other`. */
const mostActions = 100

/** What was done about the predictions of one window. */
export interface ActionWindow extends WindowBounds {
  /** Predictions that reach the threshold. */
  readonly flagged: number
  /** Flagged predictions that the host acted on. */
  readonly actedOn: number
  /** Predictions under the threshold that it acted on all the same. */
  readonly actedOnUnflagged: number
  /** Rows by action; a row counts with the first that was reported. */
  readonly actions: Readonly<Record<string, number>>
}

/** `time` is that of the observation that closed the window. */
export type ActionEvent = { readonly type: 'action-window-closed'; readonly time: number; readonly window: ActionWindow }

export interface ActionMonitorOptions {
  /** A score from here up is flagged: somebody should do something about it. */
  readonly threshold: number
  /** Of the predictions, not of the actions. Default 10,000 rows. */
  readonly window?: WindowDefinition
  /** How long after its last prediction a window waits for actions, in milliseconds; default a day. */
  readonly maxDelayMs?: number
  /** As in {@link PerformanceMonitorOptions.maxRows}; default 2,000,000. */
  readonly maxRows?: number
  /** Default 100. */
  readonly keepWindows?: number
  /** Default `actions`. */
  readonly name?: string
  readonly clock?: Clock
  readonly onListenerError?: (error: unknown, event: ActionEvent) => void
}

interface Counts {
  flagged: number
  actedOn: number
  actedOnUnflagged: number
  actions: Record<string, number>
}

interface State {
  readonly name: string
  readonly threshold: number
  readonly window: WindowDefinition
  readonly maxDelayMs: number
  readonly maxRows: number
  readonly keepWindows: number
  readonly late: Json
  readonly counts: readonly (readonly [window: number, counts: Counts])[]
  readonly closed: readonly ActionWindow[]
}

/**
 * How often a prediction leads to action: of the predictions that reach `threshold`, the share that the host acted on, by window of prediction.
 * A model whose flags nobody follows is not worth what it costs.
 *
 * @example
 * const monitor = new ActionMonitor({ threshold: 0.5, window: { durationMs: 7 * 86_400_000 } })
 * const [week] = monitor.closeWindows()
 * const share = week === undefined ? undefined : week.actedOn / week.flagged
 */
export class ActionMonitor implements Monitor {
  readonly name: string
  readonly #threshold: number
  readonly #maxDelayMs: number
  readonly #maxRows: number
  readonly #keepWindows: number
  readonly #clock: Clock
  readonly #events: Events<ActionEvent>
  #late: LateWindows
  #counts = new Map<number, Counts>()
  #closed: ActionWindow[] = []

  constructor(options: ActionMonitorOptions) {
    this.name = options.name ?? 'actions'
    this.#threshold = options.threshold
    this.#maxDelayMs = options.maxDelayMs ?? 86_400_000
    this.#maxRows = options.maxRows ?? 2_000_000
    this.#keepWindows = options.keepWindows ?? 100
    this.#clock = options.clock ?? systemClock
    this.#events = new Events(options.onListenerError === undefined ? {} : { onListenerError: options.onListenerError })
    this.#late = new LateWindows(options.window ?? defaultWindow)
  }

  /** Windows that have closed, in the order in which they closed. */
  get closedWindows(): readonly ActionWindow[] {
    return this.#closed
  }

  observePredictions({ batchId, time, scores, inputs }: PredictionObservation): void {
    this.#late.add(batchId, time, scores, rowTimes(this.#late.definition, inputs), (window, from, to) => {
      const counts = this.#countsOf(window)
      for (let row = from; row < to; row++) if ((scores[row] as number) >= this.#threshold) counts.flagged++
    })
    this.#closeDue(time)
  }

  observeActions({ batchId, time, rows, action }: ActionObservation): void {
    this.#late.join(batchId, rows, rows.length, (window, score) => {
      const counts = this.#countsOf(window)
      if (score >= this.#threshold) counts.actedOn++
      else counts.actedOnUnflagged++
      const isKnown = Object.hasOwn(counts.actions, action) || Object.keys(counts.actions).length < mostActions
      const name = isKnown ? action : 'other'
      counts.actions[name] = (counts.actions[name] ?? 0) + 1
    })
    this.#closeDue(time)
  }

  /** What the windows that are not closed look like so far, the oldest first. */
  check(): readonly ActionWindow[] {
    return Array.from(this.#late.windows(), (window) => this.#windowOf(window))
  }

  /** Closes every window with the actions that have come, as at the end of a stream. */
  closeWindows(): readonly ActionWindow[] {
    this.#late.endWindow()
    return Array.from(this.#late.windows(), (window) => this.#close(window, this.#clock.now()))
  }

  on(listener: (event: ActionEvent) => unknown): () => void {
    return this.#events.on(listener)
  }

  toJSON(): Json {
    return toJson({
      ...stateHeader(format),
      name: this.name,
      threshold: this.#threshold,
      window: this.#late.definition,
      maxDelayMs: this.#maxDelayMs,
      maxRows: this.#maxRows,
      keepWindows: this.#keepWindows,
      late: this.#late.toJSON(),
      counts: [...this.#counts],
      closed: this.#closed,
    })
  }

  /** The monitor that {@link toJSON} wrote, without its listeners. @throws {@link MillraceError} `MONITOR_STATE_MISMATCH`, `FORMAT_UNSUPPORTED`. */
  static fromJSON(stored: Json, options: Pick<ActionMonitorOptions, 'clock' | 'onListenerError'> = {}): ActionMonitor {
    const { late, counts, closed, ...rest } = readState<State>(format, stored)
    const monitor = new ActionMonitor({ ...rest, ...options })
    monitor.#late = LateWindows.fromJSON(rest.window, late)
    monitor.#counts = new Map(counts.map(([window, counted]) => [window, { ...counted, actions: { ...counted.actions } }]))
    monitor.#closed = [...closed]
    return monitor
  }

  #countsOf(window: number): Counts {
    const known = this.#counts.get(window)
    if (known !== undefined) return known
    const counts = { flagged: 0, actedOn: 0, actedOnUnflagged: 0, actions: {} }
    this.#counts.set(window, counts)
    return counts
  }

  #closeDue(now: number): void {
    for (const window of this.#late.due(now, this.#maxDelayMs, false)) this.#close(window, now)
    while (this.#late.rows > this.#maxRows) {
      const [oldest] = this.#late.windows()
      if (oldest === undefined) return
      if (!oldest.isOver) this.#late.endWindow()
      this.#close(oldest, now)
    }
  }

  #windowOf({ id, bounds }: LateWindow): ActionWindow {
    const { actions, ...counts } = this.#countsOf(id)
    return { ...bounds, ...counts, actions: { ...actions } }
  }

  #close(window: LateWindow, time: number): ActionWindow {
    const closed = this.#windowOf(window)
    this.#late.remove(window.id)
    this.#counts.delete(window.id)
    this.#closed.push(closed)
    if (this.#closed.length > this.#keepWindows) this.#closed.shift()
    this.#events.emit({ type: 'action-window-closed', time, window: closed })
    return closed
  }
}
