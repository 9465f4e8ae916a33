import type { Json } from '../core/json.ts'
import type { CategoryKey } from './category-key.ts'
import type { BlockFolds, FittedFeature, PackOptions } from './fitted-feature.ts'
import type { BlobWriter } from './plan-blobs.ts'

/** A feature for each entry of its key and, where there are others, one for those. */
export class OneHotFeature implements FittedFeature {
  readonly names: readonly string[]
  readonly key: CategoryKey
  readonly #others: boolean

  constructor(key: CategoryKey, others: boolean) {
    this.key = key
    this.#others = others
    const names = Array.from({ length: key.index.size }, (_, entry) => `${key.name}=${key.labelOf(entry)}`)
    this.names = others ? [...names, `${key.name}=(others)`] : names
  }

  write(output: Float32Array, start: number, stride: number, rows: number, _folds?: BlockFolds): void {
    const entries = this.key.find(rows)
    const width = this.names.length
    const otherFeature = this.#others ? width - 1 : -1
    for (let row = 0, at = start; row < rows; row++, at += stride) {
      output.fill(0, at, at + width)
      const entry = entries[row] as number
      const feature = entry < 0 ? otherFeature : entry
      if (feature >= 0) output[at + feature] = 1
    }
  }

  pack(writer: BlobWriter, options: PackOptions): Json {
    return { kind: 'one-hot', key: this.key.pack(writer, options.blobName), others: this.#others }
  }
}
