import fc from 'fast-check'
import { sampleStandardDeviation, standardDeviation } from 'simple-statistics'
import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import { createRandom } from '../../../src/core/random.ts'
import { batchOf } from '../../../src/data/build-batch.ts'
import type { ColumnKind } from '../../../src/data/column-type.ts'
import type { CategoricalProfile, NumericProfile, TimeProfile } from '../../../src/data/profile.ts'
import { ProfileCounter } from '../../../src/data/profile-counter.ts'
import { profileDataset } from '../../../src/data/profile-dataset.ts'
import { EdgeFinder } from '../../../src/data/profile-edges.ts'
import { profilePortable } from '../../../src/data/profile-portable.ts'
import { createProfile, profileFromJson } from '../../../src/data/profile-record.ts'
import type { CellValue } from '../../../src/data/row-values.ts'
import type { StoredDataset } from '../../../src/data/stored-dataset.ts'
import { writeDataset } from '../../../src/data/write-dataset.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { columnFrom, numbers } from './tables.ts'

const datasetOf = (kind: ColumnKind, cells: readonly CellValue[]): Promise<StoredDataset<{ x: unknown }>> =>
  writeDataset(new MemoryStorage(), [{ name: 'x', kind, nullable: true }], [batchOf({ x: columnFrom(kind, cells) })])
const numeric = async (cells: readonly CellValue[], bins?: number): Promise<NumericProfile> =>
  (await profileDataset(await datasetOf('number', cells), bins === undefined ? {} : { bins })).columns.x as NumericProfile
const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'none'
  } catch (error) {
    return MillraceError.is(error) ? error.code : String(error)
  }
}

/** Bin i is (edges[i-1], edges[i]]. */
function countByHand(values: readonly number[], edges: readonly number[]): number[] {
  return Array.from({ length: edges.length + 1 }, (_, bin) => {
    const above = edges[bin - 1] ?? Number.NEGATIVE_INFINITY
    const upTo = edges[bin] ?? Number.POSITIVE_INFINITY
    return values.filter((value) => value > above && value <= upTo).length
  })
}

describe('profileDataset', () => {
  it('counts numbers exactly at ascending edges, and nulls and what is not finite apart', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(fc.oneof(numbers, fc.constant(Number.POSITIVE_INFINITY))), { maxLength: 80 }),
        fc.integer({ min: 2, max: 40 }),
        async (cells, bins) => {
          const profile = await numeric(cells, bins)
          const finite = cells.filter((cell) => cell !== null).filter(Number.isFinite)
          expect(profile.edges).toEqual([...new Set(profile.edges)].sort((left, right) => left - right))
          expect(profile.counts).toEqual(countByHand(finite, profile.edges))
          expect(profile.edges.length).toBeLessThanOrEqual(bins)
          expect(() => createProfile(cells.length, { x: profile }).toJSON()).not.toThrow()
          expect([profile.rowCount, profile.nullCount, profile.notFiniteCount]).toEqual([
            cells.length,
            cells.filter((cell) => cell === null).length,
            cells.filter((cell) => cell !== null && !Number.isFinite(cell)).length,
          ])
          expect([profile.minimum, profile.maximum]).toEqual(
            finite.length === 0 ? [0, 0] : [Math.min(...finite) + 0, Math.max(...finite) + 0].map((value) => expect.closeTo(value, 10)),
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  it('has bins of about equal counts, and an edge a value where there are few', async () => {
    const many = await numeric(
      Array.from({ length: 32_000 }, (_, row) => (row * 7919) % 32_000),
      32,
    )
    expect(many.edges).toHaveLength(31)
    expect(many.counts).toEqual(Array.from({ length: 32 }, () => 1000))
    const fractions = await numeric(
      Array.from({ length: 10_000 }, (_, row) => ((row * 7919) % 10_000) / 10_000),
      10,
    )
    expect(Math.max(...fractions.counts) / Math.min(...fractions.counts)).toBeLessThan(1.01)
    const few = await numeric([1, 2, 2, 5, 5, 5])
    expect([few.edges, few.counts]).toEqual([
      [1, 2, 5],
      [1, 2, 3, 0],
    ])
    const heavy = await numeric([...Array.from({ length: 900 }, () => 0), ...Array.from({ length: 100 }, (_, row) => row)], 10)
    expect(heavy.counts[0]).toBe(901)
  })

  it('samples a column to its last row, where twice the sample is all there is', () => {
    const rows = 131_072
    const edges = new EdgeFinder(rows, createRandom(1))
    edges.add({ kind: 'number', length: rows, values: Float64Array.from({ length: rows }, (_, row) => (row + 0.5) / rows) })
    for (const [index, edge] of edges.edges(8).entries()) expect(Math.abs(edge - (index + 1) / 8)).toBeLessThan(0.01)
  })

  it('places edges near the quantiles of columns that are sampled, the same at every call', async () => {
    const cells = Array.from({ length: 300_000 }, (_, row) => ((row * 7919) % 300_007) * 1.25e6 + 0.5)
    const dataset = await datasetOf('number', cells)
    const profile = (await profileDataset(dataset)).columns.x as NumericProfile
    for (const count of profile.counts) expect(Math.abs(count / 300_000 - 1 / 32)).toBeLessThan(0.004)
    expect((await profileDataset(dataset)).toJSON()).toEqual((await profileDataset(dataset)).toJSON())
  })

  it('has mean and standard deviation of the population, also far from zero', async () => {
    const values = Array.from({ length: 1000 }, (_, row) => 1e9 + Math.sin(row))
    const profile = await numeric(values)
    expect(profile.standardDeviation).toBeCloseTo(standardDeviation(values), 5)
    expect(profile.standardDeviation).not.toBeCloseTo(sampleStandardDeviation(values), 5)
    expect(profile.mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / 1000, 5)
  })

  it('ranks categories by frequency and keeps the rest together', async () => {
    const dataset = await datasetOf('text', ['b', 'a', 'b', null, 'c', 'd', 'a'])
    const profile = (await profileDataset(dataset, { maxCategories: 2 })).columns.x as CategoricalProfile
    expect(profile).toEqual({
      kind: 'category',
      rowCount: 7,
      nullCount: 1,
      categories: ['a', 'b'],
      counts: [2, 2],
      otherCount: 2,
      otherCategories: 2,
    })
    const boolean = (await profileDataset(await datasetOf('boolean', [true, false, null, true]))).columns.x
    expect(boolean).toEqual({
      kind: 'category',
      rowCount: 4,
      nullCount: 1,
      categories: ['true', 'false'],
      counts: [2, 1],
      otherCount: 0,
      otherCategories: 0,
    })
  })

  it('counts moments by hour and weekday, before 1970 as well', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.date({ noInvalidDate: true }), { maxLength: 20 }), async (dates) => {
        const profile = (await profileDataset(await datasetOf('time', dates))).columns.x as TimeProfile
        const count = (size: number, part: (date: Date) => number): number[] =>
          Array.from({ length: size }, (_, index) => dates.filter((date) => part(date) === index).length)
        expect(profile.hourOfDay).toEqual(count(24, (date) => date.getUTCHours()))
        expect(profile.dayOfWeek).toEqual(count(7, (date) => date.getUTCDay()))
      }),
    )
  })

  it('says which column was meant', async () => {
    const dataset = await datasetOf('number', [1])
    await expect(profileDataset(dataset, { columns: ['y'] })).rejects.toThrow('Expected a column "y"')
  })
})

describe('ProfileCounter', () => {
  const reference = createProfile(0, {
    number: {
      kind: 'number',
      rowCount: 0,
      nullCount: 0,
      notFiniteCount: 0,
      minimum: 0,
      maximum: 0,
      mean: 0,
      standardDeviation: 0,
      edges: [-2.5, 0, 3, 10],
      counts: [0, 0, 0, 0, 0],
    },
    text: { kind: 'category', rowCount: 0, nullCount: 0, categories: ['a', 'b'], counts: [0, 0], otherCount: 0, otherCategories: 0 },
    flag: { kind: 'category', rowCount: 0, nullCount: 0, categories: ['true', 'false'], counts: [0, 0], otherCount: 0, otherCategories: 0 },
    time: { kind: 'time', rowCount: 0, nullCount: 0, minimum: 0, maximum: 0, hourOfDay: [], dayOfWeek: [] },
  })
  const batchFor = (values: readonly number[]): ReturnType<typeof batchOf> =>
    batchOf({
      number: columnFrom('number', values),
      text: columnFrom(
        'text',
        values.map((value) => (value < 0 ? null : value < 3 ? 'b' : 'z')),
      ),
      flag: columnFrom(
        'boolean',
        values.map((value) => value > 1),
      ),
      time: columnFrom(
        'time',
        values.map((value) => new Date(value * 3_600_000)),
      ),
    })

  it("counts at the reference's edges and categories, in the reference's order", () => {
    const counter = new ProfileCounter(reference)
    counter.add(batchFor([-3, -2.5, -1, 0, 1]))
    counter.add(batchFor([3, 3.5, 10, 11]))
    const { number, text, flag } = counter.profile().columns
    expect((number as NumericProfile).counts).toEqual([2, 2, 2, 2, 1])
    expect(text).toMatchObject({ rowCount: 9, nullCount: 3, categories: ['a', 'b'], counts: [0, 2], otherCount: 4, otherCategories: 1 })
    expect((flag as CategoricalProfile).counts).toEqual([4, 5])
    counter.reset()
    expect(counter.profile().toJSON()).toEqual(new ProfileCounter(reference).profile().toJSON())
  })

  it('is the same by table and by search, whatever the edges', () => {
    const edges = fc.uniqueArray(fc.oneof(fc.integer({ min: -50, max: 50 }), fc.double({ min: -50, max: 50, noNaN: true })), {
      maxLength: 12,
      comparator: (left, right) => left === right,
    })
    fc.assert(
      fc.property(
        edges,
        fc.array(fc.oneof(fc.integer({ min: -60, max: 60 }), fc.double({ min: -60, max: 60, noNaN: true })), { maxLength: 50 }),
        (places, values) => {
          const sorted = Array.from(Float64Array.from(places).sort())
          const one = (list: readonly number[]): NumericProfile => {
            const counter = new ProfileCounter(createProfile(0, { x: { ...(reference.columns.number as NumericProfile), edges: list } }))
            counter.add(batchOf({ x: columnFrom('number', values) }))
            return counter.profile().columns.x as NumericProfile
          }
          expect(one(sorted).counts).toEqual(countByHand(values, sorted))
          // Too wide for the table: a far edge at the end.
          expect(one([...sorted, 1e9]).counts).toEqual(countByHand(values, [...sorted, 1e9]))
        },
      ),
    )
  })

  it('goes on from its JSON as if nothing had happened, and merges with another to the whole', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -20, max: 20 }), { maxLength: 30 }),
        fc.array(fc.integer({ min: -20, max: 20 }), { maxLength: 30 }),
        (first, second) => {
          const whole = new ProfileCounter(reference)
          whole.add(batchFor(first))
          const resumed = ProfileCounter.fromJSON(JSON.parse(JSON.stringify(whole)))
          const apart = new ProfileCounter(reference)
          for (const counter of [whole, resumed, apart]) counter.add(batchFor(second))
          const before = new ProfileCounter(reference)
          before.add(batchFor(first))
          const close = (value: unknown): unknown =>
            JSON.parse(JSON.stringify(value), (_, part) => (typeof part === 'number' ? expect.closeTo(part, 8) : part))
          expect(resumed.toJSON()).toEqual(whole.toJSON())
          expect(before.profile().merge(apart.profile()).toJSON()).toEqual(close(whole.profile()))
        },
      ),
    )
  })

  it('counts a column without any value as nulls, whatever its kind', () => {
    const counter = new ProfileCounter(reference, ['number', 'time'])
    const nothing = columnFrom('text', [null, null])
    counter.add(batchOf({ number: nothing, time: nothing }))
    expect(counter.profile().columns.number).toMatchObject({ rowCount: 2, nullCount: 2, counts: [0, 0, 0, 0, 0] })
    expect(counter.profile().columns.time).toMatchObject({ rowCount: 2, nullCount: 2 })
  })

  it('refuses unknown columns, and states of something else', () => {
    expect(() => new ProfileCounter(reference, ['numbr'])).toThrow('Did you mean "number"?')
    expect(codeOf(() => new ProfileCounter(reference).add(batchOf({ text: columnFrom('text', ['a']) })))).toBe('COLUMN_NOT_FOUND')
    expect(codeOf(() => ProfileCounter.fromJSON({}))).toBe('MONITOR_STATE_MISMATCH')
  })
})

describe('Profile', () => {
  it('refuses to merge with other columns, edges or categories', async () => {
    const one = createProfile(3, { x: await numeric([1, 2, 3]) })
    expect(codeOf(() => one.merge(createProfile(1, {})))).toBe('MONITOR_STATE_MISMATCH')
    expect(one.merge(one).columns.x).toMatchObject({ rowCount: 6, counts: [2, 2, 2, 0], mean: 2 })
    const other = createProfile(1, { x: { ...(one.columns.x as NumericProfile), edges: [1, 2, 4] } })
    expect(codeOf(() => one.merge(other))).toBe('MONITOR_STATE_MISMATCH')
    const categories = (names: string[]): ReturnType<typeof createProfile> =>
      createProfile(2, {
        x: { kind: 'category', rowCount: 2, nullCount: 0, categories: names, counts: [1, 1], otherCount: 0, otherCategories: 0 },
      })
    expect(codeOf(() => categories(['a', 'b']).merge(categories(['a', 'c'])))).toBe('MONITOR_STATE_MISMATCH')
    expect(codeOf(() => categories(['a', 'b']).merge(one))).toBe('MONITOR_STATE_MISMATCH')
    expect(categories(['a', 'b']).merge(categories(['b', 'a'])).columns.x).toMatchObject({ categories: ['a', 'b'], counts: [2, 2] })
  })

  it('comes back from JSON and from a stage output, and says when a newer library wrote it', async () => {
    const profile = createProfile(3, { x: await numeric([1, 2, null]) })
    expect(profileFromJson(profile.toJSON()).toJSON()).toEqual(profile.toJSON())
    const { stored, digest } = await profilePortable.encode(profile, { storage: new MemoryStorage() })
    const again = await profilePortable.decode(stored, { storage: new MemoryStorage() })
    expect((await profilePortable.encode(again, { storage: new MemoryStorage() })).digest).toBe(digest)
    expect(profilePortable.matches(again)).toBe(true)
    expect(codeOf(() => profileFromJson({ ...(profile.toJSON() as object), minReaderVersion: 9 } as never))).toBe('FORMAT_UNSUPPORTED')
    expect(codeOf(() => profileFromJson({ format: 'other' }))).toBe('MONITOR_STATE_MISMATCH')
  })
})
