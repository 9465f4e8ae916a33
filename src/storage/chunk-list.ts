import { MillraceError } from '../core/error.ts'
import { canonicalJson } from '../core/json.ts'
import { crc32 } from './crc32.ts'

/** What is stored in place of a large blob: its size and the SHA-256 names of its chunks in order; all but the last have `chunkBytes`. */
export interface ChunkList {
  readonly sizeBytes: number
  readonly chunkBytes: number
  readonly chunks: readonly string[]
}

/** With what the bytes of a list begin; the checksum of what is behind it follows, and the end of the line. */
const signature = 'millrace-chunks '
const checksumDigits = 8
const headBytes = signature.length + checksumDigits + 1

const formatVersion = 1
const maxChunkBytes = 64 * 1024 * 1024
const digestPattern = /^[0-9a-f]{64}$/

/** One line, `millrace-chunks` and the CRC-32 of all that is behind it, then JSON. */
export function encodeChunkList(list: ChunkList): Uint8Array {
  const stored = { format: 'millrace-chunks', formatVersion, minReaderVersion: 1, ...list }
  const content = new TextEncoder().encode(canonicalJson(stored))
  const bytes = new Uint8Array(headBytes + content.length)
  bytes.set(new TextEncoder().encode(headOf(content)))
  bytes.set(content, headBytes)
  return bytes
}

/**
 * The list as it was written, or undefined for what was damaged. The checksum is looked at before anything that it covers, the version too: so damage is never
 * taken for a newer library's list, nor a name with a flipped bit for a chunk that is gone.
 *
 * @throws {@link MillraceError} `FORMAT_UNSUPPORTED` for an intact list of a newer library.
 */
export function decodeChunkList(bytes: Uint8Array): ChunkList | undefined {
  const content = bytes.subarray(headBytes)
  if (String.fromCharCode(...bytes.subarray(0, headBytes)) !== headOf(content)) return undefined
  const stored = parse(content)
  if (stored === undefined) return undefined
  const { minReaderVersion, sizeBytes, chunkBytes, chunks } = stored
  if (typeof minReaderVersion !== 'number') return undefined
  if (minReaderVersion > formatVersion) {
    throw new MillraceError('FORMAT_UNSUPPORTED', {
      message: `Expected a list of chunks of version ${formatVersion}. Received one for version ${minReaderVersion} and later.`,
      details: { format: 'millrace-chunks', formatVersion: minReaderVersion, supportedVersion: formatVersion },
    })
  }
  if (!isCount(sizeBytes) || !isCount(chunkBytes) || chunkBytes === 0 || chunkBytes > maxChunkBytes || !Array.isArray(chunks))
    return undefined
  const digests = chunks.filter((digest): digest is string => typeof digest === 'string' && digestPattern.test(digest))
  // So a wrong size cannot ask for more memory than the list's own length accounts for.
  if (digests.length !== chunks.length || digests.length !== Math.ceil(sizeBytes / chunkBytes)) return undefined
  return { sizeBytes, chunkBytes, chunks: digests }
}

function headOf(content: Uint8Array): string {
  return `${signature}${crc32(content).toString(16).padStart(checksumDigits, '0')}\n`
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
