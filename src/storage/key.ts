import { MillraceError } from '../core/error.ts'
import { receivedText } from '../core/received.ts'

const segmentPattern = /^[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?$/
const reservedSegments: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** Leaves room for a bucket's own prefix below the 1,024 bytes of S3. */
const maxLength = 512

/**
 * Rejects what is no storage key: segments of lower-case letters, digits, `.`, `_` and `-` that start and end with a letter or digit, of at
 * most 128 characters, joined by `/`, 512 characters in all. Nothing is decoded or repaired. Lower case, since `Churn` and `churn` are
 * one file on macOS and Windows.
 *
 * @throws {@link MillraceError} `STORAGE_INVALID_KEY` with the reason.
 * @example
 * assertKey('models/churn/log/0000000000000001')
 * assertKey('../secrets') // throws STORAGE_INVALID_KEY
 */
export function assertKey(key: string): void {
  const reason = faultOf(key)
  if (reason !== undefined) throw invalidKey(key, reason)
}

/** Rejects what is no prefix of whole segments; `''` stands for all keys. @throws {@link MillraceError} `STORAGE_INVALID_KEY`. */
export function assertPrefix(prefix: string): void {
  if (prefix === '') return
  const reason = faultOf(prefix)
  if (reason !== undefined) throw invalidKey(prefix, reason)
}

/** Rejects what is no single segment of a key: a name that becomes one. @throws {@link MillraceError} `STORAGE_INVALID_KEY`. */
export function assertSegment(name: string): void {
  const reason = faultOf(name) ?? (name.includes('/') ? 'it is more than one segment' : undefined)
  if (reason !== undefined) throw invalidKey(name, reason)
}

/** True for one segment of a key: what a folder or file of a store may be called. */
export function isKeySegment(name: string): boolean {
  return segmentPattern.test(name) && !reservedSegments.has(name)
}

/** The folders that a key lies in, outermost first: `a` and `a/b` for `a/b/c`. */
export function foldersOf(key: string): string[] {
  const folders: string[] = []
  for (let slash = key.indexOf('/'); slash !== -1; slash = key.indexOf('/', slash + 1)) folders.push(key.slice(0, slash))
  return folders
}

/** True when the key lies below a prefix of whole segments; a key is not below itself. */
export function isBelow(key: string, prefix: string): boolean {
  return prefix === '' || (key.length > prefix.length && key.startsWith(prefix) && key[prefix.length] === '/')
}

/** The fault of a key that is the folder of another, or lies below one. */
export function folderCollision(key: string, other: string): MillraceError<'STORAGE_INVALID_KEY'> {
  return invalidKey(key, `"${other}" is there, and a key is never the folder of another`)
}

function faultOf(key: unknown): string | undefined {
  if (typeof key !== 'string') return `it is ${key === null ? 'null' : typeof key}, not text`
  if (key === '') return 'it is empty'
  if (key.length > maxLength) return `it has ${key.length} characters, more than ${maxLength}`
  for (const segment of key.split('/')) {
    if (segment === '') return 'a segment is empty'
    if (segment.length > 128) return `a segment has ${segment.length} characters, more than 128`
    if (reservedSegments.has(segment)) return `the segment "${segment}" is reserved`
    if (!segmentPattern.test(segment)) return `the segment ${JSON.stringify(segment)} does not fit`
  }
  return undefined
}

function invalidKey(key: unknown, reason: string): MillraceError<'STORAGE_INVALID_KEY'> {
  const received = receivedText(key)
  return new MillraceError('STORAGE_INVALID_KEY', {
    message: `Expected a key of lower-case segments [a-z0-9][a-z0-9._-]*[a-z0-9] joined by "/". Received ${received}: ${reason}.`,
    details: { key: typeof key === 'string' ? key : received, reason },
  })
}
