import { MillraceError } from '../core/error.ts'
import { canonicalJson } from '../core/json.ts'
import { crc32 } from './crc32.ts'

/** What is stored in place of a large blob: its size and the SHA-256 names of its chunks in order; all but the last have `chunkBytes`. */
export interface ChunkList {
  readonly sizeBytes: number
  readonly chunkBytes: number
  readonly chunks: readonly string[]
}

/** A list as it was read. One that is not intact was damaged: what it names may not be what was written, and still is not to be lost. */
export interface ReadChunkList extends ChunkList {
  readonly isIntact: boolean
}

/** With what the bytes of a list begin. */
export const chunkListSignature = 'millrace-chunks\n'

const formatVersion = 1
const maxChunkBytes = 64 * 1024 * 1024
/** Of the largest safe integer. */
const maxDigits = 16
const digestPattern = /^[0-9a-f]{64}$/

export function encodeChunkList(list: ChunkList): Uint8Array {
  const stored = { format: 'millrace-chunks', formatVersion, minReaderVersion: 1, checksum: checksumOf(list), ...list }
  return new TextEncoder().encode(`${chunkListSignature}${canonicalJson(stored)}`)
}

/** Without the names and the digits of the size. */
const listBytes = (chunkBytes: number): number => encodeChunkList({ sizeBytes: 0, chunkBytes, chunks: [] }).length - 1
const bytesPerName = 64 + 3

/**
 * False for sizes that no list of two or more chunks of `chunkBytes` has, which are 97 of 100: what a collector needs not to read. It goes with the format: change
 * both together.
 */
export function isSizeOfChunkList(sizeBytes: number, chunkBytes: number): boolean {
  const rest = sizeBytes - listBytes(chunkBytes) + 1
  for (let digits = 1; digits <= maxDigits; digits++) {
    const count = (rest - digits) / bytesPerName
    if (!Number.isInteger(count) || count < 2) continue
    // A size of so many digits, among those that so many chunks have.
    if ((count - 1) * chunkBytes < 10 ** digits && count * chunkBytes >= 10 ** (digits - 1)) return true
  }
  return false
}

/** True when the bytes begin as those of a list do. */
export function isChunkList(bytes: Uint8Array): boolean {
  for (let index = 0; index < chunkListSignature.length; index++) {
    if (bytes[index] !== chunkListSignature.charCodeAt(index)) return false
  }
  return true
}

/** The list, or undefined for whatever else the bytes may be. @throws {@link MillraceError} `FORMAT_UNSUPPORTED` for a list of a newer library. */
export function decodeChunkList(bytes: Uint8Array): ReadChunkList | undefined {
  if (!isChunkList(bytes)) return undefined
  const stored = parse(bytes.subarray(chunkListSignature.length))
  if (stored === undefined) return undefined
  const { minReaderVersion, checksum, sizeBytes, chunkBytes, chunks } = stored
  if (typeof minReaderVersion === 'number' && minReaderVersion > formatVersion) {
    throw new MillraceError('FORMAT_UNSUPPORTED', {
      message: `Expected a list of chunks of version ${formatVersion}. Received one for version ${minReaderVersion} and later.`,
      details: { format: 'millrace-chunks', formatVersion: minReaderVersion, supportedVersion: formatVersion },
    })
  }
  if (!isCount(sizeBytes) || !isCount(chunkBytes) || chunkBytes === 0 || chunkBytes > maxChunkBytes || !Array.isArray(chunks))
    return undefined
  const digests = chunks.filter((digest): digest is string => typeof digest === 'string' && digestPattern.test(digest))
  // So a damaged size cannot ask for more memory than the list's own length accounts for.
  if (digests.length !== chunks.length || digests.length !== Math.ceil(sizeBytes / chunkBytes)) return undefined
  const list = { sizeBytes, chunkBytes, chunks: digests }
  return { ...list, isIntact: checksum === checksumOf(list) }
}

/** CRC-32, as eight hexadecimal digits. It tells a name with a flipped bit from a chunk that is gone. */
function checksumOf({ sizeBytes, chunkBytes, chunks }: ChunkList): string {
  const content = canonicalJson({ sizeBytes, chunkBytes, chunks: [...chunks] })
  return crc32(new TextEncoder().encode(content)).toString(16).padStart(8, '0')
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined
  } catch {
    return undefined
  }
}
