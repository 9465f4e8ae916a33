/**
 * One column of one batch as typed arrays: what every hot loop of the library reads. It is a view of the Arrow batch where Arrow's layout
 * allows it (numbers, times in doubles, dictionary codes), otherwise a copy of that one column of that one batch.
 *
 * `nulls[i]` is 1 where row i is null; absent when there is none. The value under a null is 0, NaN or code -1 and means nothing.
 */
export type Column = NumberColumn | BooleanColumn | TextColumn | TimeColumn

interface ColumnBase {
  readonly length: number
  readonly nulls?: Uint8Array
}
/** `integer` promises whole numbers within int32. */
export interface NumberColumn extends ColumnBase {
  readonly kind: 'number' | 'integer'
  readonly values: Float64Array | Float32Array | Int32Array
}
/** 0 or 1. */
export interface BooleanColumn extends ColumnBase {
  readonly kind: 'boolean'
  readonly values: Uint8Array
}
/** Row i is `dictionary[codes[i]]`; -1 is null. Entries of the dictionary are distinct; not all need occur. */
export interface TextColumn extends ColumnBase {
  readonly kind: 'text'
  readonly codes: Int32Array
  readonly dictionary: readonly string[]
}
/** How far a moment is from 1970 at most: 100 million days (ECMA-262, "Time Values"). What is further is no moment, and read as NaN. */
export const latestMs: number = 8.64e15

/** Milliseconds since 1970 UTC, whole; NaN is a moment that does not exist. */
export interface TimeColumn extends ColumnBase {
  readonly kind: 'time'
  readonly values: Float64Array
}
