import type { Json } from '../core/json.ts'
import type { ModelPackage } from './model-package.ts'

export interface ModelVersion {
  readonly name: string
  /** 1, 2, 3 ... without gaps. */
  readonly version: number
  /** SHA-256 of the manifest: the package's identity. */
  readonly manifestDigest: string
  readonly createdAt: number
  /** Where it came from: the manifest's lineage. */
  readonly lineage: Json
  readonly tags: Readonly<Record<string, string>>
}

export interface SetAliasOptions {
  /** Moves only if the alias is there now; 0: only if there is none. */
  readonly expectedVersion?: number
  readonly reason?: string
  readonly by?: string
  readonly signal?: AbortSignal
}

/** What every registry does; `Registry` over any storage implements it, and whatever uses a registry takes this interface. */
export interface ModelRegistry {
  /** The same idempotency key gives the version that it made the first time. */
  register(
    name: string,
    modelPackage: ModelPackage,
    options?: { readonly idempotencyKey?: string; readonly signal?: AbortSignal },
  ): Promise<ModelVersion>
  /** @throws {@link MillraceError} `MODEL_NOT_FOUND`. */
  version(name: string, version: number, options?: { readonly signal?: AbortSignal }): Promise<ModelVersion>
  /** Every blob is verified when it is read. */
  load(name: string, version: number, options?: { readonly signal?: AbortSignal }): Promise<ModelPackage>
  alias(name: string, alias: string, options?: { readonly signal?: AbortSignal }): Promise<ModelVersion | undefined>
  /** @throws {@link MillraceError} `ALIAS_MOVED` when the alias is not at `expectedVersion`. */
  setAlias(name: string, alias: string, version: number, options?: SetAliasOptions): Promise<void>
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
