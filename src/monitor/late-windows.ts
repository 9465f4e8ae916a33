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
  batches: number
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
  readonly windows: readonly (readonly [id: number, window: OpenWindow])[]
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

  constructor(definition: WindowDefinition) {
    this.#definition = definition
    this.#cutter = new WindowCutter(definition)
  }

  get definition(): WindowDefinition {
    return this.#definition
  }

  /** What is kept, in rows. */
  get rows(): number {
    let rows = 0
    for (const window of this.#windows.values()) rows += window.bounds.rows + window.batches * rowsPerBatch
    return rows
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
        const window = this.#windows.get(id) ?? { bounds: this.#cutter.bounds(), joined: 0, isOver: false, lastTime: time, batches: 0 }
        window.lastTime = Math.max(window.lastTime, time)
        window.batches++
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
        visit(id, batch.scores[row] as number, place)
      }
    }
    return { unknown, repeated }
  }

  /** Takes a window off, and the batches that were in no other. */
  remove(id: number): void {
    this.#windows.delete(id)
    for (const [batchId, batch] of this.#batches) {
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
      windows: [...this.#windows].map(([id, { bounds, ...window }]) => [id, { ...window, bounds: { ...bounds } }]),
      batches: [...this.#batches].map(([id, { scores, joined, segments }]) => [id, bytesToText(scores), bytesToText(joined), segments]),
    }
  }

  static fromJSON(definition: WindowDefinition, stored: Json): LateWindows {
    const state = stored as unknown as State
    const late = new LateWindows(definition)
    late.#cutter = WindowCutter.fromJSON(definition, state.cutter)
    late.#next = state.next
    for (const [id, window] of state.windows) late.#windows.set(id, { ...window })
    for (const [id, scores, joined, segments] of state.batches) {
      late.#batches.set(id, { scores: new Float32Array(textToBytes(scores).buffer), joined: textToBytes(joined), segments })
    }
    return late
  }

  #end(bounds: WindowBounds): void {
    const window = this.#windows.get(this.#next)
    if (window !== undefined) {
      window.bounds = bounds
      window.isOver = true
    }
    this.#next++
  }
}

function windowOf(segments: readonly number[], row: number): number | undefined {
  for (let index = 0; index < segments.length; index += 3) {
    if (row >= (segments[index + 1] as number) && row < (segments[index + 2] as number)) return segments[index] as number
  }
  return undefined
}
