import { tableFromIPC } from 'apache-arrow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import { batchOf } from '../../../src/data/build-batch.ts'
import type { ColumnType } from '../../../src/data/column-type.ts'
import { chunkRows, type Dataset } from '../../../src/data/dataset.ts'
import { datasetPortable } from '../../../src/data/dataset-portable.ts'
import { selectRows, sliceDataset, withColumn } from '../../../src/data/dataset-views.ts'
import type { CellValue } from '../../../src/data/row-values.ts'
import { openDataset, type StoredDataset } from '../../../src/data/stored-dataset.ts'
import { writeDataset } from '../../../src/data/write-dataset.ts'
import { blobKey, getBlob } from '../../../src/storage/blobs.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { batchesOf, cellsOf, collect, columnFrom, type Table, tables } from './tables.ts'

const cuts = fc.array(fc.nat(60), { maxLength: 6 })
const clean = (cells: readonly CellValue[]): unknown[] =>
  cells.map((cell) => (cell instanceof Date ? cell.getTime() : typeof cell === 'string' ? cell.replace(/\p{Surrogate}/gu, '\ufffd') : cell))
const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
    return 'none'
  } catch (error) {
    return MillraceError.is(error) ? error.code : String(error)
  }
}
const write = (table: Table, ends: readonly number[] = [], shuffleTexts = false): Promise<StoredDataset> =>
  writeDataset(new MemoryStorage(), table.columns, batchesOf(table, ends, shuffleTexts))

/** 150,000 rows: two chunks and a part of a third. */
const bigTypes: readonly ColumnType[] = [
  { name: 'number', kind: 'number', nullable: false },
  { name: 'text', kind: 'text', nullable: true },
  { name: 'time', kind: 'time', nullable: false },
]
const bigRows = 150_000
function bigBatch(start: number, end: number): ReturnType<typeof batchOf> {
  const rows = Array.from({ length: end - start }, (_, index) => start + index)
  return batchOf({
    number: columnFrom('number', rows),
    text: columnFrom(
      'text',
      rows.map((row) => (row % 7 === 0 ? null : `t${row % 300}`)),
    ),
    time: { kind: 'time', length: rows.length, values: Float64Array.from(rows, (row) => row * 1000) },
  })
}
function* bigBatches(size: number): Generator<ReturnType<typeof batchOf>> {
  for (let start = 0; start < bigRows; start += size) yield bigBatch(start, Math.min(bigRows, start + size))
}

describe('writeDataset', () => {
  it('gives back every value, whatever the batches', async () => {
    await fc.assert(
      fc.asyncProperty(tables, cuts, async (table, ends) => {
        const dataset = await write(table, ends)
        expect(dataset.rowCount).toBe(table.rowCount)
        for (const { name } of table.columns) expect(clean(await collect(dataset.batches(), name))).toEqual(clean(table.cells[name] ?? []))
      }),
      { numRuns: 60 },
    )
  })

  it('has a digest and stored bytes that do not depend on batches nor on the order of dictionaries', async () => {
    await fc.assert(
      fc.asyncProperty(tables, cuts, cuts, async (table, ends, others) => {
        const first = await write(table, ends)
        const second = await write(table, others, true)
        expect(second.digest).toBe(first.digest)
        expect(second.manifestDigest).toBe(first.manifestDigest)
      }),
      { numRuns: 60 },
    )
  })

  it('has another digest when one value, a name, a kind or the order of rows is another', async () => {
    const types: ColumnType[] = [{ name: 'a', kind: 'number', nullable: true }]
    const of = async (values: readonly (number | null)[], changes: Partial<ColumnType> = {}): Promise<string> => {
      const type = { ...(types[0] as ColumnType), ...changes }
      const dataset = await writeDataset(new MemoryStorage(), [type], [batchOf({ [type.name]: columnFrom(type.kind, values) })])
      return dataset.digest
    }
    const digests = [
      await of([1, 2]),
      await of([2, 1]),
      await of([1, 2, 2]),
      await of([1, null]),
      await of([1, 0]),
      await of([1, -0]),
      await of([1, 2.5]),
      await of([1, 300]),
      await of([1, 2], { name: 'b' }),
      await of([1, 2], { kind: 'integer' }),
      await of([1, 2], { nullable: false }),
    ]
    expect(new Set(digests).size).toBe(digests.length)
    expect(await of([1, Number.NaN])).toBe(
      await of([1, new Float64Array(new BigUint64Array([0x7ff8_0000_0000_00ffn]).buffer)[0] as number]),
    )
  })

  it('cuts chunks of 65,536 rows and writes them as Arrow that any reader reads, in the smallest type', async () => {
    const storage = new MemoryStorage()
    const dataset = await writeDataset(storage, bigTypes, bigBatches(40_000))
    expect(dataset.table.columns.map(({ chunks }) => chunks.length)).toEqual([3, 3, 3])
    const [, text] = dataset.table.columns
    const foreign = tableFromIPC(await getBlob(storage, text?.chunks[1]?.blob as string))
    expect(foreign.numRows).toBe(chunkRows)
    expect(String(foreign.schema.fields[0]?.type)).toBe('Dictionary<Uint16, Utf8>')
    expect(foreign.getChildAt(0)?.get(1)).toBe(`t${(chunkRows + 1) % 300}`)
    expect((await writeDataset(new MemoryStorage(), bigTypes, bigBatches(bigRows))).digest).toBe(dataset.digest)
  })

  it('keeps few writes under way and reports progress in rows', async () => {
    let under = 0
    let most = 0
    const storage = new MemoryStorage()
    const slow = Object.assign(new MemoryStorage(), {
      putIfAbsent: async (...args: Parameters<MemoryStorage['putIfAbsent']>): Promise<void> => {
        most = Math.max(most, ++under)
        await new Promise((resolve) => setTimeout(resolve, 1))
        under--
        await storage.putIfAbsent(...args)
      },
    })
    const progress: number[] = []
    const types = Array.from({ length: 20 }, (_, index): ColumnType => ({ name: `c${index}`, kind: 'number', nullable: false }))
    const columns = Object.fromEntries(types.map(({ name }, index) => [name, columnFrom('number', [index, 2])]))
    await writeDataset(slow, types, [batchOf(columns), batchOf(columns)], { progress: (rows) => progress.push(rows) })
    expect(progress).toEqual([2, 4])
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(8)
  })

  it('refuses a null where there must be none, another kind, an unknown column and no columns', async () => {
    const storage = new MemoryStorage()
    const type: ColumnType = { name: 'a', kind: 'number', nullable: false }
    expect(await codeOf(writeDataset(storage, [type], [batchOf({ a: columnFrom('number', [1, null]) })]))).toBe('SCHEMA_MISMATCH')
    expect(await codeOf(writeDataset(storage, [type], [batchOf({ a: columnFrom('text', ['x']) })]))).toBe('SCHEMA_MISMATCH')
    expect(await codeOf(writeDataset(storage, [type], [batchOf({ b: columnFrom('number', [1]) })]))).toBe('COLUMN_NOT_FOUND')
    expect(await codeOf(writeDataset(storage, [], []))).toBe('ARGUMENT_INVALID')
    expect(await codeOf(writeDataset(storage, [type, type], []))).toBe('ARGUMENT_INVALID')
  })

  it('fails with what the storage or the batches throw, and rejects with the reason of an abort', async () => {
    const storage = new MemoryStorage()
    const failing = Object.assign(new MemoryStorage(), { putIfAbsent: () => Promise.reject(new Error('disk')) })
    await expect(writeDataset(failing, bigTypes, bigBatches(bigRows))).rejects.toThrow('disk')
    const broken = (function* () {
      yield bigBatch(0, 10)
      throw new Error('source')
    })()
    await expect(writeDataset(storage, bigTypes, broken)).rejects.toThrow('source')
    const abort = new AbortController()
    const aborting = (function* () {
      yield bigBatch(0, 10)
      abort.abort(new Error('enough'))
      yield bigBatch(10, 20)
    })()
    await expect(writeDataset(storage, bigTypes, aborting, { signal: abort.signal })).rejects.toThrow('enough')
  })

  it('stores a dataset without rows', async () => {
    const storage = new MemoryStorage()
    const dataset = await writeDataset(storage, bigTypes, [])
    expect(dataset.rowCount).toBe(0)
    expect(await collect(dataset.batches(), 'text')).toEqual([])
    expect((await dataset.toTable()).numRows).toBe(0)
    expect(await dataset.head(3)).toEqual([])
    expect((await openDataset(storage, dataset.manifestDigest)).digest).toBe(dataset.digest)
  })
})

describe('reading', () => {
  it('follows the chunks by default and has exactly the batch size that is asked for', async () => {
    const dataset = await writeDataset(new MemoryStorage(), bigTypes, bigBatches(bigRows))
    const sizes = async (options: Parameters<typeof dataset.batches>[0]): Promise<number[]> => {
      const rows: number[] = []
      for await (const batch of dataset.batches(options)) rows.push(batch.numRows)
      return rows
    }
    expect(await sizes({})).toEqual([65_536, 65_536, 18_928])
    expect(await sizes({ batchRows: 50_000 })).toEqual([50_000, 50_000, 50_000])
    expect(await sizes({ batchRows: 70_000 })).toEqual([70_000, 70_000, 10_000])
    expect(await collect(dataset.batches({ batchRows: 70_000 }), 'number')).toEqual(Array.from({ length: bigRows }, (_, row) => row))
    expect((await collect(dataset.batches({ batchRows: 1000 }), 'text'))[100_001]).toBe(`t${100_001 % 300}`)
  })

  it('takes no more room than its rows need, however large the batches that are asked for', async () => {
    const dataset = await writeDataset(new MemoryStorage(), bigTypes, [bigBatch(0, 1000)])
    const every = await selectRows(
      dataset,
      Uint8Array.from({ length: 1000 }, (_, row) => row % 2),
    )
    const counts: number[] = []
    for (const source of [dataset, every]) for await (const batch of source.batches({ batchRows: 2 ** 45 })) counts.push(batch.numRows)
    expect(counts).toEqual([1000, 500])
  })

  it('reads only the columns asked for, in that order', async () => {
    const storage = new MemoryStorage()
    const dataset = await writeDataset<{ number: number; text: string; time: Date }>(storage, bigTypes, bigBatches(bigRows))
    for (const { blob } of dataset.table.columns[2]?.chunks ?? []) await storage.delete(blobKey(blob))
    for await (const batch of dataset.batches({ columns: ['text', 'number'] })) {
      expect(batch.schema.fields.map(({ name }) => name)).toEqual(['text', 'number'])
    }
    expect(await codeOf(collect(dataset.batches(), 'number'))).toBe('STORAGE_NOT_FOUND')
    await expect(collect(dataset.batches({ columns: ['numbr' as 'number'] }), 'number')).rejects.toThrow('Did you mean "number"?')
    expect(await codeOf(collect(dataset.batches({ batchRows: 0 }), 'number'))).toBe('ARGUMENT_INVALID')
  })

  it('finds a chunk whose bytes were changed', async () => {
    const storage = new MemoryStorage()
    const dataset = await writeDataset(storage, bigTypes, bigBatches(bigRows))
    const key = blobKey(dataset.table.columns[0]?.chunks[1]?.blob as string)
    const bytes = (await storage.get(key))?.bytes as Uint8Array
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
    await storage.put(key, bytes)
    expect(await codeOf(collect(dataset.batches(), 'number'))).toBe('STORAGE_CORRUPT')
  })

  it('stops reading when the caller does, and rejects with the reason of an abort', async () => {
    const storage = new MemoryStorage()
    const dataset = await writeDataset(storage, bigTypes, bigBatches(bigRows))
    for (const { chunks } of dataset.table.columns) await storage.delete(blobKey(chunks[1]?.blob as string))
    for await (const batch of dataset.batches()) {
      expect(batch.numRows).toBe(chunkRows)
      break
    }
    const whole = await writeDataset(new MemoryStorage(), bigTypes, bigBatches(bigRows))
    const abort = new AbortController()
    const reading = async (): Promise<void> => {
      for await (const _ of whole.batches({ signal: abort.signal })) abort.abort(new Error('enough'))
    }
    await expect(reading()).rejects.toThrow('enough')
  })

  it('gives a table with one dictionary a column, and the first rows as objects', async () => {
    const dataset = await writeDataset(new MemoryStorage(), bigTypes, bigBatches(bigRows))
    const table = await dataset.toTable({ columns: ['text' as never] })
    expect(table.numRows).toBe(bigRows)
    expect(table.batches).toHaveLength(1)
    expect(table.getChild('text' as never)?.get(70_001)).toBe(`t${70_001 % 300}`)
    expect(await dataset.head(2)).toEqual([
      { number: 0, text: null, time: new Date(0) },
      { number: 1, text: 't1', time: new Date(1000) },
    ])
  })

  it('opens in another process by the digest of its manifest', async () => {
    const storage = new MemoryStorage()
    const dataset = await writeDataset(storage, bigTypes, bigBatches(bigRows))
    const view = await selectRows(
      dataset,
      Uint8Array.from({ length: bigRows }, (_, row) => (row % 3 === 0 ? 1 : 0)),
    )
    for (const one of [dataset, view]) {
      const opened = await openDataset(storage, one.manifestDigest)
      expect([opened.digest, opened.rowCount, opened.columns]).toEqual([one.digest, one.rowCount, one.columns])
      expect(await collect(opened.batches(), 'number')).toEqual(await collect(one.batches(), 'number'))
    }
    expect(await codeOf(openDataset(storage, dataset.table.columns[0]?.chunks[0]?.blob as string))).toBe('STORAGE_CORRUPT')
    expect(await codeOf(openDataset(storage, 'f'.repeat(64)))).toBe('STORAGE_NOT_FOUND')
  })
})

describe('views', () => {
  it('have the rows of a copy, and views of views have those of the copy of a copy', async () => {
    const flags = fc.array(fc.boolean(), { minLength: 60, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(
        tables,
        flags,
        flags,
        fc.nat(60),
        fc.nat(60),
        fc.integer({ min: 1, max: 9 }),
        async (table, chosen, again, from, to, batchRows) => {
          const dataset = await write(table)
          const first = await selectRows(dataset, Uint8Array.from(chosen.slice(0, table.rowCount), Number))
          const second = await selectRows(first, Uint8Array.from(again.slice(0, first.rowCount), Number))
          const start = Math.min(from, to, first.rowCount)
          const end = Math.min(Math.max(from, to), first.rowCount)
          const third = await sliceDataset(first, start, end)
          for (const { name } of table.columns) {
            const copy = (table.cells[name] ?? []).filter((_, row) => chosen[row])
            expect(clean(await collect(first.batches(), name))).toEqual(clean(copy))
            expect(clean(await collect(second.batches({ batchRows }), name))).toEqual(clean(copy.filter((_, row) => again[row])))
            expect(clean(await collect(third.batches({ batchRows }), name))).toEqual(clean(copy.slice(start, end)))
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('store nothing but which rows they have', async () => {
    const storage = new MemoryStorage()
    const dataset = await writeDataset(storage, bigTypes, bigBatches(bigRows))
    const keys = async (): Promise<number> => {
      let count = 0
      for await (const _ of storage.list('')) count++
      return count
    }
    const before = await keys()
    await sliceDataset(dataset, 10, 140_000)
    expect(await keys()).toBe(before + 1)
    await selectRows(
      dataset,
      Uint8Array.from({ length: bigRows }, (_, row) => row & 1),
    )
    expect(await keys()).toBe(before + 3)
  })

  it('have equal digests for equal rows of equal data, however they were chosen', async () => {
    const dataset = await writeDataset(new MemoryStorage(), bigTypes, bigBatches(bigRows))
    const sliced = await sliceDataset(dataset, 1000, 2000)
    expect((await selectRows(dataset, new Uint8Array(bigRows).fill(1, 1000, 2000))).digest).toBe(sliced.digest)
    expect((await sliceDataset(await sliceDataset(dataset, 500, 3000), 500, 1500)).digest).toBe(sliced.digest)
    expect((await sliceDataset(dataset, 1000, 2001)).digest).not.toBe(sliced.digest)
    expect((await sliceDataset(dataset, 0, bigRows)).digest).toBe(dataset.digest)
  })

  it('read across chunks, with and without a batch size', async () => {
    const dataset = await writeDataset(new MemoryStorage(), bigTypes, bigBatches(bigRows))
    const view = await sliceDataset(dataset, 65_000, 132_000)
    const expected = Array.from({ length: 67_000 }, (_, row) => 65_000 + row)
    expect(await collect(view.batches(), 'number')).toEqual(expected)
    expect(await collect(view.batches({ batchRows: 65_536 }), 'number')).toEqual(expected)
    expect((await view.head(1))[0]).toEqual({ number: 65_000, text: `t${65_000 % 300}`, time: new Date(65_000_000) })
  })

  it('refuse rows that are not there', async () => {
    const dataset = await writeDataset(new MemoryStorage(), bigTypes, [bigBatch(0, 10)])
    expect(await codeOf(sliceDataset(dataset, 0, 11))).toBe('ARGUMENT_INVALID')
    expect(await codeOf(sliceDataset(dataset, 5, 4))).toBe('ARGUMENT_INVALID')
    expect(await codeOf(selectRows(dataset, new Uint8Array(9)))).toBe('ARGUMENT_INVALID')
    expect(await codeOf(sliceDataset({ rowCount: 1 } as Dataset, 0, 1))).toBe('ARGUMENT_INVALID')
  })
})

describe('withColumn', () => {
  const added = (rows: readonly number[]): ReturnType<typeof batchOf> =>
    batchOf({
      late: columnFrom(
        'boolean',
        rows.map((row) => row % 2 === 0),
      ),
    })

  it('shares the chunks of all other columns', async () => {
    const dataset = await writeDataset(new MemoryStorage(), bigTypes, [bigBatch(0, 10)])
    const derived = await withColumn(dataset, { name: 'late', kind: 'boolean', nullable: false }, [
      added([0, 1, 2, 3]),
      added([4, 5, 6, 7, 8, 9]),
    ])
    expect(derived.table.columns.slice(0, 3)).toEqual(dataset.table.columns)
    expect(await collect(derived.batches(), 'late')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((row) => row % 2 === 0))
    const replaced = await withColumn(derived, { name: 'number', kind: 'boolean', nullable: false }, [
      batchOf({
        number: columnFrom(
          'boolean',
          Array.from({ length: 10 }, () => true),
        ),
      }),
    ])
    expect(replaced.columns.map(({ name }) => name)).toEqual(['text', 'time', 'late', 'number'])
    expect(await collect(replaced.batches(), 'number')).toEqual(Array.from({ length: 10 }, () => true))
  })

  it('goes with the rows of a view', async () => {
    const dataset = await writeDataset(new MemoryStorage(), bigTypes, [bigBatch(0, 10)])
    const view = await selectRows(dataset, Uint8Array.of(0, 1, 0, 1, 0, 1, 0, 1, 0, 1))
    const derived = await withColumn(view, { name: 'late', kind: 'boolean', nullable: false }, [added([1, 2, 3, 4, 5])])
    expect(await derived.head(2)).toEqual([
      { number: 1, text: 't1', time: new Date(1000), late: false },
      { number: 3, text: 't3', time: new Date(3000), late: true },
    ])
  })

  it('refuses more or fewer rows', async () => {
    const dataset = await writeDataset(new MemoryStorage(), bigTypes, [bigBatch(0, 10)])
    expect(await codeOf(withColumn(dataset, { name: 'late', kind: 'boolean', nullable: false }, [added([1, 2])]))).toBe('SCHEMA_MISMATCH')
  })
})

describe('datasetPortable', () => {
  it('stores a dataset by its manifest, names its blobs and gives it back', async () => {
    const storage = new MemoryStorage()
    const dataset = await writeDataset(storage, bigTypes, bigBatches(bigRows))
    const view = await selectRows(
      dataset,
      Uint8Array.from({ length: bigRows }, (_, row) => row & 1),
    )
    expect(datasetPortable.matches(view)).toBe(true)
    expect(datasetPortable.matches({ digest: 'x' })).toBe(false)
    const { stored, digest } = await datasetPortable.encode(view, { storage })
    expect(digest).toBe(view.digest)
    const blobs = await datasetPortable.blobs(stored, { storage })
    expect(new Set(blobs).size).toBe(blobs.length)
    const copy = new MemoryStorage()
    for (const blob of blobs) await copy.put(blobKey(blob), await getBlob(storage, blob))
    const again = await datasetPortable.decode(stored, { storage: copy })
    expect(again.digest).toBe(view.digest)
    expect(await collect(again.batches(), 'text')).toEqual(await collect(view.batches(), 'text'))
  })

  it('copies a dataset of another storage, and writes one of another kind', async () => {
    const dataset = await writeDataset(new MemoryStorage(), bigTypes, bigBatches(bigRows))
    const view = await sliceDataset(dataset, 5, 70_000)
    const storage = new MemoryStorage()
    const { stored, digest } = await datasetPortable.encode(view, { storage })
    expect(digest).toBe(view.digest)
    expect((await datasetPortable.decode(stored, { storage })).rowCount).toBe(69_995)
    const foreign: Dataset = {
      digest: 'theirs',
      rowCount: 10,
      columns: bigTypes,
      batches: () =>
        (async function* () {
          yield bigBatch(0, 10)
        })(),
      toTable: () => Promise.reject(new Error('unused')),
      head: () => Promise.reject(new Error('unused')),
    }
    const written = await datasetPortable.encode(foreign, { storage })
    expect((await datasetPortable.decode(written.stored, { storage })).digest).toBe(written.digest)
    expect(cellsOf(bigBatch(0, 10), 'text')).toEqual(
      await collect((await datasetPortable.decode(written.stored, { storage })).batches(), 'text'),
    )
  })
})
