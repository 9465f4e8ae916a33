import { digestOfJson } from '../core/digest.ts'
import type { Json } from '../core/json.ts'
import { isPlainObject } from '../core/json.ts'

/** Of the parameters of one stage as they are remembered, so that records and journals stay small. */
const maxLength = 16_384
/** Where the whole is longer than that, so long a value is remembered by its digest. */
const maxValueLength = 1024

/**
 * Parameters as they are remembered, to say later what changed of them: as they are up to 16,384 characters of JSON; of longer ones each value above
 * 1,024 characters by its digest, and the longest members where that is not enough. Of what is remembered by its digest only that it changed can be told.
 */
export function rememberParameters(parameters: Json): Json {
  if (lengthOf(parameters) <= maxLength) return parameters
  const shortened = shorten(parameters)
  if (!isOpen(shortened) || !isOpen(parameters)) return digested(parameters)
  const lengths = Object.entries(shortened).map(([key, value]) => ({ key, length: lengthOf(value) }))
  lengths.sort((left, right) => right.length - left.length || (left.key < right.key ? -1 : 1))
  const remembered = new Map(Object.entries(shortened))
  let length = lengthOf(shortened)
  for (const { key, length: before } of lengths) {
    if (length <= maxLength) return Object.fromEntries(remembered)
    const digest = digested(parameters[key] as Json)
    remembered.set(key, digest)
    length += lengthOf(digest) - before
  }
  // So many members that even their digests are long.
  return length <= maxLength ? Object.fromEntries(remembered) : digested(parameters)
}

/** Whether two remembered values are the same; one may be remembered by its digest where the other is not. */
export function isSameRemembered(left: Json | undefined, right: Json | undefined): boolean {
  return digestOfRemembered(left) === digestOfRemembered(right)
}

/** A record whose members are the user's: what stands for a value that JSON lacks, or for a long one, is one value. */
export function isOpen(value: unknown): value is { readonly [key: string]: Json } {
  return isPlainObject(value) && !Object.keys(value).some((key) => /^\$[a-z]/.test(key))
}

/** The path of a member, such as `learner.epochs`; a key that could be taken for a longer path is quoted: `learner["a.b"]`. */
export function pathTo(path: string, key: string): string {
  if (key === '' || /[.[\]"]/.test(key)) return `${path}[${JSON.stringify(key)}]`
  return path === '' ? key : `${path}.${key}`
}

function shorten(value: Json): Json {
  if (lengthOf(value) <= maxValueLength) return value
  if (!isOpen(value)) return digested(value)
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shorten(member)]))
}

function digestOfRemembered(value: Json | undefined): string | undefined {
  if (value === undefined) return undefined
  return isPlainObject(value) && typeof value.$digest === 'string' ? value.$digest : digestOfJson(value)
}

function digested(value: Json): Json {
  return isPlainObject(value) && typeof value.$digest === 'string' ? value : { $digest: digestOfJson(value) }
}

function lengthOf(value: Json): number {
  return JSON.stringify(value).length
}
