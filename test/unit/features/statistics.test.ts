import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MedianFinder } from '../../../src/features/median-finder.ts'

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
