// How the scanner reads a column, as small numbers: it switches on them for every field. `otherTime` is a time of a form of its own; `excess` stands after the last column.
export const skipped = 0
export const unknown = 1
export const integer = 2
export const number = 3
export const text = 4
export const isoTime = 5
export const boolean = 6
export const otherTime = 7
export const excess = 8
export type ColumnCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8

/** The code of ISO times: where a space or a colon ends a field, the fast way would read a moment past its end. */
export function isoTimeCode(delimiter: number): ColumnCode {
  return delimiter === 32 || delimiter === 58 ? otherTime : isoTime
}
