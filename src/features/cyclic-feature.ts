import type { Json } from '../core/json.ts'
import type { BlockFolds, FittedFeature } from './fitted-feature.ts'
import type { TimePartSource } from './sources.ts'
import { timePartCount } from './time-part.ts'

/** Sine and cosine of a part of moments, from a table; (0, 0) where the moment is missing. */
export class CyclicFeature implements FittedFeature {
  readonly names: readonly string[]
  readonly #source: TimePartSource
  readonly #table: Float32Array

  constructor(source: TimePartSource) {
    this.#source = source
    this.names = [`${source.column}.${source.part}.sine`, `${source.column}.${source.part}.cosine`]
    const count = timePartCount(source.part)
    this.#table = new Float32Array((count + 1) * 2)
    for (let value = 0; value < count; value++) {
      const angle = (2 * Math.PI * value) / count
      this.#table[(value + 1) * 2] = Math.sin(angle)
      this.#table[(value + 1) * 2 + 1] = Math.cos(angle)
    }
  }

  write(output: Float32Array, start: number, stride: number, rows: number, _folds?: BlockFolds): void {
    const { codes } = this.#source
    const table = this.#table
    for (let row = 0, at = start; row < rows; row++, at += stride) {
      const code = (codes[row] as number) * 2
      output[at] = table[code] as number
      output[at + 1] = table[code + 1] as number
    }
  }

  pack(): Json {
    return { kind: 'cyclic', column: this.#source.column, part: this.#source.part }
  }
}
