import fc from 'fast-check'
import { nearestName } from 'millrace/core'
import { describe, expect, it } from 'vitest'

describe('nearestName', () => {
  it.each([
    ['orgin', ['origin', 'destination'], 'origin'],
    ['ORIGIN', ['destination', 'origin'], 'origin'],
    ['acu', ['auc', 'accuracy'], 'auc'],
    ['dely', ['delay', 'date'], 'delay'],
    ['distanc', ['distance', 'date'], 'distance'],
  ])('finds for %s among %j the name %s', (name, known, nearest) => {
    expect(nearestName(name, known)).toBe(nearest)
  })

  it('suggests nothing that is far', () => {
    expect(nearestName('banana', ['origin', 'destination'])).toBeUndefined()
    expect(nearestName('anything', [])).toBeUndefined()
  })

  // If it were computed, nine thousand million steps: no machine ends them within the limit.
  it('computes no distance where the lengths alone say that it is far', { timeout: 5_000 }, () => {
    expect(nearestName('n'.repeat(3_000_000), ['x'.repeat(3_000)])).toBeUndefined()
  })

  it('takes the first of two that are as near', () => {
    expect(nearestName('bat', ['cat', 'hat'])).toBe('cat')
  })

  it('finds a name itself, and one with a letter too few or too many', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 3, unit: 'grapheme-ascii' }), fc.nat(), (name, place) => {
        const cut = place % name.length
        expect(nearestName(name, ['#'.repeat(40), name])).toBe(name)
        expect(nearestName(name.slice(0, cut) + name.slice(cut + 1), ['#'.repeat(40), name])).toBe(name)
        expect(nearestName(`${name.slice(0, cut)}-${name.slice(cut)}`, ['#'.repeat(80), name])).toBe(name)
      }),
    )
  })
})
