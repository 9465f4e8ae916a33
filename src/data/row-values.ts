import type { Column } from './column.ts'

/** One value as the host sees it: null, number, boolean, text, or a Date for a moment. For looking and for functions of the host, not for hot loops. */
export type CellValue = null | number | boolean | string | Date

/** The value of a column at a row. */
export function valueAt(column: Column, row: number): CellValue {
  if (column.nulls !== undefined && column.nulls[row] === 1) return null
  switch (column.kind) {
    case 'number':
    case 'integer':
      return column.values[row] as number
    case 'boolean':
      return column.values[row] === 1
    case 'time':
      return new Date(column.values[row] as number)
    case 'text': {
      const code = column.codes[row] as number
      return code < 0 ? null : (column.dictionary[code] as string)
    }
  }
}
