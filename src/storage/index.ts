/**
 * Where everything is kept: the contract {@link StorageAdapter} with put-if-absent as its one strong primitive, memory as the simplest store, and what works
 * over any of them: content-addressed blobs, the numbered log, framed segments. Files are in `millrace/storage/file`, a browser's IndexedDB in `millrace/storage/indexeddb`.
 *
 * @module millrace/storage
 */

export type { ByteRange, SegmentStore, SegmentWriter, StorageAdapter, StorageCapabilities, StoredEntry, StoredObject } from './adapter.ts'
export { blobChunks, blobKey, getBlob, hasBlob, putBlob } from './blobs.ts'
export { assertKey, assertPrefix } from './key.ts'
export { MemoryStorage } from './memory.ts'
export type { Appended, Decision, NumberedLogEntry, NumberedLogOptions } from './numbered-log.ts'
export { NumberedLog } from './numbered-log.ts'
export type { Portable, PortableOptions } from './portable.ts'
export type { ReadSegmentsOptions, SegmentIssue } from './read-segments.ts'
export { readSegments } from './read-segments.ts'
export type { FsyncPolicy, SegmentLog, SegmentLogEvent, SegmentLogOptions } from './segment-log.ts'
export { openSegmentLog } from './segment-log.ts'
