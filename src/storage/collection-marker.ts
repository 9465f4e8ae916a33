import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from './adapter.ts'
import { markerKey } from './blob-copies.ts'

/** Marks a copy for good; that it was marked before is no fault. That it is there is all that a marker says: its content is for people. */
export async function markCopy(
  storage: StorageAdapter,
  copy: { readonly digest: string; readonly copy: number },
  marker: { readonly kind: 'pass' | 'condemned'; readonly time: number },
  options: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const stored = { format: 'millrace-collected', formatVersion: 1, minReaderVersion: 1, ...marker }
  try {
    await storage.putIfAbsent(markerKey(copy.digest, copy.copy), new TextEncoder().encode(JSON.stringify(stored)), options)
  } catch (error) {
    if (!MillraceError.is(error, 'STORAGE_CONFLICT')) throw error
  }
}
