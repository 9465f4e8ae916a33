import { isAbortOf } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter, StorageChangeOptions } from './adapter.ts'
import { conflict } from './faults.ts'
import type { RetryAttempts } from './retry-attempts.ts'

/** Creates; whenever an attempt may have been applied, what is there decides how the call has ended. */
export async function retryCreate(
  storage: StorageAdapter,
  key: string,
  bytes: Uint8Array,
  options: StorageChangeOptions,
  attempts: RetryAttempts,
): Promise<void> {
  for (;;) {
    try {
      return await attempts.run(() => storage.putIfAbsent(key, bytes, options))
    } catch (error) {
      if (isAbortOf(options.signal, error)) throw error
      attempts.note(error)
      if (!attempts.isUnknown || MillraceError.is(error, 'STORAGE_INVALID_KEY')) throw error
      const there = await attempts.run(() => storage.get(key, options))
      if (there !== undefined) {
        if (isSame(there.bytes, bytes)) return
        throw conflict(key, error)
      }
      // Not there yet: it may still be on its way, and then it comes before the next attempt, which reads it back, or after, and is refused.
      await attempts.wait(error)
    }
  }
}

/** Replaces: an attempt more does no harm where the last writer wins. */
export async function retryReplace(
  storage: StorageAdapter,
  key: string,
  bytes: Uint8Array,
  options: StorageChangeOptions,
  attempts: RetryAttempts,
): Promise<void> {
  for (;;) {
    try {
      return await attempts.run(() => storage.put(key, bytes, options))
    } catch (error) {
      if (!MillraceError.is(error, 'STORAGE_OUTCOME_UNKNOWN')) throw error
      attempts.note(error)
      await attempts.wait(error)
    }
  }
}

/** Deletes; a delete that may have been applied is not tried again, since what is there by then may be another's new object. */
export async function retryDelete(
  storage: StorageAdapter,
  key: string,
  options: StorageChangeOptions,
  attempts: RetryAttempts,
): Promise<void> {
  try {
    await attempts.run(() => storage.delete(key, options))
  } catch (error) {
    if (!MillraceError.is(error, 'STORAGE_OUTCOME_UNKNOWN')) throw error
    attempts.note(error)
    const there = await attempts.run(() => storage.get(key, { ...options, range: { start: 0, end: 0 } }))
    if (there !== undefined) throw error
  }
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index])
}
