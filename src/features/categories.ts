import { MillraceError } from '../core/error.ts'

/** More distinct values than this are no categories (and near what a Map can hold). */
const mostCategories = 8_000_000

/** A value that a category column can hold. */
export type CategoryValue = string | number

/** The codes of one column's categories: 0 is null, then 1, 2, ... in the order of first appearance in the training data; -1 is unknown. */
export class Categories {
  readonly column: string
  readonly #values: CategoryValue[] = []
  readonly #codes = new Map<CategoryValue, number>()

  constructor(column: string, values: Iterable<CategoryValue> = []) {
    this.column = column
    for (const value of values) this.add(value)
  }

  /** One more than the highest code. */
  get radix(): number {
    return this.#values.length + 1
  }

  get values(): readonly CategoryValue[] {
    return this.#values
  }

  codeOf(value: CategoryValue): number {
    return this.#codes.get(value) ?? -1
  }

  /** @throws {@link MillraceError} `FEATURE_INVALID` past eight million categories. */
  add(value: CategoryValue): number {
    const known = this.#codes.get(value)
    if (known !== undefined) return known
    if (this.#values.length === mostCategories) {
      throw new MillraceError('FEATURE_INVALID', {
        message: `Expected at most ${mostCategories} categories in column "${this.column}". Received more.`,
        details: { feature: this.column, reason: 'too many categories' },
      })
    }
    this.#values.push(value)
    this.#codes.set(value, this.#values.length)
    return this.#values.length
  }

  labelOf(code: number): string {
    return code === 0 ? '(null)' : String(this.#values[code - 1])
  }
}
