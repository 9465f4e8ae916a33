import fc from 'fast-check'
import { canonicalJson, isPlainObject, MillraceError, toJson } from 'millrace/core'
import { describe, expect, it } from 'vitest'

const json = fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' })

function shuffleKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffleKeys)
  if (!isPlainObject(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, shuffleKeys(member)]),
  )
}

function faultOf(value: unknown): { path: string; received: string } | undefined {
  try {
    canonicalJson(value)
  } catch (error) {
    if (MillraceError.is(error, 'VALUE_NOT_JSON')) return error.details
    throw error
  }
  return undefined
}

describe('canonicalJson', () => {
  it('says the same as JSON, for any JSON value', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('is the same whatever the order of keys', () => {
    fc.assert(fc.property(json, (value) => canonicalJson(value) === canonicalJson(shuffleKeys(value))))
  })

  it('is a fixed point of reading and writing', () => {
    fc.assert(fc.property(json, (value) => canonicalJson(JSON.parse(canonicalJson(value))) === canonicalJson(value)))
  })

  it('differs for values that differ', () => {
    fc.assert(
      fc.property(json, json, (left, right) => {
        const equal = JSON.stringify(shuffleKeys(sortKeys(left))) === JSON.stringify(shuffleKeys(sortKeys(right)))
        return (canonicalJson(left) === canonicalJson(right)) === equal
      }),
    )
  })

  it('sorts keys as RFC 8785, section 3.2.3, does', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    }
    expect(Object.values(JSON.parse(canonicalJson(value)) as object)).toHaveLength(7)
    const order = [...canonicalJson(value).matchAll(/:"([^"]+)"/g)].map((match) => match[1])
    expect(order).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ])
  })

  it.each([
    // RFC 8785, appendix B.
    [0, '0'],
    [-0, '0'],
    [Number.MIN_VALUE, '5e-324'],
    [Number.MAX_VALUE, '1.7976931348623157e+308'],
    [9007199254740992, '9007199254740992'],
    [295147905179352830000, '295147905179352830000'],
    [1e21, '1e+21'],
    [9.999999999999997e22, '9.999999999999997e+22'],
    [1e23, '1e+23'],
    [0.000001, '0.000001'],
    [333333333.3333332, '333333333.3333332'],
    [1424953923781206.2, '1424953923781206.2'],
  ])('writes the number %d as %s', (number, text) => {
    expect(canonicalJson(number)).toBe(text)
  })

  it('leaves out what is undefined in an object', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}')
  })

  it.each<[string, unknown, string, string]>([
    ['NaN', { a: [1, Number.NaN] }, '$.a[1]', 'NaN'],
    ['an infinity', -Infinity, '$', '-Infinity'],
    ['undefined in a list', [undefined], '$[0]', 'undefined'],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tried.
    ['a hole in a list', [1, , 2], '$[1]', 'undefined'],
    ['a function', { f: () => 1 }, '$.f', 'function'],
    ['a symbol', { s: Symbol('x') }, '$.s', 'symbol'],
    ['a bigint', [1n], '$[0]', 'bigint'],
    ['a Date', { at: new Date(0) }, '$.at', 'an instance of Date'],
    ['a Map', { m: new Map() }, '$.m', 'an instance of Map'],
  ])('refuses %s and says where', (_, value, path, received) => {
    expect(faultOf(value)).toEqual({ path, received })
  })

  it('refuses what nests more than 500 levels, and does not exhaust the stack for it', () => {
    const nested = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}1${']'.repeat(levels)}`)
    expect(canonicalJson(nested(500))).toHaveLength(1001)
    for (const levels of [501, 100_000]) expect(faultOf(nested(levels))?.received).toBe('more than 500 levels')
  })

  it('refuses a cycle, and takes one object in two places', () => {
    const loop: Record<string, unknown> = {}
    loop.a = [loop]
    expect(faultOf(loop)).toEqual({ path: '$.a[0]', received: 'a cycle' })
    const shared = { x: 1 }
    expect(canonicalJson([shared, shared])).toBe('[{"x":1},{"x":1}]')
  })

  it('writes a key named __proto__ as any other', () => {
    expect(canonicalJson(JSON.parse('{"__proto__":{"a":1}}'))).toBe('{"__proto__":{"a":1}}')
  })
})

describe('toJson', () => {
  it('gives a copy that shares nothing', () => {
    const value = { a: [1, { b: undefined }] }
    const copy = toJson(value)
    expect(copy).toEqual({ a: [1, {}] })
    expect(copy).not.toBe(value)
  })
})

describe('isPlainObject', () => {
  it('tells literals from instances', () => {
    expect([{}, Object.create(null), JSON.parse('{}')].every(isPlainObject)).toBe(true)
    expect([null, [], new Date(), new Map(), new (class A {})(), () => 1, 'a', 1].some(isPlainObject)).toBe(false)
  })
})

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (!isPlainObject(value)) return Object.is(value, -0) ? 0 : value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sortKeys(value[key])]),
  )
}
