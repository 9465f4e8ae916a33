import type { Column } from './column.ts'
import type { CategoricalProfile } from './profile.ts'

/** Distinct texts that are told apart. Rows of further ones count as other, all in one. */
const mostDistinct = 1_000_000

/** Counts the categories of a column that nothing is known of yet. */
export class CategoryFinder {
  readonly #maxCategories: number
  readonly #counts = new Map<string, number>()
  #rowCount = 0
  #nullCount = 0
  #overflow = 0

  constructor(maxCategories: number) {
    this.#maxCategories = maxCategories
  }

  add(column: Column): void {
    const { length } = column
    this.#rowCount += length
    if (column.kind === 'text') {
      const { codes, dictionary } = column
      const seen = new Uint32Array(dictionary.length)
      for (let row = 0; row < length; row++) {
        const code = codes[row] as number
        if (code < 0) this.#nullCount++
        else seen[code] = (seen[code] as number) + 1
      }
      for (let code = 0; code < seen.length; code++) if (seen[code] !== 0) this.#count(dictionary[code] as string, seen[code] as number)
      return
    }
    const { values, nulls } = column
    let ones = 0
    let nullCount = 0
    for (let row = 0; row < length; row++) {
      if (nulls !== undefined && nulls[row] === 1) nullCount++
      else if (values[row] === 1) ones++
    }
    this.#nullCount += nullCount
    if (ones > 0) this.#count('true', ones)
    if (length - nullCount - ones > 0) this.#count('false', length - nullCount - ones)
  }

  /** The most frequent first; equally frequent ones by name. */
  profile(): CategoricalProfile {
    const ranked = [...this.#counts].sort(([left, leftCount], [right, rightCount]) =>
      leftCount === rightCount ? (left < right ? -1 : 1) : rightCount - leftCount,
    )
    const listed = ranked.slice(0, this.#maxCategories)
    const rest = ranked.slice(this.#maxCategories)
    return {
      kind: 'category',
      rowCount: this.#rowCount,
      nullCount: this.#nullCount,
      categories: listed.map(([category]) => category),
      counts: listed.map(([, count]) => count),
      otherCount: rest.reduce((sum, [, count]) => sum + count, this.#overflow),
      otherCategories: rest.length + (this.#overflow > 0 ? 1 : 0),
    }
  }

  #count(category: string, count: number): void {
    const known = this.#counts.get(category)
    if (known === undefined && this.#counts.size >= mostDistinct) this.#overflow += count
    else this.#counts.set(category, (known ?? 0) + count)
  }
}
