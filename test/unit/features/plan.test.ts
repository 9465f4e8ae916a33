import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { fitPlan } from '../../../src/features/fit-feature-plan.ts'
import type { FeaturePlan } from '../../../src/features/index.ts'
import {
  cyclic,
  featurePlanFromPackage,
  featurePlanPortable,
  impute,
  logarithm,
  minMax,
  oneHot,
  standardize,
  targetEncode,
} from '../../../src/features/index.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import type { Cell, Cells, Kinds } from './data.ts'
import { batchFrom, datasetFrom, featureOf, matrixOf } from './data.ts'

const kinds: Kinds = { when: 'time', amount: 'number', places: 'integer', city: 'text', member: 'boolean', late: 'boolean' }
const optional = (cell: fc.Arbitrary<Cell>): fc.Arbitrary<Cell> => fc.option(cell, { nil: null, freq: 6 })
const rowOf = fc.record({
  when: optional(fc.integer({ min: -1e12, max: 2e12 })),
  amount: optional(fc.oneof(fc.double({ min: -1e9, max: 1e9, noNaN: true }), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0))),
  places: optional(fc.integer({ min: -3, max: 900 })),
  city: optional(fc.constantFrom('Oslo', 'Łódź', 'Rome', '', 'constructor', '__proto__', 'never seen')),
  member: optional(fc.boolean()),
})
type Row = Readonly<Record<string, Cell>>
const cellsOf = (rows: readonly Row[]): Cells =>
  Object.fromEntries(Object.keys(kinds).map((name) => [name, rows.map((row) => row[name] ?? null)]))

const training: readonly Row[] = Array.from({ length: 700 }, (_, index) => ({
  when: index % 13 === 0 ? null : index * 7_654_321,
  amount: index % 11 === 0 ? null : Math.sin(index) * 40,
  places: index % 17 === 0 ? null : index % 300,
  city: index % 9 === 0 ? null : (['Oslo', 'Łódź', 'Rome', '', 'constructor', '__proto__'][index % 6] as string),
  member: index % 7 === 0 ? null : index % 2 === 0,
  late: index % 5 === 0,
}))
const { when: _when, late: _late, ...readKinds } = kinds

let plan: FeaturePlan
beforeAll(async () => {
  plan = await fitPlan(
    {
      target: 'late',
      features: {
        when: [cyclic('hour'), cyclic('day-of-week').pipe(standardize())],
        amount: [impute('mean', { indicator: true }).pipe(standardize()), impute({ constant: 0 })],
        places: impute('median').pipe(logarithm()).pipe(minMax()),
        city: [oneHot({ maxCategories: 4 }), targetEncode({ folds: 3 })],
        member: oneHot(),
      },
      crosses: {
        'city-hour': { of: ['city', { time: 'when', part: 'hour' }, 'member'], as: targetEncode() },
        'city-places': { of: ['city', 'places'], as: targetEncode().pipe(minMax()) },
        month: { of: [{ time: 'when', part: 'month' }], as: oneHot() },
      },
    },
    { train: datasetFrom(kinds, cellsOf(training)) },
  )
})

describe('applying a plan', () => {
  it('gives a row what it gives a batch, bit for bit, and always finite numbers: nulls, NaN and unknown categories included', () => {
    const into = plan.applyRow(training[0] as Row)
    fc.assert(
      fc.property(fc.array(rowOf, { maxLength: 40 }), (rows) => {
        const tensors = plan.apply(batchFrom(kinds, cellsOf(rows)))
        const matrix = matrixOf(tensors)
        const width = plan.inputs.features?.shape[0] as number
        expect(tensors.features?.shape).toEqual([rows.length, width])
        expect(matrix.every(Number.isFinite)).toBe(true)
        for (const [index, row] of rows.entries()) {
          const moment = row.when === null ? null : new Date(row.when as number)
          for (const given of [row, { ...row, when: moment }]) {
            const one = matrixOf(plan.applyRow(given, into))
            expect(bitsOf(one)).toEqual(bitsOf(matrix.slice(index * width, (index + 1) * width)))
          }
        }
      }),
    )
  })

  it('fills what it is given where the shape fits, and makes anew where it does not', () => {
    const batch = batchFrom(kinds, cellsOf(training))
    const first = plan.apply(batch)
    const copy = bitsOf(matrixOf(first))
    matrixOf(first).fill(Number.NaN)
    expect(plan.apply(batch, first)).toBe(first)
    expect(bitsOf(matrixOf(first))).toEqual(copy)
    const shorter = plan.apply(batchFrom(kinds, cellsOf(training.slice(0, 5))), first)
    expect(shorter).not.toBe(first)
    expect(shorter.features?.shape[0]).toBe(5)
  })

  it('does not depend on the order of a batch dictionary, nor on entries that no row has', () => {
    const cells = cellsOf(training.slice(0, 60))
    const orders = [
      ['Rome', 'Oslo', 'unused', 'Łódź', '__proto__', '', 'constructor'],
      ['constructor', '', '__proto__', 'Łódź', 'Oslo', 'Rome'],
    ]
    const [first, second] = orders.map((city) => bitsOf(matrixOf(plan.apply(batchFrom(kinds, cells, { city })))))
    expect(first).toEqual(second)
  })

  it('takes an empty batch', () => {
    const { features } = plan.apply(batchFrom(kinds, cellsOf([])))
    expect(features?.shape[0]).toBe(0)
    expect(features?.data).toHaveLength(0)
  })

  it('spans blocks: row 5,000 is what it is by itself', () => {
    const many = Array.from({ length: 5001 }, (_, index) => training[index % training.length] as Row)
    const matrix = matrixOf(plan.apply(batchFrom(kinds, cellsOf(many))))
    const width = plan.inputs.features?.shape[0] as number
    expect(matrix.slice(5000 * width)).toEqual(matrixOf(plan.applyRow(many[5000] as Row)))
  })

  it('encodes a missing moment as the centre of the circle, a missing number as its fill with the indicator set', () => {
    const row = plan.applyRow({ when: null, amount: null, places: null, city: null, member: null })
    expect(featureOf(plan, row, 'when.hour.sine')).toEqual([0])
    expect(featureOf(plan, row, 'when.hour.cosine')).toEqual([0])
    expect(featureOf(plan, row, 'amount')[0]).toBeCloseTo(0, 6)
    expect(featureOf(plan, row, 'amount.missing')).toEqual([1])
    expect(featureOf(plan, row, 'amount#2')).toEqual([0])
  })

  it('puts a category never seen among the others', () => {
    const row = plan.applyRow({ when: null, amount: 1, places: 1, city: 'never seen', member: true })
    expect(featureOf(plan, row, 'city=(others)')).toEqual([1])
    expect(featureOf(plan, row, 'member=true')).toEqual([1])
    expect(featureOf(plan, row, 'member=(null)')).toEqual([0])
  })

  it('names the columns that it reads, without the target', () => {
    expect(plan.columns.map((column) => column.name)).toEqual(['when', 'amount', 'places', 'city', 'member'])
    expect(plan.columns.find((column) => column.name === 'city')).toEqual({ name: 'city', kind: 'text', nullable: true })
  })
})

describe('data that does not fit a plan', () => {
  it('is COLUMN_NOT_FOUND where a column is missing, from a batch and, unless it may be null, from a row', async () => {
    const { city: _city, ...without } = cellsOf(training.slice(0, 3))
    const { city: _kind, ...fewer } = kinds
    expect(() => plan.apply(batchFrom(fewer, without))).toThrow(expect.objectContaining({ code: 'COLUMN_NOT_FOUND' }))
    expect(() => plan.applyRow({})).not.toThrow()
    const strict = await fitPlan(
      { target: 'y', features: { city: targetEncode() } },
      { train: datasetFrom({ city: 'text', y: 'number' }, { city: ['a', 'b'], y: [0, 1] }) },
    )
    expect(() => strict.applyRow({ citi: 'a' })).toThrow(/Did you mean "citi"\?/)
    expect(strict.applyRow({ city: null }).features?.data).toEqual(strict.applyRow({ city: 'never seen' }).features?.data)
  })

  it.each(Object.keys(readKinds))('is SCHEMA_MISMATCH where a column is of another kind: %s', (name) => {
    const wrong = name === 'city' ? 'number' : 'text'
    const cells = { ...cellsOf(training.slice(0, 2)), [name]: wrong === 'text' ? ['x', 'y'] : [1, 2] }
    const details = { columns: [expect.objectContaining({ name, received: wrong })] }
    expect(() => plan.apply(batchFrom({ ...kinds, [name]: wrong }, cells))).toThrow(
      expect.objectContaining({ code: 'SCHEMA_MISMATCH', details }),
    )
    const row = { ...(training[1] as Row), [name]: wrong === 'text' ? 'x' : 1 }
    expect(() => plan.applyRow(row)).toThrow(expect.objectContaining({ code: 'SCHEMA_MISMATCH', details }))
  })

  it('leaves the plan as it was', () => {
    const before = bitsOf(matrixOf(plan.applyRow(training[3] as Row)))
    expect(() => plan.applyRow({ ...(training[3] as Row), member: 'yes' })).toThrow()
    expect(bitsOf(matrixOf(plan.applyRow(training[3] as Row)))).toEqual(before)
  })
})

describe('a packed plan', () => {
  const batch = batchFrom(kinds, cellsOf(training))
  const both = (known: FeaturePlan): number[][] => [bitsOf(matrixOf(known.apply(batch))), bitsOf(matrixOf(known.applyTraining(batch, 0)))]

  it('comes back from JSON text and blobs, equal bit for bit', () => {
    const packed = plan.toPackage()
    const again = featurePlanFromPackage({ json: JSON.parse(JSON.stringify(packed.json)), blobs: packed.blobs })
    expect(both(again)).toEqual(both(plan))
    expect(again.inputs).toEqual(plan.inputs)
    expect(again.columns).toEqual(plan.columns)
    expect(again.toPackage()).toEqual(packed)
    expect(packed.json).toMatchObject({ format: 'millrace-feature-plan', formatVersion: 1, minReaderVersion: 1 })
    expect(Object.keys(packed.blobs).length).toBeGreaterThan(0)
  })

  it('serves, but does not train, when packed for serving only; and is smaller', () => {
    const packed = plan.toPackage({ training: false })
    const sizeOf = ({ blobs }: typeof packed): number => Object.values(blobs).reduce((sum, bytes) => sum + bytes.length, 0)
    expect(sizeOf(packed)).toBeLessThan(sizeOf(plan.toPackage()))
    const serving = featurePlanFromPackage(packed)
    expect(bitsOf(matrixOf(serving.apply(batch)))).toEqual(both(plan)[0])
    expect(() => serving.applyTraining(batch, 0)).toThrow(expect.objectContaining({ code: 'FEATURE_INVALID' }))
  })

  it('is refused when it is of a later version, of another format, or damaged', () => {
    const { json, blobs } = plan.toPackage()
    const stored = json as Record<string, never>
    expect(() => featurePlanFromPackage({ json: { ...stored, minReaderVersion: 2 }, blobs })).toThrow(
      expect.objectContaining({ code: 'FORMAT_UNSUPPORTED' }),
    )
    const damaged = [
      { json: { ...stored, format: 'other' }, blobs },
      { json: null, blobs },
      { json: { ...stored, features: [{ kind: 'magic' }] }, blobs },
      { json: { ...stored, foldSeed: [] }, blobs },
      { json, blobs: {} },
      { json, blobs: Object.fromEntries(Object.entries(blobs).map(([name, bytes]) => [name, bytes.slice(1)])) },
    ]
    for (const wrong of damaged) expect(() => featurePlanFromPackage(wrong)).toThrow(expect.objectContaining({ code: 'MODEL_INVALID' }))
  })

  it('goes through storage as a portable, with the same digest for an equal plan', async () => {
    const storage = new MemoryStorage()
    const { stored, digest } = await featurePlanPortable.encode(plan, { storage })
    const again = await featurePlanPortable.decode(JSON.parse(JSON.stringify(stored)), { storage })
    expect(both(again)).toEqual(both(plan))
    expect((await featurePlanPortable.encode(again, { storage })).digest).toBe(digest)
    expect(await featurePlanPortable.blobs(stored, { storage })).toHaveLength(Object.keys(plan.toPackage().blobs).length)
    expect(featurePlanPortable.matches(again)).toBe(true)
    expect(featurePlanPortable.matches({ columns: [] })).toBe(false)
    await expect(featurePlanPortable.decode(stored, { storage: new MemoryStorage() })).rejects.toMatchObject({ code: 'STORAGE_NOT_FOUND' })
  })
})

/** Bits, so that 0 and -0 differ. */
function bitsOf(values: Float32Array): number[] {
  return [...new Uint32Array(values.slice().buffer)]
}
