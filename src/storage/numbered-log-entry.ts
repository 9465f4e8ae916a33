import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { canonicalJson, isPlainObject } from '../core/json.ts'
import { crc32 } from './crc32.ts'

/** One entry: the operation, and the small state that all operations up to it add up to. */
export interface NumberedLogEntry<State extends Json, Operation extends Json> {
  /** 1, 2, 3 ... without gaps. */
  readonly generation: number
  /** Milliseconds since 1970 UTC by the writer's clock: for people. The order is that of the generations. */
  readonly time: number
  /** Of the append that made the entry. */
  readonly opId: string
  /** Of the entry before, null in the first. */
  readonly prevOpId: string | null
  readonly operation: Operation
  readonly state: State
}

interface EntryVersions {
  readonly format: string
  readonly formatVersion: number
  readonly minReaderVersion: number
}

/** The bytes of an entry: canonical JSON with its format and a CRC-32 over the canonical JSON of all the rest. */
export function encodeLogEntry(entry: NumberedLogEntry<Json, Json>, versions: EntryVersions): Uint8Array {
  const content = { ...versions, ...entry }
  return new TextEncoder().encode(canonicalJson({ ...content, crc: checksumOf(content) }))
}

/**
 * The entry in the bytes found at `key`.
 *
 * @throws {@link MillraceError} `STORAGE_CORRUPT` when they are not what was written there; `FORMAT_UNSUPPORTED` when only a newer library can read them.
 */
export function decodeLogEntry<State extends Json, Operation extends Json>(
  bytes: Uint8Array,
  expected: { readonly key: string; readonly generation: number; readonly format: string; readonly formatVersion: number },
): NumberedLogEntry<State, Operation> {
  const { key, generation, format, formatVersion } = expected
  const stored = parse(bytes)
  if (stored === undefined) throw corrupt(key, 'it is not a JSON object')
  const { crc, ...content } = stored
  if (crc !== checksumOf(content)) throw corrupt(key, 'its checksum does not fit')
  if (content.format !== format) throw corrupt(key, `its format is ${JSON.stringify(content.format)}, not "${format}"`)
  if (typeof content.minReaderVersion !== 'number' || content.minReaderVersion > formatVersion) {
    throw new MillraceError('FORMAT_UNSUPPORTED', {
      message: `Expected an entry that version ${formatVersion} of format "${format}" can read at "${key}". Received one for version ${String(content.minReaderVersion)} and later.`,
      details: { format, formatVersion: Number(content.minReaderVersion), supportedVersion: formatVersion },
    })
  }
  if (content.generation !== generation) throw corrupt(key, `its generation is ${String(content.generation)}`)
  const { time, opId, prevOpId, operation, state } = content
  return { generation, time, opId, prevOpId, operation, state } as NumberedLogEntry<State, Operation>
}

function parse(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return isPlainObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function checksumOf(content: Readonly<Record<string, unknown>>): string {
  return crc32(new TextEncoder().encode(canonicalJson(content)))
    .toString(16)
    .padStart(8, '0')
}

function corrupt(key: string, reason: string): MillraceError<'STORAGE_CORRUPT'> {
  return new MillraceError('STORAGE_CORRUPT', {
    message: `Expected the entry of a log at "${key}". Received something else: ${reason}.`,
    details: { key, reason },
  })
}
