import { isAbortOf } from '../core/abort.ts'
import { digestOfJson } from '../core/digest.ts'
import { invalidArgument } from '../core/invalid-argument.ts'
import type { Json } from '../core/json.ts'
import { canonicalJson, toJson } from '../core/json.ts'
import { receivedText } from '../core/received.ts'
import type { LogTarget } from '../log/log-target.ts'
import { blobsOfManifest } from '../model/manifest.ts'
import type { ModelPackage } from '../model/model-package.ts'
import type { ModelVersion, RegisterModelOptions } from '../model/model-registry.ts'
import type { KnownBlobs } from '../model/store-package.ts'
import { storePackageBlobs } from '../model/store-package.ts'
import { BlobWriter } from '../storage/blob-writer.ts'
import { getBlob } from '../storage/blobs.ts'
import { outcomeUnknown } from '../storage/faults.ts'
import type { Decision } from '../storage/numbered-log.ts'
import type { ModelChanges } from './model-changes.ts'
import { assertName, assertObject } from './names.ts'
import { RecentMap } from './recent-map.ts'
import type { RegisterOperation, RegistryOperation, RegistryState } from './registry-state.ts'
import type { RegisterEntry } from './version-log.ts'
import { asRegister } from './version-log.ts'
import { noNotes } from './version-notes.ts'
import type { SignalOption, VersionReader } from './version-reader.ts'
import { signalOf } from './version-reader.ts'

/** A manifest up to this size is kept in the entry of the log that makes the version, so that making it is one write. */
const maxInlineBytes = 65_536

/** A blob that was read and found intact is not read again for so long, so that registering the same weights ten times reads them once. */
const knownForMs = 10_000
const maxKnown = 1_024

/** Makes versions. */
export class Registrations {
  readonly #reader: VersionReader
  readonly #changes: ModelChanges
  readonly #logger: LogTarget | undefined
  /** Of the log of collections, when the last registration was confirmed. */
  #seenGeneration: number | undefined
  readonly #intact = new RecentMap<string, { readonly generation: number; readonly untilMs: number }>(maxKnown)

  constructor(reader: VersionReader, changes: ModelChanges, logger: LogTarget | undefined) {
    this.#reader = reader
    this.#changes = changes
    this.#logger = logger
  }

  async register(name: string, modelPackage: ModelPackage, options: RegisterModelOptions): Promise<ModelVersion> {
    assertName('name', name)
    assertPackage(modelPackage)
    assertObject('options', options)
    const io = signalOf(options)
    const keyDigest = keyDigestOf(options.idempotencyKey)
    // Before the first blob, so that whatever is collected from now on is found by `confirm`.
    const since = this.#seenGeneration === undefined ? {} : { since: this.#seenGeneration }
    const writer = await BlobWriter.begin(this.#reader.shared.storage, { ...io, ...since })
    const before = keyDigest === undefined ? undefined : await this.#madeWith(name, keyDigest, io)
    if (before !== undefined) return await this.#again(name, before, modelPackage, writer, io)
    // Blobs first: a version never names what is not there.
    const operation = await this.#store(modelPackage, writer, io)
    const decide =
      keyDigest === undefined
        ? (): Decision<RegistryOperation, RegisterEntry> => ({ operation })
        : this.#once(name, keyDigest, operation, io)
    const { entry, existing } = await this.#changes.append<RegisterEntry>(name, decide, io)
    if (existing !== undefined) return await this.#again(name, existing, modelPackage, writer, io)
    const made = asRegister(entry) as RegisterEntry
    await this.#confirm(name, made, modelPackage, writer, io)
    this.#logger?.info('model registered', { model: name, version: made.state.lastVersion, manifestDigest: made.operation.manifestDigest })
    return await this.#reader.recordOf(name, made, noNotes, io)
  }

  async #madeWith(name: string, keyDigest: string, io: SignalOption): Promise<RegisterEntry | undefined> {
    const head = await this.#reader.head(name, io)
    return head === undefined ? undefined : await this.#reader.logOf(name).entryOfKey(head.state, keyDigest, io)
  }

  /** Stores what does not go into the log, and says what does. */
  async #store(modelPackage: ModelPackage, writer: BlobWriter, io: SignalOption): Promise<RegisterOperation> {
    const known = this.#knownTo(writer)
    const bytes = await storePackageBlobs(this.#reader.shared.storage, modelPackage, { ...io, writer, known })
    const { manifest, manifestDigest } = modelPackage
    const operation = { type: 'register', manifestDigest, record: null, key: null } as const
    // As it was digested: canonical JSON, without what only this process's objects have.
    if (bytes.length <= maxInlineBytes) return { ...operation, manifest: JSON.parse(new TextDecoder().decode(bytes)) as Json }
    await writer.put(bytes, io)
    const record = { lineage: toJson(manifest.lineage), metrics: manifest.metrics }
    return { ...operation, manifest: null, record: canonicalJson(record).length <= maxInlineBytes ? record : null }
  }

  /** What was found intact a moment ago, and nothing was collected or condemned since. */
  #knownTo({ generation }: BlobWriter): KnownBlobs {
    const { clock } = this.#reader.shared
    return {
      has: (digest) => {
        const found = this.#intact.get(digest)
        return found?.generation === generation && clock.monotonicMs() < found.untilMs
      },
      add: (digest) => this.#intact.set(digest, { generation, untilMs: clock.monotonicMs() + knownForMs }),
    }
  }

  /** Decides on the newest state, so that of two who come with one key the second finds the version of the first. */
  #once(
    name: string,
    keyDigest: string,
    operation: RegisterOperation,
    io: SignalOption,
  ): (state: RegistryState) => Promise<Decision<RegistryOperation, RegisterEntry>> {
    return async (state) => {
      const log = this.#reader.logOf(name)
      const made = await log.entryOfKey(state, keyDigest, io)
      if (made !== undefined) return { existing: made }
      return { operation: { ...operation, key: { digest: keyDigest, nodes: await log.keyNodes(state, keyDigest, io) } } }
    }
  }

  /** A version that was made before; whoever made it may have died before it was sure of its blobs. */
  async #again(name: string, made: RegisterEntry, modelPackage: ModelPackage, writer: BlobWriter, io: SignalOption): Promise<ModelVersion> {
    await this.#confirm(name, made, modelPackage, writer, io)
    return await this.#reader.versionOf(name, made, io)
  }

  /**
   * The version is in the log, so no fault may say that nothing was done; and one that was found there, whose blobs were collected while its writer is still at
   * work on them (or died), is not to be relied on yet.
   */
  async #confirm(name: string, made: RegisterEntry, modelPackage: ModelPackage, writer: BlobWriter, io: SignalOption): Promise<void> {
    try {
      await this.#confirmBlobs(name, made, modelPackage, writer, io)
    } catch (cause) {
      if (isAbortOf(io.signal, cause)) throw cause
      throw outcomeUnknown(this.#reader.logOf(name).log.keyOf(made.generation), cause)
    }
  }

  async #confirmBlobs(name: string, made: RegisterEntry, modelPackage: ModelPackage, writer: BlobWriter, io: SignalOption): Promise<void> {
    const { storage } = this.#reader.shared
    const { manifestDigest } = made.operation
    const isOurs = manifestDigest === modelPackage.manifestDigest
    const { manifest } = isOurs ? modelPackage : await this.#reader.open(name, made, io)
    const ours = new Set(blobsOfManifest(modelPackage.manifest).map(({ digest }) => digest))
    const digests = blobsOfManifest(manifest).map(({ digest }) => digest)
    const named = made.operation.manifest === null ? [...digests, manifestDigest] : digests
    await writer.confirm(named, (digest) => (ours.has(digest) ? modelPackage.blob(digest, io) : getBlob(storage, digest, io)), io)
    this.#seenGeneration = writer.generation
  }
}

/** The manifest itself is checked when it is stored. */
function assertPackage(value: ModelPackage): void {
  const { manifest, manifestDigest, blob }: Readonly<Record<keyof ModelPackage, unknown>> = Object(value)
  if (typeof manifest === 'object' && manifest !== null && typeof manifestDigest === 'string' && typeof blob === 'function') return
  throw invalidArgument('modelPackage', 'a manifest, its digest and a way to its blobs', receivedText(value))
}

function keyDigestOf(key: string | undefined): string | undefined {
  if (key === undefined) return undefined
  // As JSON, since UTF-8 has one and the same sign for all halves of characters: two keys must never be one.
  if (typeof key === 'string' && key !== '') return digestOfJson(key)
  throw invalidArgument('idempotencyKey', 'text, not empty', receivedText(key))
}
