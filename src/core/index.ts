/**
 * What every room stands on: the one error class and its closed table of codes, events, clock, random streams, identifiers, digests and canonical JSON.
 * Start with {@link MillraceError} and the table {@link ErrorDetails}.
 *
 * @module millrace/core
 */

export { isAbortOf, raceAbort, throwIfAborted, untilAborted, yieldToEventLoop } from './abort.ts'
export type { Clock } from './clock.ts'
export { systemClock } from './clock.ts'
export { mapConcurrently } from './concurrency.ts'
export { digestOfJson, Sha256, sha256Hex, sha256HexAsync } from './digest.ts'
export type { AnyMillraceError } from './error.ts'
export { MillraceError, messageOf } from './error.ts'
export type { ColumnMismatch, ErrorCode, ErrorDetails } from './error-codes.ts'
export type { TypedEvent } from './events.ts'
export { Events } from './events.ts'
export type { IdentifierSource } from './identifiers.ts'
export { createIdentifierSource } from './identifiers.ts'
export type { Json } from './json.ts'
export { canonicalJson, isPlainObject, toJson } from './json.ts'
export type { Random } from './random.ts'
export { createRandom, shuffleInPlace, systemRandom } from './random.ts'
export { nearestName } from './suggest.ts'
export { libraryVersion } from './version.ts'
