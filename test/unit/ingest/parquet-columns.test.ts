import type { SchemaElement } from 'hyparquet'
import { describe, expect, it } from 'vitest'
import type { TextColumn } from '../../../src/data/column.ts'
import { columnFromRuns, type ParquetColumn, parquetColumns, parsersFor, TextCodes } from '../../../src/ingest/parquet-columns.ts'

const root: SchemaElement = { name: 'root', num_children: 9 }
const kindOf = (element: Omit<SchemaElement, 'name'>): string | undefined =>
  parquetColumns([root, { name: 'x', ...element }]).get('x')?.kind

describe('parquetColumns', () => {
  it('has a kind for each of the types that hold one value', () => {
    expect(kindOf({ type: 'BOOLEAN' })).toBe('boolean')
    expect(kindOf({ type: 'INT32' })).toBe('integer')
    expect(kindOf({ type: 'INT32', converted_type: 'INT_8' })).toBe('integer')
    expect(kindOf({ type: 'INT32', converted_type: 'UINT_32' })).toBe('number')
    expect(kindOf({ type: 'INT32', logical_type: { type: 'DATE' } })).toBe('time')
    expect(kindOf({ type: 'INT64' })).toBe('number')
    expect(kindOf({ type: 'INT64', converted_type: 'TIMESTAMP_MICROS' })).toBe('time')
    expect(kindOf({ type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' } })).toBe('time')
    expect(kindOf({ type: 'INT96' })).toBe('time')
    expect(kindOf({ type: 'DOUBLE' })).toBe('number')
    expect(kindOf({ type: 'FIXED_LEN_BYTE_ARRAY', converted_type: 'DECIMAL', scale: 2 })).toBe('number')
    expect(kindOf({ type: 'BYTE_ARRAY', converted_type: 'UTF8' })).toBe('text')
    expect(kindOf({ type: 'BYTE_ARRAY' })).toBe('text')
    expect(kindOf({ type: 'FIXED_LEN_BYTE_ARRAY', logical_type: { type: 'UUID' } })).toBe('text')
  })

  it('has none for what is nested, repeated, binary or a time of day', () => {
    expect(kindOf({ type: 'INT64', repetition_type: 'REPEATED' })).toBeUndefined()
    expect(kindOf({ type: 'FIXED_LEN_BYTE_ARRAY' })).toBeUndefined()
    expect(kindOf({ type: 'INT32', converted_type: 'TIME_MILLIS' })).toBeUndefined()
    expect(kindOf({ type: 'BYTE_ARRAY', logical_type: { type: 'GEOMETRY' } })).toBeUndefined()
    const nested = parquetColumns([
      root,
      { name: 'list', num_children: 1 },
      { name: 'items', num_children: 1, repetition_type: 'REPEATED' },
      { name: 'after', type: 'INT32' },
      { name: 'after', type: 'DOUBLE' },
    ])
    expect([...nested].map(([name, column]) => [name, column?.kind])).toEqual([
      ['list', undefined],
      ['after', 'number'],
    ])
  })
})

describe('parsersFor', () => {
  const column = parquetColumns([root, { name: 'x', type: 'INT64' }]).get('x') as ParquetColumn

  it('rounds moments down to milliseconds, before 1970 as well', () => {
    const parsers = parsersFor(column, new TextCodes())
    expect(parsers.timestampFromMicroseconds?.(1_999n)).toBe(1)
    expect(parsers.timestampFromMicroseconds?.(-1n)).toBe(-1)
    expect(parsers.timestampFromMicroseconds?.(-2_000n)).toBe(-2)
    expect(parsers.timestampFromNanoseconds?.(978_307_260_000_000_001n)).toBe(978_307_260_000)
    expect(parsers.dateFromDays?.(-1)).toBe(-86_400_000)
  })

  it('reads the upper half of unsigned 64-bit integers as large numbers', () => {
    const unsigned = parquetColumns([root, { name: 'x', type: 'INT64', converted_type: 'UINT_64' }]).get('x') as ParquetColumn
    expect(parsersFor(unsigned, new TextCodes()).timestampFromMilliseconds?.(-1n)).toBe(2 ** 64)
    expect(parsersFor(column, new TextCodes()).timestampFromMilliseconds?.(-1n)).toBe(-1)
  })

  it('gives texts and UUIDs codes', () => {
    const codes = new TextCodes()
    const parsers = parsersFor(column, codes)
    const bytes = new TextEncoder().encode('SEA')
    expect([
      parsers.stringFromBytes?.(bytes),
      parsers.uuidFromBytes?.(Uint8Array.from({ length: 16 }, (_, index) => index)),
      parsers.stringFromBytes?.(bytes),
    ]).toEqual([0, 1, 0])
    expect(codes.dictionary()).toEqual(['SEA', '00010203-0405-0607-0809-0a0b0c0d0e0f'])
  })
})

describe('TextCodes', () => {
  it('gives the same dictionary until a text is added, and never changes one that it gave', () => {
    const codes = new TextCodes()
    codes.code('a')
    const first = codes.dictionary()
    expect(codes.dictionary()).toBe(first)
    codes.code('b')
    expect(first).toEqual(['a'])
    expect(codes.dictionary()).toEqual(['a', 'b'])
    codes.trim(5)
    expect(codes.code('b')).toBe(1)
    codes.trim(1)
    expect(codes.dictionary()).toEqual([])
    expect(codes.code('b')).toBe(0)
  })
})

describe('columnFromRuns', () => {
  it('puts runs together, with nulls', () => {
    const runs = [
      { start: 0, values: [1, null, 3] },
      { start: 3, values: Float64Array.of(4, 5) },
    ]
    const column = columnFromRuns('number', runs, 1, 5, [])
    expect(column).toMatchObject({ kind: 'number', length: 4, nulls: Uint8Array.of(1, 0, 0, 0), values: Float64Array.of(0, 3, 4, 5) })
    const text = columnFromRuns('text', [{ start: 0, values: [0, undefined] }], 0, 2, ['a']) as TextColumn
    expect([...text.codes]).toEqual([0, -1])
    expect(columnFromRuns('boolean', [{ start: 0, values: [true, false] }], 0, 2, [])).toEqual({
      kind: 'boolean',
      length: 2,
      values: Uint8Array.of(1, 0),
    })
  })
})
