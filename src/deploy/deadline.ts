import { raceAbort } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'

/**
 * Settles as `work` does, but rejects as soon as the signal aborts or the deadline has passed; the work itself goes on.
 *
 * @throws {@link MillraceError} `DEADLINE_EXCEEDED`, also when the work was done but too late: a late answer is worth nothing.
 */
export async function withinDeadline<Result>(
  work: Promise<Result>,
  options: {
    readonly deadlineMs: number | undefined
    readonly startedMs: number
    readonly signal: AbortSignal | undefined
    readonly clock: Clock
  },
): Promise<Result> {
  const { clock, deadlineMs, signal, startedMs } = options
  if (deadlineMs === undefined) return raceAbort(work, signal)
  const done = new AbortController()
  const late = clock.sleep(Math.max(0, deadlineMs - (clock.monotonicMs() - startedMs)), done.signal).then(() => {
    throw exceeded(deadlineMs)
  })
  late.catch(() => {})
  try {
    const result = await raceAbort(Promise.race([work, late]), signal)
    if (clock.monotonicMs() - startedMs > deadlineMs) throw exceeded(deadlineMs)
    return result
  } finally {
    done.abort()
  }
}

function exceeded(deadlineMs: number): MillraceError<'DEADLINE_EXCEEDED'> {
  return new MillraceError('DEADLINE_EXCEEDED', {
    message: `Expected an answer within ${deadlineMs} ms. Received none in time.`,
    details: { deadlineMs },
  })
}
