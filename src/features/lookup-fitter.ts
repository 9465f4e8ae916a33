import type { FeatureFitter } from './feature-fitter.ts'
import type { BlockFolds, FittedFeature } from './fitted-feature.ts'
import { blockRows } from './key-index.ts'
import { TailedFeature } from './tail.ts'
import { TailFitter } from './tail-fitter.ts'
import type { TransformStep } from './transform.ts'

/** Learns the feature that looks its numbers up, in one pass. */
export interface HeadFitter {
  readonly needsTarget: boolean
  observe(rows: number, labels: Float64Array, folds: BlockFolds): void
  finish(): FittedFeature
}

const scratch = new Float64Array(blockRows)

/** Fits a chain that begins with a look-up (cycle, one-hot, target encoding); steps after it are fitted on what training rows are given. */
export class LookupFitter implements FeatureFitter {
  readonly columns: readonly string[]
  readonly #name: string
  readonly #steps: readonly TransformStep[]
  #headFitter: HeadFitter | undefined
  #head: FittedFeature | undefined
  #tail: TailFitter | undefined
  #block: Float32Array = new Float32Array(0)

  /** `head` is a feature that needs no data, or what learns it; `steps` follow it. */
  constructor(name: string, columns: readonly string[], head: HeadFitter | FittedFeature, steps: readonly TransformStep[]) {
    this.#name = name
    this.columns = columns
    this.#steps = steps
    if ('write' in head) this.#startTail(head)
    else this.#headFitter = head
  }

  get needsTarget(): boolean {
    return this.#headFitter?.needsTarget ?? false
  }

  get pending(): boolean {
    return this.#headFitter !== undefined || this.#tail?.pending === true
  }

  observe(rows: number, labels: Float64Array, folds: BlockFolds): void {
    if (this.#headFitter !== undefined) {
      this.#headFitter.observe(rows, labels, folds)
      return
    }
    const width = this.#head?.names.length ?? 0
    this.#head?.write(this.#block, 0, width, rows, folds)
    for (let feature = 0; feature < width; feature++) {
      for (let row = 0; row < rows; row++) scratch[row] = this.#block[row * width + feature] as number
      this.#tail?.observe(scratch, rows, feature)
    }
  }

  endPass(): void {
    if (this.#headFitter !== undefined) {
      this.#startTail(this.#headFitter.finish())
      this.#headFitter = undefined
    } else this.#tail?.endPass()
  }

  finish(): FittedFeature {
    const head = this.#head as FittedFeature
    return this.#tail === undefined ? head : new TailedFeature(head, this.#tail.finish())
  }

  #startTail(head: FittedFeature): void {
    this.#head = head
    if (this.#steps.length === 0) return
    this.#tail = new TailFitter(this.#name, this.#steps, head.names.length)
    this.#block = new Float32Array(head.names.length * blockRows)
  }
}
