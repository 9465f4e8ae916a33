// Against scikit-learn and NumPy: test/fixtures/features/generate.py wrote what they make of the same data.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Random } from '../../../src/core/random.ts'
import {
  cyclic,
  fitFeaturePlan,
  impute,
  logarithm,
  minMax,
  oneHot,
  standardize,
  targetEncode,
  timePartOf,
} from '../../../src/features/index.ts'
import { batchFrom, type Cells, datasetFrom, featureOf, type Kinds } from './data.ts'

interface Circle {
  parts: number[]
  sine: number[]
  cosine: number[]
}
interface OneHot {
  names: string[]
  rows: number[][]
}
interface Target {
  training: number[]
  serving: number[]
  unseen: number
}
interface Expected {
  data: Cells & { moment: number[] }
  foldSeed: [number, number]
  folds: number
  smoothing: number
  standardize: number[]
  logarithm: number[]
  minMax: number[]
  imputeMean: number[]
  imputeMedian: number[]
  imputeConstant: number[]
  oneHotAll: OneHot
  oneHotSome: OneHot
  minuteOfDay: Circle
  hour: Circle
  dayOfWeek: Circle
  month: Circle
  targetBinary: Target
  targetCross: Target
  targetNumber: Target
}
const expected = JSON.parse(readFileSync(new URL('../../fixtures/features/expected.json', import.meta.url), 'utf8')) as Expected

interface Row {
  amount: number
  gappy: number | null
  city: string | null
  carrier: string
  moment: Date
  late: number
  price: number
}
const kinds: Kinds = { amount: 'number', gappy: 'number', city: 'text', carrier: 'text', moment: 'time', late: 'integer', price: 'number' }
// Cut at 77, so that a batch's end falls anywhere.
const train = datasetFrom<Row>(kinds, expected.data, 77)
const batch = batchFrom(kinds, expected.data)

/** Draws the seeds that the script has. */
function fixedRandom(): Random {
  const draws = [...expected.foldSeed]
  return { next: () => 0, int: () => draws.shift() ?? 0, split: () => fixedRandom() }
}

function expectClose(received: readonly number[], wanted: readonly number[], tolerance = 1e-6): void {
  expect(received.length).toBe(wanted.length)
  const worst = received.reduce(
    (most, value, index) => Math.max(most, Math.abs(value - (wanted[index] as number)) / Math.max(1, Math.abs(wanted[index] as number))),
    0,
  )
  expect(worst).toBeLessThan(tolerance)
}

describe('numbers', () => {
  it('standardises as StandardScaler, after log1p too, and scales as MinMaxScaler', async () => {
    const plan = await fitFeaturePlan({
      train,
      target: 'late',
      features: { amount: [standardize(), logarithm().pipe(standardize()), minMax()] },
    })
    const tensors = plan.apply(batch)
    expectClose(featureOf(plan, tensors, 'amount'), expected.standardize)
    expectClose(featureOf(plan, tensors, 'amount#2'), expected.logarithm)
    expectClose(featureOf(plan, tensors, 'amount#3'), expected.minMax)
  })

  it('imputes mean, exact median and constant as SimpleImputer', async () => {
    const chains = [impute('mean'), impute('median'), impute({ constant: -1 })].map((step) => step.pipe(standardize()))
    const plan = await fitFeaturePlan({ train, target: 'late', features: { gappy: chains } })
    const tensors = plan.apply(batch)
    expectClose(featureOf(plan, tensors, 'gappy'), expected.imputeMean)
    expectClose(featureOf(plan, tensors, 'gappy#2'), expected.imputeMedian)
    expectClose(featureOf(plan, tensors, 'gappy#3'), expected.imputeConstant)
  })
})

describe('one-hot', () => {
  it.each([
    ['oneHotAll', 50],
    ['oneHotSome', 5],
  ] as const)('makes the features of OneHotEncoder, null among the categories: %s', async (key, maxCategories) => {
    const { names, rows } = expected[key]
    const plan = await fitFeaturePlan({ train, target: 'late', features: { city: oneHot({ maxCategories }) } })
    expect([...(plan.inputs.features?.featureNames ?? [])].sort()).toEqual(names.map((name) => `city=${name}`).sort())
    const tensors = plan.apply(batch)
    for (const [index, name] of names.entries()) {
      expect(featureOf(plan, tensors, `city=${name}`)).toEqual(rows.map((row) => row[index]))
    }
  })
})

describe('cycles', () => {
  it.each([
    ['minuteOfDay', 'minute-of-day'],
    ['hour', 'hour'],
    ['dayOfWeek', 'day-of-week'],
    ['month', 'month'],
  ] as const)('has the parts of Python datetime and their sine and cosine: %s', async (key, part) => {
    const wanted = expected[key]
    expect(expected.data.moment.map((moment) => timePartOf(moment, part))).toEqual(wanted.parts)
    const plan = await fitFeaturePlan({ train, target: 'late', features: { moment: cyclic(part) } })
    const tensors = plan.apply(batch)
    expectClose(featureOf(plan, tensors, `moment.${part}.sine`), wanted.sine)
    expectClose(featureOf(plan, tensors, `moment.${part}.cosine`), wanted.cosine)
  })
})

describe('target encoding', () => {
  const { smoothing, folds } = expected
  const as = targetEncode({ smoothing, folds })

  it('is TargetEncoder in log-odds for a binary target, cross-fitted by fold on the training rows', async () => {
    const plan = await fitFeaturePlan({
      train,
      target: 'late',
      features: { city: as },
      crosses: { cross: { of: ['city', 'carrier'], as } },
      random: fixedRandom(),
    })
    const serving = plan.apply(batch)
    const training = plan.applyTraining(batch, 0)
    expectClose(featureOf(plan, serving, 'city'), expected.targetBinary.serving)
    expectClose(featureOf(plan, training, 'city'), expected.targetBinary.training)
    expectClose(featureOf(plan, serving, 'cross'), expected.targetCross.serving)
    expectClose(featureOf(plan, training, 'cross'), expected.targetCross.training)
    const unseen = plan.applyRow({ city: 'Atlantis', carrier: 'AA' })
    expectClose(featureOf(plan, unseen, 'city'), [expected.targetBinary.unseen])
    expectClose(featureOf(plan, unseen, 'cross'), [expected.targetCross.unseen])
  })

  it('is TargetEncoder in means for a target of numbers', async () => {
    const plan = await fitFeaturePlan({
      train,
      target: 'price',
      features: {},
      crosses: { cross: { of: ['city', 'carrier'], as } },
      random: fixedRandom(),
    })
    expectClose(featureOf(plan, plan.apply(batch), 'cross'), expected.targetNumber.serving)
    expectClose(featureOf(plan, plan.applyTraining(batch, 0), 'cross'), expected.targetNumber.training)
  })
})
