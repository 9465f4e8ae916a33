import { isPlainObject } from '../core/json.ts'
import { redacted, Secret } from './secret.ts'
import { serializeError } from './serialize-error.ts'

/** Keys whose values are never logged, whatever comes before them (`dbPassword`, `x-api-key`), however they are written. */
export const secretKeys: readonly string[] = [
  'password',
  'passwd',
  'pwd',
  'passphrase',
  'secret',
  'token',
  'api-key',
  'access-key',
  'private-key',
  'secret-key',
  'jwt',
  'bearer',
  'auth',
  'authorization',
  'authorization-header',
  'cookie',
  'credential',
  'connection-string',
]

const deepest = 8
const longestArray = 100

/** True for a key and a value that must not be logged. */
export type SecretTest = (key: string, value: unknown) => boolean

/**
 * Secret are the keys whose letters and digits end with one of the names, in any case and with any separators; and their plurals, unless the value is a
 * number: `tokens: 512` is a count.
 */
export function secretKeyTest(names: readonly string[]): SecretTest {
  const known = new Map<string, 'secret' | 'secrets' | 'open'>()
  const endings = names.map(lettersOf).filter((name) => name !== '')
  const kindOf = (key: string): 'secret' | 'secrets' | 'open' => {
    const letters = lettersOf(key)
    if (endings.some((ending) => letters.endsWith(ending))) return 'secret'
    return endings.some((ending) => letters.endsWith(`${ending}s`)) ? 'secrets' : 'open'
  }
  return (key, value) => {
    const kind = known.get(key) ?? kindOf(key)
    if (known.size < 10_000) known.set(key, kind)
    return kind === 'secret' || (kind === 'secrets' && typeof value !== 'number')
  }
}

/**
 * A copy of all fields, later ones before earlier ones, that is safe to keep and print: secrets are replaced, errors become plain objects with their chain
 * of causes, what is deep, long, cyclic or cannot be read is cut. It never throws and never changes what it is given.
 */
export function redactFields(
  layers: readonly (Readonly<Record<string, unknown>> | undefined)[],
  isSecret: SecretTest,
): Readonly<Record<string, unknown>> {
  const merged = emptyRecord()
  for (const fields of layers) if (fields !== undefined) copyMembers(fields, { isSecret, ancestors: new Set<object>([fields]) }, merged)
  return merged
}

interface Walk {
  readonly isSecret: SecretTest
  readonly ancestors: Set<object>
}

function copy(value: unknown, walk: Walk): unknown {
  switch (typeof value) {
    case 'string':
      return redactText(value)
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
    const items = value.slice(0, longestArray).map((item) => copy(withoutSecretEntry(item, walk), walk))
    return value.length > longestArray ? [...items, `[${value.length - longestArray} more]`] : items
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? '[invalid date]' : value.toISOString()
  if (value instanceof Error) return copyMembers(serializeError(value), walk)
  if (ArrayBuffer.isView(value)) return `[${value.constructor.name}, ${value.byteLength} bytes]`
  if (value instanceof ArrayBuffer) return `[ArrayBuffer, ${value.byteLength} bytes]`
  if (value instanceof Map) return copy([...value], walk)
  if (value instanceof Set) return copy([...value], walk)
  if (isPlainObject(value)) return copyMembers(value, walk)
  const { toJSON } = value as { readonly toJSON?: unknown }
  return typeof toJSON === 'function' ? copy(toJSON.call(value, ''), walk) : copyMembers(value, walk)
}

/** A pair in a list, as a Map and `Object.entries` of headers have them, is a key and its value. */
function withoutSecretEntry(item: unknown, walk: Walk): unknown {
  if (!Array.isArray(item) || item.length !== 2) return item
  const key: unknown = item[0]
  return typeof key === 'string' && walk.isSecret(key, item[1]) ? [key, redacted] : item
}

/** The secrets that can be told from other text by their form: the password in an address, and what follows `Bearer`. */
export function redactText(text: string): string {
  let safe = text
  // The lengths are bounded, so that no text takes more than linear time.
  if (safe.includes('://')) safe = safe.replaceAll(/(:\/\/[^\s/:@]{0,256}:)[^\s/@]{1,1024}@/g, `$1${redacted}@`)
  if (safe.includes('earer ')) safe = safe.replaceAll(/\b([Bb]earer )[\w.~+/=-]{8,}/g, `$1${redacted}`)
  return safe
}

/** Into an object without a prototype, so that no key means anything else. */
function copyMembers(value: object, walk: Walk, members: Record<string, unknown> = emptyRecord()): unknown {
  for (const key of Object.keys(value)) {
    try {
      const member = (value as Readonly<Record<string, unknown>>)[key]
      if (member !== undefined) members[key] = member !== null && walk.isSecret(key, member) ? redacted : copy(member, walk)
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
