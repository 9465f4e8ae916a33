import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digestOfJson, sha256Hex } from '../../../src/core/digest.ts'
import { createRandom } from '../../../src/core/random.ts'
import { fitPlan } from '../../../src/features/fit-feature-plan.ts'
import type { FeaturePlan } from '../../../src/features/index.ts'
import { cyclic, fitFeaturePlan, impute, logarithm, minMax, oneHot, standardize, targetEncode } from '../../../src/features/index.ts'
import type { Cells, Kinds } from './data.ts'
import { batchFrom, datasetFrom, featureOf } from './data.ts'

interface Flight {
  date: Date
  distance: number
  origin: string
  carrier: string | null
  cancelled: boolean
  late: boolean
}
const kinds: Kinds = { date: 'time', distance: 'integer', origin: 'text', carrier: 'text', cancelled: 'boolean', late: 'boolean' }
const random = createRandom(5)
const airports = ['SEA', 'JFK', 'LAX', 'ORD']
const count = 5000
const rows = Array.from({ length: count }, () => ({
  date: new Date(Date.UTC(2001, 0, 1) + random.int(90 * 24 * 60) * 60_000),
  distance: random.int(3000),
  origin: airports[random.int(4)] as string,
  carrier: random.int(10) === 0 ? null : `carrier-${random.int(30)}`,
  cancelled: random.int(20) === 0,
  late: random.int(5) === 0,
}))
const cells = Object.fromEntries(Object.keys(kinds).map((name) => [name, rows.map((row) => row[name as keyof (typeof rows)[0]])])) as Cells

const definition = {
  target: 'late',
  features: {
    date: [cyclic('hour'), cyclic('month').pipe(minMax())],
    distance: [logarithm().pipe(standardize()), impute('median', { indicator: true }).pipe(minMax())],
    origin: oneHot({ maxCategories: 3 }),
    carrier: [targetEncode({ folds: 3 }), targetEncode().pipe(minMax())],
    cancelled: oneHot(),
  },
  crosses: {
    'origin-minute': { of: ['origin', { time: 'date', part: 'minute-of-day' }], as: targetEncode({ smoothing: 5 }) },
    'origin-cancelled': { of: ['origin', 'cancelled'], as: oneHot({ maxCategories: 6 }) },
  },
} as const

function fitWith(batchRows: number): Promise<FeaturePlan> {
  return fitFeaturePlan({ ...definition, train: datasetFrom<Flight>(kinds, cells, batchRows), random: createRandom(3) })
}

function digestOf(plan: FeaturePlan): string {
  const { json, blobs } = plan.toPackage()
  return digestOfJson({ json, blobs: Object.fromEntries(Object.entries(blobs).map(([name, bytes]) => [name, sha256Hex(bytes)])) })
}

describe('fitting', () => {
  it('makes the same package, byte for byte, however the data is cut into batches', async () => {
    const digest = digestOf(await fitWith(65_536))
    for (const batchRows of [999, 2048, 4096]) expect(digestOf(await fitWith(batchRows))).toBe(digest)
  })

  it('deals rows to other folds under another seed', async () => {
    const other = await fitFeaturePlan({ ...definition, train: datasetFrom<Flight>(kinds, cells), random: createRandom(4) })
    expect(digestOf(other)).not.toBe(digestOf(await fitWith(65_536)))
  })

  it('reads the data a few times and reports rows up to the total', async () => {
    const train = datasetFrom<Flight>(kinds, cells, 500)
    const reports: (readonly [number, number])[] = []
    await fitFeaturePlan({
      train,
      target: 'late',
      features: { origin: targetEncode(), distance: logarithm().pipe(standardize()) },
      progress: (done, total) => reports.push([done, total]),
    })
    // Categories, then everything else.
    expect(train.reads).toBe(2)
    expect(reports.at(-1)).toEqual([2 * count, 2 * count])
    expect(reports.every(([done, total], index) => done <= total && done >= (reports[index - 1]?.[0] ?? 0))).toBe(true)
  })

  it('stops between batches when aborted, with the reason of the signal', async () => {
    const controller = new AbortController()
    const train = datasetFrom<Flight>(kinds, cells, 100)
    const reason = new Error('enough')
    const fitting = fitFeaturePlan({ ...definition, train, signal: controller.signal, progress: () => controller.abort(reason) })
    await expect(fitting).rejects.toBe(reason)
    expect(train.reads).toBe(1)
  })

  it('fits to no rows at all, and gives finite numbers then', async () => {
    const train = datasetFrom<Flight>(kinds, Object.fromEntries(Object.keys(kinds).map((name) => [name, []])))
    const plan = await fitFeaturePlan({ ...definition, train })
    const { features } = plan.applyRow(rows[0] as (typeof rows)[0])
    expect([...(features?.data ?? [])].every(Number.isFinite)).toBe(true)
  })
})

describe('cross-fitting', () => {
  it('never lets a row see its own label: turning it round changes what others are given, not what the row is', async () => {
    // Without standardising by moments that every label moves: order within a fold is what counts, so compare ranks of ties.
    const few: Cells = { origin: ['a', 'a', 'a', 'b', 'b', 'b', 'a', 'b', 'a', 'b'], late: [1, 0, 1, 0, 0, 1, 1, 0, 0, 1] }
    const shape: Kinds = { origin: 'text', late: 'integer' }
    const fitted = async (late: readonly number[]): Promise<FeaturePlan> =>
      fitPlan(
        { target: 'late', features: { origin: targetEncode({ folds: 2, smoothing: 1 }) } },
        { train: datasetFrom(shape, { ...few, late }) },
      )
    const logOdds = async (late: readonly number[], row: number): Promise<number> => {
      const plan = await fitted(late)
      const json = plan.toPackage().json as { features: { mean: number; scale: number }[] }
      const { mean, scale } = json.features[0] as { mean: number; scale: number }
      const value = featureOf(plan, plan.applyTraining(batchFrom({ origin: 'text' }, few), 0), 'origin')[row] as number
      return value / scale + mean
    }
    const labels = few.late as readonly number[]
    for (const row of labels.keys()) {
      const turned = labels.map((label, index) => (index === row ? 1 - label : label))
      expect(await logOdds(turned, row)).toBeCloseTo(await logOdds(labels, row), 5)
    }
  })

  it('takes the signal out of categories that have none: a code of its own for every row tells nothing', async () => {
    const shape: Kinds = { id: 'text', late: 'boolean' }
    const unique: Cells = { id: rows.map((_, index) => `row-${index}`), late: rows.map((row) => row.late) }
    const plan = await fitPlan({ target: 'late', features: { id: targetEncode() } }, { train: datasetFrom(shape, unique) })
    const training = featureOf(plan, plan.applyTraining(batchFrom(shape, unique), 0), 'id')
    const late = training.filter((_, index) => rows[index]?.late === true)
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
    // The fold's own mean is all that is left; a leaking encoding differs by several deviations.
    expect(Math.abs(mean(late) - mean(training))).toBeLessThan(0.2)
    const leaking = featureOf(plan, plan.apply(batchFrom(shape, unique)), 'id')
    expect(Math.abs(mean(leaking.filter((_, index) => rows[index]?.late === true)) - mean(leaking))).toBeGreaterThan(1)
  })

  it('gives training rows mean 0 and deviation 1, and the same to a row wherever its batch begins', async () => {
    const plan = await fitWith(65_536)
    const whole = featureOf(plan, plan.applyTraining(batchFrom(kinds, cells), 0), 'origin-minute')
    const mean = whole.reduce((sum, value) => sum + value, 0) / count
    expect(mean).toBeCloseTo(0, 5)
    expect(Math.sqrt(whole.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count)).toBeCloseTo(1, 5)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: count - 1 }), fc.integer({ min: 1, max: 3000 }), (start, length) => {
        const part = Object.fromEntries(Object.entries(cells).map(([name, values]) => [name, values.slice(start, start + length)]))
        expect(featureOf(plan, plan.applyTraining(batchFrom(kinds, part), start), 'origin-minute')).toEqual(
          whole.slice(start, start + length),
        )
      }),
      { numRuns: 15 },
    )
  })
})

describe('categories that no feature tells from others', () => {
  const shape: Kinds = { name: 'text', room: 'integer', town: 'text', late: 'boolean' }
  const data: Cells = {
    name: rows.map((_, index) => (index % 3 === 0 ? 'Smith' : `person-${index}`)),
    room: rows.map((_, index) => (index % 2 === 0 ? 7 : index)),
    town: rows.map((row) => row.origin),
    late: rows.map((row) => row.late),
  }
  const features = { name: oneHot({ maxCategories: 2 }), town: oneHot() }
  const crosses = { 'room-town': { of: ['room', 'town'], as: oneHot({ maxCategories: 4 }) } }

  it('are not in the package, and what is told apart stays', async () => {
    const plan = await fitPlan({ target: 'late', features, crosses }, { train: datasetFrom(shape, data) })
    const { json, blobs } = plan.toPackage()
    expect(JSON.stringify(json)).not.toContain('person-')
    expect(blobs).toEqual({})
    expect((json as { categories: unknown }).categories).toEqual([
      { column: 'name', list: { values: ['Smith'] } },
      { column: 'town', list: { values: expect.arrayContaining(airports) } },
      { column: 'room', list: { values: [7] } },
    ])
    const tensors = plan.apply(batchFrom(shape, data))
    expect(featureOf(plan, tensors, 'name=Smith')).toEqual(rows.map((_, index) => (index % 3 === 0 ? 1 : 0)))
    expect(featureOf(plan, tensors, 'name=(others)')).toEqual(rows.map((_, index) => (index % 3 === 0 ? 0 : 1)))
    const crossed = (plan.inputs.features?.featureNames ?? []).filter((name) => name.startsWith('room-town='))
    expect(crossed).toHaveLength(4)
    for (const name of crossed.filter((other) => !other.includes('others'))) {
      const [room, town] = name.slice('room-town='.length).split('|')
      expect(featureOf(plan, tensors, name)).toEqual(
        rows.map((row, index) => (String(data.room?.[index]) === room && row.origin === town ? 1 : 0)),
      )
    }
  })

  it('stay where another feature needs them', async () => {
    const plan = await fitPlan({ target: 'late', features: { name: [features.name, targetEncode()] } }, { train: datasetFrom(shape, data) })
    const value = featureOf(plan, plan.apply(batchFrom(shape, data)), 'name')
    expect(value[1]).not.toBe(featureOf(plan, plan.applyRow({ name: 'nobody' }), 'name')[0])
  })
})

describe('a definition that does not fit', () => {
  const train = datasetFrom(kinds, cells)
  const cases: readonly (readonly [string, Parameters<typeof fitPlan>[0], RegExp])[] = [
    ['a misspelled column', { target: 'late', features: { distanc: standardize() } }, /Did you mean "distance"\?/],
    ['a misspelled target', { target: 'lat', features: { distance: standardize() } }, /Did you mean "late"\?/],
    ['the target among the features', { target: 'late', features: { late: oneHot() } }, /without the target/],
    [
      'the target in a cross',
      { target: 'late', features: {}, crosses: { leak: { of: ['late'], as: targetEncode() } } },
      /without the target/,
    ],
    [
      'a number transform of text',
      { target: 'late', features: { origin: standardize() } },
      /kind number or integer for standardize. Received text/,
    ],
    ['a cycle of numbers', { target: 'late', features: { distance: cyclic('hour') } }, /kind time for cyclic. Received integer/],
    ['one-hot numbers', { target: 'late', features: { distance: oneHot() } }, /kind text or boolean for one-hot/],
    ['impute behind another step', { target: 'late', features: { distance: standardize().pipe(impute('mean')) } }, /impute first/],
    [
      'a second look-up',
      { target: 'late', features: { distance: { ...standardize(), steps: [...standardize().steps, ...oneHot().steps] } } },
      /one-hot first/,
    ],
    ['a moment in a cross', { target: 'late', features: {}, crosses: { x: { of: ['date'], as: targetEncode() } } }, /part: 'hour'/],
    [
      'a part of no moment',
      { target: 'late', features: {}, crosses: { x: { of: [{ time: 'origin', part: 'hour' }], as: targetEncode() } } },
      /kind time. Received text/,
    ],
    ['a cross of nothing', { target: 'late', features: {}, crosses: { x: { of: [], as: targetEncode() } } }, /at least one column/],
    [
      'a cross that is scaled',
      { target: 'late', features: {}, crosses: { x: { of: ['origin'], as: standardize() } } },
      /one-hot or target encoded/,
    ],
    ['nothing', { target: 'late', features: {} }, /at least one feature/],
  ]
  it.each(cases)('is FEATURE_INVALID: %s', async (_name, wrong, message) => {
    await expect(fitPlan(wrong, { train })).rejects.toMatchObject({ code: 'FEATURE_INVALID', message: expect.stringMatching(message) })
  })

  it('is LABEL_INVALID for a target of text', async () => {
    await expect(fitPlan({ target: 'origin', features: { carrier: targetEncode() } }, { train })).rejects.toMatchObject({
      code: 'LABEL_INVALID',
      message: expect.stringMatching(/booleans or numbers. Received a column of text/),
    })
  })

  it('is FEATURE_INVALID where the data does: missing numbers without impute, negative ones under a logarithm; LABEL_INVALID for a row without a label', async () => {
    const shape: Kinds = { x: 'number', city: 'text', y: 'number' }
    const fitTo = (data: Cells, x: Parameters<typeof fitPlan>[0]['features'][string]): Promise<FeaturePlan> =>
      fitPlan({ target: 'y', features: { x, city: targetEncode() } }, { train: datasetFrom(shape, data) })
    const city = ['a', 'b']
    await expect(fitTo({ x: [1, null], city, y: [1, 2] }, standardize())).rejects.toMatchObject({
      code: 'FEATURE_INVALID',
      details: { feature: 'x' },
    })
    await expect(fitTo({ x: [1, Number.NaN], city, y: [1, 2] }, minMax())).rejects.toMatchObject({ code: 'FEATURE_INVALID' })
    await expect(fitTo({ x: [1, -3], city, y: [1, 2] }, logarithm())).rejects.toMatchObject({
      code: 'FEATURE_INVALID',
      details: { feature: 'x' },
    })
    await expect(fitTo({ x: [1, 2], city, y: [1, null] }, standardize())).rejects.toMatchObject({
      code: 'LABEL_INVALID',
      details: { target: 'y', reason: 'null', row: 1 },
    })
    await expect(fitTo({ x: [1, null], city, y: [1, 2] }, impute('mean').pipe(standardize()))).resolves.toBeDefined()
  })
})

describe('transforms', () => {
  it('refuse arguments that make no sense', () => {
    for (const wrong of [
      () => targetEncode({ folds: 1 }),
      () => targetEncode({ smoothing: -1 }),
      () => oneHot({ maxCategories: 1 }),
      () => impute({ constant: Number.NaN }),
    ]) {
      expect(wrong).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
    }
    expect(() => impute('mode' as 'mean')).toThrow(/Received "mode"/)
    expect(() => cyclic('week' as 'hour')).toThrow(/day-of-week/)
  })

  it('are values: pipe makes a new one and changes neither', () => {
    const first = impute('mean')
    const piped = first.pipe(standardize())
    expect(piped.name).toBe('impute | standardize')
    expect(first.steps).toHaveLength(1)
    expect(Object.isFrozen(piped) && Object.isFrozen(piped.steps) && Object.isFrozen(piped.steps[0])).toBe(true)
  })
})
