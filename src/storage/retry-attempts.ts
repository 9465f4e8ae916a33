import { isAbortOf } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import type { BackoffOptions } from './backoff.ts'
import { backoffMs } from './backoff.ts'
import { outcomeUnknown } from './faults.ts'

/** What is told before a wait. */
export interface StorageRetry {
  readonly method: 'get' | 'putIfAbsent' | 'put' | 'delete' | 'list' | 'createSegment'
  /** Of `list`, the prefix. */
  readonly key: string
  /** How many attempts have failed. */
  readonly attempt: number
  readonly delayMs: number
  readonly error: unknown
}

export interface RetryPolicy extends BackoffOptions {
  readonly attempts: number
  readonly onRetry: ((retry: StorageRetry) => void) | undefined
}

/** The attempts of one call, and what is known of its outcome. */
export class RetryAttempts {
  readonly #policy: RetryPolicy
  readonly #call: { readonly method: StorageRetry['method']; readonly key: string; readonly signal: AbortSignal | undefined }
  #failed = 0
  #isUnknown = false

  constructor(policy: RetryPolicy, call: { method: StorageRetry['method']; key: string; signal: AbortSignal | undefined }) {
    this.#policy = policy
    this.#call = call
  }

  /** An attempt of this call may have been applied. */
  get isUnknown(): boolean {
    return this.#isUnknown
  }

  /** The work's result, tried again for as long as the store cannot be reached. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (!MillraceError.is(error, 'STORAGE_UNAVAILABLE')) throw this.lastFault(error)
        await this.wait(error)
      }
    }
  }

  /** Notes what a fault tells of the outcome. */
  note(error: unknown): void {
    this.#isUnknown ||= MillraceError.is(error, 'STORAGE_OUTCOME_UNKNOWN')
  }

  /** Something was achieved: what fails from now on has all attempts again. */
  restart(): void {
    this.#failed = 0
  }

  /** Returns when it is time for another attempt. @throws the last fault when there is none left; the signal's reason when it aborts. */
  async wait(error: unknown): Promise<void> {
    const { clock, attempts, onRetry } = this.#policy
    const { signal, method, key } = this.#call
    this.#failed++
    if (isAbortOf(signal, error) || this.#failed >= attempts) throw this.lastFault(error)
    const delayMs = backoffMs(this.#failed, this.#policy)
    try {
      onRetry?.({ method, key, attempt: this.#failed, delayMs, error })
    } catch {
      // Whoever listens cannot make the call fail.
    }
    await clock.sleep(delayMs, signal)
  }

  /** The fault to end with: once an attempt's outcome is unknown, no later fault says that nothing was applied. */
  lastFault(error: unknown): unknown {
    if (!this.#isUnknown || isAbortOf(this.#call.signal, error) || MillraceError.is(error, 'STORAGE_OUTCOME_UNKNOWN')) return error
    // No attempt of such a call was applied: the key is none, or another object stood in its way, and not our own.
    if (MillraceError.is(error, 'STORAGE_INVALID_KEY')) return error
    return outcomeUnknown(this.#call.key, error)
  }
}
