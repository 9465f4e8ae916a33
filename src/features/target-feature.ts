import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { CategoryKey } from './category-key.ts'
import type { BlockFolds, FittedFeature, PackOptions } from './fitted-feature.ts'
import type { BlobReader, BlobWriter } from './plan-blobs.ts'
import { invalidPlan, numberOf, recordOf } from './plan-blobs.ts'
import type { SourceSet } from './source-set.ts'
import type { FoldTable, Scaling } from './target-table.ts'
import { scalingOf, servingValues, trainingValues } from './target-table.ts'

/** The encoding of each category: one table for serving, one by fold for the rows it was fitted on. */
export class TargetFeature implements FittedFeature {
  readonly names: readonly string[]
  readonly key: CategoryKey
  readonly #values: Float32Array
  readonly #unseen: number
  readonly #scaling: Scaling
  /** Absent in a plan that was packed for serving only. */
  readonly #table: FoldTable | undefined
  /** Made when first asked for: serving never does. */
  #trainingValues: Float32Array | undefined

  constructor(key: CategoryKey, values: Float32Array, unseen: number, scaling: Scaling, table: FoldTable | undefined) {
    this.key = key
    this.#values = values
    this.#unseen = unseen
    this.#scaling = scaling
    this.#table = table
    this.names = [key.name]
  }

  static fit(key: CategoryKey, table: FoldTable): TargetFeature {
    const scaling = scalingOf(table)
    const { values, unseen } = servingValues(table, scaling)
    return new TargetFeature(key, values, unseen, scaling, table)
  }

  write(output: Float32Array, start: number, stride: number, rows: number, folds: BlockFolds | undefined): void {
    const entries = this.key.find(rows)
    const unseen = this.#unseen
    if (folds === undefined) {
      const values = this.#values
      for (let row = 0, at = start; row < rows; row++, at += stride) {
        const entry = entries[row] as number
        output[at] = entry < 0 ? unseen : (values[entry] as number)
      }
      return
    }
    const values = this.#valuesByFold()
    const foldCount = values.length / Math.max(1, this.#values.length)
    const rowFolds = folds(this.#table?.folds ?? 1)
    for (let row = 0, at = start; row < rows; row++, at += stride) {
      const entry = entries[row] as number
      output[at] = entry < 0 ? unseen : (values[entry * foldCount + (rowFolds[row] as number)] as number)
    }
  }

  #valuesByFold(): Float32Array {
    if (this.#table === undefined) {
      throw new MillraceError('FEATURE_INVALID', {
        message: `Expected a plan with the tables of its folds to apply to training rows. Received one packed for serving (feature "${this.key.name}").`,
        details: { feature: this.key.name, reason: 'packed for serving' },
      })
    }
    this.#trainingValues ??= trainingValues(this.#table, this.#scaling, this.#values)
    return this.#trainingValues
  }

  pack(writer: BlobWriter, { blobName, training }: PackOptions): Json {
    const table = this.#table
    return {
      kind: 'target',
      key: this.key.pack(writer, blobName),
      values: writer.array(`${blobName}-values`, this.#values),
      unseen: this.#unseen,
      mean: this.#scaling.mean,
      scale: this.#scaling.scale,
      training:
        table === undefined || !training
          ? null
          : {
              target: table.kind,
              folds: table.folds,
              smoothing: table.smoothing,
              counts: writer.numbers(`${blobName}-fold-counts`, table.counts),
              sums: writer.numbers(`${blobName}-fold-sums`, table.sums),
            },
    }
  }

  static unpack(stored: Readonly<Record<string, unknown>>, sources: SourceSet, reader: BlobReader): TargetFeature {
    const key = CategoryKey.unpack(stored.key, sources, reader)
    const values = reader.array(stored.values, 'float32')
    if (values.length !== key.index.size) throw invalidPlan(`${key.index.size} encodings`, String(values.length))
    const scaling = { mean: numberOf(stored.mean, 'a mean'), scale: numberOf(stored.scale, 'a scale') }
    const table = stored.training === null ? undefined : foldTableFrom(recordOf(stored.training, 'a table of folds'), reader)
    if (table !== undefined && table.counts.length !== values.length * table.folds) {
      throw invalidPlan(`${values.length * table.folds} counts by fold`, String(table.counts.length))
    }
    return new TargetFeature(key, values, numberOf(stored.unseen, 'an encoding'), scaling, table)
  }
}

function foldTableFrom(stored: Readonly<Record<string, unknown>>, reader: BlobReader): FoldTable {
  if (stored.target !== 'binary' && stored.target !== 'regression') throw invalidPlan('a kind of target', String(stored.target))
  return {
    kind: stored.target,
    folds: numberOf(stored.folds, 'a number of folds'),
    smoothing: numberOf(stored.smoothing, 'a smoothing'),
    counts: reader.numbers(stored.counts),
    sums: reader.numbers(stored.sums),
  }
}
