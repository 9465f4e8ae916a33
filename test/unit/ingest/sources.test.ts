import { tableFromArrays } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import type { CellValue } from '../../../src/data/row-values.ts'
import type { Source } from '../../../src/data/source.ts'
import { arrowBatches, rows } from '../../../src/ingest/index.ts'
import { cellsOf } from '../data/tables.ts'

async function read(source: Source, columns?: readonly string[]): Promise<Readonly<Record<string, CellValue>>[]> {
  const result: Record<string, CellValue>[] = []
  for await (const batch of source.open(columns === undefined ? {} : { columns })) {
    const byName = batch.schema.fields.map(({ name }) => [String(name), cellsOf(batch, String(name))] as const)
    for (let row = 0; row < batch.numRows; row++) result.push(Object.fromEntries(byName.map(([name, cells]) => [name, cells[row] ?? null])))
  }
  return result
}
const sizes = async (source: Source): Promise<number[]> => {
  const counts: number[] = []
  for await (const batch of source.open({})) counts.push(batch.numRows)
  return counts
}
const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'none'
  } catch (error) {
    return MillraceError.is(error) ? error.code : String(error)
  }
}

describe('rows', () => {
  const data = [
    { origin: 'SEA', distance: 954, late: true, date: new Date(5), note: null },
    { origin: 'LAX', distance: null, late: false, date: new Date(-5), note: undefined },
  ]

  it('reads objects as columns, and can be read again', async () => {
    const source = rows(data, { label: 'memory' })
    const expected = data.map((row) => ({ ...row, note: null }))
    expect(await read(source)).toEqual(expected)
    expect(await read(source)).toEqual(expected)
    expect([source.kind, source.label, await source.rowCount?.({})]).toEqual(['rows', 'memory', 2])
  })

  it('reads only what is needed, and leaves the rest alone whatever it is', async () => {
    expect(await read(rows([{ a: 1, nested: { b: 2 } }]), ['a'])).toEqual([{ a: 1 }])
    expect(await codeOf(read(rows([{ nested: { b: 2 } }])))).toBe('SCHEMA_UNSUPPORTED')
    expect(await codeOf(read(rows([{ list: [1] }])))).toBe('SCHEMA_UNSUPPORTED')
  })

  it('has batches of 65,536 rows, and begins another where a value changes its kind, so that none is converted', async () => {
    expect(await sizes(rows(Array.from({ length: 70_000 }, (_, a) => ({ a }))))).toEqual([65_536, 4_464])
    const mixed = [{ a: 1 }, { a: null }, { a: 'x' }, { a: 2n }, { a: 3 }]
    expect(await sizes(rows(mixed))).toEqual([2, 1, 2])
    expect((await read(rows(mixed))).map(({ a }) => a)).toEqual([1, null, 'x', 2, 3])
  })

  it('takes keys that come and go as missing values', async () => {
    expect(await read(rows([{ a: 1 }, { b: 'x' }, { a: 2, b: 'y' }] as object[]))).toEqual([
      { a: 1, b: null },
      { a: null, b: 'x' },
      { a: 2, b: 'y' },
    ])
  })

  it('reads async iterables and functions, and refuses a generator the second time', async () => {
    async function* stream(): AsyncGenerator<{ a: number }> {
      yield { a: 1 }
      yield { a: 2 }
    }
    const again = rows(stream)
    expect(await read(again)).toEqual([{ a: 1 }, { a: 2 }])
    expect(await read(again)).toEqual([{ a: 1 }, { a: 2 }])
    const once = rows(stream())
    expect(await read(once)).toEqual([{ a: 1 }, { a: 2 }])
    expect(await codeOf(read(once))).toBe('ARGUMENT_INVALID')
  })

  it('stops at an abort with its reason', async () => {
    const abort = new AbortController()
    abort.abort(new Error('enough'))
    const reading = async (): Promise<void> => {
      for await (const _ of rows(data).open({ signal: abort.signal })) expect.unreachable()
    }
    await expect(reading()).rejects.toThrow('enough')
  })
})

describe('rows of a slow supply', () => {
  it('stop at an abort with its reason, between rows and while one is waited for, and let the supply go', async () => {
    for (const waits of [false, true]) {
      const controller = new AbortController()
      const reason = new Error('enough')
      let given = 0
      let isEnded = false
      async function* supply(): AsyncGenerator<{ n: number }> {
        try {
          for (; ; given++) {
            if (given === 3) controller.abort(reason)
            if (given === 3 && waits) await new Promise((resolve) => setTimeout(resolve, 50))
            yield { n: given }
          }
        } finally {
          isEnded = true
        }
      }
      const read = (async () => {
        for await (const batch of rows(supply).open({ signal: controller.signal })) expect(batch.numRows).toBe(0)
      })()
      await expect(read).rejects.toBe(reason)
      await expect.poll(() => isEnded).toBe(true)
      expect(given).toBe(3)
    }
  })

  it('keeps every value of columns that begin late, grow, and end early', async () => {
    const data = Array.from({ length: 300 }, (_, row) => ({
      n: row % 3 === 0 ? row : null,
      late: row < 200 ? null : row % 2 === 0,
      ...(row < 100 && { early: `t${row % 5}` }),
    }))
    expect(await read(rows(data))).toEqual(data.map((row) => ({ early: null, ...row })))
  })
})

describe('arrowBatches', () => {
  it('stops at an abort while a batch is waited for', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    async function* supply(): AsyncGenerator<never> {
      await new Promise(() => {})
    }
    const reading = (async () => {
      for await (const batch of arrowBatches(supply).open({ signal: controller.signal })) expect(batch).toBeUndefined()
    })()
    controller.abort(reason)
    await expect(reading).rejects.toBe(reason)
  })

  const table = tableFromArrays({ a: Float64Array.of(1, 2), b: ['x', 'y'] })

  it('reads tables, lists and functions, only the columns that are needed', async () => {
    const expected = [
      { a: 1, b: 'x' },
      { a: 2, b: 'y' },
    ]
    expect(await read(arrowBatches(table))).toEqual(expected)
    expect(await read(arrowBatches(table.batches))).toEqual(expected)
    expect(await read(arrowBatches(() => table.batches))).toEqual(expected)
    expect(await read(arrowBatches(table), ['b', 'absent'])).toEqual([{ b: 'x' }, { b: 'y' }])
    expect([
      await arrowBatches(table).rowCount?.({}),
      await arrowBatches(table.batches).rowCount?.({}),
      await arrowBatches(() => []).rowCount?.({}),
    ]).toEqual([2, 2, undefined])
  })
})
