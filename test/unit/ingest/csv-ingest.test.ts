import { MillraceError, Pipeline } from 'millrace'
import { ingest } from 'millrace/ingest'
import { csv } from 'millrace/ingest/csv'
import { MemoryStorage } from 'millrace/storage'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { bytesOf } from './csv-reading.ts'

const text = `date,origin,distance,late
2001-01-01T10:00,SEA,954,true
2001-01-02T10:00,007,far,0
2001-01-03T10:00,LAX
yesterday,LAX,1,no
2001-01-05T10:00,NOWHERE,2,yes
2001-01-06T10:00,JFK,,no
`
const flight = z.object({ date: z.date(), origin: z.string().length(3), distance: z.number().nullable(), late: z.boolean() })
type Options = Omit<Parameters<typeof ingest<z.output<typeof flight>>>[0], 'source' | 'schema'>

async function run(options: Options) {
  const stage = ingest({ source: csv(bytesOf(text), { label: 'flights.csv' }), schema: flight, ...options })
  const { output } = await new Pipeline('p').pipe(stage).run({ storage: new MemoryStorage() })
  return { ...output, rows: await output.dataset.head(10) }
}

describe('ingest of CSV', () => {
  it('reads columns as the schema has them, and counts records that cannot be read with those that the schema refuses', async () => {
    const { rows, rowsRead, rejected } = await run({ maxRejectedShare: 0.7 })
    expect(rows).toEqual([
      { date: new Date('2001-01-01T10:00Z'), origin: 'SEA', distance: 954, late: true },
      { date: new Date('2001-01-06T10:00Z'), origin: 'JFK', distance: null, late: false },
    ])
    expect(rowsRead).toBe(6)
    expect(rejected).toEqual({
      count: 4,
      reasons: {
        'distance: not-a-number': 1,
        'too-few-fields': 1,
        'date: not-a-time': 1,
        'origin: Too big: expected string to have exactly 3 characters': 1,
      },
      sample: [
        { source: 'flights.csv', line: 3, column: 'distance', expected: 'a number', received: 'far' },
        { source: 'flights.csv', line: 4, column: null, expected: 'a field for each column', received: '2001-01-03T10:00,LAX' },
        { source: 'flights.csv', line: 5, column: 'date', expected: 'a moment', received: 'yesterday' },
        {
          source: 'flights.csv',
          row: 2,
          column: 'origin',
          expected: 'Too big: expected string to have exactly 3 characters',
          received: 'NOWHERE',
        },
      ],
    })
  })

  it('sets to null what cannot be read, where the schema allows null and that was asked for', async () => {
    const { rows, rejected } = await run({ onInvalid: 'null', maxRejectedShare: 0.7 })
    expect(rows.map(({ origin, distance }) => [origin, distance])).toEqual([
      ['SEA', 954],
      ['007', null],
      ['JFK', null],
    ])
    expect(rejected.count).toBe(3)
    expect(rejected.reasons).toMatchObject({ 'distance: not-a-number (set to null)': 1, 'date: not-a-time': 1 })
  })

  it('fails past the share, and at the first when none may be broken', async () => {
    const causeOf = async (options: Options): Promise<unknown> => {
      try {
        await run(options)
      } catch (error) {
        let cause: unknown = error
        while (MillraceError.is(cause) && cause.cause !== undefined) cause = cause.cause
        return cause
      }
      throw new Error('Expected a fault')
    }
    expect(await causeOf({ maxRejectedShare: 0.6 })).toMatchObject({ code: 'ROWS_REJECTED', details: { rejected: 4, read: 6 } })
    expect(await causeOf({ onInvalid: 'fail' })).toMatchObject({ code: 'ROWS_REJECTED', details: { rejected: 1, sample: [{ line: 3 }] } })
  })

  it('gives fields that convert texts the texts, as they stand in the file', async () => {
    const schema = z.object({
      b: z.stringbool(),
      t: z.string().transform(Number).pipe(z.number()),
      c: z.coerce.string(),
      n: z.coerce.number(),
      u: z.union([z.int32(), z.number(), z.null()]),
      k: z.number().catch(-1),
    })
    const text = 'b,t,c,n,u,k\ntrue,2,1.50,1,1,1\nno,3,007,007,2.5,bad\ntrue,4,x,3,,3\n'
    const stage = ingest({ source: csv(bytesOf(text), { inferRows: 1 }), schema })
    const { output } = await new Pipeline('p').pipe(stage).run({ storage: new MemoryStorage() })
    expect(await output.dataset.head(3)).toEqual([
      { b: true, t: 2, c: '1.50', n: 1, u: 1, k: 1 },
      { b: false, t: 3, c: '007', n: 7, u: 2.5, k: -1 },
      { b: true, t: 4, c: 'x', n: 3, u: null, k: 3 },
    ])
    expect(output.rejected).toMatchObject({ count: 0, reasons: { 'k: not-a-number (set to null)': 1 } })
  })
})
