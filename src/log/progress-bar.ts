import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { LogSink } from './log-target.ts'
import { ProgressRate } from './progress-rate.ts'
import type { ProgressView } from './render-progress.ts'
import { renderProgress } from './render-progress.ts'

/** How far a task is. */
export interface Progress {
  readonly done: number
  /** In the unit of `done`. */
  readonly total?: number
  readonly unit?: string
  /** Figures to show beside it, such as the loss. */
  readonly fields?: Readonly<Record<string, number>>
}

export interface ProgressBarOptions {
  /** Where the text goes, such as `(text) => process.stderr.write(text)`. */
  readonly write: (text: string) => void
  /** A terminal gets one line that is redrawn; anything else gets plain lines. */
  readonly isTerminal: boolean
  /** Width of the terminal now; default 80. */
  readonly columns?: number | (() => number | undefined)
  readonly clock?: Clock
  /** Between two drawings in a terminal; default 100 ms. */
  readonly redrawMs?: number
  /** Between two plain lines of one task; default 5,000 ms. */
  readonly plainMs?: number
}

export interface ProgressBar {
  /** Cheap: most calls draw nothing. */
  update(task: string, progress: Progress): void
  /** The task has ended: its last line stays. A task that was never updated leaves none. */
  finish(task: string): void
  /** A sink that prints above the bar: the line is wiped before a record and drawn again after it. */
  above(sink: LogSink): LogSink
  /** Ends every task. */
  close(): void
}

interface Task {
  readonly startMs: number
  readonly rate: ProgressRate
  progress: Progress
  drawnMs: number
}

const wipeLine = '\r\u001b[2K'

/**
 * Shows how far tasks are: in a terminal one redrawn line for the task that moved last, with bar, rate, figures and time left; elsewhere a plain line every
 * few seconds and one at the end, so that a log file stays readable. A `write` that throws is not called again, and breaks nothing.
 *
 * @example
 * const bar = progressBar({ write: (text) => process.stderr.write(text), isTerminal: process.stderr.isTTY, columns: () => process.stderr.columns })
 * await pipeline.run({ storage, onEvent: (event) => {
 *   if (event.type === 'stage-progress') bar.update(event.stage, event)
 *   if (event.type === 'stage-succeeded') bar.finish(event.stage)
 * } })
 */
export function progressBar(options: ProgressBarOptions): ProgressBar {
  return new Bar(options)
}

class Bar implements ProgressBar {
  readonly #options: ProgressBarOptions
  readonly #clock: Clock
  readonly #tasks = new Map<string, Task>()
  /** The line on the screen now, without its end. */
  #line = ''
  #broken = false

  constructor(options: ProgressBarOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  update(name: string, progress: Progress): void {
    const nowMs = this.#clock.monotonicMs()
    let task = this.#tasks.get(name)
    if (task === undefined) {
      // The first plain line waits a while too: a task that is over at once has one line, its last.
      task = { startMs: nowMs, rate: new ProgressRate(), progress, drawnMs: this.#options.isTerminal ? Number.NEGATIVE_INFINITY : nowMs }
      this.#tasks.set(name, task)
    }
    task.progress = progress
    task.rate.add(nowMs, progress.done)
    const everyMs = this.#options.isTerminal ? (this.#options.redrawMs ?? 100) : (this.#options.plainMs ?? 5_000)
    if (nowMs - task.drawnMs < everyMs) return
    task.drawnMs = nowMs
    const line = this.#render(name, task, nowMs, false)
    if (this.#options.isTerminal) this.#show(line)
    else this.#write(`${line}\n`)
  }

  finish(name: string): void {
    const task = this.#tasks.get(name)
    if (task === undefined) return
    this.#tasks.delete(name)
    const line = this.#render(name, task, this.#clock.monotonicMs(), true)
    this.#write(this.#options.isTerminal ? `${wipeLine}${line}\n` : `${line}\n`)
    this.#line = ''
  }

  above(sink: LogSink): LogSink {
    const write = (record: Parameters<LogSink['write']>[0]): void => {
      const line = this.#line
      if (line !== '') this.#write(wipeLine)
      try {
        sink.write(record)
      } finally {
        if (line !== '') this.#write(line)
      }
    }
    return sink.flush === undefined ? { write } : { write, flush: () => sink.flush?.() ?? Promise.resolve() }
  }

  close(): void {
    for (const name of [...this.#tasks.keys()]) this.finish(name)
  }

  #render(name: string, task: Task, nowMs: number, finished: boolean): string {
    const { done, total } = task.progress
    const elapsedSeconds = (nowMs - task.startMs) / 1000
    // In the end the average over the whole task says more.
    const perSecond = finished ? (elapsedSeconds > 0 ? done / elapsedSeconds : undefined) : task.rate.perSecond()
    const view: ProgressView = {
      task: name,
      ...task.progress,
      elapsedSeconds,
      finished,
      ...(perSecond === undefined ? {} : { perSecond }),
      ...(perSecond === undefined || total === undefined ? {} : { secondsLeft: Math.max(0, total - done) / perSecond }),
    }
    return renderProgress(view, this.#columns())
  }

  #show(line: string): void {
    this.#write(`${wipeLine}${line}`)
    this.#line = line
  }

  /** One short of the width, since a full line wraps in some terminals and could not be wiped. */
  #columns(): number {
    if (!this.#options.isTerminal) return 120
    const { columns } = this.#options
    const width = typeof columns === 'function' ? columns() : columns
    return (width !== undefined && width > 0 ? width : 80) - 1
  }

  #write(text: string): void {
    if (this.#broken) return
    try {
      this.#options.write(text)
    } catch {
      this.#broken = true
    }
  }
}
