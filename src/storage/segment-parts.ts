import { MillraceError } from '../core/error.ts'
import { isPlainObject } from '../core/json.ts'
import type { StorageAdapter, StoredEntry } from './adapter.ts'

/**
 * A segment over plain objects: while it is written, its key holds a note that it is in parts, and the parts lie beside it at `<key>.parts/<writer>-<8 digits>`.
 * When it is sealed, its bytes replace the note in one write, and the parts are deleted. So its key tells at every moment where its bytes are.
 */

interface Options {
  readonly signal?: AbortSignal
}

const format = 'millrace-segment-parts'
const formatVersion = 1
const signature = `${format}\n`
/** No note is longer, and few segments are shorter. */
export const maxNoteBytes = 256

/** What stands at the key of a segment in parts. `writer` is random: parts that a deleted segment left are not taken for those of the next. */
export function encodePartsNote(writer: string): Uint8Array {
  const note = { format, formatVersion, minReaderVersion: 1, writer }
  return new TextEncoder().encode(`${signature}${JSON.stringify(note)}\n`)
}

/**
 * The writer of a segment in parts, undefined for whatever else the bytes may be.
 *
 * @throws {@link MillraceError} `FORMAT_UNSUPPORTED` for the note of a newer library: where it has its parts is not known.
 */
export function writerInNote(bytes: Uint8Array): string | undefined {
  if (bytes.length > maxNoteBytes) return undefined
  const text = new TextDecoder().decode(bytes)
  const note = text.startsWith(signature) ? parse(text.slice(signature.length)) : undefined
  if (note === undefined || note.format !== format) return undefined
  const { minReaderVersion, writer } = note
  if (typeof minReaderVersion !== 'number') return undefined
  if (minReaderVersion > formatVersion) {
    throw new MillraceError('FORMAT_UNSUPPORTED', {
      message: `Expected the note of a segment in parts that version ${formatVersion} can read. Received one for version ${minReaderVersion} and later.`,
      details: { format, formatVersion: minReaderVersion, supportedVersion: formatVersion },
    })
  }
  return typeof writer === 'string' && /^[0-9a-z]{1,32}$/.test(writer) ? writer : undefined
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isPlainObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export function partKey(key: string, writer: string, part: number): string {
  return `${partsFolder(key)}/${writer}-${String(part).padStart(8, '0')}`
}

export function partsFolder(key: string): string {
  return `${key}.parts`
}

/** True for keys that {@link partKey} makes. */
export function isPartKey(key: string): boolean {
  return ownerOfPart(key) !== undefined
}

/** The segment that a part is of, and the writer whose it is; undefined for any other key. */
export function ownerOfPart(key: string): { readonly key: string; readonly writer: string } | undefined {
  const [, segment, writer] = /^(.*[^/])\.parts\/([0-9a-z]{1,32})-\d{8}$/.exec(key) ?? []
  return segment === undefined || writer === undefined ? undefined : { key: segment, writer }
}

/** The parts of a writer in their order, from the first one on without a gap. */
export async function partsOf(storage: StorageAdapter, key: string, writer: string, options: Options): Promise<readonly StoredEntry[]> {
  const parts: StoredEntry[] = []
  for await (const entry of storage.list(partsFolder(key), options)) {
    if (entry.key === partKey(key, writer, parts.length + 1)) parts.push(entry)
  }
  return parts
}
