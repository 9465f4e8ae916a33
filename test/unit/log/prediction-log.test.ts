import { Dictionary, Int32, Table, tableFromArrays, tableFromIPC, tableToIPC, Utf8, vectorFromArray } from 'apache-arrow'
import { makeData } from 'apache-arrow/data'
import { RecordBatch } from 'apache-arrow/recordbatch'
import { Field, Schema } from 'apache-arrow/schema'
import { Struct, type TypeMap } from 'apache-arrow/type'
import { describe, expect, test } from 'vitest'
import { createRandom } from '../../../src/core/random.ts'
import { batchOf } from '../../../src/data/build-batch.ts'
import { columnOf } from '../../../src/data/read-column.ts'
import { decodePredictionRecord, encodePredictionRecord } from '../../../src/log/prediction-record.ts'
import type { PredictionLogIssue } from '../../../src/log/read-prediction-log.ts'
import { readPredictionLog } from '../../../src/log/read-prediction-log.ts'
import { openPredictionLog } from '../../../src/log/segment-prediction-log.ts'
import type { SegmentStore } from '../../../src/storage/adapter.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { openSegmentLog } from '../../../src/storage/segment-log.ts'

type Kind = 'prediction' | 'outcome' | 'action'

function textColumn(values: readonly (string | null)[]) {
  const dictionary = [...new Set(values.filter((value) => value !== null))]
  const codes = Int32Array.from(values, (value) => (value === null ? -1 : dictionary.indexOf(value)))
  const nulls = Uint8Array.from(values, (value) => (value === null ? 1 : 0))
  const base = { kind: 'text', length: values.length, codes, dictionary } as const
  return nulls.includes(1) ? { ...base, nulls } : base
}

function predictions(ids: readonly string[], origins: readonly (string | null)[], scores: readonly number[]): RecordBatch {
  return batchOf({
    id: textColumn(ids),
    score: { kind: 'number', length: ids.length, values: Float64Array.from(scores) },
    'input.origin': textColumn(origins),
  })
}

function rowsOf(batch: RecordBatch): unknown[] {
  return batch.toArray().map((row) => (row as { toJSON(): unknown }).toJSON())
}

async function readAll(
  storage: MemoryStorage,
  options: { kinds?: readonly Kind[]; onIssue?: (issue: PredictionLogIssue) => void; prefix?: string } = {},
) {
  const found: { kind: Kind; rows: unknown[] }[] = []
  for await (const { kind, batch } of readPredictionLog(storage, options)) found.push({ kind, rows: rowsOf(batch) })
  return found
}

async function segmentKeys(storage: MemoryStorage): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list('predictions')) keys.push(key)
  return keys
}

describe('a prediction log', () => {
  test('gives back what was appended, in order, with its kind; each batch with a dictionary of its own', async () => {
    const storage = new MemoryStorage()
    const log = await openPredictionLog({ storage })
    const first = predictions(['a', 'b'], ['SEA', 'SFO'], [0.1, 0.9])
    const second = predictions(['c'], ['JFK'], [0.5])
    const third = predictions(['d', 'e', 'f'], [null, 'SEA', 'LAX'], [0, 1, 0.25])
    await log.append('prediction', first)
    await log.append('outcome', batchOf({ id: textColumn(['a']), label: { kind: 'number', length: 1, values: Float64Array.of(1) } }))
    await log.append('prediction', second)
    await log.append('prediction', third)
    await log.append('action', batchOf({ id: textColumn(['b']), action: textColumn(['rebooked']) }))
    await log.close()
    const found = await readAll(storage)
    expect(found.map(({ kind }) => kind)).toEqual(['prediction', 'outcome', 'prediction', 'prediction', 'action'])
    expect(found.map(({ rows }) => rows)).toEqual([
      rowsOf(first),
      [{ id: 'a', label: 1 }],
      [{ id: 'c', score: 0.5, 'input.origin': 'JFK' }],
      rowsOf(third),
      [{ id: 'b', action: 'rebooked' }],
    ])
    expect(found[3]?.rows[0]).toMatchObject({ 'input.origin': null })
  })

  test('gives only the kinds that are asked for', async () => {
    const storage = new MemoryStorage()
    const log = await openPredictionLog({ storage })
    await log.append('prediction', predictions(['a'], ['SEA'], [0.1]))
    await log.append('action', batchOf({ id: textColumn(['a']), action: textColumn(['called']) }))
    await log.close()
    expect((await readAll(storage, { kinds: ['action', 'outcome'] })).map(({ kind }) => kind)).toEqual(['action'])
  })

  test('can be read while it is written, and by prefix', async () => {
    const storage = new MemoryStorage()
    const log = await openPredictionLog({ storage, prefix: 'predictions/churn' })
    await log.append('prediction', predictions(['a'], ['SEA'], [0.1]))
    await log.flush()
    expect(await readAll(storage, { prefix: 'predictions/churn' })).toHaveLength(1)
    expect(await readAll(storage, { prefix: 'predictions/other' })).toHaveLength(0)
    await log.close()
  })

  test('keeps the columns of a host with any Arrow types', async () => {
    const storage = new MemoryStorage()
    const log = await openPredictionLog({ storage })
    const table = tableFromArrays({ id: ['x', 'y'], version: Int32Array.of(3, 3), flag: [true, false], wide: new BigInt64Array([1n, 2n]) })
    await log.append('prediction', table.batches[0] ?? expect.unreachable())
    await log.close()
    expect((await readAll(storage))[0]?.rows).toEqual(table.toArray().map((row) => row.toJSON()))
  })

  test('tells two text columns apart that a host made with one Arrow type, and so with one dictionary id', async () => {
    const type = new Dictionary(new Utf8(), new Int32())
    const columns = [vectorFromArray(['SEA', 'SFO'], type), vectorFromArray(['late', 'early'], type)]
    const fields = columns.map((column, index) => new Field(`column-${index}`, column.type))
    const children = columns.map((column) => column.data[0] ?? expect.unreachable())
    const batch = new RecordBatch(
      new Schema<TypeMap>(fields),
      makeData({ type: new Struct<TypeMap>(fields), length: 2, nullCount: 0, children }),
    )
    const { batch: found } = decodePredictionRecord(encodePredictionRecord('prediction', batch))
    expect(rowsOf(found)).toEqual([
      { 'column-0': 'SEA', 'column-1': 'late' },
      { 'column-0': 'SFO', 'column-1': 'early' },
    ])
  })

  test('takes a wide batch of 100,000 rows, nulls and all, in well under a second', async () => {
    const rows = 100_000
    const random = createRandom(1)
    const numbers = Float64Array.from({ length: rows }, () => random.next())
    const nulls = Uint8Array.from({ length: rows }, () => random.int(2))
    const flags = Uint8Array.from({ length: rows }, () => random.int(2))
    const codes = Int32Array.from({ length: rows }, (_, row) => (nulls[row] === 1 ? -1 : random.int(300)))
    const dictionary = Array.from({ length: 300 }, (_, index) => `airport-${index}`)
    const columns: Record<string, Parameters<typeof batchOf>[0][string]> = {}
    for (let column = 0; column < 20; column++) columns[`number-${column}`] = { kind: 'number', length: rows, values: numbers, nulls }
    columns.flag = { kind: 'boolean', length: rows, values: flags, nulls }
    columns.text = { kind: 'text', length: rows, codes, dictionary, nulls }
    columns.time = { kind: 'time', length: rows, values: Float64Array.from({ length: rows }, (_, row) => row * 1000) }
    const batch = batchOf(columns)
    const storage = new MemoryStorage()
    const log = await openPredictionLog({ storage, queue: { policy: 'block' } })
    await log.append('prediction', batch)
    await log.close()
    let row = 0
    for await (const { batch: part } of readPredictionLog(storage)) {
      const [number, flag, text, time] = ['number-19', 'flag', 'text', 'time'].map((name) => columnOf(part, name))
      for (let index = 0; index < part.numRows; index++, row++) {
        const isNull = nulls[row] === 1
        const bad =
          number?.nulls?.[index] !== nulls[row] ||
          (!isNull && (number as { values: Float64Array }).values[index] !== numbers[row]) ||
          (!isNull && (flag as { values: Uint8Array }).values[index] !== flags[row]) ||
          (!isNull && text?.kind === 'text' && text.dictionary[text.codes[index] as number] !== dictionary[codes[row] as number]) ||
          (time as { values: Float64Array }).values[index] !== row * 1000
        if (bad) expect.unreachable(`row ${row} differs`)
      }
    }
    expect(row).toBe(rows)
  })

  test('may be given a batch whose memory is reused at once', async () => {
    const storage = new MemoryStorage()
    const log = await openPredictionLog({ storage })
    const values = Float64Array.of(1, 2, 3)
    const appended = log.append('outcome', batchOf({ label: { kind: 'number', length: 3, values } }))
    values.fill(99)
    await appended
    await log.close()
    expect((await readAll(storage))[0]?.rows).toEqual([{ label: 1 }, { label: 2 }, { label: 3 }])
  })

  test('makes nothing of an empty batch', async () => {
    const storage = new MemoryStorage()
    const log = await openPredictionLog({ storage })
    await log.append('outcome', batchOf({ label: { kind: 'number', length: 0, values: new Float64Array(0) } }))
    await log.close()
    expect(await readAll(storage)).toEqual([])
  })
})

describe('a disk that stalls', () => {
  /** Appends wait until the gate opens. */
  function stalled(storage: MemoryStorage): { store: SegmentStore; open: () => void } {
    let open: () => void = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const store: SegmentStore = {
      async createSegment(key, options) {
        const writer = await storage.createSegment(key, options)
        return {
          key,
          get sizeBytes() {
            return writer.sizeBytes
          },
          append: async (bytes) => {
            await gate
            await writer.append(bytes)
          },
          sync: () => writer.sync(),
          seal: () => writer.seal(),
        }
      },
    }
    return { store, open }
  }

  test('does not hold up serving: what finds no room is dropped, counted, and told of in the log', async () => {
    const storage = new MemoryStorage()
    const { store, open } = stalled(storage)
    const log = await openPredictionLog({ storage: store, queue: { maxBytes: 20_000 } })
    const events: string[] = []
    log.on((event) => events.push(event.type))
    const ids = Array.from({ length: 100 }, (_, index) => `id-${index}`)
    const batch = predictions(
      ids,
      ids.map(() => 'SEA'),
      ids.map(() => 0.5),
    )
    for (let index = 0; index < 50; index++) await log.append('prediction', batch)
    expect(log.dropped.records).toBeGreaterThan(0)
    expect(events).toContain('records-dropped')
    open()
    await log.close()
    const issues: PredictionLogIssue[] = []
    const found = await readAll(storage, { onIssue: (issue) => issues.push(issue) })
    expect(found.length + log.dropped.records).toBe(50)
    expect(issues.flatMap((issue) => (issue.type === 'gap' ? [issue.records] : [])).reduce((sum, records) => sum + records, 0)).toBe(
      log.dropped.records,
    )
  })

  test('holds up a log that must not drop', async () => {
    const storage = new MemoryStorage()
    const { store, open } = stalled(storage)
    const log = await openPredictionLog({ storage: store, queue: { maxBytes: 2_000, policy: 'block' } })
    const appends = Array.from({ length: 20 }, (_, index) => log.append('prediction', predictions([`id-${index}`], ['SEA'], [index])))
    let settled = false
    const all = Promise.all(appends).then(() => {
      settled = true
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(settled).toBe(false)
    open()
    await all
    await log.close()
    expect(await readAll(storage)).toHaveLength(20)
  })
})

describe('damage', () => {
  async function written(): Promise<{ storage: MemoryStorage; key: string; bytes: Uint8Array }> {
    const storage = new MemoryStorage()
    const log = await openPredictionLog({ storage })
    for (let index = 0; index < 3; index++) {
      await log.append('prediction', predictions([`id-${index}`], ['SEA'], [index]))
      await log.flush()
    }
    const [key = ''] = await segmentKeys(storage)
    // As a killed process leaves it: no footer.
    const { bytes } = (await storage.get(key)) ?? expect.unreachable()
    return { storage, key, bytes }
  }

  test('at the end of a segment is a torn tail: whole records are kept and the tail is reported', async () => {
    const { storage, key, bytes } = await written()
    const counts = new Set<number>()
    for (let length = bytes.length; length >= 0; length -= 7) {
      await storage.put(key, bytes.slice(0, length))
      const issues: PredictionLogIssue[] = []
      const found = await readAll(storage, { onIssue: (issue) => issues.push(issue) })
      expect(found.map(({ rows }) => (rows[0] as { id: string }).id)).toEqual(['id-0', 'id-1', 'id-2'].slice(0, found.length))
      if (length < bytes.length) expect(issues.every(({ type }) => type === 'torn' || type === 'unsealed')).toBe(true)
      counts.add(found.length)
    }
    expect([...counts]).toEqual([3, 2, 1, 0])
  })

  test('in the middle is reported with its place, and the records behind it are read', async () => {
    const { storage, key, bytes } = await written()
    const middle = Math.floor(bytes.length / 2)
    bytes[middle] = (bytes[middle] as number) ^ 0x10
    await storage.put(key, bytes)
    const issues: PredictionLogIssue[] = []
    const found = await readAll(storage, { onIssue: (issue) => issues.push(issue) })
    expect(found.map(({ rows }) => (rows[0] as { id: string }).id)).toEqual(['id-0', 'id-2'])
    expect(issues.find(({ type }) => type === 'corrupt')).toMatchObject({ key, error: { code: 'STORAGE_CORRUPT' } })
    await expect(readAll(storage)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
  })

  test('is never read as data: any flipped bit leaves whole records or is reported', async () => {
    const { storage, key, bytes } = await written()
    const intact = await readAll(storage)
    const random = createRandom(3)
    for (let round = 0; round < 300; round++) {
      const flipped = bytes.slice()
      const at = random.int(bytes.length)
      flipped[at] = (flipped[at] as number) ^ (1 << random.int(8))
      await storage.put(key, flipped)
      const found = await readAll(storage, { onIssue: () => {} })
      for (const record of found) expect(intact).toContainEqual(record)
      expect(found.length).toBeGreaterThanOrEqual(1)
    }
  })

  test('of another kind is a record of a newer library: reported, or thrown', async () => {
    const storage = new MemoryStorage()
    const log = await openSegmentLog(storage, 'predictions')
    await log.append(Uint8Array.of(9, 1, 0, 0, 0, 0, 0, 0))
    await log.append(encodePredictionRecord('outcome', batchOf({ label: { kind: 'number', length: 1, values: Float64Array.of(1) } })))
    await log.append(Uint8Array.of(1, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3))
    await log.close()
    await expect(readAll(storage)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED' })
    const issues: PredictionLogIssue[] = []
    expect(await readAll(storage, { onIssue: (issue) => issues.push(issue) })).toMatchObject([{ kind: 'outcome' }])
    expect(issues.map(({ type }) => type)).toContain('unreadable')
  })
})

test('a record holds an Arrow stream that Arrow itself reads', () => {
  const batch = predictions(['a', 'b'], ['SEA', null], [0.1, 0.9])
  const stream = encodePredictionRecord('prediction', batch).subarray(8)
  expect(
    tableFromIPC(stream)
      .toArray()
      .map((row) => row.toJSON()),
  ).toEqual(rowsOf(batch))
  expect(stream.length).toBeLessThan(tableToIPC(new Table([batch])).length * 1.1)
})
