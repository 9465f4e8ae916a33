import type { RecordBatch } from 'apache-arrow'
import { isAbortOf } from '../core/abort.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import type { IdentifierSource } from '../core/identifiers.ts'
import { compileSchema } from '../data/schema/compile-schema.ts'
import { denseNetworkLoader } from '../model/dense-network.ts'
import { batchIdentifiers } from './batch-identifiers.ts'
import { withinDeadline } from './deadline.ts'
import type { DeploymentEvent } from './deployment-event.ts'
import type {
  Actions,
  BatchPrediction,
  DeploymentMetadata,
  DeploymentOptions,
  Outcomes,
  Prediction,
  PredictOptions,
  RefreshOutcome,
} from './deployment-options.ts'
import { InFlight } from './in-flight.ts'
import { actionObservation, outcomeObservation } from './observations.ts'
import { parsePredictionId, predictionId } from './prediction-id.ts'
import { Recorder } from './recorder.ts'
import { Reporter } from './reporter.ts'
import { requestInvalid } from './row-reader.ts'
import type { Scored, ServedVersion } from './served-version.ts'
import { ServingMeter, type ServingStatistics } from './serving-statistics.ts'
import { VersionKeeper } from './version-keeper.ts'
import type { VersionSource } from './version-source.ts'

/**
 * Serves one model of a registry in the host's process: answers rows and batches, hands every prediction, outcome and action to a log and to
 * monitors, and follows its alias by `refresh` without a call failing.
 *
 * Guarantees: what is served was verified (digests, format, golden predictions, the host's schema). An answer carries the version that gave it.
 * A model that answers something that is not finite, or too few rows, is an error and never an answer. A monitor that throws breaks nothing.
 *
 * Rows are typed by the schema's input; a moment may come as a Date, ISO 8601 text or milliseconds since 1970 UTC.
 *
 * @example
 * const deployment = await Deployment.open({ registry, model: 'flight-delay', alias: 'champion', schema: flight.omit({ delay: true }), log, monitors })
 * const { predictions, ids } = await deployment.predict([{ date: new Date(), distance: 954, origin: 'SEA', destination: 'SFO' }])
 * for (const id of ids) await deployment.recordOutcome(id, 1)
 * await deployment.close()
 */
export class Deployment<in Wire extends object = Readonly<Record<string, unknown>>> {
  readonly #source: VersionSource
  readonly #versions: VersionKeeper
  readonly #reporter: Reporter
  readonly #clock: Clock
  readonly #identifiers: IdentifierSource
  readonly #threshold: number | undefined
  readonly #onLogFailure: 'report' | 'reject'
  readonly #recorder: Recorder
  readonly #meter = new ServingMeter()
  readonly #inFlight = new InFlight()
  #closing: Promise<void> | undefined

  /**
   * Loads the version under the alias (or the one named) and verifies it.
   *
   * @throws {@link MillraceError} `MODEL_NOT_FOUND`, `SCHEMA_MISMATCH` when the host's schema cannot give what the model takes, `GOLDEN_MISMATCH`,
   * `MODEL_KIND_UNKNOWN`, `MODEL_INVALID`, `FORMAT_UNSUPPORTED`, and what the registry's storage throws.
   */
  static async open<Wire extends object = Readonly<Record<string, unknown>>>(options: DeploymentOptions<Wire>): Promise<Deployment<Wire>> {
    const io = options.signal === undefined ? {} : { signal: options.signal }
    const source: VersionSource = {
      registry: options.registry,
      model: options.model,
      alias: options.alias,
      version: options.version,
      deployment: options.name,
      models: options.models ?? [denseNetworkLoader],
      columns: options.schema === undefined ? undefined : compileSchema(options.schema).columns,
    }
    const clock = options.clock ?? systemClock
    const reporter = new Reporter(options.model, clock, options.logger)
    const versions = await VersionKeeper.open(source, reporter, io)
    reporter.opened(versions.current.version, versions.current.loaded.manifestDigest)
    return new Deployment<Wire>(options, { source, clock, reporter, versions })
  }

  private constructor(
    options: DeploymentOptions<Wire>,
    parts: { readonly source: VersionSource; readonly clock: Clock; readonly reporter: Reporter; readonly versions: VersionKeeper },
  ) {
    this.#source = parts.source
    this.#clock = parts.clock
    this.#reporter = parts.reporter
    this.#versions = parts.versions
    this.#identifiers = options.identifiers ?? batchIdentifiers(parts.clock)
    this.#threshold = options.threshold
    this.#onLogFailure = options.onLogFailure ?? 'report'
    this.#recorder = new Recorder(options.log, options.monitors ?? [], parts.reporter)
  }

  /** What is served now. */
  get metadata(): DeploymentMetadata {
    const { loaded, version } = this.#versions.current
    const { lineage, metrics, signature, target, task } = loaded.manifest
    const { alias, model } = this.#source
    return {
      model,
      alias,
      version,
      manifestDigest: loaded.manifestDigest,
      signature,
      target,
      task,
      metrics,
      lineage,
      threshold: this.#threshold,
    }
  }

  /** Whether calls are taken: false from the moment of `close`. */
  get isReady(): boolean {
    return this.#closing === undefined
  }

  /** Adds a listener; the function that comes back takes it off again. */
  on(listener: (event: DeploymentEvent) => unknown): () => void {
    return this.#reporter.on(listener)
  }

  /**
   * Answers rows, in their order. One row takes the path without Arrow.
   *
   * @throws {@link MillraceError} `REQUEST_INVALID` with the path of what does not fit, such as `[3].origin`; `DEADLINE_EXCEEDED`,
   * `DEPLOYMENT_CLOSED`, `MODEL_INVALID` when the model's answer is none.
   */
  async predict(rows: readonly Wire[], options: PredictOptions = {}): Promise<Prediction> {
    if (!Array.isArray(rows)) throw requestInvalid('rows', 'a list of rows', typeof rows)
    const { batchId, scores, version } = await this.#answer(rows.length, options, undefined, (served) =>
      served.scoreRows(rows, options.signal),
    )
    const predictions = Array.from(scores)
    const answer = { predictions, ids: predictions.map((_, row) => predictionId(batchId, row)), version }
    const threshold = this.#threshold
    return threshold === undefined ? answer : { ...answer, flagged: predictions.map((prediction) => prediction >= threshold) }
  }

  /**
   * Answers a record batch, without an object per row. Only the signature's columns are read; others may be there.
   *
   * @param options - `time`: when it counts as predicted, milliseconds since 1970 UTC (default now): for data that is played again.
   * @throws {@link MillraceError} `SCHEMA_MISMATCH` naming every column that does not fit; `DEADLINE_EXCEEDED`, `DEPLOYMENT_CLOSED`, `MODEL_INVALID`.
   */
  async predictBatch(batch: RecordBatch, options: PredictOptions & { readonly time?: number } = {}): Promise<BatchPrediction> {
    const { batchId, scores, version } = await this.#answer(batch.numRows, options, options.time, (served) =>
      served.scoreBatch(batch, options.signal),
    )
    const answer = { batchId, scores, version, idOf: (row: number) => predictionId(batchId, row) }
    return this.#threshold === undefined ? answer : { ...answer, flaggedRows: rowsAtLeast(scores, this.#threshold) }
  }

  /**
   * What came true of a prediction, now or days later.
   *
   * @throws {@link MillraceError} `PREDICTION_NOT_FOUND` for an identifier that no prediction can have, `ARGUMENT_INVALID`, `DEPLOYMENT_CLOSED`,
   * and what the log throws: then it is not recorded.
   */
  async recordOutcome(id: string, label: number | boolean, options: { readonly time?: number } = {}): Promise<void> {
    const { batchId, row } = parsePredictionId(id)
    await this.recordOutcomes({ batchId, rows: [row], labels: [label], ...options })
  }

  /** The same for predictions made together. */
  async recordOutcomes(outcomes: Outcomes): Promise<void> {
    const observation = outcomeObservation(outcomes, this.#clock.now())
    await this.#track(() => this.#recorder.outcomes(observation))
  }

  /** What the host did about a prediction. Throws as {@link Deployment.recordOutcome} does. */
  async recordAction(id: string, action: string, options: { readonly time?: number } = {}): Promise<void> {
    const { batchId, row } = parsePredictionId(id)
    await this.recordActions({ batchId, rows: [row], action, ...options })
  }

  /** The same for predictions made together. */
  async recordActions(actions: Actions): Promise<void> {
    const observation = actionObservation(actions, this.#clock.now())
    await this.#track(() => this.#recorder.actions(observation))
  }

  /**
   * Looks whether the alias has moved; if so, loads the new version beside the old one, verifies it as `open` does, and lets new calls go to it.
   * Calls under way end on the version they began on, which is then disposed. Refreshing while a refresh is under way joins it.
   *
   * A version that cannot be loaded or verified changes nothing: the outcome is `failed`, and the event says why. Rejects only when aborted.
   */
  async refresh(options: { readonly signal?: AbortSignal } = {}): Promise<RefreshOutcome> {
    this.#assertOpen()
    return this.#versions.refresh(options)
  }

  /** Counts since it was opened, over all versions. */
  stats(): ServingStatistics {
    return this.#meter.statistics(this.#inFlight.count)
  }

  /** Takes no further calls, waits for those under way, flushes the log and disposes the model. Closing again is the same closing. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** One call from beginning to end: on one version, counted, measured, recorded. */
  async #answer(
    rows: number,
    options: PredictOptions,
    time: number | undefined,
    score: (served: ServedVersion) => Promise<Scored>,
  ): Promise<{ readonly batchId: string; readonly scores: Float32Array; readonly version: number }> {
    return this.#track(async () => {
      const served = this.#versions.current
      const startedMs = this.#clock.monotonicMs()
      served.acquire()
      // The version is in use until the work has ended, which after a deadline or an abort is later than this call.
      const work = score(served).finally(() => served.release())
      const limits = { deadlineMs: options.deadlineMs, signal: options.signal, clock: this.#clock, startedMs }
      let scored: Scored
      try {
        scored = await withinDeadline(work, limits)
      } catch (error) {
        this.#countFailure(error, served, rows, this.#clock.monotonicMs() - startedMs, options.signal)
        throw error
      }
      const durationMs = this.#clock.monotonicMs() - startedMs
      const { version } = served
      const { scores } = scored
      const batchId = this.#identifiers()
      if (rows > 0 && this.#recorder.isWatched) {
        const recorded = this.#recorder.predictions({
          batchId,
          time: time ?? this.#clock.now(),
          version,
          inputs: scored.inputs(),
          scores,
          durationMs,
        })
        try {
          await withinDeadline(this.#onLogFailure === 'reject' ? recorded : recorded.catch(() => {}), limits)
        } catch (error) {
          // Monitors have seen the prediction, so to them it is no failure.
          if (!isAbortOf(options.signal, error)) this.#failed(version, rows, error)
          throw error
        }
      }
      this.#meter.answered(rows, durationMs)
      return { batchId, scores, version }
    })
  }

  #countFailure(error: unknown, served: ServedVersion, rows: number, durationMs: number, signal: AbortSignal | undefined): void {
    if (isAbortOf(signal, error)) return
    if (MillraceError.is(error, 'REQUEST_INVALID') || MillraceError.is(error, 'SCHEMA_MISMATCH')) {
      this.#meter.rejected()
      return
    }
    this.#recorder.failure({ time: this.#clock.now(), rows, durationMs, error })
    this.#failed(served.version, rows, error)
  }

  #failed(version: number, rows: number, error: unknown): void {
    this.#meter.failed()
    this.#reporter.predictionFailed(version, rows, error)
  }

  /** Refuses a call after `close`, which waits for those that were let in. */
  #track<Result>(call: () => Promise<Result>): Promise<Result> {
    this.#assertOpen()
    return this.#inFlight.track(call)
  }

  async #close(): Promise<void> {
    await this.#versions.settled()
    await this.#inFlight.idle()
    this.#versions.current.retire()
    await this.#recorder.flush()
    this.#reporter.closed()
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return
    const { model } = this.#source
    throw new MillraceError('DEPLOYMENT_CLOSED', {
      message: `Expected an open deployment of "${model}". Received a call after close().`,
      details: { model },
    })
  }
}

function rowsAtLeast(scores: Float32Array, threshold: number): Uint32Array {
  const rows = new Uint32Array(scores.length)
  let count = 0
  for (let row = 0; row < scores.length; row++) if ((scores[row] as number) >= threshold) rows[count++] = row
  return rows.slice(0, count)
}
