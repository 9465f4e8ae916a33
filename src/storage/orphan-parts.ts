import type { StorageAdapter, StoredEntry } from './adapter.ts'
import { isSegmentKey } from './segment-format.ts'
import { maxNoteBytes, ownerOfPart, writerInNote } from './segment-parts.ts'

/**
 * Parts of segments below a prefix that no reader will ever look at: their segment was deleted, made anew by another writer, or is one object by now. The note
 * at a segment's key is there before its first part and never comes back, so where it is gone, it is gone for good, however young the part.
 */
export async function orphanParts(
  storage: StorageAdapter,
  prefix: string,
  options: { readonly signal?: AbortSignal },
): Promise<readonly StoredEntry[]> {
  const orphans: StoredEntry[] = []
  // Listings are sorted, so the parts of one segment come together.
  let segment: { readonly key: string; readonly writer: string | undefined } | undefined
  for await (const entry of storage.list(prefix, options)) {
    const owner = ownerOfPart(entry.key)
    if (owner === undefined || !isSegmentKey(owner.key)) continue
    if (segment?.key !== owner.key) segment = { key: owner.key, writer: await writerAt(storage, owner.key, options) }
    if (segment.writer !== owner.writer) orphans.push(entry)
  }
  return orphans
}

async function writerAt(storage: StorageAdapter, key: string, options: { readonly signal?: AbortSignal }): Promise<string | undefined> {
  // No more of it than a note is long: it may be a whole segment by now.
  const object = await storage.get(key, { ...options, range: { start: 0, end: maxNoteBytes } })
  return object === undefined || object.sizeBytes > maxNoteBytes ? undefined : writerInNote(object.bytes)
}
