import type { Json } from '../core/json.ts'
import { bytesToText, textToBytes } from './state.ts'
import type { WindowBounds, WindowDefinition } from './window.ts'
import { WindowCutter } from './window.ts'

/** What a batch costs beside its rows, in rows. */
const rowsPerBatch = 16

/** A window of predictions whose outcomes are still awaited. */
export interface LateWindow {
  readonly id: number
  readonly bounds: WindowBounds
  /** Rows that something was joined to. */
  readonly joined: number
  /** Later rows belong to a later window. */
  readonly isOver: boolean
  /** When the last of its predictions was made. */
  readonly lastTime: number
}

interface OpenWindow {
  bounds: WindowBounds
  joined: number
  isOver: boolean
  lastTime: number
  /** With rows in this window. */
  readonly batchIds: string[]
}

interface Batch {
  readonly scores: Float32Array
  /** 1 where something was joined. */
  readonly joined: Uint8Array
  /** Window, first row and end, three numbers a segment. */
  segments: readonly number[]
}

interface State {
  readonly cutter: { readonly rows: number; readonly first: number; readonly last: number; readonly index: number | null }
  readonly next: number
  readonly windows: readonly (readonly [id: number, window: Omit<OpenWindow, 'batchIds'>])[]
  readonly batches: readonly (readonly [id: string, scores: string, joined: string, segments: readonly number[]])[]
}

/**
 * Keeps predictions by window, so that what comes later (labels, actions) is joined to them by batch and row. A score and a flag a row; bounded
 * by {@link rows}, which the caller keeps small by closing the oldest window.
 */
export class LateWindows {
  readonly #definition: WindowDefinition
  #cutter: WindowCutter
  #next = 0
  readonly #windows = new Map<number, OpenWindow>()
  readonly #batches = new Map<string, Batch>()
  #rows = 0
  /** Windows that are over and have all their rows joined. */
  readonly #complete = new Set<number>()
  /** No window that is over has a last prediction before this: so that those that wait need not be looked at each time. */
  #leastTime = Number.POSITIVE_INFINITY

  constructor(definition: WindowDefinition) {
    this.#definition = definition
    this.#cutter = new WindowCutter(definition)
  }

  get definition(): WindowDefinition {
    return this.#definition
  }

  /** What is kept, in rows. */
  get rows(): number {
    return this.#rows
  }

  /** The oldest first. */
  *windows(): Iterable<LateWindow> {
    for (const [id, window] of this.#windows) yield { id, ...window }
  }

  /** Adds the rows of a batch; `visit` is told which row belongs to which window. The scores are copied. A batch that is known already is left as it is. */
  add(
    batchId: string,
    time: number,
    scores: Float32Array,
    times: ArrayLike<number> | undefined,
    visit?: (window: number, from: number, to: number) => void,
  ): void {
    if (this.#batches.has(batchId) || scores.length === 0) return
    const segments: number[] = []
    this.#cutter.cut(scores.length, time, times, {
      take: (from, to) => {
        const id = this.#next
        const window = this.#windows.get(id) ?? { bounds: this.#cutter.bounds(), joined: 0, isOver: false, lastTime: time, batchIds: [] }
        window.lastTime = Math.max(window.lastTime, time)
        window.batchIds.push(batchId)
        this.#rows += to - from + rowsPerBatch
        this.#windows.set(id, window)
        segments.push(id, from, to)
        visit?.(id, from, to)
      },
      close: (bounds) => this.#end(bounds),
    })
    const open = this.#windows.get(this.#next)
    if (open !== undefined) open.bounds = this.#cutter.bounds()
    this.#batches.set(batchId, { scores: scores.slice(), joined: new Uint8Array(scores.length), segments })
  }

  /** Ends the open window: later rows belong to another. */
  endWindow(): void {
    const bounds = this.#cutter.close()
    if (bounds !== undefined) this.#end(bounds)
  }

  /**
   * Joins rows of a batch (all in order when `rows` is left out), each once: `visit` gets the row's window, its score and its place among the
   * given ones. Says how many rows were not joined, because their batch or window is gone or they were joined before.
   */
  join(
    batchId: string,
    rows: Uint32Array | undefined,
    count: number,
    visit: (window: number, score: number, place: number) => void,
  ): { readonly unknown: number; readonly repeated: number } {
    const batch = this.#batches.get(batchId)
    if (batch === undefined) return { unknown: count, repeated: 0 }
    let unknown = 0
    let repeated = 0
    for (let place = 0; place < count; place++) {
      const row = rows === undefined ? place : (rows[place] as number)
      const id = windowOf(batch.segments, row)
      const window = id === undefined ? undefined : this.#windows.get(id)
      if (id === undefined || window === undefined) unknown++
      else if (batch.joined[row] === 1) repeated++
      else {
        batch.joined[row] = 1
        window.joined++
        this.#noteComplete(id, window)
        visit(id, batch.scores[row] as number, place)
      }
    }
    return { unknown, repeated }
  }

  /**
   * Windows that are over and have waited so long after their last prediction, and with `complete` those that wait for nothing more; the oldest
   * first. Asked after each observation, it costs nothing while no window is due, however many wait.
   */
  due(now: number, maxDelayMs: number, complete: boolean): readonly LateWindow[] {
    const ids = new Set(complete ? this.#complete : [])
    if (now - this.#leastTime >= maxDelayMs) {
      this.#leastTime = Number.POSITIVE_INFINITY
      for (const [id, { isOver, lastTime }] of this.#windows) {
        if (!isOver) continue
        if (now - lastTime >= maxDelayMs) ids.add(id)
        this.#leastTime = Math.min(this.#leastTime, lastTime)
      }
    }
    return [...ids].sort((left, right) => left - right).map((id) => ({ id, ...(this.#windows.get(id) as OpenWindow) }))
  }

  /** Takes a window off, and the batches that were in no other. */
  remove(id: number): void {
    const window = this.#windows.get(id)
    if (window === undefined) return
    this.#windows.delete(id)
    this.#complete.delete(id)
    this.#rows -= window.bounds.rows + window.batchIds.length * rowsPerBatch
    for (const batchId of window.batchIds) {
      const batch = this.#batches.get(batchId)
      if (batch === undefined) continue
      const { segments } = batch
      const kept = segments.filter((_, index) => this.#windows.has(segments[index - (index % 3)] as number))
      if (kept.length === 0) this.#batches.delete(batchId)
      else batch.segments = kept
    }
  }

  toJSON(): Json {
    return {
      cutter: this.#cutter.toJSON(),
      next: this.#next,
      windows: [...this.#windows].map(([id, { bounds, isOver, joined, lastTime }]) => [
        id,
        { joined, isOver, lastTime, bounds: { ...bounds } },
      ]),
      batches: [...this.#batches].map(([id, { scores, joined, segments }]) => [id, bytesToText(scores), bytesToText(joined), segments]),
    }
  }

  static fromJSON(definition: WindowDefinition, stored: Json): LateWindows {
    const state = stored as unknown as State
    const late = new LateWindows(definition)
    late.#cutter = WindowCutter.fromJSON(definition, state.cutter)
    late.#next = state.next
    for (const [id, window] of state.windows) {
      late.#windows.set(id, { ...window, batchIds: [] })
      late.#rows += window.bounds.rows
      if (window.isOver) late.#leastTime = Math.min(late.#leastTime, window.lastTime)
    }
    for (const [batchId, scores, joined, segments] of state.batches) {
      late.#batches.set(batchId, { scores: new Float32Array(textToBytes(scores).buffer), joined: textToBytes(joined), segments })
      for (let index = 0; index < segments.length; index += 3) {
        late.#windows.get(segments[index] as number)?.batchIds.push(batchId)
        late.#rows += rowsPerBatch
      }
    }
    return late
  }

  #end(bounds: WindowBounds): void {
    const window = this.#windows.get(this.#next)
    if (window !== undefined) {
      window.bounds = bounds
      window.isOver = true
      this.#leastTime = Math.min(this.#leastTime, window.lastTime)
      this.#noteComplete(this.#next, window)
    }
    this.#next++
  }

  #noteComplete(id: number, { bounds, isOver, joined }: OpenWindow): void {
    if (isOver && joined === bounds.rows) this.#complete.add(id)
  }
}

function windowOf(segments: readonly number[], row: number): number | undefined {
  for (let index = 0; index < segments.length; index += 3) {
    if (row >= (segments[index + 1] as number) && row < (segments[index + 2] as number)) return segments[index] as number
  }
  return undefined
}
