/**
 * The core on one screen: define a {@link Stage}, chain stages to a {@link Pipeline}, keep what comes out in a {@link Registry}, watch it with a
 * {@link DriftMonitor}. Everything else is one entry point further, `millrace/ingest` and so on, so that a host loads only what it uses.
 *
 * @module millrace
 */

export { MillraceError } from './core/error.ts'
export { Logger } from './log/logger.ts'
export { DriftMonitor } from './monitor/drift-monitor.ts'
export { Pipeline } from './pipeline/pipeline.ts'
export { Stage } from './pipeline/stage.ts'
export { Registry } from './registry/registry.ts'
