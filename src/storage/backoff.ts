import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'

export interface BackoffOptions {
  readonly firstDelayMs: number
  readonly maxDelayMs: number
  readonly clock: Clock
  readonly random: Random
}

/**
 * How long to wait before the next attempt, `attempt` of them having failed: a random time below a limit that doubles each time. All of it is random, since
 * callers that failed together would else come back together.
 *
 * Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog (2015), "full jitter".
 */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  return options.random.next() * Math.min(options.maxDelayMs, options.firstDelayMs * 2 ** (attempt - 1))
}
