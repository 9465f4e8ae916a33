import type { StorageAdapter, StoredEntry } from '../storage/adapter.ts'
import { expectCode, expectSame } from './conformance.ts'
import type { StorageCase, StorageConformanceOptions } from './storage-case.ts'
import { bytesOf, collect } from './storage-conformance-tools.ts'

/** What becomes of one object: read, replaced, deleted, kept. */
export function objectCases(options: StorageConformanceOptions): readonly StorageCase[] {
  const { reopen } = options
  return [
    {
      name: 'reads back what was put, and nothing where nothing was',
      async run(storage) {
        expectSame('an absent key', await storage.get('a/b'), undefined)
        await storage.put('a/b', bytesOf('one'))
        expectSame('the object', (await storage.get('a/b'))?.bytes, bytesOf('one'))
        expectSame('its size', (await storage.get('a/b'))?.sizeBytes, 3)
        await storage.putIfAbsent('a/empty', new Uint8Array(0))
        expectSame('an empty object', (await storage.get('a/empty'))?.bytes, new Uint8Array(0))
      },
    },
    {
      name: 'replaces by put, with longer and shorter values',
      async run(storage) {
        for (const value of ['one', 'a longer one', '2', '']) {
          await storage.put('key', bytesOf(value))
          expectSame('the object', (await storage.get('key'))?.bytes, bytesOf(value))
        }
      },
    },
    {
      name: 'copies bytes in and out',
      async run(storage) {
        const given = bytesOf('given')
        await storage.put('put', given)
        await storage.putIfAbsent('created', given)
        given.fill(0)
        for (const key of ['put', 'created']) {
          const read = await storage.get(key)
          expectSame(`"${key}" after the writer changed its bytes`, read?.bytes, bytesOf('given'))
          read?.bytes.fill(0)
          expectSame(`"${key}" after a reader changed its bytes`, (await storage.get(key))?.bytes, bytesOf('given'))
        }
        const part = bytesOf('a part of a buffer').subarray(2, 6)
        await storage.put('part', part)
        expectSame('a view of a larger buffer', (await storage.get('part'))?.bytes, bytesOf('part'))
      },
    },
    {
      name: 'reads ranges, cut to the object',
      async run(storage) {
        await storage.put('key', bytesOf('0123456789'))
        const ranges = [
          [0, 4],
          [3, 7],
          [8, 10],
          [8, 99],
          [10, 12],
          [50, 60],
          [4, 4],
          [0, Number.POSITIVE_INFINITY],
        ] as const
        for (const [start, end] of ranges) {
          const read = await storage.get('key', { range: { start, end } })
          expectSame(`the range ${start} to ${end}`, read?.bytes, bytesOf('0123456789'.slice(start, end)))
          expectSame('the size of the whole object', read?.sizeBytes, 10)
        }
        expectSame('a range of an absent object', await storage.get('absent', { range: { start: 0, end: 1 } }), undefined)
        for (const [start, end] of [
          [-1, 2],
          [3, 2],
          [0.5, 2],
          [Number.NaN, 2],
        ] as const) {
          await expectCode(`the range ${start} to ${end}`, () => storage.get('key', { range: { start, end } }), 'ARGUMENT_INVALID')
        }
      },
    },
    {
      name: 'deletes, again and again without a fault, and makes room for a new object',
      async run(storage) {
        await storage.delete('absent/key')
        await storage.putIfAbsent('key', bytesOf('one'))
        await storage.delete('key')
        await storage.delete('key')
        expectSame('a deleted object', await storage.get('key'), undefined)
        expectSame('a deleted entry', await collect(storage.list('')), [])
        await storage.putIfAbsent('key', bytesOf('two'))
        expectSame('the new object', (await storage.get('key'))?.bytes, bytesOf('two'))
      },
    },
    {
      name: 'keeps large values to the last byte',
      async run(storage) {
        const large = new Uint8Array(options.largeBytes ?? 5_000_000)
        for (let index = 0; index < large.length; index++) large[index] = (index * 31 + (index >>> 8)) & 0xff
        await storage.putIfAbsent('large', large)
        expectSame('the object', (await storage.get('large'))?.bytes, large)
        const range = { start: large.length - 1000, end: large.length }
        expectSame('its end', (await storage.get('large', { range }))?.bytes, large.subarray(range.start))
      },
    },
    {
      name: 'keeps what was acknowledged when it is opened anew',
      skip: reopen === undefined ? 'the storage does not outlive its instance' : undefined,
      async run(storage) {
        await storage.putIfAbsent('created/key', bytesOf('created'))
        await storage.put('replaced', bytesOf('old'))
        await storage.put('replaced', bytesOf('new'))
        await storage.put('deleted', bytesOf('deleted'))
        await storage.delete('deleted')
        const again = (await reopen?.(storage)) as StorageAdapter
        const entries: StoredEntry[] = await collect(again.list(''))
        const expected = [
          { key: 'created/key', sizeBytes: 7 },
          { key: 'replaced', sizeBytes: 3 },
        ]
        expectSame('its entries', entries, expected)
        expectSame('the replaced object', (await again.get('replaced'))?.bytes, bytesOf('new'))
        await expectCode('a second create', () => again.putIfAbsent('created/key', bytesOf('other')), 'STORAGE_CONFLICT')
      },
    },
  ]
}
