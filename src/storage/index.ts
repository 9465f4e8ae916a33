/**
 * Where everything is kept: the contract {@link StorageAdapter} with put-if-absent as its one strong primitive, memory as the simplest store, and what works
 * over any of them: content-addressed blobs, the numbered log, framed segments. Files are in `millrace/storage/file`, a browser's IndexedDB in `millrace/storage/indexeddb`.
 *
 * @module millrace/storage
 */

export type {
  ByteRange,
  SegmentStore,
  SegmentWriter,
  StorageAdapter,
  StorageCapabilities,
  StorageChangeOptions,
  StorageGetOptions,
  StorageListOptions,
  StoredEntry,
  StoredObject,
} from './adapter.ts'
export { assertBytes, assertChangeArguments, assertGetArguments, assertListArguments, assertPutArguments } from './arguments.ts'
export type { BlobCondition, BlobReferences, BlobTotal, CollectBlobsOptions, CollectedBlobs, CondemnOptions } from './blob-collection.ts'
export { BlobWriter, collectBlobs, condemnBlob, verifyBlob } from './blob-collection.ts'
export { blobChunks, blobKey, getBlob, hasBlob, putBlob } from './blobs.ts'
export { isSegmentStore } from './is-segment-store.ts'
export { assertKey, assertPrefix, foldersOf } from './key.ts'
export type { MemoryStorageOptions } from './memory.ts'
export { MemoryStorage } from './memory.ts'
export type { Appended, Decide, Decided, Decision, EntryCheck, NumberedLogEntry, NumberedLogOptions } from './numbered-log.ts'
export { NumberedLog } from './numbered-log.ts'
export type { ObjectSegmentsOptions } from './object-segments.ts'
export { objectSegments } from './object-segments.ts'
export type { Portable, PortableOptions } from './portable.ts'
export { prefixed } from './prefixed.ts'
export type { PrunedSegments, PruneSegmentsOptions } from './prune-segments.ts'
export { pruneSegments } from './prune-segments.ts'
export { clampRange } from './range.ts'
export { readOnly } from './read-only.ts'
export type { ReadSegmentsOptions, SegmentIssue } from './read-segments.ts'
export { readSegments } from './read-segments.ts'
export type { FsyncPolicy, QueuePolicy, SegmentLog, SegmentLogEvent, SegmentLogOptions } from './segment-log.ts'
export { openSegmentLog } from './segment-log.ts'
export type { RetryOptions, StorageRetry } from './with-retry.ts'
export { withRetry } from './with-retry.ts'
