import { throwIfAborted } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError, messageOf } from '../core/error.ts'
import { Events } from '../core/events.ts'
import type { IdentifierSource } from '../core/identifiers.ts'
import { createIdentifierSource } from '../core/identifiers.ts'
import type { LogTarget } from '../log/log-target.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { MemoryStorage } from '../storage/memory.ts'
import { recordError } from './attempts.ts'
import { StageCache } from './cache.ts'
import type { RunClaim } from './claim-run.ts'
import { beginRun, resumeRun } from './claim-run.ts'
import { portablesOf, workNodes } from './graph.ts'
import { executeGraph } from './graph-execution.ts'
import { createJsonCodec } from './json-codec.ts'
import { KeptOutputs } from './kept-outputs.ts'
import { Limiter } from './limiter.ts'
import { markEnded, markOpen } from './open-runs.ts'
import type { PipelineEvent, RunFinished } from './pipeline-event.ts'
import type { Run, Runnable, RunOptions } from './run.ts'
import { identitiesOf } from './run-identity.ts'
import { defaultLeaseMs, Heartbeat } from './run-lease.ts'
import { checkRunOptions, isForcedBy } from './run-options.ts'
import type { RunRecord } from './run-record.ts'
import type { NewEvent, RunScope, Valued } from './run-scope.ts'
import { recordToJson, writeSummary } from './run-summary.ts'
import { silentLogger } from './stage-logger.ts'

type Options = RunOptions & { readonly input?: unknown }
type RunInput = Valued & { readonly failure?: { readonly error: unknown } }

const defaultMaxEntryBytes = 64 * 1024 * 1024

/** One run in this process: claims its id, runs the graph, tells and records what happens. */
export class RunExecution {
  readonly id: string
  readonly #pipeline: Runnable
  /** Told when it is run: who starts it has the handle by then. */
  readonly #fault: { readonly error: unknown } | undefined
  readonly #options: Options
  readonly #retry: { readonly retryDelayMs: number; readonly maxRetryDelayMs: number }
  readonly #storage: StorageAdapter
  /** Whether another process could see anything of it. */
  readonly #isShared: boolean
  readonly #logger: LogTarget
  readonly #clock: Clock
  readonly #newId: IdentifierSource
  readonly #events: Events<PipelineEvent>
  readonly #codec = createJsonCodec()
  readonly #stop = new AbortController()
  #claim: RunClaim | undefined
  #heartbeat: Heartbeat | undefined
  #journalFailure: { readonly error: unknown } | undefined

  constructor(pipeline: Runnable, given: Options, retry: { readonly retryDelayMs: number; readonly maxRetryDelayMs: number }) {
    this.#pipeline = pipeline
    this.#fault = faultOf(() => checkRunOptions(pipeline.graph, given))
    const options = this.#fault === undefined ? given : {}
    this.#options = options
    this.#retry = retry
    this.#clock = options.clock ?? systemClock
    this.#isShared = options.storage !== undefined
    this.#storage = options.storage ?? new MemoryStorage()
    this.#logger = options.logger ?? silentLogger
    this.#newId = createIdentifierSource({ clock: this.#clock })
    const named = given?.resume ?? given?.id
    this.id = typeof named === 'string' ? named : this.#newId()
    this.#events = new Events<PipelineEvent>({
      onListenerError: (error, event) =>
        this.#logger.error('A listener of a run failed.', { run: this.id, event: event.type, error: messageOf(error) }),
    })
    if (options.onEvent !== undefined) this.#events.on(options.onEvent)
  }

  readonly on = (listener: (event: PipelineEvent) => unknown): (() => void) => this.#events.on(listener)

  async run(): Promise<Run<unknown>> {
    const { signal } = this.#options
    if (this.#fault !== undefined) throw this.#fault.error
    throwIfAborted(signal)
    const input = await this.#encodeInput()
    const marking = this.#markNew()
    const claim = await this.#claimRun(input).catch(async (error: unknown) => {
      await this.#unmark(marking)
      throw error
    })
    this.#claim = claim
    const startedMs = this.#clock.monotonicMs()
    this.#tell(claim.first)
    const finish = (outcome: RunFinished['outcome'], error?: unknown): Promise<RunRecord> =>
      this.#finish(claim, {
        outcome,
        durationMs: this.#clock.monotonicMs() - startedMs,
        ...(error === undefined ? {} : { error: recordError(error) }),
      })
    try {
      // Before anything is taken from the cache.
      if (this.#isShared) await (marking ?? markOpen(this.#storage, { runId: this.id, epoch: claim.epoch, leaseMs: claim.leaseMs }))
      this.#startHeartbeat(claim)
      if (input.failure !== undefined) throw input.failure.error
      const output = await executeGraph(this.#scope(claim), this.#pipeline.graph, input, {
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
    } finally {
      await this.#heartbeat?.stop()
    }
  }

  /** An id that was made just now is nobody else's, so its marker need not wait until it is claimed. */
  #markNew(): Promise<void> | undefined {
    const { id, resume, leaseMs = defaultLeaseMs } = this.#options
    if (!this.#isShared || id !== undefined || resume !== undefined) return undefined
    const marking = markOpen(this.#storage, { runId: this.id, epoch: 1, leaseMs })
    // Waited for once the run is claimed.
    marking.catch(() => {})
    return marking
  }

  /** A run that could not begin holds nothing. */
  async #unmark(marking: Promise<void> | undefined): Promise<void> {
    try {
      if (marking === undefined) return
      await marking
      await markEnded(this.#storage, this.id, 1, { isResumable: false })
    } catch {
      // Why it could not begin is what is told.
    }
  }

  #claimRun(input: RunInput): Promise<RunClaim> {
    const options = this.#options
    const { graph, name } = this.#pipeline
    const { resume, takeOver = false, tags, codeVersion, seed, force = [], leaseMs = defaultLeaseMs } = options
    const who = {
      storage: this.#storage,
      runId: this.id,
      owner: this.#newId(),
      clock: this.#clock,
      onFailure: (error: unknown): void => {
        this.#journalFailure = { error }
        this.#stop.abort(error)
      },
    }
    const identities = identitiesOf(graph)
    const inputDigest = input.digest ?? null
    const code = codeVersion === undefined ? {} : { codeVersion }
    if (resume !== undefined) {
      const { signal } = options
      const now = { pipeline: name, identities, inputDigest, options }
      const given = { ...code, ...(tags === undefined ? {} : { tags: { ...tags } }) }
      return resumeRun(who, now, { takeOver, leaseMs, ...given, ...(signal === undefined ? {} : { signal }) })
    }
    return beginRun(who, {
      type: 'run-started',
      runId: this.id,
      time: this.#clock.now(),
      pipeline: name,
      stages: workNodes(graph).map((node) => node.id),
      identities,
      inputDigest,
      seed: seed ?? 0,
      force: [...force],
      tags: { ...tags },
      leaseMs,
      ...code,
    })
  }

  /** The pipeline's input with the digest that the first stages are keyed by. One that cannot be stored fails the run, which then has a record. */
  async #encodeInput(): Promise<RunInput> {
    const { input, signal } = this.#options
    try {
      const options = { storage: this.#storage, portables: portablesOf(this.#pipeline.graph), ...(signal === undefined ? {} : { signal }) }
      return { value: input, digest: (await this.#codec.encode(input, options)).digest }
    } catch (error) {
      throwIfAborted(signal)
      return { value: input, digest: undefined, failure: { error } }
    }
  }

  #startHeartbeat({ journal, epoch, owner, leaseMs }: RunClaim): void {
    if (!this.#isShared) return
    const options = {
      storage: this.#storage,
      clock: this.#clock,
      runId: this.id,
      epoch,
      owner,
      leaseMs,
      onBeat: () => journal.checkOwned(),
    }
    this.#heartbeat = new Heartbeat(options, { atOnce: epoch > 1 })
  }

  #scope(claim: RunClaim): RunScope {
    const { signal, failFast = true, concurrency = 4, maxEntryBytes = defaultMaxEntryBytes } = this.#options
    const { seed, force, codeVersion } = claim.started
    return {
      runId: this.id,
      storage: this.#storage,
      cache: new StageCache(this.#storage, { pipeline: this.#pipeline.name, clock: this.#clock, maxEntryBytes }),
      codec: this.#codec,
      portables: portablesOf(this.#pipeline.graph),
      logger: this.#logger,
      clock: this.#clock,
      seed,
      codeVersion: this.#options.codeVersion ?? codeVersion,
      failFast,
      concurrency,
      ...this.#retry,
      limiter: new Limiter(concurrency),
      signal: signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]),
      isCancelled: () => signal?.aborted === true,
      stop: () => this.#stop.abort(new Error('Another stage of the run failed.')),
      isForced: (node) => isForcedBy(force, node),
      emit: (event) => this.#emit(claim, event),
      epoch: claim.epoch,
      acknowledged: claim.acknowledged,
      kept: this.#isShared ? new KeptOutputs(this.#storage, this.id) : undefined,
      commit: () => claim.journal.flush(),
      room: () => claim.journal.room(),
    }
  }

  #emit(claim: RunClaim, event: NewEvent): void {
    const whole = { ...event, runId: this.id, time: this.#clock.now() } as PipelineEvent
    claim.journal.add(whole)
    this.#tell(whole)
  }

  #tell(event: PipelineEvent): void {
    this.#claim?.fold.apply(event)
    this.#log(event)
    this.#events.emit(event)
  }

  #log(event: PipelineEvent): void {
    if (event.type === 'stage-progress') return
    const { type, runId, time: _, ...fields } = event.type === 'run-started' ? { ...event, identities: undefined } : event
    const level = type === 'stage-failed' ? 'error' : type === 'stage-attempt-failed' ? 'warn' : 'debug'
    try {
      this.#logger[level](type, { run: runId, ...fields })
    } catch {
      // A host's logger that throws is no fault of the stage that is being told of.
    }
  }

  /** That a run has ended is told once it is in the journal: one that was taken over has not. */
  async #finish(claim: RunClaim, event: Pick<RunFinished, 'outcome' | 'durationMs' | 'error'>): Promise<RunRecord> {
    const { journal, fold, epoch } = claim
    const whole: RunFinished = { type: 'run-finished', runId: this.id, time: this.#clock.now(), ...event }
    journal.add(whole)
    await journal.flush()
    this.#tell(whole)
    const record = fold.record()
    if (this.#isShared) {
      // Neither needs the other.
      const settled = await Promise.allSettled([
        writeSummary(this.#storage, record, journal.next),
        markEnded(this.#storage, this.id, epoch, { isResumable: event.outcome !== 'succeeded' }),
      ])
      // The journal has all of it; a marker that stays holds outputs for longer than it must.
      for (const result of settled)
        if (result.status === 'rejected')
          this.#logger.warn('The summary of a run was not written.', { run: this.id, error: messageOf(result.reason) })
    }
    return record
  }

  #failed(record: RunRecord, cause: unknown): MillraceError<'RUN_FAILED'> {
    const stage = MillraceError.is(cause, 'STAGE_FAILED') ? cause.details.stage : ''
    return new MillraceError('RUN_FAILED', {
      message: `Expected run "${this.id}" of pipeline "${this.#pipeline.name}" to succeed. Received a failure. ${messageOf(cause)}`,
      details: { runId: this.id, stage, record: recordToJson(record) },
      cause,
    })
  }
}

function faultOf(check: () => void): { readonly error: unknown } | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    return { error }
  }
}
