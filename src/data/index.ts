/**
 * Rows, in columns: a {@link Source} is read lazily, a {@link Dataset} is an immutable snapshot in storage known by the digest of its values, a {@link Profile}
 * counts its columns, the {@link Catalog} names versions. Columns are typed arrays throughout ({@link columnOf}).
 *
 * @module millrace/data
 */

export { arrowSchemaOf, arrowTypeOf, batchOf } from './build-batch.ts'
export type { DataVersion } from './catalog.ts'
export { Catalog } from './catalog.ts'
export { catalogReferences } from './catalog-references.ts'
export type { BooleanColumn, Column, NumberColumn, TextColumn, TimeColumn } from './column.ts'
export { columnNotFound } from './column-not-found.ts'
export type { ColumnKind, ColumnType } from './column-type.ts'
export type { DatasetComparison } from './compare-datasets.ts'
export { compareDatasets } from './compare-datasets.ts'
export type { Dataset, Stored } from './dataset.ts'
export { chunkRows } from './dataset.ts'
export { datasetPortable } from './dataset-portable.ts'
export { selectRows, sliceDataset, withColumn } from './dataset-views.ts'
export type { ColumnOf, Flow, Ingested, Rejected, RowOf, SplitPart } from './flow.ts'
export type { CategoricalProfile, ColumnProfile, NumericProfile, Profile, TimeProfile } from './profile.ts'
export { ProfileCounter } from './profile-counter.ts'
export type { ProfileOptions } from './profile-dataset.ts'
export { profileDataset } from './profile-dataset.ts'
export { profilePortable } from './profile-portable.ts'
export { createProfile, profileFromJson } from './profile-record.ts'
export { columnOf, kindOfArrowType } from './read-column.ts'
export type { RowSchema } from './row-schema.ts'
export type { CellValue } from './row-values.ts'
export { valueAt } from './row-values.ts'
export type { CheckedBatch, CheckOptions, CompiledSchema, RowFailure } from './schema/compile-schema.ts'
export { compileSchema } from './schema/compile-schema.ts'
export { selectColumns } from './select-columns.ts'
export type { ExpectedColumn, Source, SourceOpenOptions, SourceRejection, SourceRejectionReason } from './source.ts'
export { openDataset, StoredDataset } from './stored-dataset.ts'
export type { WriteDatasetOptions } from './write-dataset.ts'
export { writeDataset } from './write-dataset.ts'
