import { expectCode, expectSame, expectThat } from './conformance.ts'
import type { StorageCase, StorageConformanceOptions } from './storage-case.ts'
import { whyNoRaces } from './storage-case.ts'
import { bytesOf } from './storage-conformance-tools.ts'

/** What several callers at once see of each other. */
export function atomicityCases(options: StorageConformanceOptions): readonly StorageCase[] {
  const writers = options.writers ?? 16
  return [
    {
      name: 'rejects a second create of the same key and keeps the first',
      async run(storage) {
        await storage.putIfAbsent('key', bytesOf('first'))
        await expectCode('a second create', () => storage.putIfAbsent('key', bytesOf('second')), 'STORAGE_CONFLICT')
        await expectCode('a create of equal bytes', () => storage.putIfAbsent('key', bytesOf('first')), 'STORAGE_CONFLICT')
        await storage.put('put', bytesOf('put'))
        await expectCode('a create over a put', () => storage.putIfAbsent('put', bytesOf('second')), 'STORAGE_CONFLICT')
        expectSame('the object', (await storage.get('key'))?.bytes, bytesOf('first'))
      },
    },
    {
      name: 'lets exactly one of many concurrent creates win',
      skip: whyNoRaces(options),
      async run(storage) {
        for (let round = 0; round < 10; round++) {
          const key = `race/${round}`
          const values = Array.from({ length: writers }, (_, writer) => bytesOf(`value of writer ${writer} `.repeat(200)))
          const outcomes = await Promise.allSettled(values.map((value) => storage.putIfAbsent(key, value)))
          const winners = outcomes.flatMap((outcome, writer) => (outcome.status === 'fulfilled' ? [writer] : []))
          expectSame(`the winners of round ${round}`, winners.length, 1)
          for (const outcome of outcomes) {
            if (outcome.status === 'rejected') await expectCode('a loser', () => Promise.reject(outcome.reason), 'STORAGE_CONFLICT')
          }
          expectSame('the object', (await storage.get(key))?.bytes, values[winners[0] as number])
        }
      },
    },
    {
      name: 'shows a reader one whole value while others replace it',
      async run(storage) {
        const sizes = [10, 70_000, 200_000]
        await storage.put('key', new Uint8Array(10).fill(10))
        let writing = true
        const writer = async (offset: number): Promise<void> => {
          for (let turn = 0; turn < 15; turn++) {
            const index = (turn + offset) % sizes.length
            await storage.put('key', new Uint8Array(sizes[index] as number).fill(10 + index))
          }
        }
        const reader = async (): Promise<void> => {
          for (; writing; await new Promise((resolve) => setTimeout(resolve, 0))) {
            const bytes = (await storage.get('key'))?.bytes
            const expected = sizes[(bytes?.[0] ?? 0) - 10]
            const whole = bytes !== undefined && bytes.length === expected && bytes.every((byte) => byte === bytes[0])
            expectThat('a read during writes', whole, 'one whole value', `${bytes?.length} bytes that begin with ${bytes?.[0]}`)
          }
        }
        const reading = Promise.allSettled([reader(), reader()])
        await Promise.all([writer(0), writer(1)]).finally(() => {
          writing = false
        })
        for (const outcome of await reading) if (outcome.status === 'rejected') throw outcome.reason
      },
    },
  ]
}
