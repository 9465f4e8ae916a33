import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MedianFinder } from '../../../src/features/median-finder.ts'
import { Moments } from '../../../src/features/moments.ts'

function medianOf(values: readonly number[]): number {
  const finder = new MedianFinder()
  while (!finder.done) {
    for (const value of values) finder.add(value)
    finder.endPass()
  }
  return finder.median
}

describe('MedianFinder', () => {
  it('is exact for any doubles', () => {
    const double = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 }), fc.integer({ min: -3, max: 3 }))
    fc.assert(
      fc.property(fc.array(double, { minLength: 1, maxLength: 60 }), (values) => {
        const sorted = Float64Array.from(values).sort()
        const middle = [Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2)].map((rank) => sorted[rank] as number)
        // Adding 0 makes -0 and 0 one.
        expect(medianOf(values) + 0).toBe(((middle[0] as number) + (middle[1] as number)) / 2 + 0)
      }),
      { numRuns: 60 },
    )
  })
  it('is 0 of nothing', () => expect(medianOf([])).toBe(0))
})

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
        expect(left.count).toBe(whole.finish().count)
        expect(left.minimum).toBe(whole.minimum)
        expect(left.maximum).toBe(whole.maximum)
        expect(Math.abs(left.mean - whole.mean)).toBeLessThan(1e-6)
        expect(Math.abs(left.standardDeviation - whole.standardDeviation)).toBeLessThan(1e-6)
      }),
      { numRuns: 50 },
    )
  })
})
