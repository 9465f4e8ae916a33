import { Moments } from '../math/moments.ts'
import { invalid } from './definition.ts'
import type { FeatureFitter } from './feature-fitter.ts'
import type { FittedFeature } from './fitted-feature.ts'
import { blockRows } from './key-index.ts'
import { MedianFinder } from './median-finder.ts'
import { NumberFeature } from './number-feature.ts'
import type { NumberSource } from './sources.ts'
import { TailFitter } from './tail-fitter.ts'
import type { TransformStep } from './transform.ts'

const scratch = new Float64Array(blockRows)

/**
 * Fits a chain on numbers: first what stands in for a missing one, then its steps. Without `impute` nothing may be missing in the training data; what is
 * missing later is the training data's mean.
 */
export class NumberFitter implements FeatureFitter {
  readonly columns: readonly string[]
  readonly needsTarget = false
  readonly #source: NumberSource
  readonly #impute: (TransformStep & { readonly kind: 'impute' }) | undefined
  readonly #tail: TailFitter
  #fill: number | undefined
  /** Whether the tail can be fitted in this pass: nothing missing is left to be filled. */
  #tailReady: boolean
  #moments: Moments | undefined
  #median: MedianFinder | undefined

  constructor(source: NumberSource, steps: readonly TransformStep[]) {
    this.#source = source
    this.columns = [source.column]
    this.#impute = steps[0]?.kind === 'impute' ? steps[0] : undefined
    this.#tail = new TailFitter(source.column, this.#impute === undefined ? steps : steps.slice(1), 1)
    const strategy = this.#impute?.strategy
    if (typeof strategy === 'object') this.#fill = strategy.constant
    else if (strategy === 'median') this.#median = new MedianFinder()
    else this.#moments = new Moments()
    this.#tailReady = this.#impute === undefined || this.#fill !== undefined
  }

  get pending(): boolean {
    return this.#fill === undefined || this.#tail.pending
  }

  observe(rows: number): void {
    const { values } = this.#source
    if (this.#fill === undefined) {
      for (let row = 0; row < rows; row++) {
        const value = values[row] as number
        if (!Number.isNaN(value)) {
          this.#moments?.add(value)
          this.#median?.add(value)
        } else if (this.#impute === undefined) {
          throw invalid(this.#source.column, 'Expected a number in every training row, or impute() first. Received a row without one')
        }
      }
    }
    if (!(this.#tailReady && this.#tail.pending)) return
    for (let row = 0; row < rows; row++) {
      const value = values[row] as number
      scratch[row] = Number.isNaN(value) ? (this.#fill as number) : value
    }
    this.#tail.observe(scratch, rows, 0)
  }

  endPass(): void {
    const tailObserved = this.#tailReady && this.#tail.pending
    if (this.#moments !== undefined) {
      this.#fill = this.#moments.mean
      this.#moments = undefined
    } else if (this.#median !== undefined) {
      this.#median.endPass()
      if (this.#median.done) {
        this.#fill = this.#median.median
        this.#median = undefined
      }
    }
    if (tailObserved) this.#tail.endPass()
    this.#tailReady = this.#tailReady || this.#fill !== undefined
  }

  finish(): FittedFeature {
    return new NumberFeature(this.#source, this.#fill ?? 0, this.#impute?.indicator ?? false, this.#tail.finish())
  }
}
