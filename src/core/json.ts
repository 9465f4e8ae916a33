import { MillraceError } from './error.ts'
import type { Json } from './json-value.ts'

export type { Json } from './json-value.ts'

/**
 * One text for one value: keys sorted by UTF-16 unit, no white space, numbers as ECMAScript prints them (RFC 8785).
 * A property whose value is `undefined` is left out.
 *
 * @throws {@link MillraceError} `VALUE_NOT_JSON` for NaN, an infinity, a function, a symbol, a bigint, a cycle, a class instance or more than 500 levels.
 * @example
 * canonicalJson({ b: 1, a: [true, null] }) // '{"a":[true,null],"b":1}'
 */
export function canonicalJson(value: unknown): string {
  return write(value, '$', new Set())
}

/**
 * The value as plain JSON data, checked as {@link canonicalJson} checks it.
 *
 * @example
 * toJson({ at: 1, note: undefined }) // { at: 1 }
 * toJson({ at: Number.NaN }) // throws VALUE_NOT_JSON
 */
export function toJson(value: unknown): Json {
  return JSON.parse(canonicalJson(value)) as Json
}

/** What nests deeper was made to exhaust the stack: no value of ours comes near. */
const maxDepth = 500

function write(value: unknown, path: string, ancestors: Set<object>): string {
  if (value === null) return 'null'
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) throw notJson(path, String(value))
      return JSON.stringify(value)
    case 'object':
      return writeObject(value, path, ancestors)
    default:
      throw notJson(path, typeof value)
  }
}

function writeObject(value: object, path: string, ancestors: Set<object>): string {
  if (ancestors.has(value)) throw notJson(path, 'a cycle')
  if (ancestors.size >= maxDepth) throw notJson(`${path.slice(0, 80)}...`, `more than ${maxDepth} levels`)
  ancestors.add(value)
  const text = Array.isArray(value)
    ? `[${Array.from(value, (item, index) => write(item, `${path}[${index}]`, ancestors)).join(',')}]`
    : writeRecord(value, path, ancestors)
  ancestors.delete(value)
  return text
}

function writeRecord(value: object, path: string, ancestors: Set<object>): string {
  if (!isPlainObject(value)) throw notJson(path, `an instance of ${value.constructor?.name ?? 'a class'}`)
  const members: string[] = []
  for (const key of Object.keys(value).sort()) {
    const member = value[key]
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${write(member, `${path}.${key}`, ancestors)}`)
  }
  return `{${members.join(',')}}`
}

/** An object made by a literal or `JSON.parse`, from any realm. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function notJson(path: string, received: string): MillraceError<'VALUE_NOT_JSON'> {
  return new MillraceError('VALUE_NOT_JSON', {
    message: `Expected a JSON value at ${path}. Received ${received}.`,
    details: { path, received },
  })
}
