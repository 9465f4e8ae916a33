import type { Clock } from '../core/clock.ts'
import type { LogTarget } from '../log/log-target.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { Graph } from './graph.ts'
import type { PipelineEvent } from './pipeline-event.ts'
import type { RunRecord } from './run-record.ts'

/** What a definition is given when it is run; each has a default. */
export interface RunOptions {
  /** Holds the cache, the journal and what stages store. Default: memory, gone with the run. */
  readonly storage?: StorageAdapter
  readonly logger?: LogTarget
  /** Default: in this process. */
  readonly runner?: Runner
  readonly clock?: Clock
  /** Cancels the run: it rejects with `signal.reason` once the stages under way have settled. */
  readonly signal?: AbortSignal
  /** 1 to 100 of `[a-z0-9-]`, new in this storage. Default: one that sorts by time. */
  readonly id?: string
  /** With `resume`: added to the run's, and of two values of a name the later one counts. */
  readonly tags?: Readonly<Record<string, string>>
  /** Of every random stream that stages are given. Default 0. */
  readonly seed?: number
  /** How many stages (and items of maps) are under way at most. Default 4. */
  readonly concurrency?: number
  /** True: the first failure stops the run. False: what does not depend on it goes on. Default true. */
  readonly failFast?: boolean
  /** Names of stages to run though nothing changed; the name of a nested pipeline or branch means all stages in it. */
  readonly force?: readonly string[]
  /**
   * The run to go on with, under its own id: what it did is not done again, and what it had begun is. The pipeline and the input must be those that it was begun
   * with; its seed and what it forces are taken from it.
   */
  readonly resume?: string
  /** With `resume`: does not wait to see whether the run's owner lives. For when you know that it must not go on. */
  readonly takeOver?: boolean
  /**
   * How long, in milliseconds, the run's owner may show no sign of life before another process that resumes the run takes it over; default 10,000. Longer where
   * stages keep the thread busy for longer: an owner that was taken over by mistake stops with `RUN_OWNED`.
   */
  readonly leaseMs?: number
  /** Outputs whose stored form is larger are not kept in the cache; default 64 MB. What they hold in blobs does not count. */
  readonly maxEntryBytes?: number
  /** A git commit, say: for lineage. With `resume` it is kept with the resumption, and what is made from then on has it. */
  readonly codeVersion?: string
  readonly onEvent?: (event: PipelineEvent) => unknown
}

/** The input, where the pipeline takes one. */
// biome-ignore lint/suspicious/noConfusingVoidType: void is how a pipeline says that it takes no input.
export type WithInput<Input> = [Input] extends [void] ? { readonly input?: undefined } : { readonly input: Input }

/** A run that succeeded. */
export interface Run<Output> {
  readonly id: string
  readonly record: RunRecord
  readonly output: Output
}

/** A started run: its id is known before anything can fail, so that another process can resume it. */
export interface RunHandle<Output> {
  readonly id: string
  /**
   * @throws {@link MillraceError} `RUN_FAILED` with the record in its details and `STAGE_FAILED` as its cause; `RUN_EXISTS`; `RUN_OWNED` when
   * another process has taken the run over; for `resume` too: `RUN_NOT_FOUND`, `RUN_OWNED` and `CODE_MISMATCH`, and then nothing was changed;
   * `ARGUMENT_INVALID`; `signal.reason` when cancelled.
   */
  readonly result: Promise<Run<Output>>
  /** Adds a listener for what comes from now on; the function that comes back takes it off. One that throws is logged and breaks nothing. */
  on(listener: (event: PipelineEvent) => unknown): () => void
}

/** What a runner is given: a pipeline's graph and name. */
export interface Runnable {
  readonly name: string
  readonly graph: Graph
}

/** Runs graphs: the only place with concurrency. */
export interface Runner {
  readonly name: string
  start(pipeline: Runnable, options: RunOptions & { readonly input?: unknown }): RunHandle<unknown>
}
