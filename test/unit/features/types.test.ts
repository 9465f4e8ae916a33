// What must compile, and what must not. Held by the type check; run once so that the definitions are known to be sound.
import { describe, expect, it } from 'vitest'
import type { Cross, Features, Transform } from '../../../src/features/index.ts'
import { cyclic, impute, logarithm, minMax, oneHot, standardize, targetEncode } from '../../../src/features/index.ts'

interface Row {
  date: Date
  arrival: Date | null
  distance: number
  weight: number | null
  origin: string
  gate: string | null
  cancelled: boolean
  late: boolean
}
declare function lower(): Transform<string, string>
const accept = (features: Features<Row, 'late'>, crosses: Readonly<Record<string, Cross<Omit<Row, 'late'>>>> = {}): number =>
  Object.keys(features).length + Object.keys(crosses).length

describe('the types of features', () => {
  it('take what fits', () => {
    const count = accept(
      {
        date: [cyclic('hour'), cyclic('day-of-week')],
        distance: [logarithm().pipe(standardize()), impute('mean').pipe(minMax())],
        weight: impute('median', { indicator: true }).pipe(logarithm()).pipe(standardize()),
        origin: [oneHot({ maxCategories: 50 }), targetEncode()],
        gate: targetEncode().pipe(minMax()),
        cancelled: oneHot(),
      },
      {
        a: { of: ['origin', 'cancelled', { time: 'date', part: 'hour' }, { time: 'arrival', part: 'month' }], as: targetEncode() },
        b: { of: ['gate'], as: oneHot() },
      },
    )
    expect(count).toBe(8)
  })

  it('refuse what does not', () => {
    const wrong = [
      // @ts-expect-error a misspelled column
      () => accept({ distanc: standardize() }),
      // @ts-expect-error the label among the features
      () => accept({ late: oneHot() }),
      // @ts-expect-error nulls unhandled
      () => accept({ weight: standardize() }),
      // @ts-expect-error nulls unhandled by the first of a chain
      () => accept({ weight: logarithm().pipe(standardize()) }),
      // @ts-expect-error a moment that may be missing
      () => accept({ arrival: cyclic('hour') }),
      // @ts-expect-error text is no number
      () => accept({ origin: standardize() }),
      // @ts-expect-error not a number at the end
      () => accept({ origin: lower() }),
      // @ts-expect-error no categories
      () => accept({ distance: oneHot() }),
      // @ts-expect-error not in this order
      () => impute('mean').pipe(cyclic('hour')),
      // @ts-expect-error no such part
      () => cyclic('week'),
      // @ts-expect-error a misspelled column in a cross
      () => accept({}, { route: { of: ['orgin'], as: targetEncode() } }),
      // @ts-expect-error the label in a cross
      () => accept({}, { route: { of: ['late'], as: targetEncode() } }),
      // @ts-expect-error not a time
      () => accept({}, { route: { of: [{ time: 'origin', part: 'hour' }], as: targetEncode() } }),
      // @ts-expect-error numbers are not made of categories by scaling
      () => accept({}, { route: { of: ['origin'], as: standardize() } }),
    ]
    expect(wrong).toHaveLength(14)
  })
})
