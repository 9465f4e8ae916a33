import { MillraceError } from '../core/error.ts'
import type { TimePart } from './time-part.ts'
import { timeParts } from './time-part.ts'
import type { Transform } from './transform.ts'
import { transformOf } from './transform.ts'

/**
 * A part of a moment (UTC) as a point on a circle, sine and cosine: so 23 h is near 0 h. A missing moment is the centre, (0, 0).
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for a part that is none.
 * @example
 * pipeline.pipe(prepare({ target: 'late', features: { date: [cyclic('hour'), cyclic('day-of-week')] } }))
 */
export function cyclic(part: TimePart): Transform<Date, number> {
  if (!timeParts.includes(part)) {
    const expected = timeParts.map((known) => `'${known}'`).join(', ')
    throw new MillraceError('ARGUMENT_INVALID', {
      message: `Expected one of ${expected}. Received "${String(part)}".`,
      details: { argument: 'part', expected, received: String(part) },
    })
  }
  return transformOf({ kind: 'cyclic', part })
}
