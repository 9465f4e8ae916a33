import fc from 'fast-check'
import type { SegmentIssue, SegmentStore, StorageAdapter } from 'millrace/storage'
import { MemoryStorage, objectSegments, openSegmentLog, prefixed, pruneSegments, readSegments, withRetry } from 'millrace/storage'
import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { FaultySegmentStore } from '../../../src/testing/faulty-storage.ts'
import { LatencySegmentStore } from '../../../src/testing/latency-storage.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

async function keysOf(storage: StorageAdapter, prefix = ''): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list(prefix)) keys.push(key)
  return keys
}

async function readAll(storage: StorageAdapter): Promise<{ records: string[]; issues: SegmentIssue['type'][] }> {
  const [records, issues]: [string[], SegmentIssue['type'][]] = [[], []]
  for await (const payload of readSegments(storage, 'log', { onIssue: ({ type }) => issues.push(type) })) {
    records.push(new TextDecoder().decode(payload))
  }
  return { records, issues }
}

type Change = 'putIfAbsent' | 'put' | 'delete'

/** Plain objects, without a way to append, that fail as they are told: the process dies, or a reply is lost. */
class Objects implements StorageAdapter {
  readonly name = 'objects'
  readonly capabilities = { putIfAbsent: true, multiProcess: true, durability: 'device' } as const
  readonly memory: MemoryStorage
  changes = 0
  onChange: (change: Change, key: string, apply: () => Promise<void>) => Promise<void> = (_change, _key, apply) => apply()
  beforeGet: (key: string) => Promise<void> = async () => {}

  constructor(memory = new MemoryStorage()) {
    this.memory = memory
  }

  async get(...[key, options]: Parameters<StorageAdapter['get']>): ReturnType<StorageAdapter['get']> {
    await this.beforeGet(key)
    return await this.memory.get(key, options)
  }

  putIfAbsent(key: string, bytes: Uint8Array): Promise<void> {
    this.changes++
    return this.onChange('putIfAbsent', key, () => this.memory.putIfAbsent(key, bytes))
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    this.changes++
    return this.onChange('put', key, () => this.memory.put(key, bytes))
  }

  delete(key: string): Promise<void> {
    this.changes++
    return this.onChange('delete', key, () => this.memory.delete(key))
  }

  list(...[prefix, options]: Parameters<StorageAdapter['list']>): ReturnType<StorageAdapter['list']> {
    return this.memory.list(prefix, options)
  }
}

describe('a log over plain objects', () => {
  test('writes a part for each sync, and one object in place of them when it is sealed', async () => {
    const objects = new Objects()
    const log = await openSegmentLog(objectSegments(objects), 'log')
    for (const record of ['one', 'two', 'three']) {
      await log.append(text(record))
      await log.flush()
    }
    const open = await keysOf(objects)
    expect(open).toHaveLength(4)
    expect(open.slice(1).every((key) => key.startsWith(`${open[0]}.parts/`))).toBe(true)
    expect(await keysOf(objectSegments(objects))).toEqual([open[0]])
    // Readers need not know that there are parts.
    expect(await readAll(objects)).toEqual({ records: ['one', 'two', 'three'], issues: ['unsealed'] })
    await log.append(text('four'))
    await log.close()
    expect(await keysOf(objects)).toEqual([open[0]])
    expect(await readAll(objects)).toEqual({ records: ['one', 'two', 'three', 'four'], issues: [] })
    expect((await objects.get(open[0] as string))?.bytes).toEqual((await objectSegments(objects).get(open[0] as string))?.bytes)
  })

  test('syncs as seldom as the store says, and as often as it is told', async () => {
    for (const [fsync, parts] of [
      [undefined, 2],
      [{ ms: 1_000, records: 10_000 }, 10],
    ] as const) {
      const clock = new FakeClock()
      const objects = new Objects(new MemoryStorage({ clock }))
      const log = await openSegmentLog(objectSegments(objects), 'log', { clock, ...(fsync === undefined ? {} : { fsync }) })
      for (let tick = 0; tick < 100; tick++) {
        await log.append(text(`${tick}`))
        await clock.advance(100)
      }
      expect((await keysOf(objects)).filter((key) => key.includes('.parts/'))).toHaveLength(parts)
      await log.close()
      expect((await readAll(objects)).records).toHaveLength(100)
    }
  })

  test.each<[string, (store: StorageAdapter & SegmentStore) => StorageAdapter & SegmentStore]>([
    ['a prefix', (store) => prefixed(store, 'tenants/acme')],
    ['retries', (store) => withRetry(store)],
    ['faults', (store) => new FaultySegmentStore(store, () => undefined)],
    ['latency', (store) => new LatencySegmentStore(store, { meanMs: 0 })],
    ['all of them', (store) => prefixed(withRetry(new LatencySegmentStore(prefixed(store, 'a'), { meanMs: 0 })), 'b')],
  ])('syncs as seldom as the store says, through %s', async (_name, decorate) => {
    const clock = new FakeClock()
    const objects = new Objects(new MemoryStorage({ clock }))
    const log = await openSegmentLog(decorate(objectSegments(objects)), 'log', { clock })
    for (let tick = 0; tick < 100; tick++) {
      await log.append(text(`${tick}`))
      await clock.advance(100)
    }
    expect((await keysOf(objects)).filter((key) => key.includes('.parts/'))).toHaveLength(2)
    await log.close()
  })

  test('keeps no more in memory than the bound, and a part is as large as that', async () => {
    const objects = new Objects()
    const segment = await objectSegments(objects, { maxPartBytes: 1_000, maxCompactedBytes: 5_000 }).createSegment('log/one')
    for (let index = 0; index < 100; index++) await segment.append(new Uint8Array(300).fill(index))
    const sizes: number[] = []
    for await (const { key, sizeBytes } of objects.list('')) if (key.includes('.parts/')) sizes.push(sizeBytes)
    expect(sizes).toHaveLength(33)
    expect(Math.max(...sizes)).toBe(900)
    await segment.seal()
    // Too large to be made one object: it stays in parts, and is read all the same.
    expect(await keysOf(objects)).toHaveLength(35)
    const view = objectSegments(objects)
    const whole = (await view.get('log/one'))?.bytes as Uint8Array
    expect(whole).toHaveLength(30_000)
    await fc.assert(
      fc.asyncProperty(fc.nat(30_100), fc.nat(3_000), async (start, length) => {
        const part = await view.get('log/one', { range: { start, end: start + length } })
        expect(part?.sizeBytes).toBe(30_000)
        expect(Buffer.compare(part?.bytes as Uint8Array, whole.subarray(start, start + length))).toBe(0)
      }),
      { numRuns: 50 },
    )
  })

  test('loses nothing that was synced and reads nothing twice, whatever change its process dies before or after', async () => {
    for (const applied of [false, true]) {
      for (let dieAt = 1; ; dieAt++) {
        const objects = new Objects()
        const death = new MillraceError('STORAGE_UNAVAILABLE', { message: 'dead', details: { storage: 'objects', reason: 'dead' } })
        objects.onChange = async (_change, _key, apply) => {
          if (objects.changes < dieAt) return await apply()
          if (objects.changes === dieAt && applied) await apply()
          throw death
        }
        const log = await openSegmentLog(objectSegments(objects), 'log', { fsync: 'always', rotation: { sizeBytes: 500 } })
        const acknowledged: string[] = []
        for (let index = 0; index < 12; index++) {
          const record = `record ${index} ${'x'.repeat(80)}`
          await log.append(text(record)).then(
            () => acknowledged.push(record),
            () => {},
          )
        }
        await log.close().catch(() => {})
        const isWhole = objects.changes < dieAt
        const { records, issues } = await readAll(new Objects(objects.memory))
        const at = `${applied ? 'after' : 'before'} change ${dieAt}`
        expect(
          acknowledged.filter((record) => !records.includes(record)),
          at,
        ).toEqual([])
        expect(new Set(records).size, at).toBe(records.length)
        expect(issues, at).not.toContain('corrupt')
        if (isWhole) {
          expect(acknowledged).toHaveLength(12)
          break
        }
      }
    }
  })

  test('writes a part again whose reply was lost, and takes it for written when it was', async () => {
    for (const applied of [false, true]) {
      const objects = new Objects()
      let lost = 0
      objects.onChange = async (change, key, apply) => {
        if (change !== 'putIfAbsent' || !key.includes('.parts/') || lost++ % 2 === 1) return await apply()
        if (applied) await apply()
        throw new MillraceError('STORAGE_OUTCOME_UNKNOWN', { message: 'lost', details: { key } })
      }
      const log = await openSegmentLog(objectSegments(objects), 'log', { fsync: 'always' })
      for (let index = 0; index < 10; index++) await log.append(text(`${index}`))
      await log.close()
      expect(await readAll(objects)).toEqual({ records: Array.from({ length: 10 }, (_, index) => `${index}`), issues: [] })
    }
  })

  test('goes on in a new segment after a fault, and tells what was lost', async () => {
    const objects = new Objects()
    const log = await openSegmentLog(objectSegments(objects), 'log', { fsync: 'never' })
    await log.append(text('lost'))
    const fault = new MillraceError('STORAGE_UNAVAILABLE', { message: 'down', details: { storage: 'objects', reason: 'down' } })
    objects.onChange = async () => {
      throw fault
    }
    await expect(log.flush()).rejects.toBe(fault)
    objects.onChange = (_change, _key, apply) => apply()
    await log.append(text('after'))
    await log.close()
    const { records, issues } = await readAll(objects)
    expect(records).toEqual(['after'])
    expect(issues).toContain('gap')
  })

  test('is read while it is sealed: all parts, or the one object', async () => {
    const objects = new Objects()
    const log = await openSegmentLog(objectSegments(objects), 'log')
    for (const record of ['one', 'two', 'three']) {
      await log.append(text(record))
      await log.flush()
    }
    const reader = new Objects(objects.memory)
    let reads = 0
    reader.beforeGet = async () => {
      reads++
      if (reads === 3) await log.close()
    }
    const { records } = await readAll(reader)
    expect(records).toEqual(['one', 'two', 'three'])
  })

  test('is removed with its parts, and a writer that goes on does not bring it back', async () => {
    const clock = new FakeClock()
    const objects = new Objects(new MemoryStorage({ clock }))
    const log = await openSegmentLog(objectSegments(objects), 'log', { clock, rotation: { ageMs: 1e12 } })
    await log.append(text('old'))
    await log.flush()
    await clock.advance(8 * 86_400_000)
    expect((await pruneSegments(objects, 'log', { keepMs: 0 })).removed.segments).toBe(1)
    expect(await keysOf(objects, 'log')).toEqual([])
    await log.append(text('late'))
    await log.close()
    expect(await readAll(objects)).toEqual({ records: [], issues: [] })
  })

  test('leaves no part of a segment that was deleted while its writer was at work', async () => {
    const objects = new Objects()
    const store = objectSegments(objects)
    const segment = await store.createSegment('log/one')
    await segment.append(text('before'))
    await segment.sync()
    await store.delete('log/one')
    await segment.append(text('after'))
    await segment.sync()
    expect(await keysOf(objects)).toEqual([])
    const changes = objects.changes
    await segment.append(text('later'))
    await segment.seal()
    expect(await keysOf(objects)).toEqual([])
    expect(objects.changes).toBe(changes)
  })

  test('leaves no part in the segment that another made at its key meanwhile', async () => {
    const objects = new Objects()
    const store = objectSegments(objects)
    const first = await store.createSegment('log/one')
    await first.append(text('first'))
    await first.sync()
    await store.delete('log/one')
    const second = await store.createSegment('log/one')
    await second.append(text('second'))
    await second.sync()
    const keys = await keysOf(objects)
    await first.append(text('more'))
    await first.seal()
    expect(await keysOf(objects)).toEqual(keys)
    expect((await store.get('log/one'))?.bytes).toEqual(text('second'))
  })

  test('orphans that a dead process left are found by pruning, and parts of open segments are not', async () => {
    const clock = new FakeClock()
    const objects = new Objects(new MemoryStorage({ clock }))
    const open = async (): Promise<string> => {
      const log = await openSegmentLog(objectSegments(objects), 'log', { clock, rotation: { ageMs: 1e12 } })
      const before = new Set(await keysOf(objects))
      for (const record of ['one', 'two']) {
        await log.append(text(record))
        await log.flush()
      }
      return (await keysOf(objects)).find((key) => !before.has(key) && !key.includes('.parts/')) as string
    }
    const [deleted, sealed, atWork] = [await open(), await open(), await open()]
    // A process that died in the middle of deleting, and one that died while it made one object of the parts.
    await objects.memory.delete(deleted)
    await objects.memory.put(sealed, (await objectSegments(objects).get(sealed))?.bytes as Uint8Array)
    const before = await keysOf(objects)
    const would = await pruneSegments(objects, 'log', { keepBytes: 1e9, dryRun: true })
    expect(would).toMatchObject({ dryRun: true, removed: { segments: 0 }, orphans: { parts: 4 } })
    expect(would.orphans.sizeBytes).toBeGreaterThan(0)
    expect(await keysOf(objects)).toEqual(before)
    expect(await pruneSegments(objects, 'log', { keepBytes: 1e9 })).toEqual({ ...would, dryRun: false })
    const left = await keysOf(objects, 'log')
    expect(left.filter((key) => !key.includes('.parts/'))).toEqual([sealed, atWork].sort())
    expect(left.filter((key) => key.includes('.parts/')).every((key) => key.startsWith(atWork))).toBe(true)
    expect((await readAll(objects)).records).toEqual(['one', 'two', 'one', 'two'])
    expect((await pruneSegments(objects, 'log', { keepBytes: 1e9 })).orphans.parts).toBe(0)
  })

  test('a note of a newer library is refused wherever its segment would be read or removed', async () => {
    const objects = new Objects()
    const store = objectSegments(objects)
    const key = 'log/01hzzzzzzzzzzzzzzzzzzzzzzz-00000001'
    const segment = await store.createSegment(key)
    await segment.append(text('bytes'))
    await segment.sync()
    const note = new TextDecoder().decode((await objects.get(key))?.bytes)
    const newer = note.replace('"formatVersion":1,"minReaderVersion":1', '"formatVersion":2,"minReaderVersion":2')
    expect(newer).not.toBe(note)
    await objects.put(key, text(newer))
    const refused = { code: 'FORMAT_UNSUPPORTED', details: { format: 'millrace-segment-parts', formatVersion: 2, supportedVersion: 1 } }
    await expect(store.get(key)).rejects.toMatchObject(refused)
    await expect(keysOf(store)).rejects.toMatchObject(refused)
    await expect(readAll(objects)).rejects.toMatchObject(refused)
    await expect(pruneSegments(objects, 'log', { keepMs: 0 })).rejects.toMatchObject(refused)
    // What a newer library added for older readers too is read.
    await objects.put(key, text(note.replace('"formatVersion":1', '"formatVersion":2,"added":true')))
    expect((await store.get(key))?.bytes).toEqual(text('bytes'))
  })

  test('a segment made anew at the key of a deleted one has none of its parts', async () => {
    const objects = new Objects()
    const store = objectSegments(objects)
    const first = await store.createSegment('log/one')
    await first.append(text('first'))
    await first.sync()
    // As a process leaves it that died in the middle of deleting.
    await objects.delete('log/one')
    expect(await keysOf(store)).toEqual([])
    const second = await store.createSegment('log/one')
    await second.append(text('second'))
    await second.sync()
    expect((await store.get('log/one'))?.bytes).toEqual(text('second'))
  })
})

test('objects that are no segments pass through', async () => {
  const store = objectSegments(new Objects())
  await store.put('notes/a', text('short'))
  await store.put('notes/b', text('x'.repeat(1_000)))
  await store.putIfAbsent('notes/c.parts', text('x'))
  expect(await keysOf(store)).toEqual(['notes/a', 'notes/b', 'notes/c.parts'])
  expect((await store.get('notes/a', { range: { start: 1, end: 3 } }))?.bytes).toEqual(text('ho'))
  const limited: string[] = []
  for await (const { key } of store.list('notes', { after: 'notes/a', limit: 1 })) limited.push(key)
  expect(limited).toEqual(['notes/b'])
  await store.delete('notes/a')
  expect(await store.get('notes/a')).toBeUndefined()
  expect(() => objectSegments(new Objects(), { syncMs: 0 })).toThrow(MillraceError)
})
