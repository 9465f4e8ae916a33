import { MillraceError, messageOf } from '../../core/error.ts'
import type { SourceRejection } from '../../data/source.ts'

export function unreadable(label: string, reason: string, cause?: unknown): MillraceError<'SOURCE_UNREADABLE'> {
  return new MillraceError('SOURCE_UNREADABLE', {
    message: `Expected CSV at "${label}". Received a failure: ${reason}.`,
    details: { source: label, reason },
    ...(cause !== undefined && { cause }),
  })
}

/** What another's failure becomes, unless it is ours already. */
export function unreadableFrom(label: string, cause: unknown): unknown {
  return MillraceError.is(cause) ? cause : unreadable(label, messageOf(cause), cause)
}

export function malformed(
  label: string,
  { line, column, reason, value }: Pick<SourceRejection, 'line' | 'column' | 'value'> & { readonly reason: string },
): MillraceError<'SOURCE_MALFORMED'> {
  const where = column === undefined ? '' : `, column "${column}"`
  return new MillraceError('SOURCE_MALFORMED', {
    message: `Expected well-formed records in "${label}". Received ${reason} in line ${line}${where}: ${JSON.stringify(value)}.`,
    details: { source: label, line, column: column ?? null, reason, value },
  })
}
