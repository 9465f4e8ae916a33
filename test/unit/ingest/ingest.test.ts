import { fileURLToPath } from 'node:url'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { MillraceError } from '../../../src/core/error.ts'
import { batchOf } from '../../../src/data/build-batch.ts'
import type { RowOf } from '../../../src/data/flow.ts'
import type { NumericProfile } from '../../../src/data/profile.ts'
import type { Source } from '../../../src/data/source.ts'
import { arrowBatches, ingest, rows } from '../../../src/ingest/index.ts'
import { parquet } from '../../../src/ingest/parquet.ts'
import { Pipeline } from '../../../src/pipeline/pipeline.ts'
import type { OutputOf } from '../../../src/pipeline/stage.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { stageCases } from '../../../src/testing/stage-harness.ts'
import { collect, columnFrom } from '../data/tables.ts'

const flight = z.object({ origin: z.string().length(3), distance: z.number().positive().nullable(), gate: z.string().optional() })
const good = { origin: 'SEA', distance: 954 }
const run = async <Output>(stage: Parameters<Pipeline<void, void>['pipe']>[0], options: Record<string, unknown> = {}): Promise<Output> =>
  (await new Pipeline('p').pipe(stage).run({ storage: new MemoryStorage(), ...options })).output as Output
type Result = OutputOf<ReturnType<typeof ingest<z.output<typeof flight>>>>

/** The fault of a stage, under the run's. */
async function faultOf(work: Promise<unknown>): Promise<MillraceError> {
  try {
    await work
  } catch (error) {
    let fault: unknown = error
    while (
      fault instanceof Error &&
      fault.cause !== undefined &&
      MillraceError.is(fault) &&
      ['RUN_FAILED', 'STAGE_FAILED'].includes(fault.code)
    )
      fault = fault.cause
    return fault as MillraceError
  }
  throw new Error('Expected a fault')
}

describe('ingest', () => {
  for (const { name, run: check } of stageCases(ingest({ source: rows([good, good], { label: 'memory' }), schema: flight }), {
    input: undefined,
  }))
    it(name, check)

  it('stores the rows that fit, and reports those that do not with place and reason', async () => {
    const data = [good, { origin: 'nowhere', distance: 3 }, { origin: 'LAX', distance: null }, { origin: 'LAX', distance: -1, gate: 'A1' }]
    const result = await run<Result>(ingest({ source: rows(data, { label: 'memory' }), schema: flight, maxRejectedShare: 0.5 }))
    expect(result.rowsRead).toBe(4)
    expect(await result.dataset.head(5)).toEqual([
      { origin: 'SEA', distance: 954, gate: null },
      { origin: 'LAX', distance: null, gate: null },
    ])
    expect(result.dataset.columns).toEqual([
      { name: 'origin', kind: 'text', nullable: false },
      { name: 'distance', kind: 'number', nullable: true },
      { name: 'gate', kind: 'text', nullable: true },
    ])
    expect(result.rejected).toEqual({
      count: 2,
      reasons: { 'origin: Too big: expected string to have exactly 3 characters': 1, 'distance: Too small: expected number to be >0': 1 },
      sample: [
        {
          source: 'memory',
          row: 2,
          column: 'origin',
          expected: 'Too big: expected string to have exactly 3 characters',
          received: 'nowhere',
        },
        { source: 'memory', row: 4, column: 'distance', expected: 'Too small: expected number to be >0', received: '-1' },
      ],
    })
    expect(result.profile.rowCount).toBe(2)
    expect((result.profile.columns.distance as NumericProfile).nullCount).toBe(1)
  })

  it('counts rows across batches', async () => {
    const batches = [0, 1, 2].map((batch) => batchOf({ x: columnFrom('number', [1, batch === 1 ? -5 : 2, 3]) }))
    const result = await run<Result>(
      ingest({ source: arrowBatches(batches), schema: z.object({ x: z.number().positive() }), maxRejectedShare: 0.2 }),
    )
    expect(result.rejected.sample).toMatchObject([{ row: 5, received: '-5' }])
    expect(result.dataset.rowCount).toBe(8)
  })

  it('fails past the share that is stated, with counts, reasons and the first rows', async () => {
    const data = Array.from({ length: 100 }, (_, row) => ({ origin: row < 6 ? 'x' : 'SEA', distance: 1 }))
    const fault = await faultOf(run(ingest({ source: rows(data), schema: flight })))
    expect(MillraceError.is(fault, 'ROWS_REJECTED') && [fault.details.rejected, fault.details.read]).toEqual([6, 100])
    expect(fault.message).toContain('at most 5 % of the rows refused')
    expect((await run<Result>(ingest({ source: rows(data), schema: flight, maxRejectedShare: 0.06 }))).rejected.count).toBe(6)
  })

  it('fails early where the share cannot be met any more', async () => {
    let read = 0
    const source: Source = {
      kind: 'test',
      label: 'test',
      rowCount: async () => 100,
      async *open() {
        for (let batch = 0; batch < 10; batch++) {
          read++
          yield batchOf({
            x: columnFrom(
              'number',
              Array.from({ length: 10 }, () => -1),
            ),
          })
        }
      },
    }
    expect((await faultOf(run(ingest({ source, schema: z.object({ x: z.number().positive() }) })))).code).toBe('ROWS_REJECTED')
    expect(read).toBe(1)
  })

  it('fails at the first refused row, or sets refused values to null, when told to', async () => {
    const data = [...Array.from({ length: 99 }, () => good), { origin: 'LAX', distance: -1 }]
    expect((await faultOf(run(ingest({ source: rows(data), schema: flight, onInvalid: 'fail' })))).code).toBe('ROWS_REJECTED')
    const nulled = await run<Result>(ingest({ source: rows(data), schema: flight, onInvalid: 'null' }))
    expect(nulled.rejected).toMatchObject({ count: 0, reasons: { 'distance: Too small: expected number to be >0 (set to null)': 1 } })
    expect((await collect(nulled.dataset.batches(), 'distance')).at(-1)).toBeNull()
  })

  it('keeps further columns for a loose schema and asks the source for no others elsewhere', async () => {
    const asked: (readonly string[] | undefined)[] = []
    const source = (): Source => ({
      ...rows([{ a: 1, b: 'x' }]),
      open: (options) => {
        asked.push(options.columns)
        return rows([{ a: 1, b: 'x' }]).open(options)
      },
    })
    const loose = await run<Result>(ingest({ source: source(), schema: z.looseObject({ a: z.number() }) }))
    expect(await loose.dataset.head(1)).toEqual([{ a: 1, b: 'x' }])
    const plain = await run<Result>(ingest({ source: source(), schema: z.object({ a: z.number() }) }))
    expect(await plain.dataset.head(1)).toEqual([{ a: 1 }])
    expect(asked).toEqual([undefined, ['a']])
  })

  it('keeps a further column in its first kind, with null where a batch has none, and refuses another kind', async () => {
    const schema = z.looseObject({ distance: z.number() })
    const part = (columns: Parameters<typeof batchOf>[0]) => batchOf(columns)
    const distance = columnFrom('number', [1, 2])
    const source = (second: Parameters<typeof batchOf>[0]) =>
      arrowBatches([part({ distance, note: columnFrom('number', [1.5, 2]) }), part({ distance, ...second })])
    const notes = async (second: Parameters<typeof batchOf>[0]): Promise<unknown> =>
      (await run<Result>(ingest({ source: source(second), schema }))).dataset
        .head(9)
        .then((all) => all.map((row) => 'note' in row && row.note))
    expect(await notes({})).toEqual([1.5, 2, null, null])
    expect(await notes({ note: columnFrom('text', [null, null]) })).toEqual([1.5, 2, null, null])
    expect(await notes({ note: columnFrom('integer', [7, 8]) })).toEqual([1.5, 2, 7, 8])
    expect((await faultOf(notes({ note: columnFrom('text', ['a', 'b']) }))).code).toBe('SCHEMA_MISMATCH')
    expect((await faultOf(notes({ note: columnFrom('boolean', [true, false]) }))).code).toBe('SCHEMA_MISMATCH')
  })

  it('refuses a moment that does not exist, as zod does', async () => {
    const data = [{ date: new Date('no date') }, { date: new Date(-1) }]
    const result = await run<OutputOf<ReturnType<typeof ingest<{ date: Date }>>>>(
      ingest({ source: rows(data), schema: z.object({ date: z.date() }), maxRejectedShare: 0.5 }),
    )
    expect(await result.dataset.head(2)).toEqual([{ date: new Date(-1) }])
    expect(result.rejected).toMatchObject({ count: 1, sample: [{ row: 1, column: 'date', received: 'Invalid Date' }] })
  })

  it('takes its source from the input', async () => {
    const stage = ingest({ source: (input: { count: number }) => rows(Array.from({ length: input.count }, () => good)), schema: flight })
    const { output } = await new Pipeline<{ count: number }>('p').pipe(stage).run({ storage: new MemoryStorage(), input: { count: 3 } })
    expect(output.dataset.rowCount).toBe(3)
  })

  it('is taken from the cache while source and schema stay the same', async () => {
    const storage = new MemoryStorage()
    let reads = 0
    const source = (print: string): Source => ({
      ...rows([good]),
      fingerprint: async () => print,
      open: (options) => {
        reads++
        return rows([good]).open(options)
      },
    })
    const ingesting = async (print: string, schema: z.ZodType<object>): Promise<string> =>
      (await new Pipeline('p').pipe(ingest({ source: source(print), schema })).run({ storage })).output.dataset.digest
    const first = await ingesting('a', flight)
    expect(await ingesting('a', flight)).toBe(first)
    expect(reads).toBe(1)
    await ingesting('b', flight)
    await ingesting('b', flight.extend({ origin: z.string() }))
    expect(reads).toBe(3)
  })

  it('reports progress in rows and warns of rejected rows', async () => {
    const events: unknown[] = []
    const warnings: unknown[] = []
    const logger = { debug: () => {}, info: () => {}, warn: (message: string) => warnings.push(message), error: () => {} }
    await run(ingest({ source: rows([good, { origin: 'x', distance: 1 }]), schema: flight, maxRejectedShare: 1 }), {
      logger,
      onEvent: (event: { type: string; done?: number; total?: number; unit?: string }) => {
        if (event.type === 'stage-progress') events.push([event.done, event.total, event.unit])
      },
    })
    expect(events).toContainEqual([2, 2, 'rows'])
    expect(warnings).toContain('rows rejected')
  })

  it('refuses at once what it could not do later', () => {
    expect(() => ingest({ source: rows([]), schema: z.object({ list: z.array(z.number()) }) })).toThrow('"list"')
    expect(() => ingest({ source: rows([]), schema: flight, maxRejectedShare: 2 })).toThrow('between 0 and 1')
  })

  it('types what flows by what the schema puts out, with null for what may be missing', () => {
    const stage = ingest({
      source: rows([good]),
      schema: z.object({ a: z.number().nullable(), b: z.string().optional(), c: z.coerce.date(), d: z.enum(['x', 'y']) }),
    })
    expectTypeOf<RowOf<OutputOf<typeof stage>>>().toEqualTypeOf<{ a: number | null; b: string | null; c: Date; d: 'x' | 'y' }>()
  })

  it('ingests three million real flights', { timeout: 60_000 }, async () => {
    const path = fileURLToPath(new URL('../../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url))
    const schema = z.object({
      date: z.date(),
      delay: z.number(),
      distance: z.number().positive(),
      origin: z.string().length(3),
      destination: z.string().length(3),
    })
    const result = await run<Result>(ingest({ source: parquet(path, { label: 'flights' }), schema }))
    expect([result.rowsRead, result.rejected.count, result.dataset.rowCount]).toEqual([3_000_000, 0, 3_000_000])
    const distance = result.profile.columns.distance as NumericProfile
    expect(distance.mean * 3_000_000).toBeCloseTo(2_194_861_208, 0)
    expect(distance.counts.reduce((sum, count) => sum + count, 0)).toBe(3_000_000)
    expect(result.profile.columns.origin).toMatchObject({ kind: 'category', otherCount: 0 })
  })
})
