import { isAbortOf } from '../core/abort.ts'
import { MillraceError, messageOf } from '../core/error.ts'
import type { Random } from '../core/random.ts'
import type { RecordedError } from './run-record.ts'
import type { Place, RunScope } from './run-scope.ts'
import { nameOf, whereOf } from './run-scope.ts'

/** A stage that was given up: the last error, and how often it was tried. */
export class AttemptsFailed {
  readonly attempts: number
  readonly error: unknown

  constructor(attempts: number, error: unknown) {
    this.attempts = attempts
    this.error = error
  }
}

/**
 * Tries until it works or `retries` is used up, each attempt with a signal of its own that aborts when its time is up. Between two attempts it
 * waits anywhere from nothing to a bound that doubles (full jitter), so that many that failed together do not come back together.
 *
 * Source: Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
 *
 * @throws `AttemptsFailed`; the run's `signal.reason` once that has aborted, whatever the stage threw.
 */
export async function runAttempts<Output>(
  scope: RunScope,
  place: Place,
  limits: { readonly retries: number; readonly timeoutMs: number | undefined; readonly random: Random },
  work: (signal: AbortSignal) => Output | Promise<Output>,
): Promise<{ readonly output: Output; readonly attempts: number }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return { output: await runOnce(scope, place, limits.timeoutMs, work), attempts: attempt }
    } catch (error) {
      if (scope.signal.aborted) throw scope.signal.reason
      const bound = Math.min(scope.maxRetryDelayMs, scope.retryDelayMs * 2 ** (attempt - 1))
      const retry = attempt > limits.retries ? {} : { retryInMs: limits.random.next() * bound }
      scope.emit({ type: 'stage-attempt-failed', ...whereOf(place), attempt, error: recordError(error), ...retry })
      if (retry.retryInMs === undefined) throw new AttemptsFailed(attempt, error)
      await scope.clock.sleep(retry.retryInMs, scope.signal)
    }
  }
}

async function runOnce<Output>(
  scope: RunScope,
  place: Place,
  timeoutMs: number | undefined,
  work: (signal: AbortSignal) => Output | Promise<Output>,
): Promise<Output> {
  if (timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY) return await work(scope.signal)
  const timer = new AbortController()
  const deadline = new AbortController()
  const timedOut = scope.clock.sleep(timeoutMs, timer.signal).then(() => {
    const error = new MillraceError('STAGE_TIMED_OUT', {
      message: `Expected stage "${nameOf(place)}" to end within ${timeoutMs} ms. Received nothing until then.`,
      details: { stage: place.stage, timeoutMs },
    })
    deadline.abort(error)
    throw error
  })
  try {
    // A stage that does not heed its signal is not waited for: its time is up.
    return await Promise.race([work(AbortSignal.any([scope.signal, deadline.signal])), timedOut])
  } finally {
    timer.abort()
    timedOut.catch(() => {})
  }
}

/** A fault as it is kept. */
export function recordError(error: unknown): RecordedError {
  return MillraceError.is(error) ? { code: error.code, message: error.message } : { message: messageOf(error) }
}

/** True for what a stopped run rejects with. */
export function isStop(scope: RunScope, error: unknown): boolean {
  return isAbortOf(scope.signal, error)
}
