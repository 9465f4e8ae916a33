import type { StorageAdapter, StoredEntry } from './adapter.ts'
import { decodeFrame, findMagic } from './frame.ts'

/** A footer is shorter. */
const tailBytes = 1024

/** True when the segment ends with a footer. One read of its last bytes. */
export async function isSealed(
  storage: StorageAdapter,
  { key, sizeBytes }: StoredEntry,
  options: { readonly signal?: AbortSignal },
): Promise<boolean> {
  const range = { start: Math.max(0, sizeBytes - tailBytes), end: sizeBytes }
  const tail = (await storage.get(key, { ...options, range }))?.bytes
  if (tail === undefined) return false
  for (let offset = findMagic(tail, 0); offset !== -1; offset = findMagic(tail, offset + 1)) {
    const frame = decodeFrame(tail, offset)
    if (!('fault' in frame) && frame.kind === 'footer' && offset + frame.sizeBytes === tail.length) return true
  }
  return false
}
