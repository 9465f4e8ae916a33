import type { Json } from '../core/json.ts'
import { Moments } from '../math/moments.ts'
import { BinFinder } from './bin-finder.ts'
import type { BooleanColumn, Column, NumberColumn, TextColumn, TimeColumn } from './column.ts'
import type { CategoricalProfile, ColumnProfile, NumericProfile, TimeProfile } from './profile.ts'

/** Counts one column at frozen edges or categories. */
export interface ColumnCounter {
  add(column: Column): void
  profile(): ColumnProfile
  /** What the profile does not say and counting on needs: the sum of squares, the names of other categories. */
  rest(): Json
}

/** A counter with the edges or categories of `reference`, starting from the counts given (with their rest), or from none. */
export function columnCounter(reference: ColumnProfile, from?: ColumnProfile, rest?: Json): ColumnCounter {
  switch (reference.kind) {
    case 'number':
      return new NumericCounter(reference.edges, from?.kind === 'number' ? from : undefined, rest)
    case 'category':
      return new CategoryCounter(reference.categories, from?.kind === 'category' ? from : undefined, rest)
    case 'time':
      return new TimeCounter(from?.kind === 'time' ? from : undefined)
  }
}

class NumericCounter implements ColumnCounter {
  readonly #edges: readonly number[]
  readonly #finder: BinFinder
  readonly #counts: Float64Array
  readonly #moments = new Moments()
  #rowCount = 0
  #nullCount = 0
  #notFiniteCount = 0

  constructor(edges: readonly number[], from: NumericProfile | undefined, rest: Json | undefined) {
    this.#edges = edges
    this.#finder = new BinFinder(edges)
    this.#counts = from === undefined ? new Float64Array(edges.length + 1) : Float64Array.from(from.counts)
    if (from === undefined) return
    this.#rowCount = from.rowCount
    this.#nullCount = from.nullCount
    this.#notFiniteCount = from.notFiniteCount
    const count = from.rowCount - from.nullCount - from.notFiniteCount
    const { mean, minimum, maximum } = from
    this.#moments.restore({ count, mean, squares: typeof rest === 'number' ? rest : from.standardDeviation ** 2 * count, minimum, maximum })
  }

  add(column: Column): void {
    const { nulls, length } = column
    this.#rowCount += length
    if (column.kind === 'text') {
      // A column without any value has no kind.
      this.#nullCount += length
      return
    }
    const { values } = column as NumberColumn | TimeColumn | BooleanColumn
    const counts = this.#counts
    const finder = this.#finder
    const moments = this.#moments
    for (let row = 0; row < length; row++) {
      if (nulls !== undefined && nulls[row] === 1) {
        this.#nullCount++
        continue
      }
      const value = values[row] as number
      if (!Number.isFinite(value)) {
        this.#notFiniteCount++
        continue
      }
      const bin = finder.bin(value)
      counts[bin] = (counts[bin] as number) + 1
      moments.add(value)
    }
    // Counts are stored between batches: going on from them gives the same bits as going on without.
    moments.endBlock()
  }

  rest(): Json {
    return withinDoubles(this.#moments.squares)
  }

  profile(): NumericProfile {
    const { count, minimum, maximum, mean, standardDeviation } = this.#moments
    return {
      kind: 'number',
      rowCount: this.#rowCount,
      nullCount: this.#nullCount,
      notFiniteCount: this.#notFiniteCount,
      // Adding 0 makes -0 and 0 one.
      minimum: count === 0 ? 0 : minimum + 0,
      maximum: count === 0 ? 0 : maximum + 0,
      mean: withinDoubles(mean),
      standardDeviation: withinDoubles(standardDeviation),
      edges: this.#edges,
      counts: Array.from(this.#counts),
    }
  }
}

/** Values near the largest double have squares beyond it, and JSON knows no infinity. */
function withinDoubles(value: number): number {
  return Number.isNaN(value) ? 0 : Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value))
}

class CategoryCounter implements ColumnCounter {
  readonly #categories: readonly string[]
  readonly #indexOf: ReadonlyMap<string, number>
  readonly #counts: Float64Array
  readonly #others: Set<string>
  readonly #otherCategories: number
  #rowCount: number
  #nullCount: number
  #otherCount: number

  constructor(categories: readonly string[], from: CategoricalProfile | undefined, rest: Json | undefined) {
    this.#others = new Set(Array.isArray(rest) ? (rest as readonly string[]) : [])
    this.#categories = categories
    this.#indexOf = new Map(categories.map((category, index) => [category, index]))
    this.#counts = new Float64Array(categories.length)
    from?.categories.forEach((category, index) => {
      const position = this.#indexOf.get(category)
      if (position !== undefined) this.#counts[position] = from.counts[index] as number
    })
    this.#rowCount = from?.rowCount ?? 0
    this.#nullCount = from?.nullCount ?? 0
    this.#otherCount = from?.otherCount ?? 0
    this.#otherCategories = from?.otherCategories ?? 0
  }

  add(column: Column): void {
    this.#rowCount += column.length
    if (column.kind === 'text') this.#addCodes(column)
    else this.#addValues(column)
  }

  #addCodes({ codes, dictionary, length }: TextColumn): void {
    const seen = new Uint32Array(dictionary.length)
    for (let row = 0; row < length; row++) {
      const code = codes[row] as number
      if (code < 0) this.#nullCount++
      else seen[code] = (seen[code] as number) + 1
    }
    for (let code = 0; code < seen.length; code++) if (seen[code] !== 0) this.#count(dictionary[code] as string, seen[code] as number)
  }

  #addValues({ kind, values, nulls, length }: BooleanColumn | NumberColumn | TimeColumn): void {
    const seen = new Map<number, number>()
    for (let row = 0; row < length; row++) {
      if (nulls !== undefined && nulls[row] === 1) this.#nullCount++
      else seen.set(values[row] as number, (seen.get(values[row] as number) ?? 0) + 1)
    }
    for (const [value, count] of seen) this.#count(kind === 'boolean' ? String(value === 1) : String(value), count)
  }

  #count(category: string, count: number): void {
    const index = this.#indexOf.get(category)
    if (index !== undefined) this.#counts[index] = (this.#counts[index] as number) + count
    else {
      this.#otherCount += count
      if (this.#others.size < otherCategoriesKept) this.#others.add(category)
    }
  }

  rest(): Json {
    return [...this.#others]
  }

  profile(): CategoricalProfile {
    return {
      kind: 'category',
      rowCount: this.#rowCount,
      nullCount: this.#nullCount,
      categories: this.#categories,
      counts: Array.from(this.#counts),
      otherCount: this.#otherCount,
      otherCategories: Math.max(this.#otherCategories, this.#others.size),
    }
  }
}

/** Categories that the reference does not know are told apart up to this many; the count of their rows stays exact. */
const otherCategoriesKept = 1000
const dayMs = 86_400_000

class TimeCounter implements ColumnCounter {
  readonly #hours: Float64Array
  readonly #days: Float64Array
  #rowCount: number
  #nullCount: number
  #minimum = Number.POSITIVE_INFINITY
  #maximum = Number.NEGATIVE_INFINITY

  constructor(from: TimeProfile | undefined) {
    this.#hours = from === undefined ? new Float64Array(24) : Float64Array.from(from.hourOfDay)
    this.#days = from === undefined ? new Float64Array(7) : Float64Array.from(from.dayOfWeek)
    this.#rowCount = from?.rowCount ?? 0
    this.#nullCount = from?.nullCount ?? 0
    if (from !== undefined && from.rowCount > from.nullCount) {
      this.#minimum = from.minimum
      this.#maximum = from.maximum
    }
  }

  add(column: Column): void {
    const { length, nulls } = column
    this.#rowCount += length
    if (column.kind === 'text') {
      this.#nullCount += length
      return
    }
    const { values } = column
    for (let row = 0; row < length; row++) {
      const value = values[row] as number
      if ((nulls !== undefined && nulls[row] === 1) || !Number.isFinite(value)) {
        this.#nullCount++
        continue
      }
      if (value < this.#minimum) this.#minimum = value
      if (value > this.#maximum) this.#maximum = value
      const day = Math.floor(value / dayMs)
      const hour = Math.floor((value - day * dayMs) / 3_600_000)
      this.#hours[hour] = (this.#hours[hour] as number) + 1
      // 1970-01-01 was a Thursday.
      const weekday = (((day + 4) % 7) + 7) % 7
      this.#days[weekday] = (this.#days[weekday] as number) + 1
    }
  }

  rest(): Json {
    return null
  }

  profile(): TimeProfile {
    const empty = this.#rowCount === this.#nullCount
    return {
      kind: 'time',
      rowCount: this.#rowCount,
      nullCount: this.#nullCount,
      minimum: empty ? 0 : this.#minimum,
      maximum: empty ? 0 : this.#maximum,
      hourOfDay: Array.from(this.#hours),
      dayOfWeek: Array.from(this.#days),
    }
  }
}
