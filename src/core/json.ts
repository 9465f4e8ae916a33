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
  return new CanonicalWriter().write(value)
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

/** What needs no escape in a text of JSON. */
const plainKey = /^[\w@/.:-]*$/

/** Goes down into one value; where it is, is put into words only when that is no JSON. */
class CanonicalWriter {
  readonly #ancestors = new Set<object>()
  readonly #path: (string | number)[] = []

  write(value: unknown): string {
    if (value === null) return 'null'
    switch (typeof value) {
      case 'boolean':
      case 'string':
        return JSON.stringify(value)
      case 'number':
        if (!Number.isFinite(value)) throw this.#notJson(String(value))
        return JSON.stringify(value)
      case 'object':
        return this.#writeObject(value)
      default:
        throw this.#notJson(typeof value)
    }
  }

  #writeObject(value: object): string {
    if (this.#ancestors.has(value)) throw this.#notJson('a cycle')
    if (this.#ancestors.size >= maxDepth) throw this.#notJson(`more than ${maxDepth} levels`)
    this.#ancestors.add(value)
    const text = Array.isArray(value) ? this.#writeArray(value) : this.#writeRecord(value)
    this.#ancestors.delete(value)
    return text
  }

  #writeArray(value: readonly unknown[]): string {
    let items = ''
    for (let index = 0; index < value.length; index++) {
      this.#path.push(index)
      items += `${index === 0 ? '' : ','}${this.write(value[index])}`
      this.#path.pop()
    }
    return `[${items}]`
  }

  #writeRecord(value: object): string {
    if (!isPlainObject(value)) throw this.#notJson(`an instance of ${value.constructor?.name ?? 'a class'}`)
    let members = ''
    for (const key of sortedKeys(value)) {
      const member = value[key]
      if (member === undefined) continue
      this.#path.push(key)
      members += `${members === '' ? '' : ','}${plainKey.test(key) ? `"${key}"` : JSON.stringify(key)}:${this.write(member)}`
      this.#path.pop()
    }
    return `{${members}}`
  }

  #notJson(received: string): MillraceError<'VALUE_NOT_JSON'> {
    const steps = this.#path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    const whole = `$${steps.join('')}`
    const path = this.#path.length < maxDepth ? whole : `${whole.slice(0, 80)}...`
    return new MillraceError('VALUE_NOT_JSON', {
      message: `Expected a JSON value at ${path}. Received ${received}.`,
      details: { path, received },
    })
  }
}

/** Most are sorted already: they were read from what was written here. */
function sortedKeys(value: object): readonly string[] {
  const keys = Object.keys(value)
  for (let index = 1; index < keys.length; index++) if ((keys[index] as string) < (keys[index - 1] as string)) return keys.sort()
  return keys
}

/** An object made by a literal or `JSON.parse`, from any realm. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
