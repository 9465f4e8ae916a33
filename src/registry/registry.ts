import { throwIfAborted } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import { toJson } from '../core/json.ts'
import type { Random } from '../core/random.ts'
import { systemRandom } from '../core/random.ts'
import type { LogTarget } from '../log/log-target.ts'
import { blobsOfManifest } from '../model/manifest.ts'
import type { Lineage, ModelPackage } from '../model/model-package.ts'
import type { ChampionSource, ModelRegistry, ModelVersion, SetAliasOptions } from '../model/model-registry.ts'
import { storeModelPackage } from '../model/store-package.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { Decision } from '../storage/numbered-log.ts'
import type { AliasMove } from './alias-decisions.ts'
import { aliasNotFound, decideRemoveAlias, decideRollback, decideSetAlias } from './alias-decisions.ts'
import { championSource } from './champion-source.ts'
import { assertName } from './names.ts'
import { RegistrationKey } from './registration-key.ts'
import type { RegistryOperation, RegistryState } from './registry-state.ts'
import type { RegisterEntry, RegistryEntry } from './version-log.ts'
import { asRegister } from './version-log.ts'
import type { SignalOption } from './version-reader.ts'
import { recordOf, signalOf, VersionReader } from './version-reader.ts'
import type { TagChanges } from './version-tags.ts'

export interface RegistryOptions {
  /** Where versions and their blobs are kept; it must put if absent. */
  readonly storage: StorageAdapter
  /** Is told of each version made and each alias moved. */
  readonly logger?: LogTarget
  readonly clock?: Clock
  /** For the jitter between attempts and the ids of operations. */
  readonly random?: Random
  /** How often a change is tried against other writers before `REGISTRY_BUSY`; default 100. */
  readonly attempts?: number
}

/** One change of a model, as it stands in its history. */
export interface RegistryChange {
  readonly generation: number
  /** Milliseconds since 1970 UTC by the writer's clock. */
  readonly time: number
  readonly operation: RegistryOperation
}

/**
 * Versions of models and the aliases that point at them, over any storage that can put if absent: a folder, a page's IndexedDB, a bucket. No server
 * of its own, any number of writers.
 *
 * Guarantees: versions are 1, 2, 3 ... without gaps and never change; what was acknowledged is kept; changes of one model have one order, and a read
 * sees all that was acknowledged before it began; every change stays in the history, with who and why. Blobs are stored under their SHA-256 before the version
 * that names them, and checked when loaded.
 *
 * @throws {@link MillraceError} `STORAGE_CAPABILITY_MISSING` when the storage cannot put if absent. Every change may throw `REGISTRY_BUSY`, when other
 * writers came first at every attempt and nothing was changed, and `STORAGE_OUTCOME_UNKNOWN`, when it may have been.
 * @example
 * const registry = new Registry({ storage })
 * const { version } = await registry.register('flight-delay', modelPackage)
 * await registry.setAlias('flight-delay', 'champion', version, { reason: 'AUC 0.79', by: 'nightly' })
 */
export class Registry implements ModelRegistry {
  readonly #storage: StorageAdapter
  readonly #logger: LogTarget | undefined
  readonly #attempts: number | undefined
  readonly #reader: VersionReader

  constructor(options: RegistryOptions) {
    const { storage } = options
    if (!storage.capabilities.putIfAbsent) {
      throw new MillraceError('STORAGE_CAPABILITY_MISSING', {
        message: `Expected a storage that can put if absent for a model registry. Received "${storage.name}", which cannot.`,
        details: { storage: storage.name, capability: 'putIfAbsent' },
      })
    }
    this.#storage = storage
    this.#logger = options.logger
    const shared = { storage, clock: options.clock ?? systemClock, random: options.random ?? systemRandom }
    this.#attempts = options.attempts
    this.#reader = new VersionReader(options.attempts === undefined ? shared : { ...shared, attempts: options.attempts })
  }

  async register(
    name: string,
    modelPackage: ModelPackage,
    options: { readonly idempotencyKey?: string; readonly signal?: AbortSignal } = {},
  ): Promise<ModelVersion> {
    const signal = signalOf(options)
    const { log } = this.#reader.logOf(name)
    const key =
      options.idempotencyKey === undefined
        ? undefined
        : await RegistrationKey.claim({
            storage: this.#storage,
            prefix: `models/${name}/keys`,
            log,
            key: options.idempotencyKey,
            ...signal,
          })
    const before = asRegister(await key?.find(await log.head(signal), signal))
    if (before !== undefined) return this.#reader.versionOf(name, before, signal)

    // Blobs first: a version never names what is not there.
    const manifestDigest = await storeModelPackage(this.#storage, modelPackage, signal)
    const lineage = toJson(modelPackage.manifest.lineage)
    const operation = { type: 'register', manifestDigest, lineage, keyDigest: key?.digest ?? null } as const
    const { entry, existing } = await this.#append<RegisterEntry>(
      name,
      async (_state, head) => {
        const made = asRegister(await key?.find(head, signal))
        return made === undefined ? { operation } : { existing: made }
      },
      signal,
    )
    if (existing !== undefined) return this.#reader.versionOf(name, existing, signal)
    const made = asRegister(entry)
    if (made === undefined) throw new TypeError('unreachable: an appended registration is one')
    this.#logger?.info('model registered', { model: name, version: made.state.lastVersion, manifestDigest })
    return recordOf(name, made, {})
  }

  async version(name: string, version: number, options: SignalOption = {}): Promise<ModelVersion> {
    return this.#reader.versionOf(name, await this.#reader.entryOf(name, version, options), options)
  }

  /** All versions, oldest first, those made while the iteration runs left out. */
  async *versions(name: string, options: SignalOption = {}): AsyncIterable<ModelVersion> {
    const tagged = await this.#reader.taggedVersions(assertName('name', name), options)
    for await (const entry of this.#reader.logOf(name).log.entries(signalOf(options))) {
      const made = asRegister(entry)
      if (made === undefined) continue
      yield tagged.has(made.state.lastVersion) ? await this.#reader.versionOf(name, made, options) : recordOf(name, made, {})
    }
  }

  /** The names of all models, sorted as storage sorts them. */
  async *models(options: SignalOption = {}): AsyncIterable<string> {
    let after: string | undefined
    for (;;) {
      let name: string | undefined
      for await (const { key } of this.#storage.list('models', {
        ...signalOf(options),
        ...(after === undefined ? {} : { after }),
        limit: 1,
      })) {
        name = key.split('/')[1]
      }
      if (name === undefined) return
      yield name
      // Past every key of that model, so that a model costs one listing however long its log is.
      after = `models/${name}/zz`
    }
  }

  /**
   * The package of a version, its manifest and every blob read and compared with their digests.
   *
   * @throws {@link MillraceError} `MODEL_NOT_FOUND`; `STORAGE_NOT_FOUND` naming the blob that is gone; `STORAGE_CORRUPT` naming the one that changed.
   */
  async load(name: string, version: number, options: SignalOption = {}): Promise<ModelPackage> {
    const modelPackage = await this.#reader.open(await this.#reader.entryOf(name, version, options), options)
    for (const { digest } of blobsOfManifest(modelPackage.manifest)) {
      throwIfAborted(options.signal)
      await modelPackage.blob(digest, signalOf(options))
    }
    return modelPackage
  }

  /** Where a version came from. @throws {@link MillraceError} `MODEL_NOT_FOUND`. */
  async lineage(name: string, version: number, options: SignalOption = {}): Promise<Lineage> {
    return (await this.#reader.open(await this.#reader.entryOf(name, version, options), options)).manifest.lineage
  }

  async alias(name: string, alias: string, options: SignalOption = {}): Promise<ModelVersion | undefined> {
    const made = await this.#reader.currentOf(name, alias, options)
    return made === undefined ? undefined : this.#reader.versionOf(name, made, options)
  }

  /** Where the aliases of a model point now. */
  async aliases(name: string, options: SignalOption = {}): Promise<ReadonlyMap<string, number>> {
    const head = await this.#reader.logOf(name).log.head(signalOf(options))
    return new Map(Object.entries(head?.state.aliases ?? {}).map(([alias, { version }]) => [alias, version]))
  }

  /** Points an alias at a version; nothing happens, and nothing is recorded, when it is there already. */
  async setAlias(name: string, alias: string, version: number, options: SetAliasOptions = {}): Promise<void> {
    const { generation: versionGeneration } = await this.#reader.entryOf(name, version, options)
    const move = { ...options, name, alias: assertName('alias', alias) }
    await this.#moveAlias(move, (state) => decideSetAlias(state, move, { version, versionGeneration }), options)
  }

  /** Takes an alias away; what it pointed at before can no longer be rolled back to. An absent alias is no fault. */
  async removeAlias(name: string, alias: string, options: SetAliasOptions = {}): Promise<void> {
    const move = { ...options, name, alias: assertName('alias', alias) }
    await this.#moveAlias(move, (state) => decideRemoveAlias(state, move), options)
  }

  /**
   * Points an alias at the version that it had before, one step further back each time: set to 1, 2 and 3, it is rolled back to 2, then to 1. Both the
   * move and its undoing stay in the history. Give `expectedVersion` where two people may roll back at once.
   *
   * @throws {@link MillraceError} `MODEL_NOT_FOUND` when there is no such alias; `ALIAS_NOTHING_BEFORE` when it had no version before; `ALIAS_MOVED`.
   */
  async rollback(name: string, alias: string, options: SetAliasOptions = {}): Promise<ModelVersion> {
    const { log } = this.#reader.logOf(name)
    const signal = signalOf(options)
    const move = { ...options, name, alias: assertName('alias', alias) }
    const stateAt = async (generation: number): Promise<RegistryState | undefined> => (await log.entry(generation, signal))?.state
    const entry = await this.#moveAlias(move, (state) => decideRollback(state, move, stateAt), options)
    const made = entry === undefined ? undefined : await this.#reader.aliasEntry(name, alias, entry, options)
    if (made === undefined) throw aliasNotFound(name, alias)
    return this.#reader.versionOf(name, made, options)
  }

  /** Sets labels of a version, and takes off those given as null; the labels after it. @throws {@link MillraceError} `MODEL_NOT_FOUND`. */
  async tag(name: string, version: number, tags: TagChanges, options: SignalOption = {}): Promise<ModelVersion> {
    const made = await this.#reader.entryOf(name, version, options)
    return recordOf(name, made, await this.#reader.tagsOf(name, version).change(tags, signalOf(options)))
  }

  /** All changes of a model, oldest first: which version was `champion` when, and who moved it why. */
  async *history(name: string, options: SignalOption = {}): AsyncIterable<RegistryChange> {
    for await (const { generation, time, operation } of this.#reader.logOf(name).log.entries(signalOf(options)))
      yield { generation, time, operation }
  }

  /** The model to beat, for gates: what the alias points at when it is asked. */
  championOf(name: string, alias = 'champion'): ChampionSource {
    assertName('name', name)
    assertName('alias', alias)
    return championSource(this.#reader, name, alias)
  }

  async #moveAlias(
    move: AliasMove,
    decide: (state: RegistryState) => Decision<RegistryOperation, 'unchanged'> | Promise<Decision<RegistryOperation, 'unchanged'>>,
    options: SignalOption,
  ): Promise<RegistryEntry | undefined> {
    const { entry } = await this.#append(move.name, decide, signalOf(options))
    if (entry !== undefined) {
      const { type, ...fields } = entry.operation
      this.#logger?.info(type === 'rollback-alias' ? 'alias rolled back' : type === 'remove-alias' ? 'alias removed' : 'alias set', {
        model: move.name,
        ...fields,
      })
    }
    return entry
  }

  async #append<Existing>(
    name: string,
    decide: (
      state: RegistryState,
      head: RegistryEntry | undefined,
    ) => Decision<RegistryOperation, Existing> | Promise<Decision<RegistryOperation, Existing>>,
    signal: SignalOption,
  ): Promise<{ readonly entry?: RegistryEntry; readonly existing?: Existing }> {
    try {
      return await this.#reader.logOf(name).log.append<Existing>(decide, signal)
    } catch (error) {
      if (!MillraceError.is(error, 'STORAGE_CONFLICT')) throw error
      const attempts = this.#attempts ?? 100
      throw new MillraceError('REGISTRY_BUSY', {
        message: `Expected to change model "${name}" within ${attempts} attempts. Received other writers' changes first at each.`,
        details: { name, attempts },
        cause: error,
      })
    }
  }
}
