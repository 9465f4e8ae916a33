import type { RecordBatch, Table } from 'apache-arrow'
import type { ColumnType } from './column-type.ts'

/** Carries a type argument that no value has. */
declare const rowType: unique symbol

/** A row as stored: a missing value is null, whether the schema says optional, nullable or both. */
export type Stored<Row> = { [Key in keyof Row]-?: undefined extends Row[Key] ? Exclude<Row[Key], undefined> | null : Row[Key] }

/** Rows of a chunk; fixed, since the digest of a dataset is built over chunks of this many logical rows. */
export const chunkRows = 65_536

/**
 * An immutable snapshot in storage: a manifest of column chunks in Arrow, known by a digest of its logical values (so batch size, dictionary
 * order and the Arrow version do not matter). Re-iterable, and readable from another process.
 */
export interface Dataset<out Row extends object = object> {
  readonly [rowType]?: Row
  /** SHA-256 over names, kinds and logical values, in order. */
  readonly digest: string
  readonly rowCount: number
  readonly columns: readonly ColumnType[]
  /**
   * In order, at most `batchRows` rows each (default: a chunk). Only the named columns are read, and of `rows` (`start` inclusive, `end`
   * exclusive; default all) only the chunks that hold them: training reads ranges in a shuffled order.
   */
  batches(options?: {
    readonly columns?: readonly (keyof Row & string)[]
    readonly batchRows?: number
    readonly rows?: { readonly start: number; readonly end: number }
    readonly signal?: AbortSignal
  }): AsyncIterable<RecordBatch>
  /** All of it in memory. */
  toTable(options?: { readonly columns?: readonly (keyof Row & string)[]; readonly signal?: AbortSignal }): Promise<Table>
  /** The first rows as objects: for looking, not for work. */
  head(rows: number): Promise<readonly Row[]>
}
