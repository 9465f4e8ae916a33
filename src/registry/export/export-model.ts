import { invalidArgument } from '../../core/invalid-argument.ts'
import { blobsOfManifest, encodeManifest } from '../../model/manifest.ts'
import type { ModelPackage } from '../../model/model-package.ts'
import type { ModelRegistry, ModelVersion } from '../../model/model-registry.ts'
import type { ExportedFile } from './export-index.ts'
import { encodeIndex, indexPath, manifestPath, partPath } from './export-index.ts'

export interface ExportModelOptions {
  /** Default all that are not deleted. */
  readonly versions?: readonly number[]
  readonly signal?: AbortSignal
}

/** Reads the package of a version; its blobs are verified when they are read. */
export type OpenPackage = (version: number) => Promise<ModelPackage>

/**
 * A model of any registry as files: `index.json`, then the manifests, then the blobs, each once, whatever many versions share. One file is in memory at a time. Every
 * byte is covered by a digest that an earlier file holds, the index by its own.
 *
 * @throws {@link MillraceError} `MODEL_NOT_FOUND`, `VERSION_DELETED`; `STORAGE_NOT_FOUND`, `STORAGE_CORRUPT` for a blob that is gone or damaged.
 * @example
 * for await (const { path, bytes } of exportModel(registry, 'flight-delay')) console.log(path, bytes.length)
 */
export async function* exportModel(
  registry: ModelRegistry,
  name: string,
  options: ExportModelOptions & { readonly open?: OpenPackage } = {},
): AsyncGenerator<ExportedFile, void, undefined> {
  const io = options.signal === undefined ? {} : { signal: options.signal }
  const open = options.open ?? ((version: number): Promise<ModelPackage> => registry.load(name, version, io))
  const versions = await chosenVersions(registry, name, options)
  if (versions.length === 0) throw invalidArgument('versions', `one or more of model "${name}"`, 'none')
  const numbers = new Set(versions.map(({ version }) => version))
  const aliases = [...(await registry.aliases(name, io))].filter(([, version]) => numbers.has(version))
  const listed = versions.map(({ version, manifestDigest, createdAt, tags, description }) => ({
    ...{ version, manifestDigest, createdAt, tags, description },
  }))
  yield { path: indexPath, bytes: encodeIndex({ name, versions: listed, aliases: Object.fromEntries(aliases) }) }

  const manifests = new Map(versions.map(({ manifestDigest, version }) => [manifestDigest, version]))
  const parts = new Map<string, string>()
  for (const [digest, version] of manifests) {
    const { manifest } = await open(version)
    for (const part of blobsOfManifest(manifest)) if (!parts.has(part.digest)) parts.set(part.digest, digest)
    yield { path: manifestPath(digest), bytes: encodeManifest(manifest) }
  }
  let opened: { readonly digest: string; readonly modelPackage: ModelPackage } | undefined
  for (const [part, digest] of parts) {
    if (opened?.digest !== digest) opened = { digest, modelPackage: await open(manifests.get(digest) as number) }
    yield { path: partPath(part), bytes: await opened.modelPackage.blob(part, io) }
  }
}

async function chosenVersions(registry: ModelRegistry, name: string, options: ExportModelOptions): Promise<readonly ModelVersion[]> {
  const io = options.signal === undefined ? {} : { signal: options.signal }
  const versions: ModelVersion[] = []
  if (options.versions === undefined) for await (const version of registry.versions(name, io)) versions.push(version)
  else {
    const numbers = [...new Set(options.versions)].sort((left, right) => left - right)
    for (const number of numbers) versions.push(await registry.version(name, number, io))
  }
  return versions
}
