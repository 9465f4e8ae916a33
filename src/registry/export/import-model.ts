import { throwIfAborted } from '../../core/abort.ts'
import type { Clock } from '../../core/clock.ts'
import { systemClock } from '../../core/clock.ts'
import { digestOfJson, sha256HexAsync } from '../../core/digest.ts'
import { MillraceError, messageOf } from '../../core/error.ts'
import type { Random } from '../../core/random.ts'
import { systemRandom } from '../../core/random.ts'
import { blobsOfManifest, decodeManifest, digestOfManifest } from '../../model/manifest.ts'
import type { ModelRegistry, ModelVersion } from '../../model/model-registry.ts'
import { openModelPackage } from '../../model/store-package.ts'
import type { StorageAdapter } from '../../storage/adapter.ts'
import { MemoryStorage } from '../../storage/memory.ts'
import { accountOf, assertBoolean, assertObject } from '../names.ts'
import { noNotes } from '../version-notes.ts'
import type { ExportedFile, ExportedVersion, ExportIndex } from './export-index.ts'
import { assertFile, assertIterable, decodeIndex, exportInvalid, indexPath, manifestPath, partPath } from './export-index.ts'
import type { UnmovedAlias } from './import-aliases.ts'
import { moveAliases } from './import-aliases.ts'
import { ImportStaging } from './import-staging.ts'
import { untilAbortedOf } from './over-source.ts'

export interface ImportModelOptions {
  /** Of the model here; default the name that it had. */
  readonly name?: string
  /** True: aliases come along, and are moved where they are elsewhere here. Default false. */
  readonly aliases?: boolean
  /** Why the aliases move; default that they were imported, and from which model. */
  readonly reason?: string
  /** Who moves the aliases; a protected one moves only with it. */
  readonly by?: string
  /** Where the files are kept until their versions are registered, safe from collectors; default memory. */
  readonly staging?: StorageAdapter
  readonly clock?: Clock
  /** For the name under which the files are kept. */
  readonly random?: Random
  readonly signal?: AbortSignal
}

export interface ImportedModel {
  readonly name: string
  /** Each version's number where it came from and here, in order. */
  readonly versions: readonly { readonly from: number; readonly to: number }[]
  /** Aliases that were asked for and could not be moved. */
  readonly unmovedAliases: readonly UnmovedAlias[]
}

/**
 * Registers the versions of an export, in their order, as new versions of a model, with tags and descriptions. The same files again change nothing: each
 * version is known by where it came from.
 *
 * Guarantee: all files are read and verified first (every digest, size and path); when one is missing, damaged, unknown or there twice, nothing is
 * registered, nor when the registry does not take the model's name, a tag or a description (of a registry without `checkNotes` that is known only when it
 * refuses them). Paths of files never become keys of a storage. What others collect meanwhile takes nothing of it, as long as a file is registered within a
 * week of its being read.
 *
 * Aliases move last, each for itself: one that is protected, that a gate refuses or that cannot be an alias here stays where it is, and is told of in
 * `unmovedAliases` with the fault.
 *
 * An abort rejects at once, also while the files are waited for, and tells them to end without waiting for that; a failure tells them to end, too.
 *
 * @throws {@link MillraceError} `EXPORT_INVALID` naming the file and what of it; `FORMAT_UNSUPPORTED` for an export of a newer library; `ARGUMENT_INVALID`.
 * @example
 * const { versions } = await importModel(registry, exportModel(registry, 'flight-delay'), { name: 'flight-delay-copy' })
 * versions // [{ from: 1, to: 1 }]
 */
export async function importModel(
  registry: ModelRegistry,
  files: AsyncIterable<ExportedFile> | Iterable<ExportedFile>,
  options: ImportModelOptions = {},
): Promise<ImportedModel> {
  assertObject('options', options)
  assertIterable('files', files)
  const account = accountOf(options)
  const { aliases = false, clock = systemClock, random = systemRandom, signal } = options
  assertBoolean('aliases', aliases)
  if (options.name !== undefined) registry.checkNotes?.(options.name, noNotes)
  const io = signal === undefined ? {} : { signal }
  const staging = new ImportStaging(options.staging ?? new MemoryStorage(), { clock, random })
  try {
    const index = await stageFiles(files, { staging, check: (read) => checkIndex(registry, options.name, read) }, io)
    const name = options.name ?? index.name
    const numbers = await registerAll(registry, name, index, staging, io)
    const wanted = aliases ? Object.entries(index.aliases) : []
    const targets = wanted.map(([alias, version]) => ({ alias, version: numbers.get(version) as number }))
    const told = { ...account, reason: account.reason ?? `imported from "${index.name}"` }
    const unmovedAliases = await moveAliases(registry, name, targets, told, io)
    return { name, versions: [...numbers].map(([from, to]) => ({ from, to })), unmovedAliases }
  } finally {
    const ended = staging.end()
    // Whoever has aborted waits for nothing more.
    if (signal?.aborted !== true) await ended
  }
}

/** The number here of each version. */
async function registerAll(
  registry: ModelRegistry,
  name: string,
  index: ExportIndex,
  { storage }: ImportStaging,
  io: { readonly signal?: AbortSignal },
): Promise<ReadonlyMap<number, number>> {
  const numbers = new Map<number, number>()
  for (const exported of index.versions) {
    const modelPackage = await openModelPackage(storage, exported.manifestDigest, io)
    const made = await registry.register(name, modelPackage, { idempotencyKey: importKey(index, exported), ...io })
    await addNotes(registry, made, exported, io)
    numbers.set(exported.version, made.version)
  }
  return numbers
}

/** What the registry would refuse of it later, when half is registered. */
function checkIndex(registry: ModelRegistry, name: string | undefined, index: ExportIndex): void {
  assertAccepted('', () => registry.checkNotes?.(name ?? index.name, noNotes))
  for (const { version, tags, description } of index.versions)
    assertAccepted(`in version ${version}, `, () => registry.checkNotes?.(name ?? index.name, { tags, description }))
}

function assertAccepted(place: string, check: () => void): void {
  try {
    check()
  } catch (cause) {
    if (!MillraceError.is(cause, 'ARGUMENT_INVALID')) throw cause
    const { argument, expected, received } = cause.details
    throw exportInvalid(indexPath, `${place}${argument}: expected ${expected}, received ${received}`, cause)
  }
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
  { staging, check }: { readonly staging: ImportStaging; readonly check: (index: ExportIndex) => void },
  io: { readonly signal?: AbortSignal },
): Promise<ExportIndex> {
  let index: ExportIndex | undefined
  /** By path, how many bytes are to come; undefined where only the digest is known. */
  const expected = new Map<string, { readonly digest: string; readonly sizeBytes?: number }>()
  const seen = new Set<string>()
  for await (const file of untilAbortedOf(files, io.signal)) {
    throwIfAborted(io.signal)
    const { path, bytes } = assertFile(file)
    if (seen.has(path)) throw exportInvalid(path, 'it came before')
    seen.add(path)
    if (index === undefined) {
      if (path !== indexPath) throw exportInvalid(path, `the first file must be "${indexPath}"`)
      index = decodeIndex(bytes)
      check(index)
      for (const { manifestDigest: digest } of index.versions) expected.set(manifestPath(digest), { digest })
      continue
    }
    const due = expected.get(path)
    if (due === undefined) throw exportInvalid(path, 'no file before it names it')
    expected.delete(path)
    if (due.sizeBytes !== undefined && due.sizeBytes !== bytes.length)
      throw exportInvalid(path, `it has ${bytes.length} bytes, not ${due.sizeBytes}`)
    if ((await sha256HexAsync(bytes)) !== due.digest) throw exportInvalid(path, 'its SHA-256 is another')
    if (due.sizeBytes === undefined) {
      for (const part of partsOf(path, due.digest, bytes)) if (!seen.has(partPath(part.digest))) expected.set(partPath(part.digest), part)
    }
    await staging.put(bytes, io)
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
