import { isPlainObject } from '../core/json.ts'
import { redacted, Secret } from './secret.ts'
import { serializeError } from './serialize-error.ts'

/** Keys whose values are never logged, whatever comes before them (`dbPassword`, `x-api-key`), however they are written. */
export const secretKeys: readonly string[] = [
  'password',
  'passwd',
  'passphrase',
  'secret',
  'token',
  'api-key',
  'access-key',
  'private-key',
  'secret-key',
  'authorization',
  'cookie',
  'credential',
  'credentials',
  'connection-string',
]

const deepest = 8
const longestArray = 100

/** True for the keys whose values must not be logged: their letters and digits end with one of the names, in any case and with any separators. */
export function secretKeyTest(names: readonly string[]): (key: string) => boolean {
  const known = new Map<string, boolean>()
  const endings = names.map(lettersOf).filter((name) => name !== '')
  return (key) => {
    const cached = known.get(key)
    if (cached !== undefined) return cached
    const isSecret = endings.some((ending) => lettersOf(key).endsWith(ending))
    if (known.size < 10_000) known.set(key, isSecret)
    return isSecret
  }
}

/**
 * A copy of all fields, later ones before earlier ones, that is safe to keep and print: secrets are replaced, errors become plain objects with their chain
 * of causes, what is deep, long, cyclic or cannot be read is cut. It never throws and never changes what it is given.
 */
export function redactFields(
  layers: readonly (Readonly<Record<string, unknown>> | undefined)[],
  isSecret: (key: string) => boolean,
): Readonly<Record<string, unknown>> {
  const merged = emptyRecord()
  for (const fields of layers) if (fields !== undefined) copyMembers(fields, { isSecret, ancestors: new Set<object>([fields]) }, merged)
  return merged
}

interface Walk {
  readonly isSecret: (key: string) => boolean
  readonly ancestors: Set<object>
}

function copy(value: unknown, walk: Walk): unknown {
  switch (typeof value) {
    case 'bigint':
    case 'symbol':
      return String(value)
    case 'function':
      return `[function ${value.name}]`
    case 'object':
      return value === null ? null : copyObject(value, walk)
    default:
      return value
  }
}

function copyObject(value: object, walk: Walk): unknown {
  if (value instanceof Secret) return redacted
  if (walk.ancestors.has(value)) return '[cycle]'
  if (walk.ancestors.size > deepest) return '[deeper]'
  walk.ancestors.add(value)
  try {
    return copyUnguarded(value, walk)
  } catch {
    return '[unreadable]'
  } finally {
    walk.ancestors.delete(value)
  }
}

function copyUnguarded(value: object, walk: Walk): unknown {
  if (Array.isArray(value)) {
    const items = value.slice(0, longestArray).map((item) => copy(item, walk))
    return value.length > longestArray ? [...items, `[${value.length - longestArray} more]`] : items
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '[invalid date]' : value.toISOString()
  if (value instanceof Error) return copyMembers(serializeError(value), walk)
  if (ArrayBuffer.isView(value)) return `[${value.constructor.name}, ${value.byteLength} bytes]`
  if (value instanceof ArrayBuffer) return `[ArrayBuffer, ${value.byteLength} bytes]`
  if (value instanceof Map)
    return copy(
      [...value].slice(0, longestArray).map(([key, item]) => (walk.isSecret(String(key)) ? [key, redacted] : [key, item])),
      walk,
    )
  if (value instanceof Set) return copy([...value], walk)
  if (isPlainObject(value)) return copyMembers(value, walk)
  const { toJSON } = value as { readonly toJSON?: unknown }
  return typeof toJSON === 'function' ? copy(toJSON.call(value, ''), walk) : copyMembers(value, walk)
}

/** Into an object without a prototype, so that no key means anything else. */
function copyMembers(value: object, walk: Walk, members: Record<string, unknown> = emptyRecord()): unknown {
  for (const key of Object.keys(value)) {
    try {
      const member = (value as Readonly<Record<string, unknown>>)[key]
      if (member !== undefined) members[key] = walk.isSecret(key) && member !== null ? redacted : copy(member, walk)
    } catch {
      members[key] = '[unreadable]'
    }
  }
  return members
}

function emptyRecord(): Record<string, unknown> {
  return Object.create(null)
}

function lettersOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}
