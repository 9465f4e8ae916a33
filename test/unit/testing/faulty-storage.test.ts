import { MillraceError } from 'millrace'
import { MemoryStorage } from 'millrace/storage'
import type { StorageFault } from 'millrace/testing'
import { FaultyStorage, failNth, failRandomly } from 'millrace/testing'
import { expect, test } from 'vitest'

const one = new Uint8Array([1])

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  )
  return MillraceError.is(error) ? error.code : undefined
}

test.each([
  ['refused', 'STORAGE_UNAVAILABLE', false],
  ['no-space', 'STORAGE_NO_SPACE', false],
  ['request-lost', 'STORAGE_OUTCOME_UNKNOWN', false],
  ['reply-lost', 'STORAGE_OUTCOME_UNKNOWN', true],
] as const)('%s rejects a write with %s and has applied it: %s', async (fault, code, applied) => {
  for (const method of ['put', 'putIfAbsent'] as const) {
    const memory = new MemoryStorage()
    const storage = new FaultyStorage(memory, failNth(2, fault))
    await storage[method]('a', one)
    expect(await codeOf(storage[method]('b', one))).toBe(code)
    await storage[method]('c', one)
    expect((await memory.get('b')) !== undefined).toBe(applied)
    expect([storage.operations, storage.failures]).toEqual([3, 1])
  }
})

test('a read that fails is refused, whatever was asked', async () => {
  const storage = new FaultyStorage(new MemoryStorage(), () => 'reply-lost')
  expect(await codeOf(storage.get('a'))).toBe('STORAGE_UNAVAILABLE')
  const list = async (): Promise<void> => {
    for await (const _ of storage.list('')) expect.unreachable()
  }
  expect(await codeOf(list())).toBe('STORAGE_UNAVAILABLE')
})

test('a conflict wins over a lost reply: the write was not applied', async () => {
  const memory = new MemoryStorage()
  await memory.put('a', one)
  const storage = new FaultyStorage(memory, () => 'reply-lost')
  expect(await codeOf(storage.putIfAbsent('a', one))).toBe('STORAGE_CONFLICT')
})

test('the same seed fails the same operations, another seed others', async () => {
  const faultsOf = (seed: number): (StorageFault | undefined)[] => {
    const plan = failRandomly({ seed, probability: 0.3 })
    return Array.from({ length: 200 }, (_, index) => plan({ index: index + 1, method: 'put', key: 'a' }))
  }
  expect(faultsOf(1)).toEqual(faultsOf(1))
  expect(faultsOf(1)).not.toEqual(faultsOf(2))
  const failed = faultsOf(1).filter((fault) => fault !== undefined).length
  expect(failed).toBeGreaterThan(30)
  expect(failed).toBeLessThan(90)
})
