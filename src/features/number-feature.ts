import type { Json } from '../core/json.ts'
import type { BlockFolds, FittedFeature } from './fitted-feature.ts'
import { blockRows } from './key-index.ts'
import type { NumberSource } from './sources.ts'
import type { Tail } from './tail.ts'

const scratch = new Float64Array(blockRows)
const greatestFloat32 = 3.4028234663852886e38

/** A number with `fill` where it is missing, through its tail of steps; after it an indicator, where there is one. */
export class NumberFeature implements FittedFeature {
  readonly names: readonly string[]
  readonly #source: NumberSource
  readonly #fill: number
  readonly #indicator: boolean
  readonly #tail: Tail

  constructor(source: NumberSource, fill: number, indicator: boolean, tail: Tail) {
    this.#source = source
    this.#fill = fill
    this.#indicator = indicator
    this.#tail = tail
    this.names = indicator ? [source.column, `${source.column}.missing`] : [source.column]
  }

  write(output: Float32Array, start: number, stride: number, rows: number, _folds?: BlockFolds): void {
    const { values } = this.#source
    const fill = this.#fill
    for (let row = 0; row < rows; row++) {
      const value = values[row] as number
      scratch[row] = Number.isNaN(value) ? fill : value
    }
    this.#tail.apply(scratch, rows, 0)
    for (let row = 0; row < rows; row++) {
      output[start + row * stride] = Math.max(-greatestFloat32, Math.min(greatestFloat32, scratch[row] as number))
    }
    if (!this.#indicator) return
    for (let row = 0; row < rows; row++) output[start + 1 + row * stride] = Number.isNaN(values[row] as number) ? 1 : 0
  }

  pack(): Json {
    return { kind: 'number', column: this.#source.column, fill: this.#fill, indicator: this.#indicator, tail: this.#tail.toJson() }
  }
}
