import type { RecordBatch } from 'apache-arrow'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import { Events } from '../core/events.ts'
import type { Json } from '../core/json.ts'
import { canonicalJson, toJson } from '../core/json.ts'
import type { Profile } from '../data/profile.ts'
import { ProfileCounter } from '../data/profile-counter.ts'
import { profileFromJson } from '../data/profile-record.ts'
import type { ComparisonOptions } from './compare-profiles.ts'
import { compareProfiles, missingPart } from './compare-profiles.ts'
import type { DriftEvent, DriftWindow } from './drift-event.ts'
import type { HysteresisOptions, HysteresisState } from './hysteresis.ts'
import { checkHysteresis, Hysteresis } from './hysteresis.ts'
import type { Monitor, PredictionObservation } from './monitor.ts'
import { readState, stateHeader, stateMismatch } from './state.ts'
import type { ColumnVerdict } from './verdict.ts'
import type { WindowBounds, WindowDefinition } from './window.ts'
import { defaultWindow, rowTimes, WindowCutter } from './window.ts'

const format = 'millrace-drift-monitor'

export interface DriftMonitorOptions extends ComparisonOptions {
  /** What the data is compared with: the profile of the training data. */
  readonly reference: Profile
  /** Default 10,000 rows. */
  readonly window?: WindowDefinition
  /** Default: those columns of the reference that the first batch has. */
  readonly columns?: readonly string[]
  readonly hysteresis?: HysteresisOptions
  /** Closed windows that are kept for {@link DriftMonitor.closedWindows}; default 100. */
  readonly keepWindows?: number
  /** Default `drift`. */
  readonly name?: string
  readonly clock?: Clock
  readonly onListenerError?: (error: unknown, event: DriftEvent) => void
}

interface State {
  readonly name: string
  readonly reference: Json
  readonly window: WindowDefinition
  readonly comparison: ComparisonOptions
  readonly hysteresis: Required<HysteresisOptions>
  readonly keepWindows: number
  readonly columns: readonly string[] | null
  readonly cutter: { readonly rows: number; readonly first: number; readonly last: number; readonly index: number | null }
  readonly counter: Json
  readonly merged: Json
  readonly alarms: Readonly<Record<string, HysteresisState>>
  readonly closed: readonly DriftWindow[]
}

/**
 * Tells when columns no longer look like the training data. What is observed is counted, window by window, at the reference's own edges; when a
 * window closes, {@link compareProfiles} judges it, and a column that drifted in enough of the last windows (`hysteresis`) raises an alarm.
 *
 * Guarantee: without drift a window has a false alarm with a probability of at most `alpha`, whatever its size (over training data and windows
 * together: an unlucky training sample stays unlucky); verdicts do not depend on how rows were grouped into batches; memory depends on the
 * reference, not on the rows. A batch that spans a window's end is cut by rows. Rows must be about independent: a window of one busy hour
 * differs from a month, and is found to.
 *
 * @example
 * const monitor = new DriftMonitor({ reference: trainingProfile, window: { durationMs: 7 * 86_400_000, timeColumn: 'date' } })
 * monitor.on((event) => {
 *   if (event.type === 'drift-detected') console.log(event.verdicts.map((verdict) => verdict.column))
 * })
 * monitor.observe(batch)
 */
export class DriftMonitor implements Monitor {
  readonly name: string
  readonly #reference: Profile
  readonly #comparison: ComparisonOptions
  readonly #hysteresis: Required<HysteresisOptions>
  readonly #keepWindows: number
  readonly #clock: Clock
  readonly #events: Events<DriftEvent>
  #columns: readonly string[] | undefined
  #cutter: WindowCutter
  #counter: ProfileCounter | undefined
  /** What other monitors counted of the open window. */
  #merged: Profile | undefined
  #alarms = new Map<string, Hysteresis>()
  #closed: DriftWindow[] = []

  /** @throws {@link MillraceError} `ARGUMENT_INVALID`, or `COLUMN_NOT_FOUND` for a column that the reference has not. */
  constructor(options: DriftMonitorOptions) {
    const { alpha = 0.01, minEffect, numberTest } = options
    if (!(alpha > 0 && alpha < 1)) {
      throw new MillraceError('ARGUMENT_INVALID', {
        message: `Expected alpha to be between 0 and 1. Received ${alpha}.`,
        details: { argument: 'alpha', expected: 'between 0 and 1', received: String(alpha) },
      })
    }
    this.name = options.name ?? 'drift'
    this.#reference = options.reference
    this.#comparison = {
      alpha,
      ...(minEffect === undefined ? {} : { minEffect }),
      ...(numberTest === undefined ? {} : { numberTest }),
    }
    this.#hysteresis = checkHysteresis(options.hysteresis ?? {})
    this.#keepWindows = options.keepWindows ?? 100
    this.#clock = options.clock ?? systemClock
    this.#events = new Events(options.onListenerError === undefined ? {} : { onListenerError: options.onListenerError })
    this.#cutter = new WindowCutter(options.window ?? defaultWindow)
    if (options.columns !== undefined) this.#watch(options.columns)
  }

  /** Windows that have closed, the oldest first. */
  get closedWindows(): readonly DriftWindow[] {
    return this.#closed
  }

  /** Columns whose alarm is raised, by name. */
  get alarms(): readonly string[] {
    return [...this.#alarms].flatMap(([column, hysteresis]) => (hysteresis.alarm ? [column] : [])).sort()
  }

  /**
   * Counts a batch; closes windows that it fills or that end before it. `time` is when it was observed, by default now.
   *
   * @throws {@link MillraceError} `COLUMN_NOT_FOUND` when the batch lacks a watched column.
   */
  observe(batch: RecordBatch, time: number = this.#clock.now()): void {
    if (batch.numRows === 0) return
    const counter = this.#counter ?? this.#watch(this.#columnsIn(batch))
    const times = rowTimes(this.#cutter.definition, batch)
    this.#cutter.cut(batch.numRows, time, times, {
      take: (from, to) => counter.add(from === 0 && to === batch.numRows ? batch : batch.slice(from, to)),
      close: (bounds) => this.#close(bounds, time),
    })
  }

  observePredictions(observation: PredictionObservation): void {
    this.observe(observation.inputs, observation.time)
  }

  /** Verdicts on the open window so far; right after one has closed, those of the closed one. They change no alarm. */
  check(): readonly ColumnVerdict[] {
    return this.#cutter.rows === 0 ? (this.#closed.at(-1)?.verdicts ?? []) : this.#verdicts()
  }

  /** Ends the open window now, as at the end of a stream. Undefined when it has no rows. */
  closeWindow(): DriftWindow | undefined {
    const bounds = this.#cutter.close()
    return bounds === undefined ? undefined : this.#close(bounds, this.#clock.now())
  }

  on(listener: (event: DriftEvent) => unknown): () => void {
    return this.#events.on(listener)
  }

  /**
   * A monitor whose open window has the rows of both: for rows that were counted in several places. Alarms and closed windows are this one's.
   * When the rows together fill a window it closes at the next observation.
   *
   * @throws {@link MillraceError} `MONITOR_STATE_MISMATCH` when reference, columns, options or the open window differ.
   */
  merge(other: DriftMonitor): DriftMonitor {
    if (canonicalJson(this.#definition()) !== canonicalJson(other.#definition())) throw stateMismatch('its reference or its options differ')
    const columns = this.#columns ?? other.#columns
    if (other.#columns !== undefined && canonicalJson(columns) !== canonicalJson(other.#columns)) throw stateMismatch('its columns differ')
    const isOtherEmpty = other.#cutter.rows === 0
    if (!isOtherEmpty && this.#cutter.rows > 0 && this.#cutter.index !== other.#cutter.index)
      throw stateMismatch('its open window is another')
    const merged = DriftMonitor.fromJSON(this.toJSON(), { clock: this.#clock })
    if (isOtherEmpty) return merged
    if (merged.#columns === undefined && columns !== undefined) merged.#watch(columns)
    merged.#cutter.addRows(other.#cutter)
    const added = other.#openProfile()
    merged.#merged = merged.#merged === undefined ? added : merged.#merged.merge(added)
    return merged
  }

  toJSON(): Json {
    return toJson({
      ...stateHeader(format),
      ...this.#definition(),
      name: this.name,
      keepWindows: this.#keepWindows,
      columns: this.#columns ?? null,
      cutter: this.#cutter.toJSON(),
      counter: this.#cutter.rows === 0 ? null : (this.#counter?.toJSON() ?? null),
      merged: this.#merged?.toJSON() ?? null,
      alarms: Object.fromEntries([...this.#alarms].map(([column, hysteresis]) => [column, hysteresis.toJSON()])),
      closed: this.#closed,
    })
  }

  /**
   * The monitor that {@link toJSON} wrote, without its listeners: it goes on as if nothing had happened.
   *
   * @throws {@link MillraceError} `MONITOR_STATE_MISMATCH`, `FORMAT_UNSUPPORTED`.
   */
  static fromJSON(
    stored: Json,
    options: { readonly clock?: Clock; readonly onListenerError?: (error: unknown, event: DriftEvent) => void } = {},
  ): DriftMonitor {
    const state = readState<State>(format, stored)
    const monitor = new DriftMonitor({
      ...options,
      ...state.comparison,
      reference: profileFromJson(state.reference),
      window: state.window,
      hysteresis: state.hysteresis,
      keepWindows: state.keepWindows,
      name: state.name,
      ...(state.columns === null ? {} : { columns: state.columns }),
    })
    monitor.#cutter = WindowCutter.fromJSON(state.window, state.cutter)
    if (state.counter !== null) monitor.#counter = ProfileCounter.fromJSON(state.counter)
    if (state.merged !== null) monitor.#merged = profileFromJson(state.merged)
    monitor.#alarms = new Map(Object.entries(state.alarms).map(([column, alarm]) => [column, new Hysteresis(state.hysteresis, alarm)]))
    monitor.#closed = [...state.closed]
    return monitor
  }

  #definition(): {
    readonly reference: Json
    readonly window: WindowDefinition
    readonly comparison: ComparisonOptions
    readonly hysteresis: HysteresisOptions
  } {
    return {
      reference: this.#reference.toJSON(),
      window: this.#cutter.definition,
      comparison: this.#comparison,
      hysteresis: this.#hysteresis,
    }
  }

  #watch(columns: readonly string[]): ProfileCounter {
    this.#counter = new ProfileCounter(this.#reference, columns)
    this.#columns = [...columns]
    return this.#counter
  }

  #columnsIn(batch: RecordBatch): readonly string[] {
    const known = Object.keys(this.#reference.columns)
    const columns = batch.schema.fields.map((field) => field.name).filter((name) => Object.hasOwn(this.#reference.columns, name))
    if (columns.length > 0) return columns
    const received = batch.schema.fields.map((field) => `"${field.name}"`).join(', ')
    throw new MillraceError('COLUMN_NOT_FOUND', {
      message: `Expected one of the reference's columns, ${known.map((name) => `"${name}"`).join(', ')}. Received ${received}.`,
      details: { column: known[0] ?? '' },
    })
  }

  #openProfile(): Profile {
    const counted = (this.#counter as ProfileCounter).profile()
    return this.#merged === undefined ? counted : counted.merge(this.#merged)
  }

  #verdicts(): readonly ColumnVerdict[] {
    return compareProfiles(this.#reference, this.#openProfile(), this.#comparison)
  }

  #close(bounds: WindowBounds, time: number): DriftWindow {
    const verdicts = this.#verdicts()
    this.#counter?.reset()
    this.#merged = undefined
    const closed = { ...bounds, verdicts }
    this.#closed.push(closed)
    if (this.#closed.length > this.#keepWindows) this.#closed.shift()
    const detected: ColumnVerdict[] = []
    const cleared: string[] = []
    const found = new Set(verdicts.map(({ column }) => column))
    for (const [column, hysteresis] of this.#alarms) {
      // Where nothing is missing there is no verdict on what is missing, and so no drift of it.
      if (column.endsWith(missingPart) && !found.has(column) && hysteresis.update(false) === 'cleared') cleared.push(column)
    }
    for (const verdict of verdicts) {
      if (verdict.test === 'none') continue
      const hysteresis = this.#alarms.get(verdict.column) ?? new Hysteresis(this.#hysteresis)
      this.#alarms.set(verdict.column, hysteresis)
      const change = hysteresis.update(verdict.drifted)
      if (change === 'detected') detected.push(verdict)
      if (change === 'cleared') cleared.push(verdict.column)
    }
    this.#events.emit({ type: 'window-closed', time, window: bounds, verdicts })
    if (detected.length > 0) this.#events.emit({ type: 'drift-detected', time, window: bounds, verdicts: detected })
    if (cleared.length > 0) this.#events.emit({ type: 'drift-cleared', time, window: bounds, columns: cleared })
    return closed
  }
}
