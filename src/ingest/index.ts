/**
 * The step from raw rows to a stored, checked and profiled dataset: {@link ingest}, over objects ({@link rows}), Arrow ({@link arrowBatches}), CSV
 * (`millrace/ingest/csv`) or a Parquet file (`millrace/ingest/parquet`).
 *
 * @module millrace/ingest
 */

export type { BatchSupply } from './arrow-batches.ts'
export { arrowBatches } from './arrow-batches.ts'
export type { IngestOptions } from './ingest.ts'
export { ingest } from './ingest.ts'
export type { RowSupply } from './rows.ts'
export { rows } from './rows.ts'
