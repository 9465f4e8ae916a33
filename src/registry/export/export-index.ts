import { digestOfJson } from '../../core/digest.ts'
import { MillraceError } from '../../core/error.ts'
import { invalidArgument } from '../../core/invalid-argument.ts'
import { canonicalJson, isPlainObject } from '../../core/json.ts'
import { receivedText } from '../../core/received.ts'
import { isDigest } from '../../model/blob-reference.ts'
import { checkFormat } from '../../model/check-format.ts'

/** One file of an export. The path is for people and tools that keep the files apart; it never becomes a storage key. */
export interface ExportedFile {
  readonly path: string
  readonly bytes: Uint8Array
}

/** A version as the index of an export tells of it. */
export interface ExportedVersion {
  readonly version: number
  /** SHA-256 of its manifest, which names everything else of it by digest and size. */
  readonly manifestDigest: string
  /** Milliseconds since 1970 UTC, in the registry that it came from. */
  readonly createdAt: number
  readonly tags: Readonly<Record<string, string>>
  readonly description: string
}

/** What an export holds. */
export interface ExportIndex {
  readonly name: string
  /** Rising. */
  readonly versions: readonly ExportedVersion[]
  /** Those at one of the versions. */
  readonly aliases: Readonly<Record<string, number>>
}

/** In this order and sorted by path is the same: files that were put into a folder come back in order when they are sorted. */
export const indexPath = 'index.json'
export const manifestFolder = 'manifests'
export const partFolder = 'parts'

const exportFormat = { format: 'millrace-model-export', supportedVersion: 1 } as const

export function manifestPath(digest: string): string {
  return `${manifestFolder}/${digest}.json`
}

export function partPath(digest: string): string {
  return `${partFolder}/${digest}`
}

export function encodeIndex(index: ExportIndex): Uint8Array {
  const header = { format: exportFormat.format, formatVersion: 1, minReaderVersion: 1 }
  const content = { ...header, ...index }
  return new TextEncoder().encode(canonicalJson({ ...content, checksum: digestOfJson(content) }))
}

/** @throws {@link MillraceError} `EXPORT_INVALID`; `FORMAT_UNSUPPORTED` when only a newer library can read it. */
export function decodeIndex(bytes: Uint8Array): ExportIndex {
  let stored: unknown
  try {
    stored = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw exportInvalid(indexPath, 'it is not JSON', cause)
  }
  checkFormat(stored, exportFormat)
  const { checksum, ...content } = stored
  if (digestOfJson(content) !== checksum) throw exportInvalid(indexPath, 'its checksum is another')
  const { name, versions, aliases } = content
  if (typeof name !== 'string') throw exportInvalid(indexPath, 'it has no name')
  if (!Array.isArray(versions) || !versions.every(isVersion)) throw exportInvalid(indexPath, 'a version in it is incomplete')
  const numbers = versions.map(({ version }) => version)
  if (numbers.some((version, index) => index > 0 && version <= (numbers[index - 1] as number)))
    throw exportInvalid(indexPath, 'its versions do not rise')
  if (!isPlainObject(aliases) || !Object.values(aliases).every((version) => numbers.includes(version as number)))
    throw exportInvalid(indexPath, 'an alias in it is at none of its versions')
  return { name, versions, aliases: aliases as Readonly<Record<string, number>> }
}

export function exportInvalid(path: string, reason: string, cause?: unknown): MillraceError<'EXPORT_INVALID'> {
  const shown = path.slice(0, 200)
  return new MillraceError('EXPORT_INVALID', {
    message: `Expected the files of an exported model, each as it was written. Received ${JSON.stringify(shown)}: ${reason}.`,
    details: { path: shown, reason },
    cause,
  })
}

/** @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function assertFile(file: ExportedFile): ExportedFile {
  const { path, bytes }: { readonly path?: unknown; readonly bytes?: unknown } = Object(file)
  if (typeof path === 'string' && bytes instanceof Uint8Array) return file
  throw invalidArgument('files', 'each a path and its bytes', receivedText(file))
}

/** @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function assertIterable(argument: string, value: unknown): void {
  const { [Symbol.asyncIterator]: asynchronous, [Symbol.iterator]: synchronous } = Object(value)
  if (typeof value === 'object' && (typeof asynchronous === 'function' || typeof synchronous === 'function')) return
  throw invalidArgument(argument, 'something to iterate over', receivedText(value))
}

function isVersion(value: unknown): value is ExportedVersion {
  if (!isPlainObject(value)) return false
  const { version, manifestDigest, createdAt, tags, description } = value
  const isNumbered = Number.isSafeInteger(version) && (version as number) >= 1 && typeof createdAt === 'number'
  const isNoted = typeof description === 'string' && isPlainObject(tags) && Object.values(tags).every((tag) => typeof tag === 'string')
  return isNumbered && isNoted && isDigest(manifestDigest)
}
