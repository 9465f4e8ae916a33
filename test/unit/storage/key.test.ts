import fc from 'fast-check'
import { MillraceError } from 'millrace'
import { assertKey, assertPrefix } from 'millrace/storage'
import { describe, expect, test } from 'vitest'
import { foldersOf, isBelow } from '../../../src/storage/key.ts'

function reasonOf(key: unknown): string | undefined {
  try {
    assertKey(key as string)
    return undefined
  } catch (error) {
    if (MillraceError.is(error, 'STORAGE_INVALID_KEY')) return error.details.reason
    throw error
  }
}

describe('a storage key', () => {
  test('is refused with the reason', () => {
    expect(reasonOf('')).toBe('it is empty')
    expect(reasonOf('a//b')).toBe('a segment is empty')
    expect(reasonOf('a/constructor')).toBe('the segment "constructor" is reserved')
    expect(reasonOf('a/../b')).toBe('the segment ".." does not fit')
    expect(reasonOf(`a/${'x'.repeat(129)}`)).toBe('a segment has 129 characters, more than 128')
    expect(reasonOf('a/'.repeat(256).concat('a'))).toBe('it has 513 characters, more than 512')
    expect(reasonOf(7)).toBe('it is number, not text')
    expect(reasonOf(null)).toBe('it is null, not text')
    expect(reasonOf({ toString: () => 'key' })).toBe('it is object, not text')
  })

  test('names itself, shortened, in the message, and whole in the details', () => {
    const key = `A${'a'.repeat(300)}`
    try {
      assertKey(key)
      expect.unreachable()
    } catch (error) {
      expect(MillraceError.is(error, 'STORAGE_INVALID_KEY') && error.details.key).toBe(key)
      expect((error as Error).message).toMatch(/^Expected .* Received "A/)
    }
  })

  test('cannot leave its folder, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('.', '/', 'a', '\\', '%', '2', 'e', '\0', 'A', '-') })),
        (key) => {
          if (reasonOf(key) !== undefined) return
          const resolved = new URL(`file:///data/${key}`).pathname
          expect(resolved).toBe(`/data/${key}`)
          expect(key).toBe(key.toLowerCase())
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('is accepted when it is made of segments that fit', () => {
    const segment = fc
      .string({ unit: fc.constantFrom(...'abcz019._-'), minLength: 1, maxLength: 128 })
      .filter((text) => /^[a-z0-9]/.test(text) && /[a-z0-9]$/.test(text))
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 3 }), (segments) => {
        const key = segments.join('/')
        expect(reasonOf(key)).toBeUndefined()
        expect(foldersOf(key)).toEqual(segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/')))
        for (const folder of foldersOf(key)) expect(isBelow(key, folder)).toBe(true)
      }),
    )
  })

  test('lies below whole segments only, and not below itself', () => {
    expect(isBelow('models/churn', 'models')).toBe(true)
    expect(isBelow('models-old/churn', 'models')).toBe(false)
    expect(isBelow('models', 'models')).toBe(false)
    expect(isBelow('models', '')).toBe(true)
  })
})

test('a prefix may be empty, but must not end with a slash', () => {
  expect(() => assertPrefix('')).not.toThrow()
  expect(() => assertPrefix('models/churn')).not.toThrow()
  expect(() => assertPrefix('models/')).toThrow(/a segment is empty/)
})
