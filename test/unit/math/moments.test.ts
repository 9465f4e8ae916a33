import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Moments } from '../../../src/math/moments.ts'

describe('Moments', () => {
  it('keeps a small deviation about a large mean', () => {
    const moments = new Moments()
    for (let index = 0; index < 5000; index++) moments.add(1e12 + (index % 2))
    expect(moments.mean).toBe(1e12 + 0.5)
    expect(moments.standardDeviation).toBeCloseTo(0.5, 10)
  })

  it('merges to what one stream gives', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 3000 }), fc.nat(), (values, cut) => {
        const [whole, left, right] = [new Moments(), new Moments(), new Moments()]
        for (const [index, value] of values.entries()) {
          whole.add(value)
          ;(index < cut % values.length ? left : right).add(value)
        }
        left.merge(right)
        expect(left.count).toBe(whole.count)
        expect(left.minimum).toBe(whole.minimum)
        expect(left.maximum).toBe(whole.maximum)
        expect(Math.abs(left.mean - whole.mean)).toBeLessThan(1e-6)
        expect(Math.abs(left.standardDeviation - whole.standardDeviation)).toBeLessThan(1e-6)
      }),
      { numRuns: 50 },
    )
  })

  it('has the same bits whether its sums were stored at the end of a block or not', () => {
    const values = Array.from({ length: 3000 }, (_, index) => Math.sin(index) * 1e3)
    const [through, first, then] = [new Moments(), new Moments(), new Moments()]
    for (const [index, value] of values.entries()) {
      through.add(value)
      if (index < 1500) first.add(value)
      if (index === 1499) through.endBlock()
    }
    const { count, mean, squares, minimum, maximum } = first
    then.add(1e9)
    then.restore({ count, mean, squares, minimum, maximum })
    for (const value of values.slice(1500)) then.add(value)
    for (const figure of ['count', 'mean', 'squares', 'minimum', 'maximum'] as const) expect(then[figure]).toBe(through[figure])
  })

  it('has a mean of numbers near the largest double', () => {
    const moments = new Moments()
    for (let index = 0; index < 3000; index++) moments.add(Number.MAX_VALUE)
    expect(moments.mean).toBe(Number.MAX_VALUE)
    expect(moments.standardDeviation).toBe(0)
  })

  it('of nothing is 0, between infinities', () => {
    const { count, mean, squares, standardDeviation, minimum, maximum } = new Moments()
    expect([count, mean, squares, standardDeviation, minimum, maximum]).toEqual([0, 0, 0, 0, Infinity, -Infinity])
  })
})
