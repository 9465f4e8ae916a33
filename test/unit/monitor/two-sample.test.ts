import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRandom } from '../../../src/core/random.ts'
import { chiSquared } from '../../../src/math/index.ts'
import {
  binnedKolmogorovSmirnov,
  chiSquareTest,
  compareCategories,
  ksTwoSample,
  populationStabilityIndex,
  proportionTest,
} from '../../../src/monitor/index.ts'

interface TwoSample {
  readonly a: readonly number[]
  readonly b: readonly number[]
  readonly statistic: number
  readonly pValue: number
}
const fixture = JSON.parse(readFileSync(new URL('../../fixtures/drift/statistics.json', import.meta.url), 'utf8')) as {
  readonly twoSample: readonly TwoSample[]
  readonly twoSampleLarge: readonly {
    readonly n: number
    readonly m: number
    readonly power: number
    readonly statistic: number
    readonly pValue: number
  }[]
  readonly contingency: readonly TwoSample[]
}

function expectRelative(received: number, expected: number, tolerance = 1e-10): void {
  expect(Math.abs(received - expected), `${received} is not ${expected}`).toBeLessThanOrEqual(tolerance * Math.abs(expected))
}

describe('ksTwoSample', () => {
  it('is SciPy’s on samples, with ties and without', () => {
    for (const { a, b, statistic, pValue } of fixture.twoSample) {
      const result = ksTwoSample(a, b)
      expectRelative(result.statistic, statistic, 1e-14)
      expectRelative(result.pValue, pValue)
      expect(result.method).toBe('exact')
    }
  })
  it('is SciPy’s up to 10,000 values exactly, and beyond', () => {
    for (const { n, m, power, statistic, pValue } of fixture.twoSampleLarge) {
      const a = Float64Array.from({ length: n }, (_, index) => ((index + 1) * 0.6180339887498949) % 1)
      const b = Float64Array.from({ length: m }, (_, index) => (((index + 1) * 0.7548776662466927) % 1) ** power)
      const result = ksTwoSample(a, b)
      expectRelative(result.statistic, statistic, 1e-12)
      expectRelative(result.pValue, pValue)
      expect(result.method).toBe(Math.max(n, m) > 10_000 ? 'asymptotic' : 'exact')
    }
  })
  it('does not depend on which side is which', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 30 }),
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 30 }),
        (a, b) => {
          const [one, other] = [ksTwoSample(a, b), ksTwoSample(b, a)]
          expect(other.statistic).toBe(one.statistic)
          expect(other.pValue).toBeCloseTo(one.pValue, 12)
        },
      ),
    )
  })
  it('refuses a side without values, and NaN', () => {
    expect(() => ksTwoSample([], [1])).toThrow('Expected reference to have values')
    expect(() => ksTwoSample([1], [1, Number.NaN])).toThrow('Received NaN among them')
  })
})

describe('chiSquareTest', () => {
  it('is SciPy’s chi2_contingency', () => {
    for (const { a, b, statistic, pValue } of fixture.contingency) {
      const result = chiSquareTest(a, b)
      expectRelative(result.statistic, statistic)
      expectRelative(result.pValue, pValue)
    }
  })
  it('gives p = 1 with one category, and with nothing on one side', () => {
    expect(chiSquareTest([5], [50]).pValue).toBe(1)
    expect(chiSquareTest([5, 3], [0, 0]).pValue).toBe(1)
    expect(chiSquareTest([], []).pValue).toBe(1)
  })
  it('does not count categories that nobody has', () => {
    expect(chiSquareTest([10, 0, 20], [20, 0, 10]).degreesOfFreedom).toBe(1)
  })
})

describe('compareCategories', () => {
  it('puts rare categories together', () => {
    const rare = Array.from({ length: 50 }, () => 4)
    const { pValue } = compareCategories([1000, 1000, ...rare], [1000, 1000, ...rare])
    expect(pValue).toBeCloseTo(1, 10)
  })
  it('finds a new category in a small window against a large reference', () => {
    const result = compareCategories([2_000_000, 1_000_000], [640, 320], 0, 40)
    expect(result.pValue).toBeLessThan(1e-50)
    expect(result.effect.value).toBeCloseTo(0.04, 6)
  })
  it('finds a category that was hardly ever seen before', () => {
    expect(compareCategories([3_000_000, 12], [800, 200]).pValue).toBeLessThan(1e-50)
  })
  it('says nothing against one row of a new category', () => {
    expect(compareCategories([2000, 1000], [640, 320], 0, 1).pValue).toBeGreaterThan(0.2)
  })
  it('raises false alarms no more often than alpha, with many rare categories', () => {
    const random = createRandom(11)
    const shares = Array.from({ length: 300 }, (_, rank) => 1 / (rank + 1))
    const cumulative: number[] = []
    for (const share of shares) cumulative.push((cumulative.at(-1) ?? 0) + share)
    const total = cumulative.at(-1) as number
    const draw = (rows: number): Float64Array => {
      const counts = new Float64Array(shares.length)
      for (let row = 0; row < rows; row++) {
        const u = random.next() * total
        const index = cumulative.findIndex((bound) => u < bound)
        counts[index] = (counts[index] as number) + 1
      }
      return counts
    }
    const reference = draw(20_000)
    let alarms = 0
    for (let trial = 0; trial < 300; trial++) if (compareCategories(reference, draw(500)).pValue < 0.05) alarms++
    expect(alarms).toBeLessThan(300 * 0.09)
  })
})

describe('proportionTest', () => {
  it('is the pooled z-test where counts are large, and exact where they are not', () => {
    const large = proportionTest(30, 1000, 60, 1000)
    expect(large.method).toBe('z')
    // (0.03)^2 / (0.045 0.955 (2/1000)) is chi-squared with one degree of freedom.
    expectRelative(large.pValue, chiSquared.sf(0.0009 / (0.045 * 0.955 * 0.002), 1), 1e-12)
    expect(proportionTest(0, 5, 5, 5)).toMatchObject({ method: 'fisher-exact' })
    expect(proportionTest(0, 5, 5, 5).pValue).toBeCloseTo(2 / 252, 12)
  })
  it('gives 1 when the share is 0 or 1 on both sides, or one side is empty', () => {
    expect(proportionTest(0, 10, 0, 1000).pValue).toBe(1)
    expect(proportionTest(10, 10, 1000, 1000).pValue).toBe(1)
    expect(proportionTest(0, 0, 5, 10).pValue).toBe(1)
  })
})

describe('statistics over bins', () => {
  /** Counts of a random sample between 31 equal bins. */
  const sample = (random: { next(): number }, rows: number, bins: number, shift = 0): Float64Array => {
    const counts = new Float64Array(bins)
    for (let row = 0; row < rows; row++) {
      const bin = Math.min(bins - 1, Math.floor((random.next() + shift) * bins))
      counts[bin] = (counts[bin] as number) + 1
    }
    return counts
  }
  it('have p-values that are uniform without drift, at any size', () => {
    const random = createRandom(3)
    for (const [n, m] of [
      [1000, 300],
      [5000, 5000],
      [300, 20_000],
    ] as const) {
      for (const test of [binnedKolmogorovSmirnov, populationStabilityIndex]) {
        let under05 = 0
        let under20 = 0
        const trials = 500
        for (let trial = 0; trial < trials; trial++) {
          const { pValue } = test(sample(random, n, 12), sample(random, m, 12))
          if (pValue < 0.05) under05++
          if (pValue < 0.2) under20++
        }
        expect(under05 / trials, `${test.name} ${n}/${m}`).toBeLessThan(0.05 + 3.5 * Math.sqrt((0.05 * 0.95) / trials))
        expect(under05 / trials, `${test.name} ${n}/${m}`).toBeGreaterThan(0.05 - 3.5 * Math.sqrt((0.05 * 0.95) / trials))
        expect(under20 / trials, `${test.name} ${n}/${m}`).toBeLessThan(0.2 + 3.5 * Math.sqrt((0.2 * 0.8) / trials))
        expect(under20 / trials, `${test.name} ${n}/${m}`).toBeGreaterThan(0.2 - 3.5 * Math.sqrt((0.2 * 0.8) / trials))
      }
    }
  })
  it('find a shift', () => {
    const random = createRandom(4)
    expect(binnedKolmogorovSmirnov(sample(random, 5000, 32), sample(random, 5000, 32, 0.06)).pValue).toBeLessThan(1e-4)
    expect(populationStabilityIndex(sample(random, 5000, 32), sample(random, 5000, 32, 0.06)).pValue).toBeLessThan(1e-4)
  })
  it('have an answer for one bin and for nothing', () => {
    expect(binnedKolmogorovSmirnov([100], [100])).toMatchObject({ pValue: 1, effect: { value: 0 } })
    expect(binnedKolmogorovSmirnov([0, 0], [5, 5])).toMatchObject({ pValue: 1, effect: { value: 0 } })
    expect(populationStabilityIndex([100], [100])).toMatchObject({ pValue: 1, effect: { value: 0 } })
    expect(populationStabilityIndex([0, 0], [5, 5])).toMatchObject({ pValue: 1, effect: { value: 0 } })
  })
  it('see a total change of place', () => {
    const { pValue, effect } = binnedKolmogorovSmirnov([1_000_000, 0], [0, 1_000_000])
    expect(effect.value).toBe(1)
    expect(pValue).toBe(0)
    expect(Number.isFinite(populationStabilityIndex([1_000_000, 0], [0, 1_000_000]).effect.value)).toBe(true)
  })
})
