import { raceAbort, throwIfAborted } from '../../core/abort.ts'
import { createIdentifierSource } from '../../core/identifiers.ts'
import type { LogTarget } from '../../log/log-target.ts'
import type { ModelPackage } from '../../model/model-package.ts'
import type {
  Champion,
  ChampionSource,
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
} from '../../model/model-registry.ts'
import { modelCardOf } from '../model-card.ts'
import { assertDescription, assertWholeNumber } from '../names.ts'
import { compareVersions } from '../version-comparison.ts'
import { assertQuery, matchesQuery } from '../version-query.ts'
import { aliasNotFound } from '../version-reader.ts'
import { AliasMoves } from './alias-moves.ts'
import type { MlflowConnectionOptions, SignalOption } from './connection.ts'
import { MlflowConnection } from './connection.ts'
import { Experiment } from './experiment.ts'
import { assertAlias, assertModelName, assertTags } from './names.ts'
import { PackageReader } from './package-reader.ts'
import type { RegistrationContext } from './registration.ts'
import { Registration } from './registration.ts'
import { VersionDeletion } from './version-deletion.ts'
import { VersionFinder } from './version-finder.ts'
import { VersionStore } from './version-store.ts'
import { watchModel } from './watch.ts'

export interface MlflowRegistryOptions extends MlflowConnectionOptions {
  /** Where the runs go that hold the packages; it is made when it is not there. Default `millrace`. */
  readonly experiment?: string
  /** Is told of each version made and each alias moved. */
  readonly logger?: LogTarget
}

/**
 * Versions of models in an MLflow server, over its REST interface, from Node and from pages. A version has a run of its own, which holds the package among its
 * artifacts, the learner's parameters and the figures of the evaluation, so that MLflow's own pages and clients show them; what other clients registered can
 * be read here.
 *
 * Guarantees: a version that can be seen is whole, and every blob is verified when it is loaded; a registration that fails leaves no version; the same
 * idempotency key makes one version, also where an answer was lost. Where the very first registration of a model fails last, MLflow's own entry of that model may
 * stay, without versions: it is harmless and stays unmentioned in `models()`, and the next registration uses it. It is not deleted, since MLflow would delete
 * what others have begun to register there with it.
 *
 * What MLflow cannot do, this cannot do either: there are no conditional changes, so of two who move an alias at once the last wins, and `expectedVersion` is
 * looked at before the move, not with it; there is no history of aliases. Numbers are never used twice, but may have gaps: of two that are
 * registered with one key at once the later is deleted again. Several tags are written one after the other.
 *
 * Tested with MLflow 3.17. Artifacts must go through the server (`--serve-artifacts`, its default).
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for an address or credentials that are none. Each call may throw `REGISTRY_DENIED` and `REGISTRY_UNAVAILABLE`, and one that
 * needs artifacts `REGISTRY_UNSUPPORTED` when the server does not pass them on.
 * @example
 * const registry = new MlflowRegistry({ url: 'http://127.0.0.1:5000', credentials: { username: 'ci', password: new Secret('hunter2') } })
 * const pipelineWithRegistry = pipeline.pipe(register({ registry, name: 'flight-delay', alias: 'champion' }))
 */
export class MlflowRegistry implements ModelRegistry {
  readonly #connection: MlflowConnection
  readonly #store: VersionStore
  readonly #reader: PackageReader
  readonly #finder: VersionFinder
  readonly #aliases: AliasMoves
  readonly #deletion: VersionDeletion
  readonly #context: RegistrationContext
  readonly #logger: LogTarget | undefined
  /** Registrations under way by model and key: those of this process wait for one another instead of making versions that are deleted again. */
  readonly #underWay = new Map<string, Promise<unknown>>()

  constructor(options: MlflowRegistryOptions) {
    const connection = new MlflowConnection(options)
    this.#connection = connection
    this.#store = new VersionStore(connection)
    this.#reader = new PackageReader(connection, this.#store)
    this.#logger = options.logger
    this.#finder = new VersionFinder(this.#store)
    this.#aliases = new AliasMoves(this.#store, this.#finder, options.logger)
    this.#deletion = new VersionDeletion(connection, this.#store, this.#finder, options.logger)
    this.#context = {
      connection,
      store: this.#store,
      experiment: new Experiment(connection, options.experiment ?? 'millrace'),
      newId: createIdentifierSource({ clock: connection.clock, random: connection.random }),
    }
  }

  async register(name: string, modelPackage: ModelPackage, options: RegisterModelOptions = {}): Promise<ModelVersion> {
    const signal = signalOf(options)
    throwIfAborted(options.signal)
    const registration = new Registration(this.#context, assertModelName(name), modelPackage, options.idempotencyKey)
    const { version, isNew } = await this.#inTurn(name, options, () => registration.run(signal))
    if (isNew)
      this.#logger?.info('model registered', { model: name, version: version.version, manifestDigest: modelPackage.manifestDigest })
    return this.#reader.record(version, signal)
  }

  async version(name: string, version: number, options: SignalOption = {}): Promise<ModelVersion> {
    return this.#reader.record(await this.#finder.version(name, version, options), signalOf(options))
  }

  async *versions(name: string, options: ListVersionsOptions = {}): AsyncIterable<ModelVersion> {
    const { after = 0, limit = Number.POSITIVE_INFINITY, filter = () => true } = options
    assertModelName(name)
    assertWholeNumber('after', after, 0)
    if (limit !== Number.POSITIVE_INFINITY) assertWholeNumber('limit', limit, 0)
    const signal = signalOf(options)
    let left = limit
    if (left === 0) return
    for await (const found of this.#store.versions(name, after, signal)) {
      throwIfAborted(options.signal)
      const version = await this.#reader.record(found, signal)
      if (!filter(version)) continue
      yield version
      left -= 1
      if (left === 0) return
    }
  }

  /** Those that have a version, as MLflow sorts them. */
  async *models(options: SignalOption = {}): AsyncIterable<string> {
    for await (const { name, newestVersion } of this.#store.models(signalOf(options))) if (newestVersion > 0) yield name
  }

  /** Each version is looked at here: only the name is asked of the server. */
  async *search(query: VersionQuery): AsyncIterable<ModelVersion> {
    assertQuery(query)
    const { name, limit = Number.POSITIVE_INFINITY } = query
    if (limit !== Number.POSITIVE_INFINITY) assertWholeNumber('limit', limit, 0)
    const signal = signalOf(query)
    let left = limit
    for await (const model of name === undefined ? this.models(signal) : [name]) {
      if (left === 0) return
      for await (const version of this.versions(model, { ...signal, limit: left, filter: (found) => matchesQuery(found, query) })) {
        yield version
        left -= 1
      }
    }
  }

  async compare(name: string, left: number, right: number, options: SignalOption = {}): Promise<VersionComparison> {
    return compareVersions(await this.#describedVersion(name, left, options), await this.#describedVersion(name, right, options))
  }

  async modelCard(name: string, version: number, options: SignalOption = {}): Promise<string> {
    const described = await this.#describedVersion(name, version, options)
    const aliases = [...(await this.aliases(name, options))].filter(([, at]) => at === version).map(([alias]) => alias)
    return modelCardOf(described, { aliases })
  }

  /** @throws {@link MillraceError} `MODEL_INVALID` for a version that another client made: it has no package of this library. */
  async load(name: string, versionOrAlias: number | string, options: SignalOption = {}): Promise<ModelPackage> {
    const found =
      typeof versionOrAlias === 'string'
        ? await this.#store.alias(assertModelName(name), assertAlias(versionOrAlias), signalOf(options))
        : await this.#finder.version(name, versionOrAlias, options)
    if (found === undefined) throw aliasNotFound(name, String(versionOrAlias))
    return this.#reader.load(found, signalOf(options))
  }

  async alias(name: string, alias: string, options: SignalOption = {}): Promise<ModelVersion | undefined> {
    const found = await this.#store.alias(assertModelName(name), assertAlias(alias), signalOf(options))
    return found === undefined ? undefined : this.#reader.record(found, signalOf(options))
  }

  async aliases(name: string, options: SignalOption = {}): Promise<ReadonlyMap<string, number>> {
    return (await this.#store.model(assertModelName(name), signalOf(options)))?.aliases ?? new Map<string, number>()
  }

  /**
   * Points an alias at a version; nothing happens when it is there already. `expectedVersion` is compared with what is read before: somebody who moves the alias
   * between the two is not noticed, since MLflow's last writer wins.
   */
  async setAlias(name: string, alias: string, version: number, options: SetAliasOptions = {}): Promise<void> {
    await this.#aliases.set(name, alias, version, options)
  }

  async removeAlias(name: string, alias: string, options: SetAliasOptions = {}): Promise<void> {
    await this.#aliases.remove(name, alias, options)
  }

  /** The tags are written one after the other. @throws {@link MillraceError} `ARGUMENT_INVALID` for those that MLflow cannot hold, before any is written. */
  async tag(
    name: string,
    version: number,
    tags: Readonly<Record<string, string | null>>,
    options: SignalOption = {},
  ): Promise<ModelVersion> {
    const signal = signalOf(options)
    assertTags(tags)
    await this.#finder.version(name, version, options)
    for (const [tag, value] of Object.entries(tags)) {
      if (!(await this.#store.tagVersion(name, version, tag, value, signal))) throw await this.#finder.notFound(name, version, signal)
    }
    return this.version(name, version, options)
  }

  async describe(name: string, version: number, description: string, options: SignalOption = {}): Promise<ModelVersion> {
    const signal = signalOf(options)
    const text = assertDescription(description)
    await this.#finder.version(name, version, options)
    if (!(await this.#store.describe(name, version, text, signal))) throw await this.#finder.notFound(name, version, signal)
    return this.version(name, version, options)
  }

  checkNotes(name: string, { tags, description }: ModelVersionNotes): void {
    assertModelName(name)
    assertTags(tags)
    assertDescription(description)
  }

  /**
   * Deleting it again is no fault. Its run stays, with a tag about the deletion. An alias that is set between the look at the aliases and the deletion is lost with
   * the version: MLflow takes them off.
   */
  async deleteVersion(
    name: string,
    version: number,
    options: { readonly reason?: string; readonly by?: string } & SignalOption = {},
  ): Promise<void> {
    await this.#deletion.delete(name, version, options)
  }

  /**
   * Each version made and each move of the alias, from the moment when the iteration begins. Polls, with one request while nothing happens; a server that cannot
   * be reached is waited for. Between two looks an alias may have moved more than once: the last move is told, since MLflow keeps no others. Ends by `break`, or
   * rejects with `signal.reason`.
   */
  watch(name: string, alias: string, options: WatchOptions = {}): AsyncIterable<RegistryEvent> {
    assertModelName(name)
    assertAlias(alias)
    return watchModel(this.#store, name, alias, { ...options, clock: this.#connection.clock })
  }

  /** The model to beat, for gates: what the alias points at when it is asked. */
  championOf(name: string, alias = 'champion'): ChampionSource {
    assertModelName(name)
    assertAlias(alias)
    const champion = async (options: SignalOption = {}): Promise<Champion | undefined> => {
      const found = await this.#store.alias(name, alias, signalOf(options))
      if (found === undefined) return undefined
      const { manifest, manifestDigest } = await this.#reader.manifest(found, signalOf(options))
      const { metrics, lineage, model } = manifest
      return { version: found.version, metrics, manifestDigest, testDigest: lineage.testDigest, modelDigest: model.digest }
    }
    return { label: `${name}@${alias}`, champion }
  }

  async #inTurn<Result>(name: string, { idempotencyKey: key, signal }: RegisterModelOptions, work: () => Promise<Result>): Promise<Result> {
    if (key === undefined) return work()
    const place = `${name}/${key}`
    const before = this.#underWay.get(place)
    const turn = raceAbort(before ?? Promise.resolve(), signal).then(work)
    const settled = turn.then(
      () => {},
      () => {},
    )
    this.#underWay.set(place, settled)
    try {
      return await turn
    } finally {
      if (this.#underWay.get(place) === settled) this.#underWay.delete(place)
    }
  }

  async #describedVersion(
    name: string,
    version: number,
    options: SignalOption,
  ): Promise<{ version: ModelVersion; manifest: ModelPackage['manifest'] }> {
    const signal = signalOf(options)
    const found = await this.#finder.version(name, version, options)
    const { manifest } = await this.#reader.manifest(found, signal)
    return { version: await this.#reader.record(found, signal), manifest }
  }
}

function signalOf(options: SignalOption): SignalOption {
  return options.signal === undefined ? {} : { signal: options.signal }
}
