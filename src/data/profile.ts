import type { Json } from '../core/json.ts'

/** Exact counts of a numeric column between edges frozen from the data. */
export interface NumericProfile {
  readonly kind: 'number'
  readonly rowCount: number
  readonly nullCount: number
  /** NaN and infinities: counted apart, in no bin. */
  readonly notFiniteCount: number
  readonly minimum: number
  readonly maximum: number
  readonly mean: number
  readonly standardDeviation: number
  /** Ascending. Bin i is (edges[i-1], edges[i]]; bin 0 is at or under edges[0], the last bin is over the last edge. */
  readonly edges: readonly number[]
  /** One more than edges. */
  readonly counts: readonly number[]
}
/** Counts by category, the most frequent first; the rest together. */
export interface CategoricalProfile {
  readonly kind: 'category'
  readonly rowCount: number
  readonly nullCount: number
  readonly categories: readonly string[]
  readonly counts: readonly number[]
  /** Rows of categories that are not listed, and how many such categories. */
  readonly otherCount: number
  readonly otherCategories: number
}
/** A moment says little by itself; what can drift is when in the day and in the week things happen (UTC). */
export interface TimeProfile {
  readonly kind: 'time'
  readonly rowCount: number
  readonly nullCount: number
  readonly minimum: number
  readonly maximum: number
  /** 24 counts. */
  readonly hourOfDay: readonly number[]
  /** 7 counts, Sunday first. */
  readonly dayOfWeek: readonly number[]
}
export type ColumnProfile = NumericProfile | CategoricalProfile | TimeProfile

/**
 * Summary of columns, mergeable and serialisable: what ingestion reports, and (made of the training data) what drift is measured against.
 * Merging needs the same edges on both sides.
 */
export interface Profile {
  readonly rowCount: number
  readonly columns: Readonly<Record<string, ColumnProfile>>
  /** @throws {@link MillraceError} `MONITOR_STATE_MISMATCH` when columns or edges differ. */
  merge(other: Profile): Profile
  toJSON(): Json
}
