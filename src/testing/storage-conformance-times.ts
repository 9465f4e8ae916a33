import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { expectSame, expectThat } from './conformance.ts'
import type { StorageCase, StorageConformanceOptions } from './storage-case.ts'
import { bytesOf, collect } from './storage-conformance-tools.ts'

/** What the storage says about when objects were written. */
export function timeCases(options: StorageConformanceOptions): readonly StorageCase[] {
  const skewMs = options.clockSkewMs ?? 0
  const notBefore = (subject: string, received: number, earlier: number): void =>
    expectThat(subject, received >= earlier - skewMs, `a time of ${earlier - skewMs} or later`, String(received))
  return [
    {
      name: 'tells when each object was last written, and never an earlier time after a later write',
      async run(storage) {
        let last = 0
        for (let turn = 0; turn < 5; turn++) {
          await storage.put('replaced', bytesOf(`turn ${turn}`))
          const replaced = await timeOf(storage, 'replaced')
          notBefore(`the time of write ${turn} of an object`, replaced, last)
          await storage.putIfAbsent(`created/${turn}`, bytesOf('created'))
          last = await timeOf(storage, `created/${turn}`)
          notBefore('the time of an object that was created after it', last, replaced)
          await pause()
        }
      },
    },
    {
      name: 'keeps the time of an object that nobody has written since',
      async run(storage) {
        await storage.putIfAbsent('key', bytesOf('one'))
        await storage.put('other', bytesOf('two'))
        const entries = await collect(storage.list(''))
        await pause()
        await storage.get('key')
        await storage.get('other', { range: { start: 0, end: 1 } })
        const refused = await storage.putIfAbsent('key', bytesOf('three')).catch((error: unknown) => error)
        expectThat('a second create', MillraceError.is(refused, 'STORAGE_CONFLICT'), 'a conflict', String(refused))
        await storage.put('third', bytesOf('three'))
        expectSame('the entries', (await collect(storage.list(''))).slice(0, 2), entries)
      },
    },
  ]
}

async function timeOf(storage: StorageAdapter, key: string): Promise<number> {
  const entry = (await collect(storage.list(''))).find((one) => one.key === key)
  const time = entry?.modifiedAt
  const isTime = typeof time === 'number' && Number.isFinite(time) && time > 0
  expectThat(`modifiedAt of "${key}"`, isTime, 'milliseconds since 1970', String(time))
  return time as number
}

/** Longer than the grain of most clocks. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5))
}
