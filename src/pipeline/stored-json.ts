import { digestOfJson } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import { isPlainObject } from '../core/json.ts'
import { receivedText } from '../core/received.ts'

/** What every stored object of this room begins with. */
export interface StoredFormat {
  readonly format: string
  readonly formatVersion: number
  readonly minReaderVersion: number
}

/** JSON bytes with a checksum over all of it, so that a flipped bit is never read as another value. */
export function encodeStored(value: StoredFormat & Readonly<Record<string, unknown>>): Uint8Array {
  // Not canonical: what is read back has its keys in the order in which they were written.
  return new TextEncoder().encode(JSON.stringify({ ...value, checksum: digestOfJson(value) }))
}

/**
 * The value again.
 *
 * @throws {@link MillraceError} `STORAGE_CORRUPT`, or `FORMAT_UNSUPPORTED` where a newer version of the library wrote it.
 */
export function decodeStored(key: string, bytes: Uint8Array, format: string, supportedVersion: number): Readonly<Record<string, unknown>> {
  const { checksum, ...value } = parse(key, bytes)
  if (value.format !== format) throw corrupt(key, `its format is ${JSON.stringify(value.format)}, not "${format}"`)
  if (digestOfJson(value) !== checksum) throw corrupt(key, 'checksum mismatch')
  const { minReaderVersion, formatVersion } = value
  if (typeof minReaderVersion !== 'number' || minReaderVersion > supportedVersion) {
    throw new MillraceError('FORMAT_UNSUPPORTED', {
      message: `Expected "${format}" that version ${supportedVersion} can read at "${key}". Received one for version ${receivedText(minReaderVersion)} and later: update millrace.`,
      details: { format, formatVersion: typeof formatVersion === 'number' ? formatVersion : 0, supportedVersion },
    })
  }
  return value
}

function parse(key: string, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (isPlainObject(value)) return value
  } catch (error) {
    throw corrupt(key, 'it is no JSON', error)
  }
  throw corrupt(key, 'it is no JSON object')
}

function corrupt(key: string, reason: string, cause?: unknown): MillraceError<'STORAGE_CORRUPT'> {
  return new MillraceError('STORAGE_CORRUPT', {
    message: `Expected what was stored at "${key}". Received something else: ${reason}.`,
    details: { key, reason },
    cause,
  })
}
