import { MillraceError, messageOf } from '../../core/error.ts'
import { createIdentifierSource } from '../../core/identifiers.ts'
import { RunFold } from '../../pipeline/fold-record.ts'
import type { PipelineEvent } from '../../pipeline/pipeline-event.ts'
import type { RunHandle } from '../../pipeline/run.ts'
import type { RunRecord } from '../../pipeline/run-record.ts'
import { assertWholeNumber } from '../names.ts'
import { artifactPath, putArtifact } from './artifacts.ts'
import type { MetricPoint } from './batches.ts'
import { logToRun, tagText } from './batches.ts'
import { MlflowConnection } from './connection.ts'
import { Experiment } from './experiment.ts'
import { ownPrefix } from './names.ts'
import { isTransient } from './reply.ts'
import { notesOf, recordText, trackedRunTag } from './run-notes.ts'
import type { TrackedRun, TrackRunOptions } from './run-tracking.ts'
import type { RunStatus } from './runs.ts'
import { createRun, endRun, findRun, resumeRun } from './runs.ts'
import type { ServerRun } from './wire.ts'

const statusOf = { succeeded: 'FINISHED', failed: 'FAILED', cancelled: 'KILLED' } as const satisfies Record<string, RunStatus>
/** Names that did not fit, for a tag. */
const maxLeft = 1000
const recordFile = 'run-record.json'

/** Takes the events of a run as they come and delivers them in the background, in batches. */
export class RunTracker {
  readonly finished: Promise<TrackedRun>
  readonly #options: TrackRunOptions
  readonly #handle: Pick<RunHandle<unknown>, 'id' | 'result' | 'on'>
  readonly #connection: MlflowConnection
  readonly #experiment: Experiment
  readonly #fold = new RunFold()
  readonly #over = new AbortController()
  readonly #maxQueuedMetrics: number
  #metrics: MetricPoint[] = []
  #parameters = new Map<string, string>()
  #tags = new Map<string, string>()
  readonly #left = new Set<string>()
  #dropped = 0
  #begun: { readonly time: number; readonly name: string; readonly isResumed: boolean } | undefined
  #status: RunStatus = 'FAILED'
  #run: ServerRun | undefined
  #isReported = false
  /** The server refuses: nothing more is tried. */
  #refusal: { readonly error: unknown } | undefined

  constructor(options: TrackRunOptions, handle: Pick<RunHandle<unknown>, 'id' | 'result' | 'on'>) {
    this.#options = options
    this.#handle = handle
    this.#maxQueuedMetrics = assertWholeNumber('maxQueuedMetrics', options.maxQueuedMetrics ?? 100_000, 1)
    assertWholeNumber('flushIntervalMs', options.flushIntervalMs ?? 1000, 1)
    this.#connection = new MlflowConnection(options)
    this.#experiment = new Experiment(this.#connection, options.experiment ?? 'millrace')
    const stop = handle.on((event) => this.#take(event))
    const record = handle.result
      .then(({ record }) => record, recordIn)
      .finally(() => {
        stop()
        this.#over.abort()
      })
    this.finished = this.#deliver(record)
  }

  /** Only puts aside what is to be written. */
  #take(event: PipelineEvent): void {
    if (event.type === 'run-started' || event.type === 'run-resumed') {
      const name = event.type === 'run-started' ? event.pipeline : this.#handle.id
      this.#begun ??= { time: event.time, name, isResumed: event.type === 'run-resumed' }
    }
    if (event.type === 'run-finished') this.#status = statusOf[event.outcome]
    if (this.#fold.epoch > 0 || event.type === 'run-started') this.#fold.apply(event)
    const { metrics = [], parameters = [], tags = [], left = [] } = notesOf(event)
    for (const point of metrics) {
      if (this.#metrics.length < this.#maxQueuedMetrics) this.#metrics.push(point)
      else this.#dropped += 1
    }
    for (const [key, text] of parameters) this.#parameters.set(key, text)
    for (const [key, text] of tags) this.#tags.set(key, text)
    for (const name of left) if (this.#left.size < maxLeft) this.#left.add(name)
  }

  async #deliver(record: Promise<RunRecord | undefined>): Promise<TrackedRun> {
    const { signal } = this.#over
    while (!signal.aborted) {
      await this.#connection.clock.sleep(this.#options.flushIntervalMs ?? 1000, signal).catch(() => {})
      if (!signal.aborted) await this.#attempt(async () => void (await this.#flush()))
    }
    const ending = await record
    const failure = await this.#attempt(() => this.#end(ending))
    // Whatever was refused, a run that is over is not shown as one that goes on.
    if (failure !== undefined && this.#run !== undefined) await endRun(this.#connection, this.#run.runId, this.#status, {}).catch(() => {})
    return { mlflowRunId: this.#run?.runId, droppedMetrics: this.#dropped, error: failure?.error }
  }

  async #attempt(work: () => Promise<void>): Promise<{ readonly error: unknown } | undefined> {
    if (this.#refusal !== undefined || this.#begun === undefined) return this.#refusal
    try {
      await work()
      return undefined
    } catch (error) {
      this.#report(error)
      if (!isTransient(error)) this.#refusal = { error }
      return { error }
    }
  }

  /** What cannot be delivered waits for the next time; what is delivered twice is there once. */
  async #flush(): Promise<ServerRun> {
    const run = await this.#open()
    const [metrics, parameters, tags] = [this.#metrics, this.#parameters, this.#tags]
    this.#metrics = []
    this.#parameters = new Map()
    this.#tags = new Map()
    try {
      await logToRun(this.#connection, run.runId, { metrics, parameters, tags }, {})
    } catch (error) {
      const room = Math.max(0, this.#maxQueuedMetrics - metrics.length)
      this.#dropped += Math.max(0, this.#metrics.length - room)
      this.#metrics = [...metrics, ...this.#metrics.slice(0, room)]
      this.#parameters = new Map([...parameters, ...this.#parameters])
      this.#tags = new Map([...tags, ...this.#tags])
      throw error
    }
    return run
  }

  async #open(): Promise<ServerRun> {
    this.#run ??= await this.#begin()
    return this.#run
  }

  async #begin(): Promise<ServerRun> {
    const { time, name, isResumed } = this.#begun ?? { time: this.#connection.clock.now(), name: this.#handle.id, isResumed: false }
    const experimentId = await this.#experiment.openWithoutArtifacts({})
    const wanted = { experimentId, tag: trackedRunTag, value: this.#handle.id }
    const before = isResumed ? await findRun(this.#connection, wanted, {}) : undefined
    if (before !== undefined) {
      await resumeRun(this.#connection, before.runId, {})
      return before
    }
    const requestId = createIdentifierSource({ clock: this.#connection.clock, random: this.#connection.random })()
    const tags = [[trackedRunTag, this.#handle.id]] as const
    return createRun(this.#connection, {
      experimentId,
      requestId,
      runName: `${name} ${this.#handle.id}`,
      startedAt: Math.floor(time),
      tags,
    })
  }

  async #end(record: RunRecord | undefined): Promise<void> {
    if (this.#left.size > 0) this.#tags.set(`${ownPrefix}only-in-record`, tagText([...this.#left].join(', ')))
    if (this.#dropped > 0) this.#tags.set(`${ownPrefix}dropped-metrics`, String(this.#dropped))
    const run = await this.#flush()
    await this.#storeRecord(run, record ?? this.#foldedRecord())
    await endRun(this.#connection, run.runId, this.#status, {})
  }

  /** A server that passes no artifacts on has all but the record. */
  async #storeRecord(run: ServerRun, record: RunRecord | undefined): Promise<void> {
    if (record === undefined) return
    try {
      const path = artifactPath(this.#connection, run.artifactUri)
      await putArtifact(this.#connection, `${path}/${recordFile}`, new TextEncoder().encode(recordText(record)), {})
    } catch (error) {
      if (!MillraceError.is(error, 'REGISTRY_UNSUPPORTED')) throw error
      this.#report(error)
      await logToRun(
        this.#connection,
        run.runId,
        { tags: [[`${ownPrefix}record`, 'not kept: artifacts do not go through this server']] },
        {},
      )
    }
  }

  #foldedRecord(): RunRecord | undefined {
    return this.#fold.epoch > 0 ? this.#fold.record() : undefined
  }

  #report(error: unknown): void {
    if (this.#isReported) return
    this.#isReported = true
    try {
      this.#options.logger?.warn('A run cannot be tracked as it should.', { run: this.#handle.id, error: messageOf(error) })
      this.#options.onError?.(error)
    } catch {
      // Whoever is told must not break the run.
    }
  }
}

/** Of a run that failed: its error carries the record. */
function recordIn(error: unknown): RunRecord | undefined {
  // The details hold a record as JSON, so that the table of codes need not know the pipeline.
  return MillraceError.is(error, 'RUN_FAILED') ? (error.details.record as unknown as RunRecord) : undefined
}
