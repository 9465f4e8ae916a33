import { sha256Hex } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { isPlainObject } from '../core/json.ts'

/**
 * A stage's parameters as JSON, for the cache key: a function by its source text, a date, a big integer, a regular expression and a number
 * that JSON lacks by a tag, a typed array by its digest. Anything else (a Map, a class instance) is refused, since two of them could not be
 * told apart: give what describes it instead.
 *
 * @throws {@link MillraceError} `STAGE_INVALID` naming the path.
 */
export function parametersToJson(parameters: unknown, stage: string): Json {
  return write(parameters, { stage, ancestors: new Set() }, 'parameters')
}

interface Walk {
  readonly stage: string
  readonly ancestors: Set<object>
}

function write(value: unknown, walk: Walk, path: string): Json {
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return value
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: Object.is(value, -0) ? '-0' : String(value) }
    case 'undefined':
      return { $undefined: true }
    case 'bigint':
      return { $bigint: String(value) }
    case 'function':
      return { $function: sourceText(value, walk, path) }
    case 'object':
      return value === null ? null : writeObject(value, walk, path)
    default:
      throw refused(walk, path, `a ${typeof value}`)
  }
}

function writeObject(value: object, walk: Walk, path: string): Json {
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? 'invalid' : value.toISOString() }
  if (value instanceof RegExp) return { $expression: String(value) }
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    return { $array: Object.prototype.toString.call(value).slice(8, -1), digest: sha256Hex(bytes) }
  }
  if (walk.ancestors.has(value)) throw refused(walk, path, 'a cycle')
  walk.ancestors.add(value)
  const json = Array.isArray(value)
    ? Array.from(value, (item, index) => write(item, walk, `${path}[${index}]`))
    : writeRecord(value, walk, path)
  walk.ancestors.delete(value)
  return json
}

function writeRecord(value: object, walk: Walk, path: string): Json {
  if (!isPlainObject(value)) throw refused(walk, path, `an instance of ${value.constructor?.name ?? 'a class'}`)
  const members: [string, Json][] = []
  for (const key of Object.keys(value)) {
    const member = value[key]
    // A key of the user's that looks like one of our tags gets one more sign, so that it cannot be taken for one.
    if (member !== undefined) members.push([key.startsWith('$') ? `$${key}` : key, write(member, walk, `${path}.${key}`)])
  }
  return Object.fromEntries(members)
}

function sourceText(value: object, walk: Walk, path: string): string {
  const source = Function.prototype.toString.call(value)
  // All bound functions and proxies have the same text, whatever they do; built-in ones have their name in it.
  if (/^function\s*\(\)\s*\{\s*\[native code\]\s*\}$/.test(source))
    throw refused(walk, path, 'a bound function or a proxy, which has no source text')
  return source
}

function refused(walk: Walk, path: string, received: string): MillraceError<'STAGE_INVALID'> {
  return new MillraceError('STAGE_INVALID', {
    message: `Expected the parameters of stage "${walk.stage}" to be plain data and functions, since they are part of the cache key. Received ${received} at ${path}. Give what describes it instead.`,
    details: { stage: walk.stage, reason: `${received} at ${path}` },
  })
}
