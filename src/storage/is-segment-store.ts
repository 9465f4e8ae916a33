import type { SegmentStore, StorageAdapter } from './adapter.ts'

/**
 * True for storage that can append by itself; over any other, appending takes an object for each part.
 *
 * @example
 * isSegmentStore(new MemoryStorage()) // true
 */
export function isSegmentStore(storage: StorageAdapter): storage is StorageAdapter & SegmentStore {
  return 'createSegment' in storage && typeof storage.createSegment === 'function'
}
