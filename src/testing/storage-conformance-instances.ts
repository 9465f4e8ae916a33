import type { StorageAdapter } from '../storage/adapter.ts'
import { expectCode, expectSame, expectThat } from './conformance.ts'
import type { StorageCase, StorageConformanceOptions } from './storage-case.ts'
import { whyNoRaces, whyNotKept, whyOneInstance } from './storage-case.ts'
import { bytesOf, collect, entriesOf, keysOf } from './storage-conformance-tools.ts'

/** What the storage says of itself, and what several instances of it see of each other. */
export function instanceCases(options: StorageConformanceOptions): readonly StorageCase[] {
  const reopen = async (storage: StorageAdapter): Promise<StorageAdapter> => (await options.reopen?.(storage)) ?? storage
  return [
    {
      name: 'says of itself what it is',
      async run(storage) {
        const { putIfAbsent = true, multiProcess = options.reopen !== undefined, durability } = options.capabilities ?? {}
        const said = storage.capabilities
        expectThat('its name', typeof storage.name === 'string' && storage.name !== '', 'a text', JSON.stringify(storage.name))
        expectSame('capabilities.putIfAbsent', said.putIfAbsent, putIfAbsent)
        expectSame('capabilities.multiProcess (give the suite `reopen` or its `capabilities`)', said.multiProcess, multiProcess)
        if (durability !== undefined) expectSame('capabilities.durability', said.durability, durability)
        else {
          const expected = options.reopen === undefined ? ['none'] : ['process', 'device']
          const subject = 'capabilities.durability (give the suite `reopen` or its `capabilities`)'
          expectThat(subject, expected.includes(said.durability), expected.join(' or '), said.durability)
        }
      },
    },
    {
      name: 'keeps what was acknowledged when it is opened anew',
      skip: whyNotKept(options),
      async run(storage) {
        await storage.putIfAbsent('created/key', bytesOf('created'))
        await storage.put('replaced', bytesOf('old'))
        await storage.put('replaced', bytesOf('new'))
        await storage.put('deleted', bytesOf('deleted'))
        await storage.delete('deleted')
        const before = await collect(storage.list(''))
        const again = await reopen(storage)
        const expected = [
          { key: 'created/key', sizeBytes: 7 },
          { key: 'replaced', sizeBytes: 3 },
        ]
        expectSame('its entries', await entriesOf(again, ''), expected)
        expectSame('its entries with their times', await collect(again.list('')), before)
        expectSame('the replaced object', (await again.get('replaced'))?.bytes, bytesOf('new'))
        await expectCode('a second create', () => again.putIfAbsent('created/key', bytesOf('other')), 'STORAGE_CONFLICT')
      },
    },
    {
      name: 'shows at once to every instance what another has acknowledged',
      skip: whyOneInstance(options),
      async run(storage) {
        const other = await reopen(storage)
        expectSame('an absent object', await other.get('a/b'), undefined)
        for (let turn = 0; turn < 5; turn++) {
          const [writer, reader] = turn % 2 === 0 ? [storage, other] : [other, storage]
          const [key, value] = [`a/${turn}`, bytesOf(`value ${turn}`)]
          await writer.putIfAbsent(key, value)
          expectSame('a created object', (await reader.get(key))?.bytes, value)
          await writer.put('a/b', value)
          expectSame('a replaced object', (await reader.get('a/b'))?.bytes, value)
          expectSame('the listed keys', await keysOf(reader, 'a'), await keysOf(writer, 'a'))
          expectThat('the listed keys', (await keysOf(reader, 'a')).includes(key), `"${key}" among them`, 'a list without it')
          await writer.delete(key)
          expectSame('a deleted object', await reader.get(key), undefined)
          expectThat('the listed keys', !(await keysOf(reader, 'a')).includes(key), `"${key}" no more`, 'a list with it')
        }
      },
    },
    {
      name: 'lets exactly one of many instances that create at once win',
      skip: whyOneInstance(options) ?? whyNoRaces(options),
      async run(storage) {
        const instances = [storage, await reopen(storage), await reopen(storage)]
        for (let round = 0; round < 10; round++) {
          const key = `race/${round}`
          const values = Array.from({ length: 12 }, (_, writer) => bytesOf(`value of writer ${writer}`))
          const create = (value: Uint8Array, writer: number): Promise<void> | undefined => instances[writer % 3]?.putIfAbsent(key, value)
          const outcomes = await Promise.allSettled(values.map(create))
          const winners = outcomes.flatMap((outcome, writer) => (outcome.status === 'fulfilled' ? [writer] : []))
          expectSame(`the winners of round ${round}`, winners.length, 1)
          for (const instance of instances) {
            expectSame('the object', (await instance.get(key))?.bytes, values[winners[0] as number])
          }
        }
      },
    },
  ]
}
