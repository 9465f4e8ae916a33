import type { StorageAdapter, StoredEntry } from './adapter.ts'

/**
 * A segment over plain objects: while it is written, its key holds a note that it is in parts, and the parts lie beside it at `<key>.parts/<writer>-<8 digits>`.
 * When it is sealed, its bytes replace the note in one write, and the parts are deleted. So its key tells at every moment where its bytes are.
 */

interface Options {
  readonly signal?: AbortSignal
}

const signature = 'millrace-segment-parts\n'
/** No note is longer, and few segments are shorter. */
export const maxNoteBytes = 256

/** What stands at the key of a segment in parts. `writer` is random: parts that a deleted segment left are not taken for those of the next. */
export function encodePartsNote(writer: string): Uint8Array {
  const note = { format: 'millrace-segment-parts', formatVersion: 1, minReaderVersion: 1, writer }
  return new TextEncoder().encode(`${signature}${JSON.stringify(note)}\n`)
}

/** The writer of a segment in parts, undefined for whatever else the bytes may be. */
export function writerInNote(bytes: Uint8Array): string | undefined {
  if (bytes.length > maxNoteBytes) return undefined
  const text = new TextDecoder().decode(bytes)
  return text.startsWith(signature) ? /"writer":"([0-9a-z]{1,32})"/.exec(text)?.[1] : undefined
}

export function partKey(key: string, writer: string, part: number): string {
  return `${partsFolder(key)}/${writer}-${String(part).padStart(8, '0')}`
}

export function partsFolder(key: string): string {
  return `${key}.parts`
}

/** True for keys that {@link partKey} makes. */
export function isPartKey(key: string): boolean {
  return /[^/]\.parts\/[0-9a-z]{1,32}-\d{8}$/.test(key)
}

/** The parts of a writer in their order, from the first one on without a gap. */
export async function partsOf(storage: StorageAdapter, key: string, writer: string, options: Options): Promise<readonly StoredEntry[]> {
  const parts: StoredEntry[] = []
  for await (const entry of storage.list(partsFolder(key), options)) {
    if (entry.key === partKey(key, writer, parts.length + 1)) parts.push(entry)
  }
  return parts
}
