import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  adjustFalseDiscoveryRate,
  brownianBridgeSf,
  chiSquared,
  erf,
  erfc,
  fisherExact,
  kolmogorovLimitSf,
  kolmogorovSf,
  logGamma,
  normal,
  regularizedBeta,
  regularizedGammaP,
  regularizedGammaQ,
  smirnovSf,
} from '../../../src/math/index.ts'

type Row = readonly number[]
const fixture = JSON.parse(readFileSync(new URL('../../fixtures/drift/statistics.json', import.meta.url), 'utf8')) as Record<
  string,
  readonly Row[]
> & {
  readonly falseDiscovery: readonly { readonly pValues: Row; readonly adjusted: Row }[]
  readonly brownianBridge: readonly { readonly bound: number; readonly times: Row; readonly value: number }[]
}

/** The largest relative difference, with the row that has it. */
function worst(
  rows: readonly Row[],
  compute: (...row: number[]) => number,
): { readonly difference: number; readonly row: Row; readonly received: number } {
  let result = { difference: -1, row: [] as Row, received: 0 }
  for (const row of rows) {
    const expected = row.at(-1) as number
    const received = compute(...row.slice(0, -1))
    const difference = expected === received ? 0 : Math.abs(received - expected) / Math.abs(expected)
    if (!(difference <= result.difference)) result = { difference, row, received }
  }
  return result
}

const functions: Record<string, (...row: number[]) => number> = {
  logGamma: (x) => logGamma(x as number),
  regularizedGammaP: (a, x) => regularizedGammaP(a as number, x as number),
  regularizedGammaQ: (a, x) => regularizedGammaQ(a as number, x as number),
  regularizedBeta: (x, a, b) => regularizedBeta(x as number, a as number, b as number),
  erf: (x) => erf(x as number),
  erfc: (x) => erfc(x as number),
  normalSf: (x) => normal.sf(x as number),
  normalQuantile: (p) => normal.quantile(p as number),
  chiSquaredSf: (x, df) => chiSquared.sf(x as number, df as number),
  kolmogorovLimitSf: (x) => kolmogorovLimitSf(x as number),
  kolmogorovSf: (d, n) => kolmogorovSf(d as number, n as number),
  smirnovSf: (d, n) => smirnovSf(d as number, n as number),
  fisherExact: (a, aTotal, b, bTotal) => fisherExact(a as number, aTotal as number, b as number, bTotal as number),
}

describe('special functions and distributions', () => {
  for (const [name, compute] of Object.entries(functions)) {
    it(`${name} is SciPy's to 1e-10, relative`, () => {
      const rows = fixture[name] as readonly Row[]
      expect(rows.length).toBeGreaterThan(5)
      const found = worst(rows, compute)
      expect(found.difference, JSON.stringify(found)).toBeLessThan(1e-10)
    })
  }

  it('the false discovery adjustment is SciPy’s', () => {
    for (const { pValues, adjusted } of fixture.falseDiscovery) {
      adjustFalseDiscoveryRate(pValues).forEach((value, index) => {
        expect(value).toBeCloseTo(adjusted[index] as number, 12)
      })
    }
  })
})

describe('brownianBridgeSf', () => {
  it('is the dense quadrature’s to 1e-9, relative', () => {
    const found = worst(
      fixture.brownianBridge.map((entry, index) => [index, entry.value]),
      (index) => {
        const { bound, times } = fixture.brownianBridge[index as number] as (typeof fixture.brownianBridge)[0]
        return brownianBridgeSf(bound, times)
      },
    )
    expect(found.difference, JSON.stringify([found, fixture.brownianBridge[found.row[0] as number]])).toBeLessThan(1e-9)
  })
})
