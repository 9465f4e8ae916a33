import { throwIfAborted } from '../core/abort.ts'
import { invalidArgument } from '../core/invalid-argument.ts'
import { receivedText } from '../core/received.ts'
import type { LogTarget } from '../log/log-target.ts'
import { blobsOfManifest } from '../model/manifest.ts'
import type { ModelPackage } from '../model/model-package.ts'
import type {
  ChampionSource,
  DeploymentRecorder,
  ListVersionsOptions,
  ModelRegistry,
  ModelVersion,
  ModelVersionNotes,
  RegisterModelOptions,
  RegistryEvent,
  SetAliasOptions,
  VersionComparison,
  VersionQuery,
  WatchOptions,
} from '../model/model-registry.ts'
import type { CollectedBlobs } from '../storage/blob-references.ts'
import { AliasMoves } from './alias-moves.ts'
import { championSource } from './champion-source.ts'
import type { CollectGarbageOptions } from './collect-garbage.ts'
import type { ExportedFile } from './export/export-index.ts'
import type { ExportModelOptions } from './export/export-model.ts'
import type { ImportedModel, ImportModelOptions } from './export/import-model.ts'
import { ModelChanges } from './model-changes.ts'
import { assertName, assertObject } from './names.ts'
import { Registrations } from './registrations.ts'
import type { RegistryChange } from './registry-change.ts'
import { changeOf } from './registry-change.ts'
import type { AccountOptions, RegistryOptions } from './registry-options.ts'
import { sharedOptions } from './registry-options.ts'
import type { VersionLineage } from './version-lineage.ts'
import type { NotesChange, TagChanges } from './version-notes.ts'
import { assertNotes } from './version-notes.ts'
import type { SignalOption } from './version-reader.ts'
import { signalOf, VersionReader } from './version-reader.ts'
import { watchModel } from './watch-model.ts'

// What a page or service that trains and serves does not need (lists, upkeep, export, pages for people) is loaded when it is called.
/**
 * Versions of models and the aliases that point at them, over any storage that can put if absent: a folder, a page's IndexedDB, a bucket. No server
 * of its own, any number of writers.
 *
 * Guarantees: versions are 1, 2, 3 ... without gaps and never change; what was acknowledged is kept; changes of one model have one order, and a read
 * sees all that was acknowledged before it began; every change stays in the history, with who and why. Blobs are stored under their SHA-256 before the version
 * that names them, and checked when loaded. A registration is one durable write beside the blobs that were not there yet, and what it costs does not grow with the
 * number of versions.
 *
 * @throws {@link MillraceError} `STORAGE_CAPABILITY_MISSING` when the storage cannot put if absent. Every change may throw `REGISTRY_BUSY`, when other
 * writers came first at every attempt and nothing was changed, and `STORAGE_OUTCOME_UNKNOWN`, when it may have been.
 * @example
 * const registry = new Registry({ storage })
 * const { version } = await registry.register('flight-delay', modelPackage)
 * await registry.setAlias('flight-delay', 'champion', version, { reason: 'AUC 0.79', by: 'nightly' })
 */
export class Registry implements ModelRegistry, DeploymentRecorder {
  readonly #logger: LogTarget | undefined
  readonly #reader: VersionReader
  readonly #changes: ModelChanges
  readonly #registrations: Registrations
  readonly #aliases: AliasMoves

  constructor(options: RegistryOptions) {
    this.#reader = new VersionReader(sharedOptions(options))
    this.#logger = options.logger
    this.#changes = new ModelChanges(this.#reader)
    this.#registrations = new Registrations(this.#reader, this.#changes, options.logger)
    this.#aliases = new AliasMoves(this.#reader, this.#changes, options)
  }

  /**
   * Makes the next version. An idempotency key makes one version, whoever comes with it and how often; once that version was deleted, the key makes
   * another.
   *
   * @throws {@link MillraceError} `STORAGE_CORRUPT` when the package is not what its digests say, or when the log of the model has lost an entry;
   * `STORAGE_NO_SPACE`: nothing was made.
   */
  register(name: string, modelPackage: ModelPackage, options: RegisterModelOptions = {}): Promise<ModelVersion> {
    return this.#registrations.register(name, modelPackage, options)
  }

  async version(name: string, version: number, options: SignalOption = {}): Promise<ModelVersion> {
    return this.#reader.versionOf(name, await this.#reader.entryOf(name, version, options), options)
  }

  /** Oldest first, deleted ones and those made while the iteration runs left out. */
  async *versions(name: string, options: ListVersionsOptions = {}): AsyncIterable<ModelVersion> {
    yield* (await import('./version-listing.ts')).listVersions(this.#reader, name, options)
  }

  /** The names of all models, sorted as storage sorts them. */
  async *models(options: SignalOption = {}): AsyncIterable<string> {
    yield* (await import('./version-listing.ts')).listModels(this.#reader.shared.storage, options)
  }

  /**
   * Versions of one model, or of all, of which all holds that is asked. Every record is read: there is no index of figures.
   *
   * @example
   * for await (const { version } of registry.search({ metrics: { auc: { atLeast: 0.75 } }, tags: { stage: 'approved' } })) console.log(version)
   */
  async *search(query: VersionQuery): AsyncIterable<ModelVersion> {
    yield* (await import('./version-listing.ts')).searchVersions(this.#reader, query)
  }

  async compare(name: string, left: number, right: number, options: SignalOption = {}): Promise<VersionComparison> {
    return (await import('./version-views.ts')).comparison(this.#reader, name, [left, right], options)
  }

  async modelCard(name: string, version: number, options: SignalOption = {}): Promise<string> {
    return (await import('./version-views.ts')).card(this.#reader, name, version, options)
  }

  /**
   * The package of a version, given by its number or by an alias that is at it now, its manifest and every blob read and compared with their digests.
   *
   * @throws {@link MillraceError} `MODEL_NOT_FOUND`, `VERSION_DELETED`; `STORAGE_NOT_FOUND` naming the blob that is gone; `STORAGE_CORRUPT` naming the one
   * that changed.
   * @example
   * const { manifest } = await registry.load('flight-delay', 'champion')
   */
  async load(name: string, versionOrAlias: number | string, options: SignalOption = {}): Promise<ModelPackage> {
    const modelPackage = await this.#reader.open(name, await this.#reader.entryAt(name, versionOrAlias, options), options)
    for (const { digest } of blobsOfManifest(modelPackage.manifest)) {
      throwIfAborted(options.signal)
      await modelPackage.blob(digest, signalOf(options))
    }
    return modelPackage
  }

  async alias(name: string, alias: string, options: SignalOption = {}): Promise<ModelVersion | undefined> {
    const made = await this.#reader.currentOf(name, alias, options)
    return made === undefined ? undefined : this.#reader.versionOf(name, made, options)
  }

  /** Where the aliases of a model point now. */
  async aliases(name: string, options: SignalOption = {}): Promise<ReadonlyMap<string, number>> {
    const head = await this.#reader.head(name, options)
    return new Map(Object.entries(head?.state.aliases ?? {}).map(([alias, { version }]) => [alias, version]))
  }

  /** The version that an alias pointed at at a time (milliseconds since 1970 UTC); one that was deleted since, too. A few reads, however long the history. */
  async aliasAt(name: string, alias: string, time: number, options: SignalOption = {}): Promise<ModelVersion | undefined> {
    assertName('alias', alias)
    if (typeof time !== 'number' || Number.isNaN(time)) throw invalidArgument('time', 'milliseconds since 1970 UTC', receivedText(time))
    const entry = await this.#reader.logOf(name).log.entryAt(time, signalOf(options))
    const made = await this.#reader.aliasEntry(name, alias, entry, options)
    return made === undefined ? undefined : this.#reader.versionOf(name, made, options)
  }

  /**
   * Points an alias at a version; nothing happens, and nothing is recorded, when it is there already.
   *
   * @throws {@link MillraceError} `MODEL_NOT_FOUND`, `VERSION_DELETED`, `ALIAS_MOVED`, `ALIAS_PROTECTED`, `ALIAS_MOVE_REFUSED`: nothing was changed.
   */
  setAlias(name: string, alias: string, version: number, options: SetAliasOptions = {}): Promise<void> {
    return this.#aliases.set(name, alias, version, options)
  }

  /** Takes an alias away; what it pointed at before can no longer be rolled back to. An absent alias is no fault. Throws as {@link Registry.setAlias} does. */
  removeAlias(name: string, alias: string, options: SetAliasOptions = {}): Promise<void> {
    return this.#aliases.remove(name, alias, options)
  }

  /**
   * Points an alias at the version that it had before, one step further back each time: set to 1, 2 and 3, it is rolled back to 2, then to 1. Deleted versions
   * are passed over. Both the move and its undoing stay in the history. Give `expectedVersion` where two people may roll back at once.
   *
   * @throws {@link MillraceError} `MODEL_NOT_FOUND` when there is no such alias; `ALIAS_NOTHING_BEFORE` when it had no version before that is still there;
   * `ALIAS_MOVED`, `ALIAS_PROTECTED`, `ALIAS_MOVE_REFUSED`.
   */
  rollback(name: string, alias: string, options: SetAliasOptions = {}): Promise<ModelVersion> {
    return this.#aliases.rollback(name, alias, options)
  }

  /** From now on the alias moves only for who gives `expectedVersion`, `reason` and `by`, and is not removed. It need not be there yet. */
  protectAlias(name: string, alias: string, options: AccountOptions = {}): Promise<void> {
    return this.#aliases.protect(name, alias, true, options)
  }

  /** Ends the protection. @throws {@link MillraceError} `ALIAS_PROTECTED` without a reason and a name. */
  unprotectAlias(name: string, alias: string, options: { readonly reason: string; readonly by: string } & SignalOption): Promise<void> {
    return this.#aliases.protect(name, alias, false, options)
  }

  /** Sets labels of a version, and takes off those given as null; the labels after it. @throws {@link MillraceError} `MODEL_NOT_FOUND`, `VERSION_DELETED`. */
  tag(name: string, version: number, tags: TagChanges, options: SignalOption = {}): Promise<ModelVersion> {
    return this.#note(name, version, { tags }, options)
  }

  describe(name: string, version: number, description: string, options: SignalOption = {}): Promise<ModelVersion> {
    return this.#note(name, version, { description }, options)
  }

  checkNotes(name: string, notes: ModelVersionNotes): void {
    assertName('name', name)
    assertNotes(notes)
  }

  /**
   * Deletes a version: its number is never used again, its record stays in the history, its blobs may be collected. Deleting it again is no fault.
   *
   * @throws {@link MillraceError} `MODEL_NOT_FOUND`; `VERSION_IN_USE` while an alias points at it.
   */
  async deleteVersion(name: string, version: number, options: AccountOptions = {}): Promise<void> {
    const { deleteVersion } = await import('./version-deletion.ts')
    await deleteVersion(name, version, options, { reader: this.#reader, changes: this.#changes, logger: this.#logger })
  }

  /**
   * Each version made and each move of the alias, in their order, from the first look on, which is made when the iteration begins. Polls; a storage that cannot
   * be reached later on is waited for, and what happened meanwhile is told. Ends by `break`, or rejects with `signal.reason`.
   *
   * @throws {@link MillraceError} `STORAGE_UNAVAILABLE` when the first look fails: from where on to tell is not known, so nothing is watched.
   */
  watch(name: string, alias: string, options: WatchOptions = {}): AsyncIterable<RegistryEvent> {
    return watchModel(this.#reader, name, alias, { ...options, clock: this.#reader.shared.clock })
  }

  /** All changes of a model, oldest first: which version was `champion` when, and who moved it why. */
  async *history(name: string, options: SignalOption = {}): AsyncIterable<RegistryChange> {
    for await (const entry of this.#reader.logOf(name).log.entries(signalOf(options))) yield changeOf(entry)
  }

  /**
   * Where a version came from (data, code, packages, parameters, the run that made it) and what became of it: the aliases that it served under, the places
   * where it was at work. Names of data and records of runs are those of this registry's storage.
   * For people, not for every request: to know the aliases' terms, every change of the model since the version was made is read, and to name the data the
   * whole catalog.
   *
   * @example
   * const { data, run, aliases } = await registry.lineage('flight-delay', 1)
   * aliases.map(({ alias }) => alias) // ['champion']
   */
  async lineage(name: string, version: number, options: SignalOption = {}): Promise<VersionLineage> {
    return (await import('./version-views.ts')).lineage(this.#reader, name, version, options)
  }

  /** Keeps that a version is at work somewhere; a place that is known already is not recorded again. @throws {@link MillraceError} `MODEL_NOT_FOUND`, `VERSION_DELETED`. */
  async recordDeployment(
    name: string,
    version: number,
    options: { readonly deployment: string; readonly by?: string } & SignalOption,
  ): Promise<void> {
    assertObject('options', options)
    await this.#reader.entryOf(name, version, options)
    await this.#reader.deploymentsOf(name, version).add(options)
  }

  /**
   * A model as files, for another registry or a disk: see `exportModel`, which takes any registry.
   *
   * @throws {@link MillraceError} `MODEL_NOT_FOUND`, `VERSION_DELETED`, `STORAGE_NOT_FOUND`, `STORAGE_CORRUPT`.
   */
  async *exportModel(name: string, options: ExportModelOptions = {}): AsyncIterable<ExportedFile> {
    const open = async (version: number): Promise<ModelPackage> =>
      this.#reader.open(name, await this.#reader.entryOf(name, version, options), options)
    const { exportModel } = await import('./export/export-model.ts')
    yield* exportModel(this, name, { ...options, open })
  }

  /**
   * Registers the versions of an export as new ones: see `importModel`, which takes any registry. The files are kept in this registry's storage until their
   * versions are registered, safe from collectors.
   *
   * @throws {@link MillraceError} `EXPORT_INVALID`: nothing was registered.
   */
  async importModel(
    files: AsyncIterable<ExportedFile> | Iterable<ExportedFile>,
    options: Omit<ImportModelOptions, 'staging' | 'clock' | 'random'> = {},
  ): Promise<ImportedModel> {
    const { importModel } = await import('./export/import-model.ts')
    const { storage: staging, clock, random } = this.#reader.shared
    return importModel(this, files, { ...options, staging, clock, random })
  }

  /**
   * Deletes the blobs in this registry's storage that nothing names any more: those of deleted versions, of registrations that died, of runs whose cache was
   * collected. What versions, the catalog, the pipeline's cache and runs under way name is kept, whatever is registered meanwhile. Whatever else the host keeps
   * in blobs of this storage it must name in `references`.
   *
   * @param options - `olderThanMs`: younger blobs are kept, named or not (default 24 hours). `dryRun`: only tells what would go.
   * @throws {@link MillraceError} whatever the storage throws; what cannot be read is taken to be named, so nothing was deleted.
   * @example
   * const { collected } = await registry.collectGarbage({ dryRun: true })
   */
  async collectGarbage(options: CollectGarbageOptions = {}): Promise<CollectedBlobs> {
    const { collectGarbage } = await import('./collect-garbage.ts')
    return collectGarbage(this.#reader.shared, options)
  }

  /** The model to beat, for gates: what the alias points at when it is asked. */
  championOf(name: string, alias = 'champion'): ChampionSource {
    assertName('name', name)
    assertName('alias', alias)
    return championSource(this.#reader, name, alias)
  }

  async #note(name: string, version: number, change: NotesChange, options: SignalOption): Promise<ModelVersion> {
    const made = await this.#reader.entryOf(name, version, options)
    return this.#reader.recordOf(name, made, await this.#reader.notesOf(name, version).change(change, signalOf(options)), options)
  }
}
