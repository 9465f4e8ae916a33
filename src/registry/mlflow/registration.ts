import { mapConcurrently } from '../../core/concurrency.ts'
import { sha256Hex, sha256HexAsync } from '../../core/digest.ts'
import { MillraceError } from '../../core/error.ts'
import type { IdentifierSource } from '../../core/identifiers.ts'
import { canonicalJson } from '../../core/json.ts'
import { checkSize } from '../../model/blob-reference.ts'
import { blobsOfManifest, checkManifest, encodeManifest } from '../../model/manifest.ts'
import type { BlobReference, ModelPackage } from '../../model/model-package.ts'
import { artifactPath, putArtifact } from './artifacts.ts'
import { logToRun, tagText } from './batches.ts'
import type { MlflowConnection, SignalOption } from './connection.ts'
import type { Experiment } from './experiment.ts'
import { blobFile, manifestFile, modelFile, modelFileOf, packageFolder } from './model-file.ts'
import { ownPrefix } from './names.ts'
import { versionTags } from './package-reader.ts'
import { flattenParameters, keyedMetrics } from './parameters.ts'
import { isTransient } from './reply.ts'
import { createRun, deleteRun, endRun, findRun, requestTag } from './runs.ts'
import { VersionStore } from './version-store.ts'
import type { ServerRun, ServerVersion } from './wire.ts'

/** Blobs under way at a time: bounds the memory that copying takes. */
const blobsTogether = 4
/** What every MLflow server keeps of a version's tag; newer ones keep more. */
const longestOwnTag = 5000

export interface RegistrationContext {
  readonly connection: MlflowConnection
  readonly store: VersionStore
  readonly experiment: Experiment
  readonly newId: IdentifierSource
}

/**
 * Makes the next version of a model: a run that holds the package, its parameters and its figures, and the version last, so that a version that can be seen is
 * whole. What fails before leaves a run that is marked failed and deleted, and no version.
 *
 * Versions are told apart by a label of the registration: an answer that was lost is found again by it, and of two that were made with one key the one with the
 * lower number stays.
 */
export class Registration {
  readonly #context: RegistrationContext
  readonly #name: string
  readonly #package: ModelPackage
  readonly #label: string
  readonly #hasKey: boolean
  /** True from the moment when the server may have made a version. */
  #mayBeMade = false

  constructor(context: RegistrationContext, name: string, modelPackage: ModelPackage, key: string | undefined) {
    this.#context = context
    this.#name = name
    this.#package = modelPackage
    this.#hasKey = key !== undefined
    this.#label = key === undefined ? context.newId() : sha256Hex(key)
  }

  async run(options: SignalOption): Promise<{ readonly version: ServerVersion; readonly isNew: boolean }> {
    const manifestBytes = encodeManifest(checkManifest(this.#package.manifest))
    await expectContent(manifestBytes, { digest: this.#package.manifestDigest, sizeBytes: manifestBytes.length })
    const before = this.#hasKey ? await this.#find(options) : undefined
    if (before !== undefined) return { version: before, isNew: false }
    const experimentId = await this.#context.experiment.open(options)
    const run = await this.#startRun(experimentId, options)
    try {
      const path = artifactPath(this.#context.connection, run.artifactUri)
      await this.#storePackage(run, path, manifestBytes, options)
      await this.#describeRun(run, options)
      await endRun(this.#context.connection, run.runId, 'FINISHED', options)
      return await this.#makeVersion(run, options)
    } catch (error) {
      if (!this.#mayBeMade) await this.#discard(run)
      throw error
    }
  }

  async #startRun(experimentId: string, options: SignalOption): Promise<ServerRun> {
    const { connection, newId } = this.#context
    const { manifest, manifestDigest } = this.#package
    const { codeVersion, runId, dataDigest, learner } = manifest.lineage
    const told = { model: this.#name, 'run-id': runId, 'data-digest': dataDigest, learner, task: manifest.task, target: manifest.target }
    const tags = Object.entries(told).map(([tag, text]): [string, string] => [`${ownPrefix}${tag}`, tagText(String(text))])
    tags.push([versionTags.manifestDigest, manifestDigest])
    // As MLflow's own pages show it.
    if (typeof codeVersion === 'string') tags.push(['mlflow.source.git.commit', codeVersion])
    const startedAt = Math.floor(connection.clock.now())
    const requestId = newId()
    try {
      return await createRun(connection, { experimentId, requestId, runName: this.#name, startedAt, tags, ...options })
    } catch (error) {
      await this.#discardLost(experimentId, requestId)
      throw error
    }
  }

  async #storePackage(run: ServerRun, path: string, manifestBytes: Uint8Array, options: SignalOption): Promise<void> {
    const { connection } = this.#context
    const { manifest, manifestDigest } = this.#package
    const folder = `${path}/${packageFolder}`
    await mapConcurrently(
      blobsOfManifest(manifest),
      blobsTogether,
      async (reference) => {
        const bytes = await this.#package.blob(reference.digest, options)
        await expectContent(bytes, reference)
        await putArtifact(connection, `${folder}/${blobFile(reference.digest)}`, bytes, options)
      },
      options.signal,
    )
    await putArtifact(connection, `${folder}/${manifestFile}`, manifestBytes, options)
    const model = modelFileOf(manifest, { runId: run.runId, manifestDigest, time: connection.clock.now() })
    await putArtifact(connection, `${folder}/${modelFile}`, new TextEncoder().encode(model), options)
    const body = { run_id: run.runId, model_json: model }
    await connection.json({ method: 'POST', path: '/mlflow/runs/log-model', body, repeatable: true, ...options })
  }

  async #describeRun(run: ServerRun, options: SignalOption): Promise<void> {
    const { connection } = this.#context
    const { metrics: figures, lineage } = this.#package.manifest
    const flat = flattenParameters(lineage.parameters)
    const keyed = keyedMetrics(figures)
    const timestamp = Math.floor(connection.clock.now())
    const metrics = keyed.metrics.map(([key, value]) => ({ key, value, timestamp, step: 0 }))
    const left = [...flat.left, ...keyed.left]
    // All of it stands in the manifest, whole.
    const tags = left.length === 0 ? [] : ([[`${ownPrefix}only-in-manifest`, tagText(left.join(', '))]] as const)
    await logToRun(connection, run.runId, { parameters: flat.parameters, metrics, tags }, options)
  }

  async #makeVersion(run: ServerRun, options: SignalOption): Promise<{ readonly version: ServerVersion; readonly isNew: boolean }> {
    const { connection, store } = this.#context
    const version = { name: this.#name, source: `${run.artifactUri}/${packageFolder}`, runId: run.runId, tags: this.#tags(), ...options }
    let attempts = 0
    const make = async (): Promise<ServerVersion> => {
      const found = attempts > 0 ? await this.#find(options) : undefined
      if (found !== undefined) return found
      this.#mayBeMade = true
      attempts += 1
      const made = await store.createVersion(version)
      if (made !== undefined) return made
      await store.createModel(this.#name, options)
      const second = await store.createVersion(version)
      if (second !== undefined) return second
      throw new MillraceError('MODEL_NOT_FOUND', {
        message: `Expected the model "${this.#name}" that was just made. Received none: somebody deleted it.`,
        details: { name: this.#name },
      })
    }
    let made: ServerVersion
    try {
      made = await connection.persist(make, undefined, options.signal)
    } catch (error) {
      // A refusal is sure. Where the answer was lost, the version may be there: the run that it would name must stay.
      if (attempts <= 1 && !isTransient(error) && !options.signal?.aborted) this.#mayBeMade = false
      else await this.#settle(run)
      throw error
    }
    return this.#onlyOne(made, run, attempts > 1, options)
  }

  /** Of those that were made with this key, by whomever, the first stays; everybody sees the same first, since numbers only grow. */
  async #onlyOne(
    made: ServerVersion,
    run: ServerRun,
    isRepeated: boolean,
    options: SignalOption,
  ): Promise<{ readonly version: ServerVersion; readonly isNew: boolean }> {
    if (!this.#hasKey && !isRepeated) return { version: made, isNew: true }
    const first = (await this.#find(options)) ?? made
    if (first.version === made.version) return { version: made, isNew: made.runId === run.runId }
    await this.#context.store.deleteVersion(this.#name, made.version, options)
    await this.#discard(run)
    return { version: first, isNew: false }
  }

  #find(options: SignalOption): Promise<ServerVersion | undefined> {
    return this.#context.store.tagged(this.#name, versionTags.registration, this.#label, options).then(([first]) => first)
  }

  #tags(): ReadonlyMap<string, string> {
    const { manifest, manifestDigest } = this.#package
    const tags = new Map<string, string>([
      [versionTags.manifestDigest, manifestDigest],
      [versionTags.registration, this.#label],
    ])
    for (const [tag, text] of [
      [versionTags.lineage, canonicalJson(manifest.lineage)],
      [versionTags.metrics, canonicalJson(manifest.metrics)],
    ] as const) {
      if (text.length <= longestOwnTag) tags.set(tag, text)
    }
    return tags
  }

  /** After a failure that left it open whether there is a version: where the server says that there is none, the run is marked as failed. */
  async #settle(run: ServerRun): Promise<void> {
    const connection = this.#context.connection.impatient()
    try {
      const [made] = await new VersionStore(connection).tagged(this.#name, versionTags.registration, this.#label, {})
      if (made === undefined) await endRun(connection, run.runId, 'FAILED', {})
    } catch {
      // It cannot be reached: what it has made is found with the same key later.
    }
  }

  /** A run that may have been made although the answer did not come. */
  async #discardLost(experimentId: string, requestId: string): Promise<void> {
    try {
      const run = await findRun(this.#context.connection.impatient(), { experimentId, tag: requestTag, value: requestId }, {})
      if (run !== undefined) await this.#discard(run)
    } catch {
      // What is left is a run without a version.
    }
  }

  /** Also after an abort: nothing of it may be taken for a result. Where that fails too, what is left is a run without a version. */
  async #discard(run: ServerRun): Promise<void> {
    const connection = this.#context.connection.impatient()
    try {
      await endRun(connection, run.runId, 'FAILED', {})
      await deleteRun(connection, run.runId, {})
    } catch {
      // The failure that led here is the one to tell.
    }
  }
}

async function expectContent(bytes: Uint8Array, reference: BlobReference): Promise<void> {
  const received = await sha256HexAsync(bytes)
  if (received !== reference.digest) {
    throw new MillraceError('STORAGE_CORRUPT', {
      message: `Expected bytes of SHA-256 ${reference.digest} in the package. Received ${received}.`,
      details: { key: reference.digest, reason: 'digest mismatch' },
    })
  }
  checkSize(bytes, reference)
}
