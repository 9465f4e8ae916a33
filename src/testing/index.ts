/**
 * For authors of plugins: conformance suites for storage ({@link storageConformance}), a harness for stages ({@link checkStage}), a clock that is moved by hand
 * and a storage that fails when told to.
 *
 * @module millrace/testing
 */

export type { ConformanceCase } from './conformance.ts'
export { FakeClock } from './fake-clock.ts'
export type { FaultPlan, StorageFault, StorageOperation } from './faulty-storage.ts'
export { FaultyStorage, failNth, failRandomly } from './faulty-storage.ts'
export type { SegmentStoreConformanceOptions } from './segment-conformance.ts'
export { segmentStoreConformance } from './segment-conformance.ts'
export type { StageCase, StageCheckOptions, StageReport } from './stage-harness.ts'
export { checkStage, stageCases } from './stage-harness.ts'
export type { StorageConformanceOptions } from './storage-conformance.ts'
export { storageConformance } from './storage-conformance.ts'
