import { digestOfJson, sha256HexAsync } from '../../core/digest.ts'
import { MillraceError, messageOf } from '../../core/error.ts'
import { blobsOfManifest, decodeManifest, digestOfManifest } from '../../model/manifest.ts'
import type { ModelRegistry, ModelVersion } from '../../model/model-registry.ts'
import { openModelPackage } from '../../model/store-package.ts'
import type { StorageAdapter } from '../../storage/adapter.ts'
import { putBlob } from '../../storage/blobs.ts'
import { MemoryStorage } from '../../storage/memory.ts'
import type { ExportedFile, ExportedVersion, ExportIndex } from './export-index.ts'
import { decodeIndex, exportInvalid, indexPath, manifestPath, partPath } from './export-index.ts'

export interface ImportModelOptions {
  /** Of the model here; default the name that it had. */
  readonly name?: string
  /** True: aliases come along, and are moved where they are elsewhere here. Default false. */
  readonly aliases?: boolean
  /** Where the files are kept until all are verified; default memory. */
  readonly staging?: StorageAdapter
  readonly signal?: AbortSignal
}

export interface ImportedModel {
  readonly name: string
  /** Each version's number where it came from and here, in order. */
  readonly versions: readonly { readonly from: number; readonly to: number }[]
}

/**
 * Registers the versions of an export, in their order, as new versions of a model, with tags and descriptions. The same files again change nothing: each
 * version is known by where it came from.
 *
 * Guarantee: all files are read and verified first (every digest, size and path); when one is missing, damaged, unknown or there twice, nothing is
 * registered. Paths of files never become keys of a storage.
 *
 * @throws {@link MillraceError} `EXPORT_INVALID` naming the file; `FORMAT_UNSUPPORTED` for an export of a newer library.
 * @example
 * const { versions } = await importModel(registry, exportModel(registry, 'flight-delay'), { name: 'flight-delay-copy' })
 * versions // [{ from: 1, to: 1 }]
 */
export async function importModel(
  registry: ModelRegistry,
  files: AsyncIterable<ExportedFile> | Iterable<ExportedFile>,
  options: ImportModelOptions = {},
): Promise<ImportedModel> {
  const { staging = new MemoryStorage() } = options
  const io = options.signal === undefined ? {} : { signal: options.signal }
  const index = await stageFiles(files, staging, io)
  const name = options.name ?? index.name
  const numbers = new Map<number, number>()
  for (const exported of index.versions) {
    const modelPackage = await openModelPackage(staging, exported.manifestDigest, io)
    const made = await registry.register(name, modelPackage, { idempotencyKey: importKey(index, exported), ...io })
    await addNotes(registry, made, exported, io)
    numbers.set(exported.version, made.version)
  }
  if (options.aliases === true) {
    for (const [alias, version] of Object.entries(index.aliases))
      await registry.setAlias(name, alias, numbers.get(version) as number, { reason: `imported from "${index.name}"`, ...io })
  }
  return { name, versions: [...numbers].map(([from, to]) => ({ from, to })) }
}

function importKey({ name }: ExportIndex, { version, manifestDigest }: ExportedVersion): string {
  return `import/${digestOfJson({ name, version, manifestDigest })}`
}

/** What people have written here since an earlier import stays. */
async function addNotes(
  registry: ModelRegistry,
  made: ModelVersion,
  { tags, description }: ExportedVersion,
  io: { readonly signal?: AbortSignal },
): Promise<void> {
  if (Object.keys(made.tags).length === 0 && Object.keys(tags).length > 0) await registry.tag(made.name, made.version, tags, io)
  if (made.description === '' && description !== '') await registry.describe(made.name, made.version, description, io)
}

/** All files, verified and kept under their digests. */
async function stageFiles(
  files: AsyncIterable<ExportedFile> | Iterable<ExportedFile>,
  staging: StorageAdapter,
  io: { readonly signal?: AbortSignal },
): Promise<ExportIndex> {
  let index: ExportIndex | undefined
  /** By path, how many bytes are to come; undefined where only the digest is known. */
  const expected = new Map<string, { readonly digest: string; readonly sizeBytes?: number }>()
  const seen = new Set<string>()
  for await (const { path, bytes } of files) {
    io.signal?.throwIfAborted()
    if (seen.has(path)) throw exportInvalid(path, 'it came before')
    seen.add(path)
    if (index === undefined) {
      if (path !== indexPath) throw exportInvalid(path, `the first file must be "${indexPath}"`)
      index = decodeIndex(bytes)
      for (const { manifestDigest: digest } of index.versions) expected.set(manifestPath(digest), { digest })
      continue
    }
    const file = expected.get(path)
    if (file === undefined) throw exportInvalid(path, 'no file before it names it')
    expected.delete(path)
    if (file.sizeBytes !== undefined && file.sizeBytes !== bytes.length)
      throw exportInvalid(path, `it has ${bytes.length} bytes, not ${file.sizeBytes}`)
    if ((await sha256HexAsync(bytes)) !== file.digest) throw exportInvalid(path, 'its SHA-256 is another')
    if (file.sizeBytes === undefined) {
      for (const part of partsOf(path, file.digest, bytes)) if (!seen.has(partPath(part.digest))) expected.set(partPath(part.digest), part)
    }
    await putBlob(staging, bytes, io)
  }
  if (index === undefined) throw exportInvalid(indexPath, 'it is missing')
  const [missing] = expected.keys()
  if (missing !== undefined) throw exportInvalid(missing, 'it is missing')
  return index
}

function partsOf(path: string, digest: string, bytes: Uint8Array): ReturnType<typeof blobsOfManifest> {
  try {
    const manifest = decodeManifest(bytes)
    if (digestOfManifest(manifest) === digest) return blobsOfManifest(manifest)
  } catch (cause) {
    if (MillraceError.is(cause, 'FORMAT_UNSUPPORTED')) throw cause
    throw exportInvalid(path, messageOf(cause), cause)
  }
  throw exportInvalid(path, 'it is not canonical JSON')
}
