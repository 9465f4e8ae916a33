import type { SegmentStore, StorageAdapter, StorageCapabilities } from '../storage/adapter.ts'
import type { ConformanceCase } from './conformance.ts'
import { expectCode, expectReason, expectSame, expectThat, failure } from './conformance.ts'
import type { SubjectCase, SuiteOptions } from './conformance-suite.ts'
import { conformanceSuite } from './conformance-suite.ts'
import { bytesOf, collect, entriesOf } from './storage-conformance-tools.ts'

export interface SegmentStoreConformanceOptions extends SuiteOptions<StorageAdapter & SegmentStore> {
  /** An empty store; called by each case. */
  open(): Promise<StorageAdapter & SegmentStore>
  /** The same store through another instance, while the first may still be in use. */
  reopen?(storage: StorageAdapter & SegmentStore): Promise<StorageAdapter>
  close?(storage: StorageAdapter & SegmentStore): Promise<void>
  /** What the adapter says of itself; it decides which cases apply. Default: as much as the suite can see. */
  readonly capabilities?: Partial<StorageCapabilities>
  /** By name, the cases that this store is known to fail, and why: each passes for as long as it fails. */
  readonly expectedFailures?: Readonly<Record<string, string>>
}

/**
 * What every `SegmentStore` must do, as named cases; see `storageConformance`.
 *
 * @example
 * describe('memory', () => {
 *   for (const { name, run, skip } of segmentStoreConformance({ open: async () => new MemoryStorage() })) it.skipIf(skip !== undefined)(name, run)
 * })
 */
export function segmentStoreConformance(options: SegmentStoreConformanceOptions): readonly ConformanceCase[] {
  const { reopen, capabilities } = options
  const notKept = capabilities?.durability === 'none' ? 'the storage says that it keeps nothing' : undefined
  const oneInstance = capabilities?.multiProcess === false ? 'the storage says that no other process may use it' : undefined
  const noReopen = reopen === undefined ? 'the storage does not outlive its instance' : undefined
  const cases: readonly SubjectCase<StorageAdapter & SegmentStore>[] = [
    {
      name: 'appends in order, and the object is all that was appended',
      async run(storage) {
        const segment = await storage.createSegment('logs/one')
        expectSame('its key', segment.key, 'logs/one')
        expectSame('a new segment', (await storage.get('logs/one'))?.bytes, new Uint8Array(0))
        const reused = bytesOf('abc')
        await segment.append(reused)
        reused.fill(0)
        await Promise.all([segment.append(bytesOf('def')), segment.append(new Uint8Array(0)), segment.append(bytesOf('ghi'))])
        expectSame('its size', segment.sizeBytes, 9)
        await segment.sync()
        expectSame('before it is sealed', (await storage.get('logs/one'))?.bytes, bytesOf('abcdefghi'))
        await segment.append(bytesOf('jkl'))
        await segment.seal()
        expectSame('sealed', (await storage.get('logs/one'))?.bytes, bytesOf('abcdefghijkl'))
        expectSame('a range', (await storage.get('logs/one', { range: { start: 2, end: 7 } }))?.bytes, bytesOf('cdefg'))
        expectSame('the entry', await entriesOf(storage, 'logs'), [{ key: 'logs/one', sizeBytes: 12 }])
      },
    },
    {
      name: 'refuses to append what is no bytes, and goes on',
      async run(storage) {
        const segment = await storage.createSegment('logs/one')
        for (const wrong of ['5', 5, null, undefined, {}, [1, 2], new ArrayBuffer(2)] as readonly unknown[]) {
          const given = Object.prototype.toString.call(wrong)
          await expectCode(`an append of ${given}`, () => segment.append(wrong as Uint8Array), 'ARGUMENT_INVALID')
        }
        await segment.append(bytesOf('abc'))
        await segment.seal()
        expectSame('the segment', (await storage.get('logs/one'))?.bytes, bytesOf('abc'))
      },
    },
    {
      name: 'gives a key to one writer only',
      async run(storage) {
        await storage.putIfAbsent('object', bytesOf('x'))
        await expectCode('a segment over an object', () => storage.createSegment('object'), 'STORAGE_CONFLICT')
        const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => storage.createSegment('logs/raced')))
        const created = outcomes.filter((outcome) => outcome.status === 'fulfilled')
        expectSame('the winners', created.length, 1)
        await expectCode('an object over a segment', () => storage.putIfAbsent('logs/raced', bytesOf('x')), 'STORAGE_CONFLICT')
        await expectCode('a segment below a segment', () => storage.createSegment('logs/raced/x'), 'STORAGE_INVALID_KEY')
        await expectCode('a key that does not fit', () => storage.createSegment('../x'), 'STORAGE_INVALID_KEY')
        for (const { value } of created) await value.seal()
      },
    },
    {
      name: 'takes nothing after it is sealed',
      async run(storage) {
        const segment = await storage.createSegment('logs/one')
        await segment.append(bytesOf('x'))
        await segment.seal()
        for (const [name, work] of [
          ['append', () => segment.append(bytesOf('y'))],
          ['sync', () => segment.sync()],
          ['seal', () => segment.seal()],
        ] as const) {
          await work().then(
            () => Promise.reject(failure(`${name} after seal`, 'a rejection', 'success')),
            () => {},
          )
        }
        expectSame('the segment', (await storage.get('logs/one'))?.bytes, bytesOf('x'))
      },
    },
    {
      name: 'keeps many appends of all sizes',
      async run(storage) {
        const segment = await storage.createSegment('logs/many')
        const parts = Array.from({ length: 200 }, (_, index) => new Uint8Array((index * 37) % 5000).fill(index))
        for (const part of parts) await segment.append(part)
        await segment.seal()
        const expected = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
        let offset = 0
        for (const part of parts) {
          expected.set(part, offset)
          offset += part.length
        }
        expectSame('the segment', (await storage.get('logs/many'))?.bytes, expected)
      },
    },
    {
      name: 'deletes a segment',
      async run(storage) {
        const segment = await storage.createSegment('logs/one')
        await segment.append(bytesOf('x'))
        await segment.seal()
        await storage.delete('logs/one')
        expectSame('the object', await storage.get('logs/one'), undefined)
        expectSame('the entries', await entriesOf(storage, ''), [])
      },
    },
    {
      name: 'has what was synced when it is opened anew, sealed or not',
      skip: noReopen ?? notKept,
      async run(storage) {
        const open = await storage.createSegment('logs/open')
        await open.append(bytesOf('synced'))
        await open.sync()
        const sealed = await storage.createSegment('logs/sealed')
        await sealed.append(bytesOf('sealed'))
        await sealed.seal()
        const again = await reopen?.(storage)
        expectSame('the open one', (await again?.get('logs/open'))?.bytes, bytesOf('synced'))
        expectSame('the sealed one', (await again?.get('logs/sealed'))?.bytes, bytesOf('sealed'))
        await open.seal().catch(() => {})
      },
    },
    {
      name: 'shows every instance what was synced, while the segment is open',
      skip: noReopen ?? oneInstance,
      async run(storage) {
        const segment = await storage.createSegment('logs/one')
        const other = (await reopen?.(storage)) as StorageAdapter
        let written = ''
        for (const part of ['a', 'bc', 'def']) {
          await segment.append(bytesOf(part))
          await segment.sync()
          written += part
          expectSame('the object', (await other.get('logs/one'))?.bytes, bytesOf(written))
          expectSame('its entry', await entriesOf(other, ''), [{ key: 'logs/one', sizeBytes: written.length }])
        }
        await segment.seal()
      },
    },
    {
      name: "makes no segment when the signal has aborted, and rejects with the signal's reason",
      async run(storage) {
        const reason = new Error('stopped')
        await expectReason('createSegment', () => storage.createSegment('logs/one', { signal: AbortSignal.abort(reason) }), reason)
        expectSame('the entries', await entriesOf(storage, ''), [])
        await (await storage.createSegment('logs/one')).seal()
      },
    },
    {
      name: 'tells when a segment was last written, and never an earlier time after a later append',
      async run(storage) {
        const segment = await storage.createSegment('logs/one')
        let last = 0
        for (let turn = 0; turn < 4; turn++) {
          await segment.append(bytesOf('x'))
          await segment.sync()
          const [entry] = await collect(storage.list('logs'))
          const time = entry?.modifiedAt ?? Number.NaN
          expectThat('modifiedAt', time > 0 && time >= last, `a time of ${last} or later`, String(time))
          last = time
        }
        await segment.seal()
      },
    },
  ]
  return conformanceSuite(cases, options)
}
