import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fillTimeParts, timePartCount, timePartOf, timeParts } from '../../../src/features/time-part.ts'

const partsOfDate = {
  'minute-of-day': (date: Date) => date.getUTCHours() * 60 + date.getUTCMinutes(),
  hour: (date: Date) => date.getUTCHours(),
  'day-of-week': (date: Date) => date.getUTCDay(),
  month: (date: Date) => date.getUTCMonth(),
}

describe('timePartOf', () => {
  it('agrees with Date over every moment that a Date can hold', () => {
    fc.assert(
      fc.property(fc.date({ noInvalidDate: true, min: new Date(-8.64e15), max: new Date(8.64e15) }), (date) => {
        for (const part of timeParts) expect(timePartOf(date.getTime(), part)).toBe(partsOfDate[part](date))
      }),
      { numRuns: 2000 },
    )
  })

  it('stays below the count of the part on the last millisecond of a day, and is right around leap days', () => {
    for (const moment of [Date.UTC(2000, 1, 29, 23, 59, 59, 999), Date.UTC(1900, 2, 1), Date.UTC(1969, 11, 31, 23, 59, 59, 999), -1, 0]) {
      for (const part of timeParts) {
        expect(timePartOf(moment, part)).toBe(partsOfDate[part](new Date(moment)))
        expect(timePartOf(moment, part)).toBeLessThan(timePartCount(part))
      }
    }
  })
})

describe('fillTimeParts', () => {
  it('gives the same parts one higher, and 0 for a missing moment', () => {
    const moments = Float64Array.of(Date.UTC(2001, 4, 31, 23, 59), Number.NaN, -1)
    for (const part of timeParts) {
      const codes = new Int32Array(3)
      fillTimeParts(codes, moments, 3, part)
      expect([...codes]).toEqual([timePartOf(moments[0] as number, part) + 1, 0, timePartOf(-1, part) + 1])
    }
  })
})
