import type { Json } from '../core/json.ts'
import type { CategoryKey } from './category-key.ts'
import type { BlockFolds, FittedFeature, PackOptions } from './fitted-feature.ts'
import { blockRows } from './key-index.ts'
import type { BlobWriter } from './plan-blobs.ts'
import { invalidPlan, listOf, numberOf, recordOf } from './plan-blobs.ts'

/** A fitted step on numbers; `affine` is (x - offset) * scale, for each feature beside the others its own. */
export type TailStep =
  | { readonly kind: 'logarithm' }
  | { readonly kind: 'affine'; readonly offsets: readonly number[]; readonly scales: readonly number[] }

/** The steps on numbers that follow what a transform begins with; applied in doubles. */
export class Tail {
  readonly steps: readonly TailStep[]

  constructor(steps: readonly TailStep[]) {
    this.steps = steps
  }

  /** In place; `feature` says which of the features side by side these are. */
  apply(values: Float64Array, rows: number, feature: number): void {
    for (const step of this.steps) {
      if (step.kind === 'logarithm') {
        for (let row = 0; row < rows; row++) values[row] = Math.log1p(Math.max(0, values[row] as number))
      } else {
        const offset = step.offsets[feature] as number
        const scale = step.scales[feature] as number
        for (let row = 0; row < rows; row++) values[row] = ((values[row] as number) - offset) * scale
      }
    }
  }

  toJson(): Json {
    return this.steps.map((step) => (step.kind === 'logarithm' ? { kind: step.kind } : { ...step }))
  }

  static from(stored: unknown): Tail {
    return new Tail(
      listOf(stored, 'steps').map((item): TailStep => {
        const step = recordOf(item, 'a step')
        if (step.kind === 'logarithm') return { kind: 'logarithm' }
        if (step.kind !== 'affine') throw invalidPlan('a known step', String(step.kind))
        const numbers = (list: unknown): number[] => listOf(list, 'numbers').map((value) => numberOf(value, 'a number'))
        return { kind: 'affine', offsets: numbers(step.offsets), scales: numbers(step.scales) }
      }),
    )
  }
}

const scratch = new Float64Array(blockRows)

/** A feature that looks its numbers up, with further steps on them. */
export class TailedFeature implements FittedFeature {
  readonly names: readonly string[]
  readonly key: CategoryKey | undefined
  readonly #head: FittedFeature
  readonly #tail: Tail

  constructor(head: FittedFeature, tail: Tail) {
    this.#head = head
    this.#tail = tail
    this.names = head.names
    this.key = head.key
  }

  write(output: Float32Array, start: number, stride: number, rows: number, folds: BlockFolds | undefined): void {
    this.#head.write(output, start, stride, rows, folds)
    for (let feature = 0; feature < this.names.length; feature++) {
      const first = start + feature
      for (let row = 0; row < rows; row++) scratch[row] = output[first + row * stride] as number
      this.#tail.apply(scratch, rows, feature)
      for (let row = 0; row < rows; row++) output[first + row * stride] = scratch[row] as number
    }
  }

  pack(writer: BlobWriter, options: PackOptions): Json {
    return { kind: 'tailed', head: this.#head.pack(writer, options), tail: this.#tail.toJson() }
  }
}
