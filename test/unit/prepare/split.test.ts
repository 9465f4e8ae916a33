import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { MillraceError } from '../../../src/core/error.ts'
import { createRandom } from '../../../src/core/random.ts'
import { batchOf } from '../../../src/data/build-batch.ts'
import type { Dataset } from '../../../src/data/dataset.ts'
import { datasetPortable } from '../../../src/data/dataset-portable.ts'
import type { Flow, SplitPart } from '../../../src/data/flow.ts'
import type { StoredDataset } from '../../../src/data/stored-dataset.ts'
import { writeDataset } from '../../../src/data/write-dataset.ts'
import { ingest, rows } from '../../../src/ingest/index.ts'
import { Pipeline } from '../../../src/pipeline/pipeline.ts'
import { split } from '../../../src/prepare/split.ts'
import { groupedParts, orderedParts, randomParts, stratifiedParts } from '../../../src/prepare/split-parts.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { stageCases } from '../../../src/testing/stage-harness.ts'
import { collect, columnFrom } from '../data/tables.ts'

interface Row {
  id: number
  date: Date
  airport: string | null
}
const schema = z.object({ id: z.number(), date: z.date(), airport: z.string().nullable() })
const dayMs = 86_400_000
const day = (index: number): Date => new Date(Date.UTC(2001, 0, 1) + index * dayMs)
const dataOf = (count: number): Row[] =>
  Array.from({ length: count }, (_, id) => ({ id, date: day(id), airport: id % 10 === 0 ? null : `A${id % 7}` }))
const ingested = (data: readonly Row[] = dataOf(200)) => new Pipeline('p').pipe(ingest({ source: rows(data), schema }))
const parts = ['train', 'validation', 'test', 'holdout'] as const

async function idsOf(output: SplitPart<Row>): Promise<Record<(typeof parts)[number], number[]>> {
  const ids = await Promise.all(parts.map((part) => collect((output[part] as Dataset<Row>).batches({ columns: ['id'] }), 'id')))
  return Object.fromEntries(parts.map((part, index) => [part, ids[index] as number[]])) as Record<(typeof parts)[number], number[]>
}
const codeOf = async (work: Promise<unknown>): Promise<string> => {
  let fault: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  while (MillraceError.is(fault) && ['RUN_FAILED', 'STAGE_FAILED'].includes(fault.code)) fault = fault.cause
  return MillraceError.is(fault) ? fault.code : String(fault)
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)

describe('the parts', () => {
  const shares = fc.record({
    test: fc.double({ min: 0.05, max: 0.9, noNaN: true }),
    validation: fc.double({ min: 0, max: 0.9, noNaN: true }),
  })

  it('by chance have exactly the rounded sizes', () => {
    fc.assert(
      fc.property(fc.nat(500), shares, fc.nat(), (count, share, seed) => {
        const assigned = randomParts(count, share, createRandom(seed))
        const test = Math.round(count * share.test)
        const sizes = [0, 1, 2, 3].map((code) => assigned.filter((part) => part === code).length)
        expect(sizes).toEqual([
          count - test - Math.round((count - test) * share.validation),
          Math.round((count - test) * share.validation),
          test,
          0,
        ])
      }),
    )
  })

  it('by strata have each stratum in its share, and the whole in theirs', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { minLength: 1, maxLength: 400 }), shares, fc.nat(), (strata, share, seed) => {
        const codes = Int32Array.from(strata)
        const assigned = stratifiedParts(codes, share, createRandom(seed))
        const count = (code: number, stratum?: number): number =>
          assigned.filter((part, row) => part === code && (stratum === undefined || codes[row] === stratum)).length
        expect(Math.abs(count(2) - strata.length * share.test)).toBeLessThanOrEqual(1)
        for (const stratum of new Set(strata)) {
          const rowsOfStratum = strata.filter((one) => one === stratum).length
          expect(Math.abs(count(2, stratum) - rowsOfStratum * share.test)).toBeLessThanOrEqual(1.01)
          expect(Math.abs(count(1, stratum) - rowsOfStratum * (1 - share.test) * share.validation)).toBeLessThanOrEqual(2.01)
        }
      }),
    )
  })

  it('by groups never tear a group apart, and come near their sizes', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { minLength: 1, maxLength: 400 }), shares, fc.nat(), (groups, share, seed) => {
        const codes = Int32Array.from(groups)
        const assigned = groupedParts(codes, share, createRandom(seed))
        const partOf = new Map<number, number>()
        for (const [row, group] of groups.entries()) {
          expect(partOf.get(group) ?? assigned[row]).toBe(assigned[row])
          partOf.set(group, assigned[row] as number)
        }
        const largest = Math.max(...[...new Set(groups)].map((group) => groups.filter((one) => one === group).length))
        expect(assigned.filter((part) => part === 2).length).toBeLessThanOrEqual(groups.length * share.test + largest / 2)
      }),
    )
  })

  it('by order have all earlier rows before all later ones, rows of one moment together', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 300 }), shares, (moments, share) => {
        const values = Float64Array.from(moments)
        const assigned = orderedParts(values, share.test, share.validation)
        for (const [earlier, later] of [
          [0, 1],
          [1, 2],
          [0, 2],
        ] as const) {
          const before = moments.filter((_, row) => assigned[row] === earlier)
          const after = moments.filter((_, row) => assigned[row] === later)
          if (before.length > 0 && after.length > 0) expect(Math.max(...before)).toBeLessThan(Math.min(...after))
        }
      }),
    )
  })
})

describe('the parts by order, where many rows have one value', () => {
  const partsOf = (values: readonly number[], test: number, validation: number): string =>
    [...orderedParts(Float64Array.from(values), test, validation)].join('')

  it('are cut at the nearer end of a run of equal values', () => {
    // The last fifth begins within the run of ones, nearer to its end.
    expect(partsOf([1, 1, 1, 1, 1, 1, 1, 1, 1, 2], 0.2, 0)).toBe('0000000002')
    expect(partsOf([0, 1, 1, 1, 1, 1, 1, 1, 1, 2], 0.2, 0)).toBe('0000000002')
    // Nearer to its start.
    expect(partsOf([0, 0, 0, 0, 0, 0, 0, 1, 1, 1], 0.2, 0)).toBe('0000000222')
    expect(partsOf([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2], 0.4, 0)).toBe('00000002222222')
  })

  it('leave rows to train on where there are two values', () => {
    expect(partsOf([1, 1, 1, 2], 0.9, 0)).toBe('0002')
    expect(partsOf([1, 2, 2, 3], 0.25, 0.9)).toBe('0112')
    expect(partsOf([1, 1, 1, 1], 0.5, 0)).toBe('2222')
  })
})

describe('split', () => {
  it('puts every row in exactly one part, whatever the way', async () => {
    const ways = [
      split<{ dataset: Dataset<Row> }>({ test: 0.2, seed: 1 }),
      split<{ dataset: Dataset<Row> }>({ test: 0.2, stratify: 'airport', validation: 0.3 }),
      split<{ dataset: Dataset<Row> }>({ test: 0.2, group: 'airport' }),
      split<{ dataset: Dataset<Row> }>({ test: 0.2, by: 'date' }),
      split<{ dataset: Dataset<Row> }>({ by: 'date', test: { from: day(100), until: day(150) }, validation: { from: day(80) } }),
    ]
    const dataset = await writeDataset<Row>(
      new MemoryStorage(),
      [
        { name: 'id', kind: 'number', nullable: false },
        { name: 'date', kind: 'time', nullable: false },
        { name: 'airport', kind: 'text', nullable: true },
      ],
      [
        batchOf({
          id: columnFrom('number', range(0, 200)),
          date: columnFrom('time', range(0, 200).map(day)),
          airport: columnFrom(
            'text',
            dataOf(200).map(({ airport }) => airport),
          ),
        }),
      ],
    )
    for (const stage of ways) {
      const { output } = await new Pipeline<{ dataset: Dataset<Row> }>('p')
        .pipe(stage)
        .run({ storage: new MemoryStorage(), input: { dataset } } as never)
      const ids = await idsOf(output as unknown as SplitPart<Row>)
      expect(parts.flatMap((part) => ids[part]).sort((left, right) => left - right)).toEqual(range(0, 200))
    }
  })

  it('splits by time at the end, and is ranges where the rows are in order', async () => {
    const { output } = await ingested()
      .pipe(split({ by: 'date', test: 0.2, validation: 0.25 }))
      .run({ storage: new MemoryStorage() })
    const ids = await idsOf(output)
    expect(ids).toEqual({ train: range(0, 120), validation: range(120, 160), test: range(160, 200), holdout: [] })
    for (const part of ['train', 'validation', 'test'] as const)
      expect((output[part] as unknown as StoredDataset).selection?.form).toBe('ranges')
  })

  it('splits at moments: what lies past the test part is holdout', async () => {
    const shuffled = dataOf(200).toReversed()
    const { output } = await ingested(shuffled)
      .pipe(split({ by: 'date', test: { from: day(100), until: day(150) }, validation: 0.1 }))
      .run({ storage: new MemoryStorage() })
    const ids = await idsOf(output)
    expect(ids.test).toEqual(range(100, 150).toReversed())
    expect(ids.holdout).toEqual(range(150, 200).toReversed())
    expect(ids.validation).toEqual(range(90, 100).toReversed())
    expect(ids.train).toEqual(range(0, 90).toReversed())
  })

  it('draws the same under a seed, and otherwise under another', async () => {
    const testOf = async (seed: number): Promise<number[]> =>
      (
        await idsOf(
          (
            await ingested()
              .pipe(split({ test: 0.2, seed }))
              .run({ storage: new MemoryStorage() })
          ).output,
        )
      ).test
    expect(await testOf(1)).toEqual(await testOf(1))
    expect(await testOf(1)).not.toEqual(await testOf(2))
    expect(await testOf(1)).not.toEqual(range(160, 200))
  })

  it('shares the chunks of the dataset', async () => {
    const { output } = await ingested()
      .pipe(split({ test: 0.2, seed: 3 }))
      .run({ storage: new MemoryStorage() })
    const base = (output.dataset as unknown as StoredDataset).table
    for (const part of parts) expect((output[part] as unknown as StoredDataset).table).toEqual(base)
    expect(output.rowsRead).toBe(200)
  })

  it('says which part is empty', async () => {
    const run = (stage: ReturnType<typeof split<{ dataset: Dataset<Row> }>>): Promise<unknown> =>
      ingested(dataOf(4))
        .pipe(stage as never)
        .run({ storage: new MemoryStorage() } as never)
    expect(await codeOf(run(split({ test: 0.1 })))).toBe('SPLIT_EMPTY')
    expect(await codeOf(run(split({ test: 0.5, validation: 0 })))).toBe('undefined')
    expect(await codeOf(run(split({ by: 'date', test: { from: day(50) } })))).toBe('SPLIT_EMPTY')
    expect(await codeOf(run(split({ by: 'date', test: { from: day(0) } })))).toBe('SPLIT_EMPTY')
    expect(await codeOf(run(split({ by: 'airport', test: 0.5 })))).toBe('SCHEMA_MISMATCH')
    expect(await codeOf(run(split({ by: 'id', test: { from: day(1) } })))).toBe('SCHEMA_MISMATCH')
  })

  it('refuses to order rows by what is no number', async () => {
    const numbers = columnFrom('number', [1, Number.NaN, 3, 4])
    const dataset = await writeDataset(new MemoryStorage(), [{ name: 'n', kind: 'number', nullable: false }], [batchOf({ n: numbers })])
    const flow = new Pipeline<Flow<{ n: number }>>('p').pipe(split({ by: 'n', test: 0.25, validation: 0 }))
    expect(await codeOf(flow.run({ storage: new MemoryStorage(), input: { dataset: dataset as Dataset<{ n: number }> } }))).toBe(
      'SCHEMA_MISMATCH',
    )
  })

  it('refuses at once what contradicts itself', () => {
    const make = (options: Parameters<typeof split<{ dataset: Dataset<Row> }>>[0]) => () => split<{ dataset: Dataset<Row> }>(options)
    expect(make({ test: 0 })).toThrow('test')
    expect(make({ test: 1 })).toThrow('test')
    expect(make({ test: Number.NaN })).toThrow('test')
    expect(make({ test: 0.2, validation: 1 })).toThrow('validation')
    expect(make({ test: 0.2, by: 'date', stratify: 'airport' })).toThrow('at most one')
    expect(make({ test: { from: day(1) } })).toThrow('a time column')
    expect(make({ by: 'date', test: { from: new Date(Number.NaN) } })).toThrow('valid Date')
    expect(make({ by: 'date', test: { from: day(5), until: day(5) } })).toThrow('after')
    expect(make({ by: 'date', test: { from: day(5) }, validation: { from: day(6) } })).toThrow('before')
    expect(make({ by: 'date', test: 0.2, validation: { from: day(6) } })).toThrow('a share')
  })

  it('names columns of the row only', () => {
    // @ts-expect-error misspelled column
    ingested().pipe(split({ test: 0.2, stratify: 'airprt' }))
    // @ts-expect-error misspelled column
    ingested().pipe(split({ test: 0.2, by: 'dat' }))
    expect(() => ingested().pipe(split({ test: 0.2, group: 'airport' }))).not.toThrow()
  })
})

describe('split as a stage', async () => {
  const dataset = await writeDataset<Row>(
    new MemoryStorage(),
    [{ name: 'id', kind: 'number', nullable: false }],
    [batchOf({ id: columnFrom('number', range(0, 100)) })],
  )
  for (const { name, run } of stageCases(split<{ dataset: Dataset<Row> }>({ test: 0.2 }), {
    input: { dataset },
    portables: [datasetPortable],
  }))
    it(name, run)
})
