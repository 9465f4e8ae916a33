import fc from 'fast-check'
import { createIdentifierSource, createRandom, systemClock } from 'millrace/core'
import { describe, expect, it } from 'vitest'
import { assertKey } from '../../../src/storage/key.ts'

const at = (now: number) => createIdentifierSource({ clock: { ...systemClock, now: () => now }, random: createRandom(1) })()

describe('createIdentifierSource', () => {
  it('makes 26 characters that fit a storage key', () => {
    const identifier = createIdentifierSource()()
    expect(identifier).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/)
    expect(() => assertKey(`runs/${identifier}`)).not.toThrow()
  })

  it('makes identifiers that sort by time', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 47), fc.nat(2 ** 47), (left, right) => {
        fc.pre(left !== right)
        return at(left) < at(right) === left < right
      }),
    )
  })

  it('does not repeat itself within a millisecond', () => {
    const next = createIdentifierSource({ clock: { ...systemClock, now: () => 0 } })
    expect(new Set(Array.from({ length: 10_000 }, next)).size).toBe(10_000)
  })

  it('writes the time as a ULID does', () => {
    // The example of the specification, github.com/ulid/spec: 1469918176385 is 01ARYZ6S41.
    expect(at(1469918176385).slice(0, 10)).toBe('01aryz6s41')
  })

  it('takes a clock that stands before 1970 for 1970', () => {
    expect(at(-5).slice(0, 10)).toBe('0000000000')
  })
})
