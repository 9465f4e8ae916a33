import type { RunHandle, Runnable, Runner, RunOptions } from './run.ts'
import { RunExecution } from './run-execution.ts'

export interface LocalRunnerOptions {
  /** Bound of the wait before the first retry, in milliseconds; it doubles with each. Default 1,000. */
  readonly retryDelayMs?: number
  /** Bound of the wait before any retry, in milliseconds. Default 30,000. */
  readonly maxRetryDelayMs?: number
}

/**
 * Runs pipelines in this process, on its one thread: what waits for storage or the network overlaps, up to the run's `concurrency`.
 *
 * @example
 * await pipeline.run({ storage, runner: new LocalRunner({ retryDelayMs: 50 }) })
 */
export class LocalRunner implements Runner {
  readonly name: string = 'local'
  readonly #retryDelayMs: number
  readonly #maxRetryDelayMs: number

  constructor(options: LocalRunnerOptions = {}) {
    this.#retryDelayMs = options.retryDelayMs ?? 1000
    this.#maxRetryDelayMs = options.maxRetryDelayMs ?? 30_000
  }

  start(pipeline: Runnable, options: RunOptions & { readonly input?: unknown }): RunHandle<unknown> {
    const execution = new RunExecution(pipeline, options, { retryDelayMs: this.#retryDelayMs, maxRetryDelayMs: this.#maxRetryDelayMs })
    // Behind a turn of the microtask queue, so that whoever listens to the handle hears the first event.
    const result = Promise.resolve().then(() => execution.run())
    // A host that only listens is told by the events; it must not be ended by a rejection that it does not wait for.
    result.catch(() => {})
    return Object.freeze({ id: execution.id, result, on: execution.on })
  }
}
