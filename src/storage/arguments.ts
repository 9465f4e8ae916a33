import { throwIfAborted } from '../core/abort.ts'
import { MillraceError } from '../core/error.ts'
import { receivedText } from '../core/received.ts'
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
 * What every adapter's `delete` and `createSegment` check before they ask their store anything.
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
 * What every adapter's `putIfAbsent` and `put` check before they ask their store anything.
 *
 * @throws {@link MillraceError} `STORAGE_INVALID_KEY`; `ARGUMENT_INVALID` for bytes that are no `Uint8Array`; the signal's reason when it has aborted.
 * @example
 * assertPutArguments('models/churn', bytes)
 * assertPutArguments('models/Churn', bytes) // throws STORAGE_INVALID_KEY
 */
export function assertPutArguments(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): void {
  assertChangeArguments(key, options)
  assertBytes(bytes)
}

/**
 * What every adapter checks of bytes that it is to keep, a segment writer's `append` too. A text is none, nor a buffer: encode the one, wrap the other. A
 * `Uint8Array` of another window or context is one.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID`.
 * @example
 * assertBytes(new Uint8Array(5))
 */
export function assertBytes(bytes: Uint8Array): void {
  if (Object.prototype.toString.call(bytes) === '[object Uint8Array]') return
  const received = receivedText(bytes)
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected bytes to be a Uint8Array. Received ${received}.`,
    details: { argument: 'bytes', expected: 'a Uint8Array', received },
  })
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
