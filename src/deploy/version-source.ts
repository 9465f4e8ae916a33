import { MillraceError } from '../core/error.ts'
import type { ColumnType } from '../data/column-type.ts'
import { type LoadedPackage, loadModelPackage } from '../model/load-package.ts'
import type { ModelLoader } from '../model/model.ts'
import type { ModelRegistry } from '../model/model-registry.ts'
import { checkSignature } from '../model/signature.ts'

/** Which version is served, and how one is loaded. */
export interface VersionSource {
  readonly registry: ModelRegistry
  readonly model: string
  /** Undefined where a version is pinned. */
  readonly alias: string | undefined
  readonly version: number | undefined
  /** What the host calls the place where it serves; undefined where it gave no name. */
  readonly deployment: string | undefined
  readonly models: readonly ModelLoader[]
  /** Of the host's schema; undefined where it gave none. */
  readonly columns: readonly ColumnType[] | undefined
}

/** The version that is to be served now. @throws {@link MillraceError} `MODEL_NOT_FOUND`. */
export async function resolveVersion(source: VersionSource, options: { readonly signal?: AbortSignal }): Promise<number> {
  const { alias, model, registry, version } = source
  if (alias === undefined) return (await registry.version(model, version as number, options)).version
  const found = await registry.alias(model, alias, options)
  if (found !== undefined) return found.version
  throw new MillraceError('MODEL_NOT_FOUND', {
    message: `Expected a version under the alias "${alias}" of the model "${model}". Received none.`,
    details: { name: model, alias },
  })
}

/** Loads a version, verified to the last digest and golden prediction, and checks that the host can give what it takes. */
export async function loadVersion(
  source: VersionSource,
  version: number,
  options: { readonly signal?: AbortSignal },
): Promise<LoadedPackage> {
  const modelPackage = await source.registry.load(source.model, version, options)
  if (source.columns !== undefined) checkSignature(modelPackage.manifest.signature, source.columns)
  return loadModelPackage(modelPackage, { models: source.models, ...options })
}
