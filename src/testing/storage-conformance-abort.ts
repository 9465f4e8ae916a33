import { expectReason, expectSame, expectThat } from './conformance.ts'
import type { StorageCase } from './storage-case.ts'
import { bytesOf, collect, entriesOf } from './storage-conformance-tools.ts'

/** What an aborted call does. */
export const abortCases: readonly StorageCase[] = [
  {
    name: "rejects with the signal's reason when it has aborted, and changes nothing",
    async run(storage) {
      await storage.put('there', bytesOf('old'))
      const reason = new Error('stopped')
      const signal = AbortSignal.abort(reason)
      await expectReason('get', () => storage.get('there', { signal }), reason)
      await expectReason('put', () => storage.put('there', bytesOf('new'), { signal }), reason)
      await expectReason('putIfAbsent', () => storage.putIfAbsent('new', bytesOf('new'), { signal }), reason)
      await expectReason('delete', () => storage.delete('there', { signal }), reason)
      await expectReason('list', () => collect(storage.list('', { signal })), reason)
      expectSame('the entries', await entriesOf(storage, ''), [{ key: 'there', sizeBytes: 3 }])
      expectSame('the object', (await storage.get('there'))?.bytes, bytesOf('old'))
    },
  },
  {
    name: 'stops a list that is aborted under way',
    async run(storage) {
      for (const key of ['a', 'b', 'c']) await storage.put(key, bytesOf(key))
      const stop = new AbortController()
      const reason = new Error('stopped')
      const seen: string[] = []
      const work = async (): Promise<void> => {
        for await (const { key } of storage.list('', { signal: stop.signal })) {
          seen.push(key)
          stop.abort(reason)
        }
      }
      await expectReason('the list', work, reason)
      expectSame('what was listed', seen, ['a'])
    },
  },
  {
    name: 'settles a call that is aborted under way, with the old object or the new one, whole',
    async run(storage) {
      const [old, fresh] = [new Uint8Array(100_000).fill(1), new Uint8Array(150_000).fill(2)]
      const reason = new Error('stopped')
      for (const delay of moments) {
        await storage.put('there', old)
        await storage.delete('new')
        const stop = new AbortController()
        const { signal } = stop
        const calls = Promise.allSettled([
          storage.get('there', { signal }),
          storage.put('there', fresh, { signal }),
          storage.putIfAbsent('new', fresh, { signal }),
          storage.delete('absent', { signal }),
          collect(storage.list('', { signal })),
        ])
        await delay()
        stop.abort(reason)
        for (const outcome of await calls) {
          const settled = outcome.status === 'fulfilled' || outcome.reason === reason
          expectThat('an aborted call', settled, "success or the signal's reason", String(outcome.status === 'rejected' && outcome.reason))
        }
        const [, put, created] = await calls
        const there = (await storage.get('there'))?.bytes
        const isWhole = there !== undefined && [old, fresh].some((one) => one.length === there.length && one[0] === there[0])
        expectThat('the object', isWhole && there.every((byte) => byte === there[0]), 'the old or the new one', `${there?.length} bytes`)
        if (put.status === 'fulfilled') expectSame('an object whose write was acknowledged', there, fresh)
        const made = (await storage.get('new'))?.bytes
        if (made !== undefined) expectSame('a created object', made, fresh)
        expectThat('an acknowledged create', created.status === 'rejected' || made !== undefined, 'its object', 'nothing')
      }
    },
  },
  {
    name: 'can be left in the middle of a list, and is none the worse for it',
    async run(storage) {
      for (const key of ['a', 'b', 'c']) await storage.put(key, bytesOf(key))
      for (let turn = 0; turn < 20; turn++) {
        for await (const { key } of storage.list('')) {
          expectSame('the first key', key, 'a')
          break
        }
      }
      expectSame('the entries', (await collect(storage.list(''))).length, 3)
    },
  },
]

/** When an abort comes: at once, and after a few turns of the event loop. */
const moments: readonly (() => Promise<void>)[] = [
  async () => {},
  () => Promise.resolve().then(() => {}),
  () => new Promise((resolve) => setTimeout(resolve, 0)),
  () => new Promise((resolve) => setTimeout(resolve, 2)),
  () => new Promise((resolve) => setTimeout(resolve, 10)),
]
