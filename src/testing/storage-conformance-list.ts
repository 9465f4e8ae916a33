import type { StorageAdapter } from '../storage/adapter.ts'
import { expectCode, expectSame } from './conformance.ts'
import type { StorageCase } from './storage-case.ts'
import { bytesOf, entriesOf, keysOf } from './storage-conformance-tools.ts'

/** In byte order, in which `-` and `.` come before `/`, and that before digits and letters. */
const sorted = ['a-b', 'a.b', 'a/x', 'a/x-y', 'a/z/1', 'a/z/2', 'a/z0', 'a0', 'ab/c', 'b'] as const

async function fill(storage: StorageAdapter): Promise<void> {
  for (const key of [...sorted].reverse()) await storage.put(key, bytesOf(key))
}

/** What `list` yields, and in which order. */
export const listCases: readonly StorageCase[] = [
  {
    name: 'lists all keys in byte order with their sizes',
    async run(storage) {
      expectSame('an empty store', await entriesOf(storage, ''), [])
      await fill(storage)
      const expected = sorted.map((key) => ({ key, sizeBytes: key.length }))
      expectSame('the entries', await entriesOf(storage, ''), expected)
    },
  },
  {
    name: 'lists below a prefix of whole segments only',
    async run(storage) {
      await fill(storage)
      expectSame('below "a"', await keysOf(storage, 'a'), ['a/x', 'a/x-y', 'a/z/1', 'a/z/2', 'a/z0'])
      expectSame('below "a/z"', await keysOf(storage, 'a/z'), ['a/z/1', 'a/z/2'])
      expectSame('below an object', await keysOf(storage, 'b'), [])
      expectSame('below nothing', await keysOf(storage, 'absent/folder'), [])
      await expectCode('a prefix that ends with a slash', () => keysOf(storage, 'a/'), 'STORAGE_INVALID_KEY')
    },
  },
  {
    name: 'lists on after a key, whether it is there or not, and no more than the limit',
    async run(storage) {
      await fill(storage)
      for (const after of [...sorted, 'a', 'a/y', 'a/z', 'a/z/15', 'aa', 'z', '0']) {
        const expected = sorted.filter((key) => key > after)
        expectSame(`after "${after}"`, await keysOf(storage, '', { after }), expected)
        expectSame(`two after "${after}"`, await keysOf(storage, '', { after, limit: 2 }), expected.slice(0, 2))
      }
      expectSame('below "a" after "a/z/1"', await keysOf(storage, 'a', { after: 'a/z/1' }), ['a/z/2', 'a/z0'])
      expectSame('below "a" after "b"', await keysOf(storage, 'a', { after: 'b' }), [])
      expectSame('below "a/z" after "a"', await keysOf(storage, 'a/z', { after: 'a' }), ['a/z/1', 'a/z/2'])
      expectSame('none', await keysOf(storage, '', { limit: 0 }), [])
      await expectCode('a negative limit', () => keysOf(storage, '', { limit: -1 }), 'ARGUMENT_INVALID')
    },
  },
  {
    name: 'may be changed while it is listed',
    async run(storage) {
      await fill(storage)
      const seen: string[] = []
      for await (const { key } of storage.list('')) {
        seen.push(key)
        await storage.delete(key)
      }
      expectSame('what was listed', seen, sorted)
      expectSame('what is left', await keysOf(storage, ''), [])
    },
  },
]
