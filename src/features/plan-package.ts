import { MillraceError, messageOf } from '../core/error.ts'
import type { ColumnKind, ColumnType } from '../data/column-type.ts'
import { Categories } from './categories.ts'
import { CategoryKey } from './category-key.ts'
import { CyclicFeature } from './cyclic-feature.ts'
import type { FeaturePlan, FeaturePlanPackage } from './feature-plan.ts'
import type { FittedFeature } from './fitted-feature.ts'
import { FittedPlan } from './fitted-plan.ts'
import { NumberFeature } from './number-feature.ts'
import { OneHotFeature } from './one-hot-feature.ts'
import { planFormat, planFormatVersion } from './pack-plan.ts'
import { BlobReader, invalidPlan, listOf, numberOf, recordOf, textOf } from './plan-blobs.ts'
import { SourceSet } from './source-set.ts'
import { Tail, TailedFeature } from './tail.ts'
import { TargetFeature } from './target-feature.ts'
import { timeParts } from './time-part.ts'

const kinds: readonly ColumnKind[] = ['number', 'integer', 'boolean', 'text', 'time']

/**
 * The plan that `toPackage` stored: it applies bit for bit as the original does.
 *
 * @throws {@link MillraceError} `FORMAT_UNSUPPORTED` for a plan of a later version, `MODEL_INVALID` when something is missing or does not fit.
 * @example
 * const { json, blobs } = plan.toPackage()
 * const again = featurePlanFromPackage({ json, blobs })
 * again.columns.map(({ name }) => name) // ['date', 'distance', 'origin', 'destination']
 */
export function featurePlanFromPackage({ json, blobs }: FeaturePlanPackage): FeaturePlan {
  try {
    const stored = recordOf(json, 'an object')
    if (stored.format !== planFormat) throw invalidPlan(`the format "${planFormat}"`, String(stored.format))
    const readerVersion = numberOf(stored.minReaderVersion, 'a version')
    if (readerVersion > planFormatVersion) throw unsupported(readerVersion)
    const reader = new BlobReader(blobs)
    const sources = new SourceSet(listOf(stored.columns, 'columns').map(columnFrom))
    for (const item of listOf(stored.categories, 'categories')) {
      const { column, list } = recordOf(item, 'categories')
      const name = textOf(column, 'a column')
      sources.categories(name, new Categories(name, reader.list(list)))
    }
    const features = listOf(stored.features, 'features').map((feature) => featureFrom(recordOf(feature, 'a feature'), sources, reader))
    const [first, second] = listOf(stored.foldSeed, 'seeds')
    return new FittedPlan(sources, features, [numberOf(first, 'a seed'), numberOf(second, 'a seed')])
  } catch (error) {
    if (MillraceError.is(error)) throw error
    throw new MillraceError('MODEL_INVALID', {
      message: `Expected a stored feature plan. Received one that cannot be read: ${messageOf(error)}`,
      details: { reason: messageOf(error) },
      cause: error,
    })
  }
}

function featureFrom(stored: Readonly<Record<string, unknown>>, sources: SourceSet, reader: BlobReader): FittedFeature {
  switch (stored.kind) {
    case 'number': {
      const source = sources.numbers(textOf(stored.column, 'a column'))
      return new NumberFeature(source, numberOf(stored.fill, 'a number'), stored.indicator === true, Tail.from(stored.tail))
    }
    case 'cyclic': {
      const part = timeParts.find((known) => known === stored.part)
      if (part === undefined) throw invalidPlan('a part of a moment', String(stored.part))
      return new CyclicFeature(sources.timeParts(textOf(stored.column, 'a column'), part))
    }
    case 'one-hot':
      return new OneHotFeature(CategoryKey.unpack(stored.key, sources, reader), stored.others === true)
    case 'target':
      return TargetFeature.unpack(stored, sources, reader)
    case 'tailed':
      return new TailedFeature(featureFrom(recordOf(stored.head, 'a feature'), sources, reader), Tail.from(stored.tail))
    default:
      throw invalidPlan('a known feature', String(stored.kind))
  }
}

function columnFrom(item: unknown): ColumnType {
  const stored = recordOf(item, 'a column')
  const kind = kinds.find((known) => known === stored.kind)
  if (kind === undefined) throw invalidPlan('a kind of column', String(stored.kind))
  return { name: textOf(stored.name, 'a name'), kind, nullable: stored.nullable === true }
}

function unsupported(formatVersion: number): MillraceError<'FORMAT_UNSUPPORTED'> {
  return new MillraceError('FORMAT_UNSUPPORTED', {
    message: `Expected a feature plan that version ${planFormatVersion} can read. Received one for readers of version ${formatVersion}.`,
    details: { format: planFormat, formatVersion, supportedVersion: planFormatVersion },
  })
}
