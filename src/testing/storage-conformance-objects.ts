import { MillraceError } from '../core/error.ts'
import { expectCode, expectSame, expectThat } from './conformance.ts'
import type { StorageCase, StorageConformanceOptions } from './storage-case.ts'
import { bytesOf, entriesOf } from './storage-conformance-tools.ts'

/** What becomes of one object: read, replaced, deleted, kept. */
export function objectCases(options: StorageConformanceOptions): readonly StorageCase[] {
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
      name: 'refuses what is no bytes, and stores nothing of it',
      async run(storage) {
        const noBytes: readonly unknown[] = [
          '5',
          '',
          5,
          null,
          undefined,
          {},
          [1, 2],
          new ArrayBuffer(2),
          new Uint16Array(2),
          new DataView(new ArrayBuffer(2)),
        ]
        await storage.put('kept', bytesOf('kept'))
        for (const wrong of noBytes) {
          const given = Object.prototype.toString.call(wrong)
          await expectCode(`put of ${given}`, () => storage.put('kept', wrong as Uint8Array), 'ARGUMENT_INVALID')
          await expectCode(`putIfAbsent of ${given}`, () => storage.putIfAbsent('new', wrong as Uint8Array), 'ARGUMENT_INVALID')
        }
        expectSame('what is there', await entriesOf(storage, ''), [{ key: 'kept', sizeBytes: 4 }])
      },
    },
    {
      name: 'reads ranges',
      async run(storage) {
        await storage.put('key', bytesOf('0123456789'))
        const ranges = [
          [0, 4],
          [3, 7],
          [8, 10],
          [9, 10],
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
      name: 'cuts a range to the object, and reads nothing past its end',
      async run(storage) {
        await storage.put('key', bytesOf('0123456789'))
        await storage.put('empty', new Uint8Array(0))
        for (const [key, start, end, expected] of [
          ['key', 8, 99, '89'],
          ['key', 8, Number.MAX_SAFE_INTEGER, '89'],
          ['key', 10, 12, ''],
          ['key', 10, 10, ''],
          ['key', 50, 60, ''],
          ['key', Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER, ''],
          ['key', 50, Number.POSITIVE_INFINITY, ''],
          ['empty', 0, 0, ''],
          ['empty', 0, 10, ''],
          ['empty', 5, 10, ''],
        ] as const) {
          const read = await storage.get(key, { range: { start, end } })
          expectSame(`the range ${start} to ${end} of "${key}"`, read?.bytes, bytesOf(expected))
          expectSame('the size of the whole object', read?.sizeBytes, key === 'key' ? 10 : 0)
        }
      },
    },
    {
      name: 'names the key in a fault as it was given',
      async run(storage) {
        await storage.putIfAbsent('folder/key', bytesOf('x'))
        for (const [key, code, work] of [
          ['folder/key', 'STORAGE_CONFLICT', (): Promise<void> => storage.putIfAbsent('folder/key', bytesOf('y'))],
          ['folder/key/below', 'STORAGE_INVALID_KEY', (): Promise<void> => storage.put('folder/key/below', bytesOf('y'))],
          ['folder/', 'STORAGE_INVALID_KEY', (): Promise<unknown> => storage.get('folder/')],
        ] as const) {
          const error = await work().catch((caught: unknown) => caught)
          expectThat(`the fault of "${key}"`, MillraceError.is(error, code), code, String(error))
          if (MillraceError.is(error, code)) expectSame(`the key in the fault of "${key}"`, error.details.key, key)
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
        expectSame('a deleted entry', await entriesOf(storage, ''), [])
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
        const middle = Math.floor(large.length / 2)
        for (const [start, end] of [
          [large.length - 1000, large.length],
          [middle, middle + 70_000],
          [0, 65_537],
        ] as const) {
          const part = await storage.get('large', { range: { start, end } })
          expectSame(`its bytes ${start} to ${end}`, part?.bytes, large.subarray(start, end))
          expectSame('its size', part?.sizeBytes, large.length)
        }
        await storage.put('large', bytesOf('small'))
        expectSame('a small one in its place', (await storage.get('large'))?.bytes, bytesOf('small'))
        await storage.put('large', large)
        expectSame('a large one again', (await storage.get('large'))?.bytes, large)
      },
    },
  ]
}
