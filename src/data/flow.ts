import type { Json } from '../core/json.ts'
import type { Dataset } from './dataset.ts'
import type { Profile } from './profile.ts'

/** What flows between stages: each stage adds its part and keeps the rest, its own fields and those of plugins. */
export interface Flow<out Row extends object = object> {
  readonly dataset: Dataset<Row>
}
export type RowOf<F> = F extends Flow<infer Row> ? Row : never
export type ColumnOf<F> = keyof RowOf<NoInfer<F>> & string

/** Rows that the schema refused: how many by reason, and the first few with where they stood. */
export interface Rejected {
  readonly count: number
  readonly reasons: Readonly<Record<string, number>>
  readonly sample: readonly Json[]
}

export interface Ingested<out Row extends object> extends Flow<Row> {
  readonly profile: Profile
  /** Rows read from the source, those rejected included. */
  readonly rowsRead: number
  readonly rejected: Rejected
}

/** The parts of a dataset; ranges or bitmaps over the same chunks, no copies. */
export interface SplitPart<out Row extends object = object> {
  readonly train: Dataset<Row>
  readonly validation: Dataset<Row>
  readonly test: Dataset<Row>
  /** What lies past the test part of a split by time and belongs to no other part: later traffic. Empty elsewhere. */
  readonly holdout: Dataset<Row>
}
