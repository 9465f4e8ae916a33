import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import type { NumberColumn, TextColumn, TimeColumn } from '../../../src/data/column.ts'
import { columnOf } from '../../../src/data/read-column.ts'
import { parquet } from '../../../src/ingest/parquet.ts'
import { cellsOf } from '../data/tables.ts'

const flights = fileURLToPath(new URL('../../../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url))
const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'none'
  } catch (error) {
    return MillraceError.is(error) ? error.code : String(error)
  }
}
const first = async (source: ReturnType<typeof parquet>, columns?: readonly string[]): Promise<string[]> => {
  for await (const batch of source.open(columns === undefined ? {} : { columns }))
    return batch.schema.fields.map(({ name }) => String(name))
  return []
}

describe('parquet', () => {
  it('reads three million flights: every row, sum, airport and moment', async () => {
    let rows = 0
    let distance = 0
    let delay = 0
    let least = Number.POSITIVE_INFINITY
    let most = Number.NEGATIVE_INFINITY
    let onTheFirstOfJuly = 0
    const origins = new Map<string, number>()
    const sizes = new Set<number>()
    for await (const batch of parquet(flights).open({})) {
      rows += batch.numRows
      sizes.add(batch.numRows)
      expect(batch.schema.fields.map(({ type }) => String(type))).toEqual([
        'Timestamp<MILLISECOND>',
        'Float64',
        'Float64',
        'Dictionary<Int32, Utf8>',
        'Dictionary<Int32, Utf8>',
      ])
      for (const value of (columnOf(batch, 'distance') as NumberColumn).values) distance += value
      for (const value of (columnOf(batch, 'delay') as NumberColumn).values) delay += value
      for (const value of (columnOf(batch, 'date') as TimeColumn).values) {
        if (value < least) least = value
        if (value > most) most = value
        if (value >= Date.UTC(2001, 6, 1)) onTheFirstOfJuly++
      }
      const { codes, dictionary } = columnOf(batch, 'origin') as TextColumn
      for (const code of codes) origins.set(dictionary[code] as string, (origins.get(dictionary[code] as string) ?? 0) + 1)
    }
    expect([rows, distance, origins.size, onTheFirstOfJuly]).toEqual([3_000_000, 2_194_861_208, 229, 6])
    expect([new Date(least).toISOString(), new Date(most).toISOString()]).toEqual(['2001-01-01T00:01:00.000Z', '2001-07-01T00:00:00.000Z'])
    expect(delay / rows).toBeGreaterThan(0)
    expect(Math.max(...sizes)).toBe(65_536)
  })

  it('is the same as hyparquet reads it, row by row, at the ends of a row group', async () => {
    const { asyncBufferFromFile, parquetReadObjects } = await import('hyparquet')
    const { compressors } = await import('hyparquet-compressors')
    const [from, to] = [272_700, 272_800]
    const expected = await parquetReadObjects({ file: await asyncBufferFromFile(flights), compressors, rowStart: from, rowEnd: to })
    const names = ['origin', 'date', 'delay']
    const read: unknown[] = []
    let start = 0
    for await (const batch of parquet(flights, { columns: names }).open({})) {
      const cells = names.map((name) => cellsOf(batch.slice(Math.max(0, from - start), Math.max(0, to - start)), name))
      for (let row = 0; row < (cells[0]?.length ?? 0); row++)
        read.push(Object.fromEntries(names.map((name, index) => [name, cells[index]?.[row]])))
      start += batch.numRows
      if (start >= to) break
    }
    expect(read).toEqual(expected.map((row) => ({ origin: row.origin, date: row.date, delay: Number(row.delay) })))
  })

  it('reads every type as Apache Arrow wrote it, with nulls, in small row groups', async () => {
    const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/ingest/${name}`, import.meta.url))
    const expected = JSON.parse(await readFile(fixture('types.json'), 'utf8')) as Record<string, unknown[]>
    const read: Record<string, unknown[]> = {}
    for await (const batch of parquet(fixture('types.parquet')).open({})) {
      for (const { name } of batch.schema.fields) {
        const cells = cellsOf(batch, String(name)).map((cell) => (cell instanceof Date ? cell.getTime() : cell))
        read[String(name)] = [...(read[String(name)] ?? []), ...cells]
      }
    }
    expect(read).toEqual(expected)
  })

  it('reads only the columns that are chosen and needed, from a path, bytes or a file of its own', async () => {
    const bytes = new Uint8Array(await readFile(flights))
    expect(await first(parquet(flights), ['distance', 'absent'])).toEqual(['distance'])
    expect(await first(parquet(bytes, { columns: ['origin', 'delay'] }))).toEqual(['origin', 'delay'])
    expect(await first(parquet(bytes.buffer, { columns: ['origin', 'delay'] }), ['delay', 'distance'])).toEqual(['delay'])
    let fetched = 0
    const file = {
      byteLength: bytes.byteLength,
      slice: async (start: number, end?: number): Promise<ArrayBuffer> => {
        const part = bytes.slice(start, end).buffer
        fetched += part.byteLength
        return part
      },
    }
    expect(await first(parquet(file), ['delay'])).toEqual(['delay'])
    expect(fetched).toBeLessThan(bytes.byteLength / 10)
    expect(await parquet(file).rowCount?.({})).toBe(3_000_000)
  })

  it('changes its fingerprint with the content and with the columns that are chosen', async () => {
    const bytes = new Uint8Array(await readFile(flights)).slice(0, 1000)
    const prints = [undefined, ['a'], ['a', 'b'], ['b', 'a'], ['a,b']].map((columns) =>
      parquet(bytes, columns === undefined ? {} : { columns }).fingerprint?.({}),
    )
    expect(new Set(await Promise.all(prints)).size).toBe(5)
    const before = await parquet(bytes).fingerprint?.({})
    bytes[5] = (bytes[5] as number) ^ 1
    expect(await parquet(bytes).fingerprint?.({})).not.toBe(before)
    expect(await parquet(flights).fingerprint?.({})).toMatch(/^13493022-\d/)
    expect(await parquet({ byteLength: 1, slice: () => new ArrayBuffer(1) }).fingerprint?.({})).toBeUndefined()
  })

  it('says which file or column it could not read', async () => {
    expect(await codeOf(first(parquet('/nowhere/flights.parquet')))).toBe('SOURCE_UNREADABLE')
    await expect(first(parquet(new Uint8Array(100), { label: 'upload' }))).rejects.toThrow('Expected a Parquet file at "upload"')
    await expect(first(parquet(flights, { columns: ['orgin'] }))).rejects.toThrow('Did you mean "origin"?')
    expect(await codeOf(first(parquet(flights), ['absent']))).toBe('COLUMN_NOT_FOUND')
    const bytes = new Uint8Array(await readFile(flights))
    bytes.fill(7, 200_000, 400_000)
    const all = async (): Promise<void> => {
      for await (const _ of parquet(bytes).open({}));
    }
    expect(await codeOf(all())).toBe('SOURCE_UNREADABLE')
  })

  it('stops at an abort with its reason', async () => {
    const abort = new AbortController()
    const reading = async (): Promise<void> => {
      for await (const _ of parquet(flights).open({ signal: abort.signal, columns: ['delay'] })) abort.abort(new Error('enough'))
    }
    await expect(reading()).rejects.toThrow('enough')
  })
})

describe('parquet without its library', () => {
  afterEach(() => {
    vi.doUnmock('hyparquet')
    vi.resetModules()
  })

  it('says what to install', async () => {
    vi.resetModules()
    vi.doMock('hyparquet', () => {
      throw new Error('Cannot find package')
    })
    const { parquet: fresh } = await import('../../../src/ingest/parquet.ts')
    try {
      await first(fresh(flights))
      expect.unreachable()
    } catch (error) {
      expect(MillraceError.is(error, 'DEPENDENCY_MISSING') && error.details.install).toBe('npm install hyparquet hyparquet-compressors')
    }
  })
})
