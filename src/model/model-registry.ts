import type { Json } from '../core/json.ts'
import type { ModelPackage } from './model-package.ts'

interface Options {
  readonly signal?: AbortSignal
}

export interface ModelVersion {
  readonly name: string
  /** 1, 2, 3 ... without gaps. */
  readonly version: number
  /** SHA-256 of the manifest: the package's identity. */
  readonly manifestDigest: string
  readonly createdAt: number
  /** Where it came from: the manifest's lineage. */
  readonly lineage: Json
  /** The figures of its evaluation. */
  readonly metrics: Readonly<Record<string, number>>
  readonly tags: Readonly<Record<string, string>>
  /** What people wrote about it; empty when nobody did. */
  readonly description: string
}

export interface RegisterModelOptions extends Options {
  /** The same key gives the version that it made the first time. */
  readonly idempotencyKey?: string
}

export interface SetAliasOptions extends Options {
  /** Moves only if the alias is there now; 0: only if there is none. */
  readonly expectedVersion?: number
  readonly reason?: string
  readonly by?: string
}

export interface ListVersionsOptions extends Options {
  /** Versions above this one. */
  readonly after?: number
  /** At most so many of those that pass the filter. */
  readonly limit?: number
  readonly filter?: (version: ModelVersion) => boolean
}

/** A bound on a figure; both ends belong to it. */
export interface MetricBound {
  readonly atLeast?: number
  readonly atMost?: number
}

/** What must hold of a version; all of it. */
export interface VersionQuery extends Options {
  /** Of this model only; else of all. */
  readonly name?: string
  readonly metrics?: Readonly<Record<string, MetricBound>>
  /** Null: any value. */
  readonly tags?: Readonly<Record<string, string | null>>
  /** Paths into the lineage, such as `parameters.epochs`, `dataDigest` or `runId`, and the values there. */
  readonly lineage?: Readonly<Record<string, Json>>
  readonly limit?: number
}

/** Where two versions differ; what is equal is left out. */
export interface VersionComparison {
  readonly name: string
  readonly versions: readonly [number, number]
  readonly metrics: Readonly<
    Record<string, { readonly left: number | null; readonly right: number | null; readonly change: number | null }>
  >
  /** Of the lineage by path: parameters, data, code, packages. */
  readonly lineage: Readonly<Record<string, { readonly left: Json; readonly right: Json }>>
  /** Columns that only one takes, or that it takes otherwise. */
  readonly inputs: readonly { readonly name: string; readonly left: string | null; readonly right: string | null }[]
  readonly tags: Readonly<Record<string, { readonly left: string | null; readonly right: string | null }>>
  /** True when both are the same model to the byte. */
  readonly sameModel: boolean
}

/** What people say of a version. */
export type ModelVersionNotes = Pick<ModelVersion, 'tags' | 'description'>

/** What happened to a model while it was watched. */
export type RegistryEvent =
  | { readonly type: 'version-registered'; readonly name: string; readonly time: number; readonly version: number }
  | {
      readonly type: 'alias-moved'
      readonly name: string
      readonly time: number
      readonly alias: string
      /** Null: it was on none, or was removed. */
      readonly from: number | null
      readonly to: number | null
      readonly reason: string | null
      readonly by: string | null
    }

export interface WatchOptions extends Options {
  /** Between two looks; default 1,000. */
  readonly intervalMs?: number
}

/**
 * What every registry does; `Registry` over any storage implements it, and `MlflowRegistry` over a server. Whatever uses a registry takes this
 * interface. What a kind of registry cannot do rejects with `REGISTRY_UNSUPPORTED` and the reason.
 */
export interface ModelRegistry {
  /** The same idempotency key gives the version that it made the first time. */
  register(name: string, modelPackage: ModelPackage, options?: RegisterModelOptions): Promise<ModelVersion>
  /** @throws {@link MillraceError} `MODEL_NOT_FOUND`, `VERSION_DELETED`. */
  version(name: string, version: number, options?: Options): Promise<ModelVersion>
  /** Oldest first, deleted ones left out. */
  versions(name: string, options?: ListVersionsOptions): AsyncIterable<ModelVersion>
  /** Names, sorted. */
  models(options?: Options): AsyncIterable<string>
  search(query: VersionQuery): AsyncIterable<ModelVersion>
  compare(name: string, left: number, right: number, options?: Options): Promise<VersionComparison>
  /** A page of Markdown for people: what it is, what it takes, how good it is, where it came from. */
  modelCard(name: string, version: number, options?: Options): Promise<string>
  /** By number, or by an alias that is at it now. Every blob is verified when it is read. */
  load(name: string, versionOrAlias: number | string, options?: Options): Promise<ModelPackage>
  alias(name: string, alias: string, options?: Options): Promise<ModelVersion | undefined>
  aliases(name: string, options?: Options): Promise<ReadonlyMap<string, number>>
  /** @throws {@link MillraceError} `ALIAS_MOVED` when the alias is not at `expectedVersion`; `ALIAS_PROTECTED`; `ALIAS_MOVE_REFUSED`. */
  setAlias(name: string, alias: string, version: number, options?: SetAliasOptions): Promise<void>
  removeAlias(name: string, alias: string, options?: SetAliasOptions): Promise<void>
  /** Null takes a tag off. */
  tag(name: string, version: number, tags: Readonly<Record<string, string | null>>, options?: Options): Promise<ModelVersion>
  describe(name: string, version: number, description: string, options?: Options): Promise<ModelVersion>
  /**
   * Refuses what `register`, `tag` and `describe` would refuse of the name of a model and of the notes of a new version, and asks nobody: for imports, which
   * must know it before they register. Without it they learn it afterwards.
   *
   * @throws {@link MillraceError} `ARGUMENT_INVALID`.
   */
  checkNotes?(name: string, notes: ModelVersionNotes): void
  /** Its number is never used again; deleting it again is no fault. An idempotency key that made it makes another. @throws {@link MillraceError} `VERSION_IN_USE` while an alias points at it. */
  deleteVersion(name: string, version: number, options?: { readonly reason?: string; readonly by?: string } & Options): Promise<void>
  /** What happens to the model from the first look on, until the signal aborts. */
  watch(name: string, alias: string, options: WatchOptions): AsyncIterable<RegistryEvent>
}

/** A registry that keeps where its versions are at work; not every kind does. */
export interface DeploymentRecorder {
  /** A place that is known already is not recorded again. */
  recordDeployment(
    name: string,
    version: number,
    options: { readonly deployment: string; readonly by?: string; readonly signal?: AbortSignal },
  ): Promise<void>
}

/** The model to beat: what a gate asks, so that gates know no registry. */
export interface ChampionSource {
  /** Names the source in verdicts, such as `flight-delay@champion`. */
  readonly label: string
  champion(options?: { readonly signal?: AbortSignal }): Promise<Champion | undefined>
}
export interface Champion {
  readonly version: number
  /** The figures of its evaluation when it was registered. */
  readonly metrics: Readonly<Record<string, number>>
  readonly manifestDigest: string
  /** SHA-256 of the data it was evaluated on. */
  readonly testDigest: string
  /** SHA-256 of its model. */
  readonly modelDigest: string
}
