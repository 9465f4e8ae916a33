import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { MillraceError } from '../../../src/core/error.ts'
import type { RowOf } from '../../../src/data/flow.ts'
import type { StoredDataset } from '../../../src/data/stored-dataset.ts'
import { ingest, rows } from '../../../src/ingest/index.ts'
import { Pipeline } from '../../../src/pipeline/pipeline.ts'
import type { OutputOf } from '../../../src/pipeline/stage.ts'
import { derive } from '../../../src/prepare/derive.ts'
import { split } from '../../../src/prepare/split.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'

const schema = z.object({ date: z.date(), delay: z.number(), origin: z.string(), gate: z.string().optional() })
const data = [
  { date: new Date('2001-01-01T05:00:00Z'), delay: 20, origin: 'SEA', gate: 'A1' },
  { date: new Date('2001-01-02T23:00:00Z'), delay: -3, origin: 'LAX' },
  { date: new Date('2001-01-03T12:00:00Z'), delay: 15, origin: 'SEA' },
]
const ingested = new Pipeline('p').pipe(ingest({ source: rows(data), schema }))
const storage = new MemoryStorage()
const columnOf = async (
  pipeline: { run(options: { storage: MemoryStorage }): Promise<{ output: { dataset: unknown } }> },
  name: string,
): Promise<unknown[]> => {
  const { output } = await pipeline.run({ storage })
  return (await (output.dataset as StoredDataset<Record<string, unknown>>).head(10)).map((row) => row[name])
}

describe('derive', () => {
  it('adds a column of booleans, numbers, texts and moments from one, two and three columns', async () => {
    expect(await columnOf(ingested.pipe(derive('late', ['delay'], (delay) => delay > 15)), 'late')).toEqual([true, false, false])
    expect(await columnOf(ingested.pipe(derive('hours', ['date'], (date) => date.getUTCHours() / 2)), 'hours')).toEqual([2.5, 11.5, 6])
    expect(await columnOf(ingested.pipe(derive('route', ['origin', 'gate'], (origin, gate) => `${origin}-${gate}`)), 'route')).toEqual([
      'SEA-A1',
      'LAX-null',
      'SEA-null',
    ])
    const arrival = ingested.pipe(
      derive('arrival', ['date', 'delay', 'origin'], (date, delay, origin) =>
        origin === 'LAX' ? null : new Date(date.getTime() + delay * 60_000),
      ),
    )
    expect(await columnOf(arrival, 'arrival')).toEqual([new Date('2001-01-01T05:20:00Z'), null, new Date('2001-01-03T12:15:00Z')])
  })

  it('is nullable only when a value is null, and shares all other columns', async () => {
    const { output } = await ingested
      .pipe(derive('late', ['delay'], (delay) => (delay > 15 ? true : null)))
      .pipe(derive('early', ['delay'], (delay) => delay < 0))
      .run({ storage })
    const dataset = output.dataset as StoredDataset
    expect(dataset.columns.slice(-2)).toEqual([
      { name: 'late', kind: 'boolean', nullable: true },
      { name: 'early', kind: 'boolean', nullable: false },
    ])
    const before = (await ingested.run({ storage })).output.dataset as StoredDataset
    expect(dataset.table.columns.slice(0, 4)).toEqual(before.table.columns)
  })

  it('replaces a column', async () => {
    const { output } = await ingested.pipe(derive('delay', ['delay'], (delay) => String(delay))).run({ storage })
    expect(output.dataset.columns.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      'date time',
      'origin text',
      'gate text',
      'delay text',
    ])
    expect((await output.dataset.head(1))[0]?.delay).toBe('20')
  })

  it('finds the kind in later batches, and takes a moment that does not exist as none', async () => {
    const many = Array.from({ length: 70_000 }, (_, row) => ({ x: row }))
    const pipeline = new Pipeline('many').pipe(ingest({ source: rows(many), schema: z.object({ x: z.number() }) }))
    const { output } = await pipeline.pipe(derive('y', ['x'], (x) => (x < 66_000 ? null : `${x}`))).run({ storage })
    expect(output.dataset.columns.at(-1)).toEqual({ name: 'y', kind: 'text', nullable: true })
    expect(await columnOf(ingested.pipe(derive('t', ['delay'], (delay) => new Date(delay > 15 ? 5 : Number.NaN))), 't')).toEqual([
      new Date(5),
      null,
      null,
    ])
    expect((await ingested.pipe(derive('none', ['delay'], () => null)).run({ storage })).output.dataset.columns.at(-1)).toEqual({
      name: 'none',
      kind: 'number',
      nullable: true,
    })
  })

  it('runs again when the function is another, and not when it is the same', async () => {
    let calls = 0
    const counted = (text: string): ((delay: number) => string) => {
      // Built from text, so that two of them differ in their source only where the text does.
      const made = new Function('count', `return (delay) => { count(); return '${text}' }`) as (
        count: () => void,
      ) => (delay: number) => string
      return made(() => {
        calls++
      })
    }
    const own = new MemoryStorage()
    await ingested.pipe(derive('x', ['delay'], counted('a'))).run({ storage: own })
    await ingested.pipe(derive('x', ['delay'], counted('a'))).run({ storage: own })
    expect(calls).toBe(3)
    await ingested.pipe(derive('x', ['delay'], counted('b'))).run({ storage: own })
    expect(calls).toBe(6)
  })

  it('refuses two kinds of values, unknown columns and no columns', async () => {
    const codeOf = async (work: Promise<unknown>): Promise<unknown> => {
      let fault: unknown = await work.then(
        () => undefined,
        (error: unknown) => error,
      )
      while (MillraceError.is(fault) && ['RUN_FAILED', 'STAGE_FAILED'].includes(fault.code)) fault = fault.cause
      return MillraceError.is(fault) ? fault.code : fault
    }
    expect(await codeOf(ingested.pipe(derive('x', ['delay'], (delay) => (delay > 15 ? 'late' : 1))).run({ storage }))).toBe(
      'SCHEMA_MISMATCH',
    )
    expect(await codeOf(ingested.pipe(derive('x', ['delay'], () => [1] as unknown as number)).run({ storage }))).toBe('SCHEMA_MISMATCH')
    // @ts-expect-error misspelled column
    expect(await codeOf(ingested.pipe(derive('x', ['dely'], () => 1)).run({ storage }))).toBe('COLUMN_NOT_FOUND')
    expect(() => derive('x', [], () => 1)).toThrow('at least one column')
    const broken = new Error('mine')
    expect(
      await codeOf(
        ingested
          .pipe(
            derive('x', ['delay'], (): number => {
              throw broken
            }),
          )
          .run({ storage }),
      ),
    ).toBe(broken)
  })

  it('types the new column, and comes before the split', () => {
    const stage = ingested
      .pipe(derive('late', ['delay'], (delay) => delay > 15))
      .pipe(derive('delay', ['delay', 'late'], (delay, late) => (late ? String(delay) : null)))
    expectTypeOf<RowOf<OutputOf<typeof stage>>['late']>().toEqualTypeOf<boolean>()
    expectTypeOf<RowOf<OutputOf<typeof stage>>['delay']>().toEqualTypeOf<string | null>()
    // @ts-expect-error the column has another type
    ingested.pipe(derive('late', ['delay'], (delay: string) => delay))
    // @ts-expect-error derived after the split
    expect(() => ingested.pipe(split({ test: 0.2 })).pipe(derive('late', ['delay'], (delay) => delay > 15))).not.toThrow()
  })
})
