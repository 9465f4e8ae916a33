import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { canonicalJson, isPlainObject } from '../core/json.ts'
import { receivedText } from '../core/received.ts'
import { crc32 } from './crc32.ts'

/** One entry: the operation, and the small state that all operations up to it add up to. */
export interface NumberedLogEntry<State extends Json, Operation extends Json> {
  /** 1, 2, 3 ... without gaps. */
  readonly generation: number
  /** Milliseconds since 1970 UTC by the writer's clock, but never before the entry before it: the order is that of the generations. */
  readonly time: number
  /** Of the append that made the entry. */
  readonly opId: string
  /** Of the entry before, null in the first. */
  readonly prevOpId: string | null
  readonly operation: Operation
  readonly state: State
}

/**
 * True when these are an operation and a state of a log, so that whatever is read from them later is there. A checksum says that the bytes are
 * those that were written, not who wrote them.
 */
export type EntryCheck = (content: { readonly operation: unknown; readonly state: unknown; readonly generation: number }) => boolean

/** What the entries of a log are, and who can read them. */
export interface EntryVersions {
  readonly format: string
  readonly formatVersion: number
  readonly minReaderVersion: number
}

/** An entry to be written, operation and state as canonical JSON already: the operation may be large and is tried at several generations. */
export type EntryDraft = Omit<NumberedLogEntry<Json, Json>, 'operation' | 'state'> & {
  readonly operationText: string
  readonly stateText: string
}

const encoder = new TextEncoder()
/** `{"crc":"01234567",` */
const checksumHead = /^\{"crc":"([0-9a-f]{8})",$/
const checksumHeadBytes = 18
const openingBrace = encoder.encode('{')

/** The bytes of an entry: canonical JSON, of which the first member is a CRC-32 over the canonical JSON of all the others. */
export function encodeLogEntry(draft: EntryDraft, versions: EntryVersions): Uint8Array {
  const { format, formatVersion, minReaderVersion } = versions
  const { generation, opId, operationText, prevOpId, stateText, time } = draft
  // Written out in the order of the keys, so that nothing is gone through twice.
  const head = canonicalJson({ format, formatVersion, generation, minReaderVersion, opId }).slice(0, -1)
  const text = `${head},"operation":${operationText},"prevOpId":${JSON.stringify(prevOpId)},"state":${stateText},"time":${canonicalJson(time)}}`
  const content = encoder.encode(text)
  const bytes = new Uint8Array(checksumHeadBytes + content.length - 1)
  bytes.set(encoder.encode(`{"crc":"${checksumText(crc32(content))}",`))
  bytes.set(content.subarray(1), checksumHeadBytes)
  return bytes
}

/**
 * The entry in the bytes found at `key`.
 *
 * @throws {@link MillraceError} `STORAGE_CORRUPT` when they are not what was written there; `FORMAT_UNSUPPORTED` when only a newer library can read them.
 */
export function decodeLogEntry<State extends Json, Operation extends Json>(
  bytes: Uint8Array,
  expected: {
    readonly key: string
    readonly generation: number
    readonly format: string
    readonly formatVersion: number
    readonly check?: EntryCheck | undefined
  },
): NumberedLogEntry<State, Operation> {
  const { key, generation, format, formatVersion, check } = expected
  const checksum = checksumHead.exec(String.fromCharCode(...bytes.subarray(0, checksumHeadBytes)))?.[1]
  if (checksum === undefined) throw corrupt(key, 'it does not begin with a checksum')
  if (checksumText(crc32(bytes.subarray(checksumHeadBytes), crc32(openingBrace))) !== checksum) {
    throw corrupt(key, 'its checksum does not fit')
  }
  const content = parse(bytes)
  if (content === undefined) throw corrupt(key, 'it is not a JSON object')
  if (content.format !== format) throw corrupt(key, `its format is ${receivedText(content.format)}, not "${format}"`)
  if (typeof content.minReaderVersion !== 'number' || content.minReaderVersion > formatVersion) {
    throw new MillraceError('FORMAT_UNSUPPORTED', {
      message: `Expected an entry that version ${formatVersion} of format "${format}" can read at "${key}". Received one for version ${receivedText(content.minReaderVersion)} and later.`,
      details: {
        format,
        formatVersion: typeof content.minReaderVersion === 'number' ? content.minReaderVersion : 0,
        supportedVersion: formatVersion,
      },
    })
  }
  if (content.generation !== generation) throw corrupt(key, `its generation is ${receivedText(content.generation)}`)
  const { time, opId, prevOpId, operation, state } = content
  const isWhole = isTime(time) && typeof opId === 'string' && (prevOpId === null || typeof prevOpId === 'string')
  if (!isWhole || operation === undefined || state === undefined) throw corrupt(key, 'a part of it is missing')
  if (check?.({ operation, state, generation }) === false) throw corrupt(key, 'its operation or state is none of this log')
  return { generation, time, opId, prevOpId, operation, state } as NumberedLogEntry<State, Operation>
}

/** A moment that a date can be made of. */
function isTime(value: unknown): boolean {
  return typeof value === 'number' && Math.abs(value) <= 8.64e15
}

function parse(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return isPlainObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function checksumText(checksum: number): string {
  return checksum.toString(16).padStart(8, '0')
}

function corrupt(key: string, reason: string): MillraceError<'STORAGE_CORRUPT'> {
  return new MillraceError('STORAGE_CORRUPT', {
    message: `Expected the entry of a log at "${key}". Received something else: ${reason}.`,
    details: { key, reason },
  })
}
