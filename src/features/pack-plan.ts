import type { Json } from '../core/json.ts'
import type { FeaturePlanPackage } from './feature-plan.ts'
import type { FittedFeature } from './fitted-feature.ts'
import type { FoldSeed } from './folds.ts'
import { BlobWriter } from './plan-blobs.ts'
import type { SourceSet } from './source-set.ts'

export const planFormat = 'millrace-feature-plan'
export const planFormatVersion = 1

/** A plan as JSON and blobs. Equal plans give equal packages, byte for byte. */
export function packPlan(
  sources: SourceSet,
  features: readonly FittedFeature[],
  seed: FoldSeed,
  options: { readonly training: boolean },
): FeaturePlanPackage {
  const writer = new BlobWriter()
  const json: Json = {
    format: planFormat,
    formatVersion: planFormatVersion,
    minReaderVersion: 1,
    columns: sources.columns.map((column) => ({ name: column.name, kind: column.kind, nullable: column.nullable })),
    foldSeed: [...seed],
    categories: sources.categorySources.map((source, index) => ({
      column: source.column,
      list: writer.list(`categories-${index}`, source.categories.values),
    })),
    features: features.map((feature, index) => feature.pack(writer, { blobName: `feature-${index}`, training: options.training })),
  }
  return { json, blobs: writer.blobs }
}
