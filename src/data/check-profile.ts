import { isPlainObject } from '../core/json.ts'
import type { ColumnProfile } from './profile.ts'

/** The columns of a stored profile, when each has all that is read from it; else what is wrong. */
export function checkProfileColumns(columns: Readonly<Record<string, unknown>>): string | Readonly<Record<string, ColumnProfile>> {
  for (const [name, column] of Object.entries(columns)) {
    const fault = isPlainObject(column) ? faultOf(column) : 'it is no object'
    if (fault !== undefined) return `of column "${name}" ${fault}`
  }
  return columns as Readonly<Record<string, ColumnProfile>>
}

function faultOf(column: Readonly<Record<string, unknown>>): string | undefined {
  if (!isCount(column.rowCount) || !isCount(column.nullCount)) return 'rows or nulls are no counts'
  switch (column.kind) {
    case 'number':
      return faultOfNumber(column)
    case 'category':
      return faultOfCategory(column)
    case 'time':
      if (![column.minimum, column.maximum].every(Number.isFinite)) return 'minimum or maximum is no number'
      // What has seen no row may have no counts: it says which columns are to be counted.
      if (column.rowCount === 0 && areCounts(column.hourOfDay, 0) && areCounts(column.dayOfWeek, 0)) return undefined
      return areCounts(column.hourOfDay, 24) && areCounts(column.dayOfWeek, 7) ? undefined : 'hours or days are not 24 and 7 counts'
    default:
      return 'the kind is none that is known'
  }
}

function faultOfNumber(column: Readonly<Record<string, unknown>>): string | undefined {
  const { minimum, maximum, mean, standardDeviation, edges, counts } = column
  if (![minimum, maximum, mean, standardDeviation].every(Number.isFinite)) return 'a moment is no number'
  if (!isCount(column.notFiniteCount)) return 'what is not finite is not counted'
  if (!Array.isArray(edges) || !edges.every((edge, index) => Number.isFinite(edge) && (index === 0 || edge > edges[index - 1])))
    return 'the edges do not ascend'
  return areCounts(counts, edges.length + 1) ? undefined : 'there is not one count more than edges'
}

function faultOfCategory(column: Readonly<Record<string, unknown>>): string | undefined {
  const { categories, counts } = column
  if (!Array.isArray(categories) || !categories.every((category) => typeof category === 'string')) return 'the categories are not texts'
  if (!areCounts(counts, categories.length)) return 'there is not one count for each category'
  return isCount(column.otherCount) && isCount(column.otherCategories) ? undefined : 'the other categories are not counted'
}

function areCounts(value: unknown, length: number): boolean {
  return Array.isArray(value) && value.length === length && value.every(isCount)
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
