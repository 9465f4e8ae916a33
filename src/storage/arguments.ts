import { throwIfAborted } from '../core/abort.ts'
import type { StorageChangeOptions, StorageGetOptions, StorageListOptions } from './adapter.ts'
import { assertKey, assertPrefix } from './key.ts'
import { assertLimit, assertRange } from './range.ts'

/**
 * What every adapter's `get` checks before it asks its store anything.
 *
 * @throws {@link MillraceError} `STORAGE_INVALID_KEY`; `ARGUMENT_INVALID` for a range that is negative, reversed or not of whole bytes; the signal's
 * reason when it has aborted.
 * @example
 * assertGetArguments('models/churn', { range: { start: 0, end: 4 } })
 * assertGetArguments('models/churn', { range: { start: 4, end: 0 } }) // throws ARGUMENT_INVALID
 */
export function assertGetArguments(key: string, options: StorageGetOptions = {}): void {
  throwIfAborted(options.signal)
  assertKey(key)
  assertRange(options.range)
}

/**
 * What every adapter's `putIfAbsent`, `put`, `delete` and `createSegment` check before they ask their store anything.
 *
 * @throws {@link MillraceError} `STORAGE_INVALID_KEY`; the signal's reason when it has aborted.
 * @example
 * assertChangeArguments('models/churn')
 * assertChangeArguments('models/Churn') // throws STORAGE_INVALID_KEY
 */
export function assertChangeArguments(key: string, options: StorageChangeOptions = {}): void {
  throwIfAborted(options.signal)
  assertKey(key)
}

/**
 * What every adapter's `list` checks before it asks its store anything.
 *
 * @throws {@link MillraceError} `STORAGE_INVALID_KEY` for the prefix or for `after`; `ARGUMENT_INVALID` for a limit that is no whole number from 0 on; the
 * signal's reason when it has aborted.
 * @example
 * assertListArguments('', { after: 'models/churn', limit: 10 })
 * assertListArguments('models/') // throws STORAGE_INVALID_KEY
 */
export function assertListArguments(prefix: string, options: StorageListOptions = {}): void {
  throwIfAborted(options.signal)
  assertPrefix(prefix)
  if (options.after !== undefined) assertKey(options.after)
  assertLimit(options.limit)
}
