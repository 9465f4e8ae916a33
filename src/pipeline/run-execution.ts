import { throwIfAborted } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError, messageOf } from '../core/error.ts'
import { Events } from '../core/events.ts'
import { createIdentifierSource } from '../core/identifiers.ts'
import { toJson } from '../core/json.ts'
import type { LogTarget } from '../log/log-target.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { MemoryStorage } from '../storage/memory.ts'
import { recordError } from './attempts.ts'
import { StageCache } from './cache.ts'
import { foldRecord } from './fold-record.ts'
import { portablesOf, workNodes } from './graph.ts'
import { executeGraph } from './graph-execution.ts'
import { Journal } from './journal.ts'
import { createJsonCodec } from './json-codec.ts'
import { Limiter } from './limiter.ts'
import type { PipelineEvent, RunFinished } from './pipeline-event.ts'
import type { Run, Runnable, RunOptions } from './run.ts'
import { checkRunOptions, isForcedBy } from './run-options.ts'
import type { RunRecord } from './run-record.ts'
import type { NewEvent, RunScope, Valued } from './run-scope.ts'
import { readRun } from './run-store.ts'
import { silentLogger } from './stage-logger.ts'

type Options = RunOptions & { readonly input?: unknown }

/** One run in this process: claims its id, runs the graph, tells and records what happens. */
export class RunExecution {
  readonly id: string
  readonly #pipeline: Runnable
  readonly #options: Options
  readonly #retry: { readonly retryDelayMs: number; readonly maxRetryDelayMs: number }
  readonly #storage: StorageAdapter
  readonly #logger: LogTarget
  readonly #clock: Clock
  readonly #events: Events<PipelineEvent>
  /** What the journal has, for the record. */
  readonly #kept: PipelineEvent[] = []
  readonly #stop = new AbortController()
  #journal: Journal | undefined
  #journalFailure: { readonly error: unknown } | undefined

  constructor(pipeline: Runnable, options: Options, retry: { readonly retryDelayMs: number; readonly maxRetryDelayMs: number }) {
    this.#pipeline = pipeline
    this.#options = options
    this.#retry = retry
    this.#clock = options.clock ?? systemClock
    this.#storage = options.storage ?? new MemoryStorage()
    this.#logger = options.logger ?? silentLogger
    this.id = options.id ?? createIdentifierSource({ clock: this.#clock })()
    this.#events = new Events<PipelineEvent>({
      onListenerError: (error, event) =>
        this.#logger.error('A listener of a run failed.', { run: this.id, event: event.type, error: messageOf(error) }),
    })
    if (options.onEvent !== undefined) this.#events.on(options.onEvent)
  }

  readonly on = (listener: (event: PipelineEvent) => unknown): (() => void) => this.#events.on(listener)

  async run(): Promise<Run<unknown>> {
    const { signal, resume } = this.#options
    checkRunOptions(this.id, this.#pipeline.graph, this.#options)
    throwIfAborted(signal)
    const resumed = resume === undefined ? undefined : await this.#resumed(resume)
    const seed = this.#options.seed ?? resumed?.seed ?? 0
    await this.#begin(seed)
    const startedMs = this.#clock.monotonicMs()
    const finish = (outcome: RunFinished['outcome'], error?: unknown): Promise<RunRecord> =>
      this.#finish({
        outcome,
        durationMs: this.#clock.monotonicMs() - startedMs,
        ...(error === undefined ? {} : { error: recordError(error) }),
      })
    try {
      const scope = this.#scope(seed)
      const output = await executeGraph(scope, this.#pipeline.graph, await inputOf(scope, this.#options.input), {
        placeOf: (node) => ({ stage: node, path: node }),
        needsDigest: false,
      })
      // A run that was cancelled in its last moment has its outputs in the cache, and is cancelled all the same.
      throwIfAborted(signal)
      return { id: this.id, record: await finish('succeeded'), output: output.value }
    } catch (error) {
      if (signal?.aborted === true) {
        // That the journal cannot say so changes nothing for whoever cancelled.
        await finish('cancelled').catch(() => {})
        throw signal.reason
      }
      if (this.#journalFailure !== undefined) throw this.#journalFailure.error
      throw this.#failed(await finish('failed', error), error)
    }
  }

  /** The first event claims the run's id; it is told once that is ours. */
  async #begin(seed: number): Promise<void> {
    const { tags = {}, codeVersion, resume } = this.#options
    const first: PipelineEvent = {
      type: 'run-started',
      runId: this.id,
      time: this.#clock.now(),
      pipeline: this.#pipeline.name,
      stages: workNodes(this.#pipeline.graph).map((node) => node.id),
      seed,
      tags: { ...tags },
      ...(codeVersion === undefined ? {} : { codeVersion }),
      ...(resume === undefined ? {} : { resumes: resume }),
    }
    this.#journal = await Journal.open(this.#storage, first, (error) => {
      this.#journalFailure = { error }
      this.#stop.abort(error)
    })
    this.#tell(first)
  }

  async #resumed(runId: string): Promise<RunRecord> {
    const record = await readRun(this.#storage, runId)
    if (record.pipeline === this.#pipeline.name) return record
    throw new MillraceError('ARGUMENT_INVALID', {
      message: `Expected "resume" to name a run of pipeline "${this.#pipeline.name}". Received "${runId}", a run of "${record.pipeline}".`,
      details: { argument: 'resume', expected: `a run of ${this.#pipeline.name}`, received: `a run of ${record.pipeline}` },
    })
  }

  #scope(seed: number): RunScope {
    const { signal, codeVersion, failFast = true, concurrency = 4, force = [] } = this.#options
    return {
      runId: this.id,
      storage: this.#storage,
      cache: new StageCache(this.#storage, this.#pipeline.name),
      codec: createJsonCodec(),
      portables: portablesOf(this.#pipeline.graph),
      logger: this.#logger,
      clock: this.#clock,
      seed,
      codeVersion,
      failFast,
      concurrency,
      ...this.#retry,
      limiter: new Limiter(concurrency),
      signal: signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]),
      isCancelled: () => signal?.aborted === true,
      stop: () => this.#stop.abort(new Error('Another stage of the run failed.')),
      isForced: (node) => isForcedBy(force, node),
      emit: (event) => this.#emit(event),
    }
  }

  #emit(event: NewEvent): void {
    const whole = { ...event, runId: this.id, time: this.#clock.now() } as PipelineEvent
    this.#journal?.add(whole)
    this.#tell(whole)
  }

  #tell(event: PipelineEvent): void {
    if (event.type !== 'stage-progress') this.#kept.push(event)
    this.#log(event)
    this.#events.emit(event)
  }

  #log(event: PipelineEvent): void {
    const { type, runId, time: _, ...fields } = event
    if (type === 'stage-progress') return
    const level = type === 'stage-failed' ? 'error' : type === 'stage-attempt-failed' ? 'warn' : 'debug'
    try {
      this.#logger[level](type, { run: runId, ...fields })
    } catch {
      // A host's logger that throws is no fault of the stage that is being told of.
    }
  }

  async #finish(event: Pick<RunFinished, 'outcome' | 'durationMs' | 'error'>): Promise<RunRecord> {
    this.#emit({ type: 'run-finished', ...event })
    await this.#journal?.flush()
    return foldRecord(this.#kept)
  }

  #failed(record: RunRecord, cause: unknown): MillraceError<'RUN_FAILED'> {
    const stage = MillraceError.is(cause, 'STAGE_FAILED') ? cause.details.stage : ''
    return new MillraceError('RUN_FAILED', {
      message: `Expected run "${this.id}" of pipeline "${this.#pipeline.name}" to succeed. Received a failure. ${messageOf(cause)}`,
      details: { runId: this.id, stage, record: toJson(record) },
      cause,
    })
  }
}

/** The pipeline's input with the digest that the first stages are keyed by. */
async function inputOf(scope: RunScope, value: unknown): Promise<Valued> {
  const { storage, portables, signal } = scope
  const { digest } = await scope.codec.encode(value, { storage, portables, signal })
  return { value, digest }
}
