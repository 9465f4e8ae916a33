import type { RecordBatch } from 'apache-arrow'
import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { columnOf } from '../data/read-column.ts'

/**
 * When one window ends and the next begins: after so many rows, or at whole multiples of a duration. Give the same to every monitor and their
 * windows are the same.
 *
 * Units: milliseconds. `timeColumn` names the column that holds the time of a row; without it, that is when the row was observed. `originTime`
 * is the start of any one window, default 0 (1970-01-01 UTC, a Thursday): for weeks that begin on Friday the first of June 2001,
 * `Date.UTC(2001, 5, 1)`.
 */
export type WindowDefinition =
  | { readonly rows: number }
  | { readonly durationMs: number; readonly timeColumn?: string; readonly originTime?: number }

/**
 * Start and end in milliseconds since 1970 UTC. Of a duration: the bounds, the end not included. Of a number of rows: when the first and the last
 * of them were observed.
 */
export interface WindowBounds {
  readonly start: number
  readonly end: number
  readonly rows: number
}

/** Who is told where windows fall. */
export interface WindowSink {
  /** Rows from `from` up to (not including) `to` belong to the open window. It may throw, then nothing has happened. */
  take(from: number, to: number): void
  /** The window that `take` was for ends here. */
  close(bounds: WindowBounds): void
}

export const defaultWindow: WindowDefinition = { rows: 10_000 }

/**
 * Cuts what is observed into windows. Rows are expected about in order of time; one that is late, or has no time, counts in the open window. A
 * window without rows is not reported. The state is three numbers.
 */
export class WindowCutter {
  readonly definition: WindowDefinition
  #rows = 0
  /** Observed first and last; of a duration, the last is not needed. */
  #first = 0
  #last = 0
  /** Which multiple of the duration. */
  #index: number | undefined

  /** @throws {@link MillraceError} `ARGUMENT_INVALID`. */
  constructor(definition: WindowDefinition) {
    this.definition = definition
    if ('rows' in definition) checkPositive('window.rows', definition.rows, true)
    else checkPositive('window.durationMs', definition.durationMs, false)
  }

  /** Rows in the open window. */
  get rows(): number {
    return this.#rows
  }

  /** Which window of the definition is open: only windows of the same number can be merged. Undefined of windows by rows and before the first row. */
  get index(): number | undefined {
    return this.#index
  }

  /** Rows that were observed together at `time`, or at `times` of their own where the definition has a column for it. */
  cut(rows: number, time: number, times: ArrayLike<number> | undefined, sink: WindowSink): void {
    if ('rows' in this.definition) this.#cutByRows(rows, time, this.definition.rows, sink)
    else this.#cutByTime(rows, time, times, sink)
  }

  /** Ends the open window before its time; undefined when it has no rows. */
  close(): WindowBounds | undefined {
    if (this.#rows === 0) return undefined
    const bounds = this.bounds()
    this.#rows = 0
    return bounds
  }

  /** Of the open window. */
  bounds(): WindowBounds {
    if ('rows' in this.definition) return { start: this.#first, end: this.#last, rows: this.#rows }
    const { durationMs, originTime = 0 } = this.definition
    const start = originTime + (this.#index ?? 0) * durationMs
    return { start, end: start + durationMs, rows: this.#rows }
  }

  /** Adds rows that another cutter of the same window counted. */
  addRows(other: WindowCutter): void {
    if (other.#rows === 0) return
    this.#first = this.#rows === 0 ? other.#first : Math.min(this.#first, other.#first)
    this.#last = this.#rows === 0 ? other.#last : Math.max(this.#last, other.#last)
    this.#rows += other.#rows
    this.#index ??= other.#index
  }

  toJSON(): Json {
    return { rows: this.#rows, first: this.#first, last: this.#last, index: this.#index ?? null }
  }

  static fromJSON(
    definition: WindowDefinition,
    state: { readonly rows: number; readonly first: number; readonly last: number; readonly index: number | null },
  ): WindowCutter {
    const cutter = new WindowCutter(definition)
    cutter.#rows = state.rows
    cutter.#first = state.first
    cutter.#last = state.last
    cutter.#index = state.index ?? undefined
    return cutter
  }

  #cutByRows(rows: number, time: number, limit: number, sink: WindowSink): void {
    for (let from = 0; from < rows; ) {
      const to = Math.min(rows, from + Math.max(0, limit - this.#rows))
      this.#take(from, to, time, sink)
      from = to
      if (this.#rows >= limit) this.#end(sink)
    }
  }

  #cutByTime(rows: number, time: number, times: ArrayLike<number> | undefined, sink: WindowSink): void {
    let from = 0
    if (this.#index === undefined && rows > 0)
      this.#index = this.#indexOf(times === undefined ? time : (times[0] as number)) ?? this.#indexOf(time) ?? 0
    if (times === undefined) {
      this.#moveTo(this.#indexOf(time), sink)
    } else {
      for (let row = 0; row < rows; row++) {
        const index = this.#indexOf(times[row] as number)
        if (index === undefined || index <= (this.#index as number)) continue
        this.#take(from, row, time, sink)
        from = row
        this.#moveTo(index, sink)
      }
    }
    this.#take(from, rows, time, sink)
  }

  #indexOf(time: number): number | undefined {
    const { durationMs, originTime = 0 } = this.definition as { readonly durationMs: number; readonly originTime?: number }
    const index = Math.floor((time - originTime) / durationMs)
    return Number.isFinite(index) ? index : undefined
  }

  #moveTo(index: number | undefined, sink: WindowSink): void {
    if (index === undefined || index <= (this.#index as number)) return
    this.#end(sink)
    this.#index = index
  }

  #take(from: number, to: number, time: number, sink: WindowSink): void {
    if (to <= from) return
    sink.take(from, to)
    if (this.#rows === 0) this.#first = time
    this.#last = this.#rows === 0 ? time : Math.max(this.#last, time)
    this.#rows += to - from
  }

  #end(sink: WindowSink): void {
    const bounds = this.close()
    if (bounds !== undefined) sink.close(bounds)
  }
}

/**
 * The times of a batch's rows where the window's definition names a column for them; NaN where there is none.
 *
 * @throws {@link MillraceError} `COLUMN_NOT_FOUND`, or `SCHEMA_MISMATCH` when it holds neither times nor numbers.
 */
export function rowTimes(definition: WindowDefinition, batch: RecordBatch): ArrayLike<number> | undefined {
  if ('rows' in definition || definition.timeColumn === undefined) return undefined
  const column = columnOf(batch, definition.timeColumn)
  if (column.kind === 'text' || column.kind === 'boolean') {
    throw new MillraceError('SCHEMA_MISMATCH', {
      message: `Expected times in column "${definition.timeColumn}". Received ${column.kind}.`,
      details: { columns: [{ name: definition.timeColumn, expected: 'time', received: column.kind }] },
    })
  }
  const { nulls, values } = column
  return nulls === undefined ? values : Float64Array.from(values, (value, row) => (nulls[row] === 1 ? Number.NaN : value))
}

function checkPositive(argument: string, received: number, whole: boolean): void {
  if (received > 0 && Number.isFinite(received) && (!whole || Number.isInteger(received))) return
  const expected = whole ? 'a whole number over 0' : 'a number over 0'
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${received}.`,
    details: { argument, expected, received: String(received) },
  })
}
