import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../src/core/random.ts'
import { brownianBridgeSf, gaussLegendre, kolmogorovLimitSf, normal } from '../../../src/math/index.ts'

describe('brownianBridgeSf', () => {
  it('is the normal tail at a single time', () => {
    for (const bound of [0.1, 1, 3, 15]) {
      expect(brownianBridgeSf(bound, [0.3]) / (2 * normal.sf(bound / Math.sqrt(0.21)))).toBeCloseTo(1, 10)
    }
  })

  it('tends to the limiting distribution of Kolmogorov from below as times are added', () => {
    for (const bound of [0.6, 1, 1.36, 2]) {
      const limit = kolmogorovLimitSf(bound)
      let before = 0
      for (const count of [4, 16, 64, 256, 1024]) {
        const value = brownianBridgeSf(
          bound,
          Float64Array.from({ length: count - 1 }, (_, index) => (index + 1) / count),
        )
        expect(value).toBeGreaterThan(before)
        expect(value).toBeLessThan(limit)
        before = value
      }
      // The discrete maximum is that of a bound further out by 0.5826 / sqrt(count) (Chernoff 1965; Siegmund 1985).
      expect(before).toBeCloseTo(kolmogorovLimitSf(bound + 0.5826 / 32), 3)
    }
  })

  it('agrees with simulated bridges', () => {
    const times = [0.08, 0.2, 0.21, 0.5, 0.66, 0.9]
    const bound = 0.9
    const random = createRandom(5)
    const trials = 60_000
    let outside = 0
    for (let trial = 0; trial < trials; trial++) {
      let value = 0
      let from = 0
      for (const time of times) {
        const pull = (1 - time) / (1 - from)
        value = value * pull + Math.sqrt((time - from) * pull) * normal.quantile((random.int(2 ** 31) + 0.5) / 2 ** 31)
        from = time
        if (Math.abs(value) >= bound) {
          outside++
          break
        }
      }
    }
    const expected = brownianBridgeSf(bound, times)
    expect(Math.abs(outside / trials - expected)).toBeLessThan(4.5 * Math.sqrt((expected * (1 - expected)) / trials))
  })

  it('does not change when a time is repeated, and hardly when one is next to another', () => {
    expect(brownianBridgeSf(1, [0.3, 0.3, 0.7])).toBe(brownianBridgeSf(1, [0.3, 0.7]))
    expect(brownianBridgeSf(1, [0.3, 0.3 + 2e-8, 0.7]) / brownianBridgeSf(1, [0.3, 0.7])).toBeCloseTo(1, 3)
  })

  it('rises with every time that is added, falls with the bound, and is a probability down to the far tail', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 12 }),
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        fc.double({ min: 0.01, max: 30, noNaN: true }),
        (times, extra, bound) => {
          const sorted = [...times].sort((a, b) => a - b)
          const more = [...times, extra].sort((a, b) => a - b)
          const value = brownianBridgeSf(bound, sorted)
          expect(value).toBeGreaterThanOrEqual(0)
          expect(value).toBeLessThanOrEqual(1)
          expect(brownianBridgeSf(bound, more)).toBeGreaterThanOrEqual(value * (1 - 1e-9))
          expect(brownianBridgeSf(bound * 1.01, sorted)).toBeLessThanOrEqual(value * (1 + 1e-9))
          const least = Math.max(...sorted.map((time) => 2 * normal.sf(bound / Math.sqrt(time * (1 - time)))))
          expect(value).toBeGreaterThanOrEqual(Math.min(1, least) * (1 - 1e-9))
          expect(value).toBeLessThanOrEqual(sorted.length * least * (1 + 1e-9))
        },
      ),
      { numRuns: 200 },
    )
  })

  it('has an answer where there is nothing to leave', () => {
    expect(brownianBridgeSf(0, [0.5])).toBe(1)
    expect(brownianBridgeSf(1, [])).toBe(0)
    expect(brownianBridgeSf(1, [0, 1])).toBe(0)
  })
})

describe('gaussLegendre', () => {
  it('integrates polynomials up to twice its order exactly', () => {
    const { nodes, weights } = gaussLegendre(8)
    for (let degree = 0; degree < 16; degree++) {
      const sum = nodes.reduce((total, node, index) => total + (weights[index] as number) * node ** degree, 0)
      expect(sum).toBeCloseTo(degree % 2 === 0 ? 2 / (degree + 1) : 0, 13)
    }
  })
})
