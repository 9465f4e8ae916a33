import {
  Bool,
  type DataType,
  DateDay,
  DateMillisecond,
  Dictionary,
  Field,
  Float16,
  Float32,
  Int16,
  Int32,
  Int64,
  List,
  makeData,
  makeVector,
  Null,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  tableFromIPC,
  tableToIPC,
  Uint8,
  Uint32,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import { arrowSchemaOf, batchOf } from '../../../src/data/build-batch.ts'
import type { TextColumn } from '../../../src/data/column.ts'
import type { ColumnKind } from '../../../src/data/column-type.ts'
import { columnOf } from '../../../src/data/read-column.ts'
import type { CellValue } from '../../../src/data/row-values.ts'
import { selectColumns } from '../../../src/data/select-columns.ts'
import { cellsOf, columnFrom, numbers, texts } from './tables.ts'

/** A batch with one column "x" over a vector of another origin than ours. */
function batchWith(vector: Vector): RecordBatch {
  const data = vector.data[0] as NonNullable<(typeof vector.data)[0]>
  const fields = [new Field('x', vector.type, true)]
  return new RecordBatch(new Schema(fields), makeData({ type: new Struct(fields), length: data.length, nullCount: 0, children: [data] }))
}
const arrowCells = (values: readonly unknown[], type: DataType): CellValue[] => cellsOf(batchWith(vectorFromArray(values, type)), 'x')
const codeOfFault = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    return MillraceError.is(error) ? error.code : String(error)
  }
  return 'none'
}
const sharp = (cells: readonly CellValue[]): unknown[] =>
  cells.map((cell) => (cell instanceof Date ? cell.getTime() : typeof cell === 'string' ? cell.replace(/\p{Surrogate}/gu, '\ufffd') : cell))

const cells: Readonly<Record<ColumnKind, fc.Arbitrary<CellValue>>> = {
  number: numbers,
  integer: fc.integer(),
  boolean: fc.boolean(),
  text: fc.oneof(texts, fc.string({ unit: 'binary' }), fc.constantFrom('\ud83d', '\ude00', 'x\ud83d')),
  time: fc.date({ noInvalidDate: true }),
}

describe('batchOf and columnOf', () => {
  for (const kind of ['number', 'integer', 'boolean', 'text', 'time'] as const) {
    it(`give back every ${kind} and null, also of a slice and through Arrow's own IPC`, () => {
      fc.assert(
        fc.property(fc.array(fc.option(cells[kind]), { maxLength: 100 }), fc.nat(100), fc.nat(100), (values, from, to) => {
          const batch = batchOf({ x: columnFrom(kind, values) })
          expect(sharp(cellsOf(batch, 'x'))).toEqual(sharp(values))
          const start = Math.min(from, to, values.length)
          const end = Math.min(Math.max(from, to), values.length)
          expect(sharp(cellsOf(batch.slice(start, end), 'x'))).toEqual(sharp(values.slice(start, end)))
          const again = tableFromIPC(tableToIPC(new Table([batch])))
          expect(again.batches.flatMap((one) => sharp(cellsOf(one, 'x')))).toEqual(sharp(values))
        }),
      )
    })
  }

  it('keeps texts apart that end and begin with the halves of a pair', () => {
    const batch = batchOf({ x: columnFrom('text', ['a\ud83d', '\ude00b', '😀']) })
    expect(cellsOf(batch, 'x')).toEqual(['a\ufffd', '\ufffdb', '😀'])
    expect([...(batch.getChild('x') as Vector)]).toEqual(['a\ufffd', '\ufffdb', '😀'])
  })

  it('reads two texts that become one as one code', () => {
    const column = columnOf(batchOf({ x: columnFrom('text', ['\ud83d', '\ufffd', null]) }), 'x') as TextColumn
    expect(column.dictionary).toEqual(['\ufffd'])
    expect([...column.codes]).toEqual([0, 0, -1])
  })

  it('does not copy numbers and codes, nor decode a dictionary twice', () => {
    const values = Float64Array.of(1, 2, 3)
    expect((columnOf(batchOf({ x: { kind: 'number', length: 3, values } }), 'x') as { values: Float64Array }).values.buffer).toBe(
      values.buffer,
    )
    const text = columnFrom('text', ['a', 'b', 'a']) as TextColumn
    const batch = batchOf({ x: text })
    expect((columnOf(batch, 'x') as TextColumn).dictionary).toBe(text.dictionary)
    expect((columnOf(batch.slice(1, 2), 'x') as TextColumn).codes.buffer).toBe(text.codes.buffer)
  })

  it('puts columns in the order of the schema, also where names look like numbers', () => {
    const types = [
      { name: '2', kind: 'number' as const, nullable: false },
      { name: '1', kind: 'text' as const, nullable: false },
    ]
    const batch = batchOf({ 1: columnFrom('text', ['a']), 2: columnFrom('number', [5]) }, arrowSchemaOf(types))
    expect(batch.schema.fields.map(({ name }) => name)).toEqual(['2', '1'])
    expect(cellsOf(batch, '2')).toEqual([5])
    expect(cellsOf(batch, '1')).toEqual(['a'])
  })

  it('refuses columns of different lengths', () => {
    expect(codeOfFault(() => batchOf({ a: columnFrom('number', [1]), b: columnFrom('number', [1, 2]) }))).toBe('SCHEMA_MISMATCH')
  })

  it('says which column was meant', () => {
    const batch = batchOf({ distance: columnFrom('number', [1]) })
    expect(() => columnOf(batch, 'distanc')).toThrow('Did you mean "distance"?')
    expect(codeOfFault(() => columnOf(batch, 'distanc'))).toBe('COLUMN_NOT_FOUND')
  })
})

describe('selectColumns', () => {
  it('has the named columns in that order, also of a slice', () => {
    const batch = batchOf({
      a: columnFrom('number', [1, 2]),
      b: columnFrom('text', ['x', null]),
      c: columnFrom('boolean', [true, false]),
    }).slice(1, 2)
    const selected = selectColumns(batch, ['c', 'b'])
    expect(selected.schema.fields.map(({ name }) => name)).toEqual(['c', 'b'])
    expect([cellsOf(selected, 'c'), cellsOf(selected, 'b'), selected.numRows]).toEqual([[false], [null], 1])
    expect(() => selectColumns(batch, ['d'])).toThrow('Expected a column "d"')
  })
})

describe("columnOf on Arrow's own vectors", () => {
  it('reads moments in every unit and days, before and after 1970, rounding down', () => {
    const moments = [0, 1, -1, 1_000_000_000_123, -86_400_001, 253_402_300_799_999]
    expect(arrowCells(moments, new TimestampMillisecond()).map(Number)).toEqual(moments)
    expect(arrowCells(moments, new DateMillisecond()).map(Number)).toEqual(moments)
    const seconds = makeVector({ type: new TimestampSecond(), length: 3, nullCount: 0, data: BigInt64Array.of(1_005n, -7n, 0n) } as never)
    expect(cellsOf(batchWith(seconds), 'x').map(Number)).toEqual([1_005_000, -7_000, 0])
    const days = makeVector({ type: new DateDay(), length: 3, nullCount: 0, data: Int32Array.of(0, 11_323, -1) } as never)
    expect(cellsOf(batchWith(days), 'x').map((cell) => (cell as Date).toISOString().slice(0, 10))).toEqual([
      '1970-01-01',
      '2001-01-01',
      '1969-12-31',
    ])
  })

  it('reads 64-bit nanoseconds and microseconds to the exact millisecond', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const floor = (divisor: bigint): number => Number((value - (((value % divisor) + divisor) % divisor)) / divisor)
        const nanoseconds = makeVector({ type: new TimestampNanosecond(), length: 1, nullCount: 0, data: BigInt64Array.of(value) } as never)
        expect((columnOf(batchWith(nanoseconds), 'x') as { values: Float64Array }).values[0]).toBe(floor(1_000_000n) + 0)
        const within = value / 1000n
        const microseconds = makeVector({
          type: new TimestampMicrosecond(),
          length: 1,
          nullCount: 0,
          data: BigInt64Array.of(within),
        } as never)
        const expected = Number((within - (((within % 1000n) + 1000n) % 1000n)) / 1000n)
        expect((columnOf(batchWith(microseconds), 'x') as { values: Float64Array }).values[0]).toBe(expected + 0)
      }),
    )
  })

  it('reads integers of every width, floats, bits and nulls', () => {
    expect(arrowCells([1, null, -3], new Int16())).toEqual([1, null, -3])
    expect(arrowCells([1, 2, 4_000_000_000], new Uint32())).toEqual([1, 2, 4_000_000_000])
    expect(arrowCells([1n, null, -(2n ** 40n)], new Int64())).toEqual([1, null, -(2 ** 40)])
    expect(arrowCells([0.5, null], new Float32())).toEqual([0.5, null])
    expect(arrowCells([true, false, null, true], new Bool())).toEqual([true, false, null, true])
  })

  it('reads slices of bits and bitmaps that do not begin at a byte', () => {
    const values = Array.from({ length: 40 }, (_, row) => (row % 3 === 0 ? null : row % 2 === 0))
    const batch = batchWith(vectorFromArray(values, new Bool()))
    expect(cellsOf(batch.slice(5, 31), 'x')).toEqual(values.slice(5, 31))
    expect(cellsOf(batch.slice(5, 31).slice(3, 9), 'x')).toEqual(values.slice(8, 14))
  })

  it('reads plain text, and dictionaries with any index, repeated or null entries', () => {
    expect(arrowCells(['a', null, 'b', 'a'], new Utf8())).toEqual(['a', null, 'b', 'a'])
    expect(arrowCells(['a', null, 'b', 'a'], new Dictionary(new Utf8(), new Uint8()))).toEqual(['a', null, 'b', 'a'])
    const dictionary = vectorFromArray(['x', null, 'x'], new Utf8())
    const vector = makeVector({
      type: new Dictionary(new Utf8(), new Int32()),
      length: 3,
      nullCount: 0,
      data: Int32Array.of(0, 1, 2),
      dictionary,
    } as never)
    expect(cellsOf(batchWith(vector), 'x')).toEqual(['x', null, 'x'])
    expect((columnOf(batchWith(vector), 'x') as TextColumn).dictionary.filter((text) => text === 'x')).toHaveLength(1)
  })

  it('reads a column that is null throughout, and empty batches', () => {
    expect(arrowCells([null, null], new Null())).toEqual([null, null])
    for (const type of [new Null(), new Utf8(), new Bool(), new Int64(), new TimestampSecond(), new Dictionary(new Utf8(), new Int32())]) {
      expect(cellsOf(batchWith(makeVector({ type, length: 0 } as never)), 'x')).toEqual([])
    }
  })

  it('refuses lists and half floats rather than reading their bits', () => {
    const list = vectorFromArray([[1]], new List(new Field('item', new Int32(), true)))
    expect(codeOfFault(() => columnOf(batchWith(list), 'x'))).toBe('SCHEMA_UNSUPPORTED')
    expect(codeOfFault(() => columnOf(batchWith(vectorFromArray([1], new Float16())), 'x'))).toBe('SCHEMA_UNSUPPORTED')
  })
})

describe('what has no place of its own in Arrow', () => {
  it('a moment that does not exist is NaN on the way back, never 1970', () => {
    const values = Float64Array.of(Number.NaN, Number.POSITIVE_INFINITY, -1e300, 8.64e15 + 1000, 8.64e15, -8.64e15, -1, 0)
    const read = columnOf(batchOf({ x: { kind: 'time', length: 8, values } }), 'x')
    expect([...(read as { readonly values: Float64Array }).values]).toEqual([
      Number.NaN,
      Number.NaN,
      Number.NaN,
      Number.NaN,
      8.64e15,
      -8.64e15,
      -1,
      0,
    ])
  })

  it('a byte order mark stays in its text', () => {
    const marked = ['\ufeffa', 'a', '\ufeff', '']
    const stored = tableFromIPC(tableToIPC(new Table([batchOf({ x: columnFrom('text', marked) })]))).batches[0] as RecordBatch
    expect(cellsOf(stored, 'x')).toEqual(marked)
    expect(arrowCells(marked, new Utf8())).toEqual(marked)
  })
})
