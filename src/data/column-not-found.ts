import { MillraceError } from '../core/error.ts'
import { nearestName } from '../core/suggest.ts'

/** The fault for a column that is not among those known, with the nearest of them. */
export function columnNotFound(column: string, known: readonly string[]): MillraceError<'COLUMN_NOT_FOUND'> {
  const nearest = nearestName(column, known)
  const names = known.length === 0 ? 'no columns' : known.map((name) => `"${name}"`).join(', ')
  return new MillraceError('COLUMN_NOT_FOUND', {
    message: `Expected a column "${column}". Received ${names}.${nearest === undefined ? '' : ` Did you mean "${nearest}"?`}`,
    details: nearest === undefined ? { column } : { column, nearest },
  })
}
