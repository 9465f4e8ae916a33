import { MillraceError } from 'millrace/core'
import type { SegmentStore, StorageAdapter } from 'millrace/storage'
import { isSegmentStore, MemoryStorage, readOnly } from 'millrace/storage'
import { FaultyStorage } from 'millrace/testing'
import { expect, expectTypeOf, test } from 'vitest'

const bytes = new TextEncoder().encode('x')

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  )
  return MillraceError.is(error) ? error.code : String(error)
}

test('a read-only storage refuses every change before the storage below is asked', async () => {
  const below = new MemoryStorage()
  await below.put('there', bytes)
  const spy = new FaultyStorage(below, () => undefined)
  const storage = readOnly(spy)
  expect(await codeOf(storage.put('there', bytes))).toBe('STORAGE_DENIED')
  expect(await codeOf(storage.put('new', bytes))).toBe('STORAGE_DENIED')
  expect(await codeOf(storage.putIfAbsent('new', bytes))).toBe('STORAGE_DENIED')
  expect(await codeOf(storage.putIfAbsent('there', bytes))).toBe('STORAGE_DENIED')
  expect(await codeOf(storage.delete('there'))).toBe('STORAGE_DENIED')
  expect(await codeOf(storage.delete('absent'))).toBe('STORAGE_DENIED')
  expect(await codeOf(readOnly(below).createSegment('segment'))).toBe('STORAGE_DENIED')
  expect(spy.operations).toBe(0)
  const keys: string[] = []
  for await (const { key } of below.list('')) keys.push(key)
  expect(keys).toEqual(['there'])
})

test('a read-only storage tells a key that is none, and an abort, as any storage does', async () => {
  const storage = readOnly(new MemoryStorage())
  expect(await codeOf(storage.put('../x', bytes))).toBe('STORAGE_INVALID_KEY')
  const reason = new Error('stopped')
  await expect(storage.put('x', bytes, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})

test('a read-only storage shows what changes below it', async () => {
  const below = new MemoryStorage()
  const storage = readOnly(below)
  expect(await storage.get('a')).toBeUndefined()
  await below.put('a', bytes)
  expect((await storage.get('a', { range: { start: 0, end: 1 } }))?.bytes).toEqual(bytes)
  const entries: unknown[] = []
  for await (const entry of storage.list('', { limit: 1 })) entries.push(entry)
  expect(entries).toMatchObject([{ key: 'a', sizeBytes: 1 }])
  expect(storage.capabilities).toEqual(below.capabilities)
})

test('a read-only storage has segments where the storage below has, by its type too', () => {
  const plain: StorageAdapter = new FaultyStorage(new MemoryStorage(), () => undefined)
  expect(isSegmentStore(readOnly(plain))).toBe(false)
  expectTypeOf(readOnly(plain)).toEqualTypeOf<StorageAdapter>()
  expectTypeOf(readOnly(new MemoryStorage())).toEqualTypeOf<StorageAdapter & SegmentStore>()
})
