import { MillraceError } from '../../core/error.ts'
import { createIdentifierSource } from '../../core/identifiers.ts'
import { runOwned } from '../../pipeline/run-owned.ts'
import type { RunRecord } from '../../pipeline/run-record.ts'
import { artifactPath, putArtifact } from './artifacts.ts'
import { logToRun } from './batches.ts'
import type { MlflowConnection } from './connection.ts'
import type { Experiment } from './experiment.ts'
import type { NoteBatch } from './note-queue.ts'
import { epochTag, errorTag, recordTag, recordText, trackedRunTag } from './run-notes.ts'
import type { RunStatus } from './runs.ts'
import { createRun, endRun, findRun, getRun, resumeRun, tagRun, untagRun } from './runs.ts'
import type { ServerRun } from './wire.ts'

const recordFile = 'run-record.json'

/** A run of a pipeline, as far as it is known when it is first written. */
export interface RunBeginning {
  readonly id: string
  /** Undefined where that is not known. */
  readonly pipeline: string | undefined
  /** Undefined for an owner who does not know; 1 for the one who began the run. */
  readonly epoch: number | undefined
  readonly startedAt: number
}

/** The MLflow run of one run of a pipeline, written by the owner of one epoch. Once an owner of a later epoch writes it, everything here is `RUN_OWNED`. */
export class RunWriter {
  readonly runId: string
  readonly #connection: MlflowConnection
  readonly #run: ServerRun
  readonly #beginning: RunBeginning
  readonly #isGoneOnWith: boolean
  /** The tag that there is no record of this epoch is there. */
  #isRecordTagged: boolean

  private constructor(connection: MlflowConnection, run: ServerRun, beginning: RunBeginning, isGoneOnWith: boolean) {
    this.#connection = connection
    this.#run = run
    this.#beginning = beginning
    this.#isGoneOnWith = isGoneOnWith
    this.#isRecordTagged = isGoneOnWith
    this.runId = run.runId
  }

  /** Makes the run, or goes on with the one that an earlier owner made. */
  static async open(connection: MlflowConnection, experiment: Experiment, beginning: RunBeginning): Promise<RunWriter> {
    const { id, pipeline, epoch, startedAt } = beginning
    const experimentId = await experiment.openWithoutArtifacts({})
    const before = epoch === 1 ? undefined : await findRun(connection, { experimentId, tag: trackedRunTag, value: id }, {})
    if (before !== undefined) {
      const writer = new RunWriter(connection, before, beginning, true)
      await writer.#goOn()
      return writer
    }
    const requestId = createIdentifierSource({ clock: connection.clock, random: connection.random })()
    const tags: readonly (readonly [string, string])[] = [
      [trackedRunTag, id],
      ...(epoch === undefined ? [] : [[epochTag, String(epoch)] as const]),
    ]
    const runName = nameOf(id, pipeline)
    const made = await createRun(connection, { experimentId, requestId, runName, startedAt: Math.floor(startedAt), tags })
    return new RunWriter(connection, made, beginning, false)
  }

  /** An earlier owner made the run. */
  get isGoneOnWith(): boolean {
    return this.#isGoneOnWith
  }

  /** An earlier owner wrote what the run was begun with. */
  get isDescribed(): boolean {
    return this.#run.parameters.size > 0
  }

  async log(batch: NoteBatch): Promise<void> {
    await this.#assertOwned()
    await logToRun(this.#connection, this.runId, batch, {})
  }

  /** A server that passes no artifacts on has all but the record: `onUnsupported` is told. */
  async storeRecord(record: RunRecord | undefined, onUnsupported: (error: unknown) => void): Promise<void> {
    if (record === undefined) return
    await this.#assertOwned()
    try {
      const path = artifactPath(this.#connection, this.#run.artifactUri)
      await putArtifact(this.#connection, `${path}/${recordFile}`, new TextEncoder().encode(recordText(record)), {})
      if (this.#isRecordTagged) await untagRun(this.#connection, this.runId, recordTag, {})
      this.#isRecordTagged = false
    } catch (error) {
      if (!MillraceError.is(error, 'REGISTRY_UNSUPPORTED')) throw error
      onUnsupported(error)
      await this.#tag(recordTag, 'not kept: artifacts do not go through this server')
    }
  }

  /** @param pipeline - its name, where it is known by now. */
  async end(status: RunStatus, pipeline: string | undefined): Promise<void> {
    await this.#assertOwned()
    const { id, pipeline: named } = this.#beginning
    const runName = named === undefined && pipeline !== undefined ? { runName: nameOf(id, pipeline) } : {}
    await endRun(this.#connection, this.runId, status, runName)
  }

  /** What an earlier epoch left that does not hold any more is taken off before the run is shown as one that goes on. */
  async #goOn(): Promise<void> {
    const { epoch } = this.#beginning
    this.#checkEpoch(this.#run)
    if (epoch !== undefined) await this.#tag(epochTag, String(epoch))
    await this.#tag(
      recordTag,
      `${recordFile} is not of this epoch${epoch === undefined ? '' : ` (${epoch})`}, which has not ended or left none`,
    )
    if (this.#run.tags.has(errorTag)) await untagRun(this.#connection, this.runId, errorTag, {})
    await resumeRun(this.#connection, this.runId, {})
  }

  async #tag(key: string, value: string): Promise<void> {
    await tagRun(this.#connection, this.runId, { key, value }, {})
  }

  async #assertOwned(): Promise<void> {
    const now = await getRun(this.#connection, this.runId, {})
    if (now !== undefined) this.#checkEpoch(now)
  }

  #checkEpoch({ tags }: ServerRun): void {
    const { id, epoch } = this.#beginning
    const written = Number(tags.get(epochTag) ?? 0)
    if (epoch !== undefined && written > epoch) throw runOwned(id, written, 'resumed')
  }
}

function nameOf(id: string, pipeline: string | undefined): string {
  return pipeline === undefined ? id : `${pipeline} ${id}`
}
