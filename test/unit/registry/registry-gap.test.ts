import { describe, expect, test } from 'vitest'
import { Registry } from '../../../src/registry/registry.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { CountingStorage } from './counting-storage.ts'
import { collect, packageNamed } from './registry-fixtures.ts'

const keyOf = (generation: number): string => `models/m/log/${String(generation).padStart(16, '0')}`

/** Five versions, of whose entries some are lost. */
async function withGap(...lost: readonly number[]): Promise<MemoryStorage> {
  const storage = new MemoryStorage()
  const registry = new Registry({ storage })
  for (const name of ['a', 'b', 'c', 'd', 'e']) await registry.register('m', packageNamed(name))
  for (const generation of lost) await storage.delete(keyOf(generation))
  return storage
}

describe('a log that has lost an entry', () => {
  test.each([[[1]], [[2]], [[3]], [[4]], [[1, 2, 3]], [[2, 3, 4]], [[3, 4]]])('loses no blob to a collection: without %j', async (lost) => {
    const storage = await withGap(...lost)
    const before = await collect(storage.list('blobs'))
    await expect(new Registry({ storage }).collectGarbage({ olderThanMs: 0 })).rejects.toMatchObject({
      code: 'STORAGE_CORRUPT',
      details: { key: keyOf(lost[0] as number) },
    })
    expect(await collect(storage.list('blobs'))).toEqual(before)
    expect(await collect(storage.list('collections'))).toEqual([])
  })

  test.each([1, 3])('is not filled by what comes next, nor read as shorter than it is: without %i', async (lost) => {
    const storage = await withGap(lost)
    const broken = { code: 'STORAGE_CORRUPT', details: { key: keyOf(lost) } }
    await expect(new Registry({ storage }).register('m', packageNamed('new'))).rejects.toMatchObject(broken)
    await expect(new Registry({ storage }).setAlias('m', 'champion', 1)).rejects.toMatchObject(broken)
    await expect(new Registry({ storage }).load('m', 5)).rejects.toMatchObject(broken)
    expect(await storage.get(keyOf(lost))).toBeUndefined()
  })

  test.each([2, 4])('goes on where it ends when the search for its end passes by the gap: without %i', async (lost) => {
    const storage = await withGap(lost)
    expect((await new Registry({ storage }).register('m', packageNamed('new'))).version).toBe(6)
    expect((await new Registry({ storage }).load('m', 5)).manifestDigest).toBe(packageNamed('e').manifestDigest)
    await expect(new Registry({ storage }).load('m', lost)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
    expect(await storage.get(keyOf(lost))).toBeUndefined()
  })

  test('is looked for once an instance: the second registration is one request again', async () => {
    const storage = new CountingStorage(await withGap())
    const registry = new Registry({ storage })
    await registry.register('m', packageNamed('a'))
    const reads = storage.calls.filter(({ key, method }) => key.startsWith('models/m/log/') && method === 'get')
    // 1, 2, 4 and 8 on the way to the end, between 4 and 8 by halving, one behind the end, and the end again.
    expect(reads.length).toBeLessThanOrEqual(8)
    storage.calls = []
    await registry.register('m', packageNamed('a'))
    expect(storage.calls.filter(({ key }) => key.startsWith('models/')).map(({ method }) => method)).toEqual(['putIfAbsent'])
  })

  test('is told from one that others write to while it is read', async () => {
    const storage = await withGap()
    const writer = new Registry({ storage })
    let count = 0
    const busy = new CountingStorage(storage)
    const { get, list } = { get: busy.get.bind(busy), list: busy.list.bind(busy) }
    const write = async (): Promise<void> => {
      if (count < 60) await writer.register('m', packageNamed(`busy ${count++}`))
    }
    busy.get = async (...args) => {
      const found = await get(...args)
      await write()
      return found
    }
    busy.list = async function* (...args) {
      await write()
      await write()
      yield* list(...args)
    }
    await new Registry({ storage: busy }).collectGarbage({ olderThanMs: 0 })
    for (let version = 1; version <= count + 5; version++) await new Registry({ storage }).load('m', version)
  })
})
