import { Moments } from '../math/moments.ts'
import { invalid } from './definition.ts'
import type { TailStep } from './tail.ts'
import { Tail } from './tail.ts'
import type { TransformStep } from './transform.ts'

/** Fits the steps on numbers, one fitted step a pass; a logarithm is only checked and shares the pass of what follows. */
export class TailFitter {
  readonly #feature: string
  readonly #steps: readonly TransformStep[]
  readonly #width: number
  readonly #fitted: TailStep[] = []
  #moments: Moments[] = []

  constructor(feature: string, steps: readonly TransformStep[], width: number) {
    this.#feature = feature
    this.#steps = steps
    this.#width = width
    this.#startPass()
  }

  get pending(): boolean {
    return this.#fitted.length < this.#steps.length
  }

  /** Values of one of the features side by side; they are overwritten. */
  observe(values: Float64Array, rows: number, feature: number): void {
    new Tail(this.#fitted).apply(values, rows, feature)
    for (let position = this.#fitted.length; this.#steps[position]?.kind === 'logarithm'; position++) this.#logarithm(values, rows)
    const moments = this.#moments[feature] as Moments
    for (let row = 0; row < rows; row++) moments.add(values[row] as number)
  }

  endPass(): void {
    while (this.#steps[this.#fitted.length]?.kind === 'logarithm') this.#fitted.push({ kind: 'logarithm' })
    const step = this.#steps[this.#fitted.length]
    if (step?.kind === 'standardize') this.#fitted.push(this.#affine((moments) => [moments.mean, moments.standardDeviation]))
    else if (step?.kind === 'min-max') this.#fitted.push(this.#affine((moments) => [moments.minimum, moments.maximum - moments.minimum]))
    this.#startPass()
  }

  finish(): Tail {
    return new Tail(this.#fitted)
  }

  #startPass(): void {
    this.#moments = Array.from({ length: this.#width }, () => new Moments())
  }

  #affine(measure: (moments: Moments) => readonly [offset: number, range: number]): TailStep {
    const measured = this.#moments.map((moments) => measure(moments))
    // A range that is nothing but rounding is none: the column is constant.
    const scales = measured.map(([offset, range]) => (range > Math.abs(offset) * 1e-14 && Number.isFinite(range) ? 1 / range : 1))
    return { kind: 'affine', offsets: measured.map(([offset]) => (Number.isFinite(offset) ? offset : 0)), scales }
  }

  #logarithm(values: Float64Array, rows: number): void {
    for (let row = 0; row < rows; row++) {
      const value = values[row] as number
      if (value < 0) throw invalid(this.#feature, `Expected numbers of at least 0 for a logarithm. Received ${value}`)
      values[row] = Math.log1p(value)
    }
  }
}
