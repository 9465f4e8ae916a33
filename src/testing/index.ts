/**
 * For authors of plugins: conformance suites for storage ({@link storageConformance}) and registries ({@link registryConformance}), a harness for stages ({@link checkStage}), a clock that is moved by hand,
 * and storage that fails when told to or takes its time.
 *
 * @module millrace/testing
 */

export type { ConformanceCase } from './conformance.ts'
export { FakeClock } from './fake-clock.ts'
export type { FaultPlan, StorageFault, StorageOperation } from './fault-plan.ts'
export { combinePlans, failMatching, failNth, failRandomly } from './fault-plan.ts'
export type { FaultyStorageOptions } from './faulty-storage.ts'
export { FaultySegmentStore, FaultyStorage } from './faulty-storage.ts'
export type { LatencyStorageOptions } from './latency-storage.ts'
export { LatencySegmentStore, LatencyStorage } from './latency-storage.ts'
export type { RegistryConformanceOptions, RegistryInabilities } from './registry-conformance.ts'
export { registryConformance } from './registry-conformance.ts'
export type { SamplePackageOptions } from './sample-package.ts'
export { samplePackage } from './sample-package.ts'
export type { SegmentStoreConformanceOptions } from './segment-conformance.ts'
export { segmentStoreConformance } from './segment-conformance.ts'
export type { StageCase, StageCheckOptions, StageReport } from './stage-harness.ts'
export { checkStage, stageCases } from './stage-harness.ts'
export type { StorageConformanceOptions } from './storage-conformance.ts'
export { storageConformance } from './storage-conformance.ts'
