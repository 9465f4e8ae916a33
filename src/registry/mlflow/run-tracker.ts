import { MillraceError, messageOf } from '../../core/error.ts'
import { RunFold } from '../../pipeline/fold-record.ts'
import type { PipelineEvent } from '../../pipeline/pipeline-event.ts'
import type { RunHandle } from '../../pipeline/run.ts'
import { runOwned } from '../../pipeline/run-owned.ts'
import type { RunRecord } from '../../pipeline/run-record.ts'
import { readRun } from '../../pipeline/run-store.ts'
import { numbersFromJson } from '../../pipeline/stored-numbers.ts'
import { assertWholeNumber } from '../names.ts'
import { MlflowConnection } from './connection.ts'
import { Experiment } from './experiment.ts'
import { NoteQueue } from './note-queue.ts'
import { beginningOf, endingOf } from './record-notes.ts'
import { isTransient } from './reply.ts'
import { notesOf } from './run-notes.ts'
import type { TrackedRun, TrackRunOptions } from './run-tracking.ts'
import type { RunBeginning } from './run-writer.ts'
import { RunWriter } from './run-writer.ts'
import type { RunStatus } from './runs.ts'

type Failure = { readonly error: unknown }
type Ending = { readonly record: RunRecord } | Failure

const statusOf = { succeeded: 'FINISHED', failed: 'FAILED', cancelled: 'KILLED', unfinished: 'FAILED' } as const satisfies Record<
  RunRecord['outcome'],
  RunStatus
>

/** Takes the events of a run as they come and delivers them in the background, in batches. */
export class RunTracker {
  readonly finished: Promise<TrackedRun>
  readonly #options: TrackRunOptions
  readonly #handle: Pick<RunHandle<unknown>, 'id' | 'result' | 'on'>
  readonly #connection: MlflowConnection
  readonly #experiment: Experiment
  readonly #queue: NoteQueue
  readonly #over = new AbortController()
  /** Of a run whose events were heard from the first on. */
  readonly #fold = new RunFold()
  /** Undefined before the first event. */
  #beginning: RunBeginning | undefined
  #writer: RunWriter | undefined
  #status: RunStatus = 'FAILED'
  /** The parameters and tags that the run was begun with are in the queue, or were. */
  #isDescribed = false
  /** Events came before somebody listened. */
  #isLate = false
  /** Of a run whose first events were missed: the stages that told figures since. */
  readonly #heardStages = new Set<string>()
  #isReported = false
  /** The server refuses, or another owner writes: nothing more is tried. */
  #refusal: Failure | undefined

  constructor(options: TrackRunOptions, handle: Pick<RunHandle<unknown>, 'id' | 'result' | 'on'>) {
    this.#options = options
    this.#handle = handle
    this.#queue = new NoteQueue(assertWholeNumber('maxQueuedMetrics', options.maxQueuedMetrics ?? 100_000, 1))
    assertWholeNumber('flushIntervalMs', options.flushIntervalMs ?? 1000, 1)
    this.#connection = new MlflowConnection(options)
    this.#experiment = new Experiment(this.#connection, options.experiment ?? 'millrace')
    const stop = handle.on((event) => this.#take(event))
    const ending = handle.result
      .then(({ record }): Ending => ({ record }), endingIn)
      .finally(() => {
        stop()
        this.#over.abort()
      })
    this.finished = this.#deliver(ending)
  }

  /** Only puts aside what is to be written. */
  #take(event: PipelineEvent): void {
    this.#beginning ??= this.#begun(event)
    if (event.type === 'run-finished') this.#status = statusOf[event.outcome]
    if (event.type === 'run-started' || this.#fold.epoch > 0) this.#fold.apply(event)
    if (event.type === 'run-started') this.#describe(this.#fold.record())
    const notes = notesOf(event)
    if (this.#fold.epoch === 0 && 'stage' in event && (notes.metrics?.length ?? 0) > 0) this.#heardStages.add(event.stage)
    this.#queue.add(notes)
  }

  #begun(event: PipelineEvent): RunBeginning {
    const of = { id: this.#handle.id, startedAt: event.time }
    if (event.type === 'run-started') return { ...of, pipeline: event.pipeline, epoch: 1 }
    if (event.type === 'run-resumed') return { ...of, pipeline: undefined, epoch: event.epoch }
    this.#isLate = true
    return { ...of, pipeline: undefined, epoch: undefined }
  }

  #describe(record: RunRecord): void {
    if (this.#isDescribed) return
    this.#isDescribed = true
    this.#queue.add(beginningOf(record))
  }

  async #deliver(coming: Promise<Ending>): Promise<TrackedRun> {
    const { signal } = this.#over
    while (!signal.aborted) {
      await this.#connection.clock.sleep(this.#options.flushIntervalMs ?? 1000, signal).catch(() => {})
      if (!signal.aborted && this.#beginning !== undefined) await this.#attempt(() => this.#flush())
    }
    const failure = await this.#conclude(await coming)
    return { mlflowRunId: this.#writer?.runId, droppedMetrics: this.#queue.dropped, error: failure?.error }
  }

  async #conclude(ending: Ending): Promise<Failure | undefined> {
    if ('error' in ending) {
      // Taken over: what becomes of the run is for its new owner to say. Or it never began, and there is nothing to write.
      if (MillraceError.is(ending.error, 'RUN_OWNED') || this.#beginning === undefined) return ending
    }
    const failure = await this.#attempt(() => this.#end('record' in ending ? ending.record : undefined))
    // Whatever was refused, a run that is over is not shown as one that goes on.
    if (failure !== undefined && !MillraceError.is(failure.error, 'RUN_OWNED'))
      await this.#writer?.end(this.#status, undefined).catch(() => {})
    if (failure !== undefined) return failure
    if (this.#isLate) return { error: late() }
    return this.#isDescribed || this.#writer?.isDescribed === true ? undefined : { error: undescribed() }
  }

  async #attempt(work: () => Promise<void>): Promise<Failure | undefined> {
    if (this.#refusal !== undefined) return this.#refusal
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
  async #flush(): Promise<void> {
    const writer = await this.#open()
    if (this.#queue.isEmpty) return
    const batch = this.#queue.take()
    try {
      await writer.log(batch)
    } catch (error) {
      this.#queue.putBack(batch)
      throw error
    }
  }

  async #open(): Promise<RunWriter> {
    if (this.#writer !== undefined) return this.#writer
    const { id } = this.#handle
    let beginning = this.#beginning ?? { id, pipeline: undefined, epoch: undefined, startedAt: this.#connection.clock.now() }
    const record = this.#isDescribed ? undefined : await this.#storedRecord()
    if (record !== undefined) {
      this.#describe(record)
      const { pipeline, epoch, startedAt } = record
      beginning = { id, pipeline, epoch: beginning.epoch ?? epoch, startedAt }
    }
    this.#writer = await RunWriter.open(this.#connection, this.#experiment, beginning)
    this.#beginning = beginning
    return this.#writer
  }

  async #end(final: RunRecord | undefined): Promise<void> {
    const record = final ?? (this.#fold.epoch > 0 ? this.#fold.record() : await this.#storedRecord())
    const { id, epoch = record?.epoch } = this.#beginning ?? { id: this.#handle.id }
    if (record !== undefined && epoch !== undefined && record.epoch > epoch) throw runOwned(id, record.epoch, 'resumed')
    if (record !== undefined) this.#read(record)
    const writer = await this.#open()
    if (record !== undefined && this.#fold.epoch === 0 && (this.#isLate || !writer.isGoneOnWith))
      for (const notes of endingOf(record, (stage) => this.#heardStages.has(stage))) this.#queue.add(notes)
    this.#queue.addGaps()
    await this.#flush()
    await writer.storeRecord(record, (error) => this.#report(error))
    await writer.end(this.#status, record?.pipeline)
  }

  /** What no event told is read of the record that the run left. */
  #read(record: RunRecord): void {
    if (this.#beginning === undefined) {
      this.#isLate = true
      const { id, pipeline, epoch, startedAt } = record
      this.#beginning = { id, pipeline, epoch, startedAt }
    }
    this.#status = statusOf[record.outcome]
    this.#describe(record)
  }

  /** Of a run that began before somebody listened, where its storage is known. */
  async #storedRecord(): Promise<RunRecord | undefined> {
    const { storage } = this.#options
    if (storage === undefined) return undefined
    try {
      return await readRun(storage, this.#handle.id)
    } catch (error) {
      this.#report(error)
      return undefined
    }
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

/** The error of a run that failed carries the record. */
function endingIn(error: unknown): Ending {
  if (!MillraceError.is(error, 'RUN_FAILED')) return { error }
  // The details hold a record as JSON, so that the table of codes need not know the pipeline.
  const record = error.details.record as unknown as RunRecord
  const stages = record.stages.map((stage) => (stage.metrics === undefined ? stage : { ...stage, metrics: numbersFromJson(stage.metrics) }))
  return { record: { ...record, stages } }
}

function late(): MillraceError<'ARGUMENT_INVALID'> {
  const expected = 'a run whose first event is still to come'
  const received = 'one that was under way or over'
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected trackRun to be given ${expected}. Received ${received}: what its record holds is written, the figures by step that it told before are not.`,
    details: { argument: 'handle', expected, received },
  })
}

function undescribed(): MillraceError<'ARGUMENT_INVALID'> {
  const expected = 'the storage of a run that is resumed'
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected trackRun to be given ${expected}. Received none, and the run left no record: its parameters and tags are only there if it was tracked before.`,
    details: { argument: 'storage', expected, received: 'none' },
  })
}
