import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MillraceError } from 'millrace/core'
import type { SegmentStore, StorageAdapter } from 'millrace/storage'
import { isSegmentStore, MemoryStorage, objectSegments, openSegmentLog, readOnly } from 'millrace/storage'
import { FileStorage } from 'millrace/storage/file'
import { FaultyStorage } from 'millrace/testing'
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest'

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

describe('every change of every form is refused, and changes nothing', () => {
  let root = ''
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'millrace-read-only-'))
  })
  afterAll(() => rm(root, { recursive: true, force: true }))

  test.each<[string, () => Promise<StorageAdapter & SegmentStore>]>([
    ['memory', async () => new MemoryStorage()],
    ['files', () => FileStorage.open(join(root, 'files'))],
    ['segments over plain objects', async () => objectSegments(new MemoryStorage())],
  ])('over %s', async (_name, open) => {
    const below = await open()
    await below.put('there', bytes)
    const segment = await below.createSegment('logs/one')
    await segment.append(bytes)
    await segment.sync()
    const content = async (): Promise<unknown[]> => {
      const found: unknown[] = []
      for await (const entry of below.list('')) found.push([entry, (await below.get(entry.key))?.bytes])
      return found
    }
    const before = await content()
    // The form for storage that can append, and the form for storage that cannot.
    const withSegments = readOnly(below)
    const plain = readOnly(withoutSegments(below))
    expect([isSegmentStore(withSegments), isSegmentStore(plain)]).toEqual([true, false])
    for (const view of [withSegments, plain]) {
      for (const key of ['there', 'absent', 'logs/one', 'logs/two', 'there/below', 'logs']) {
        expect(await codeOf(view.put(key, bytes)), `put ${key}`).toBe('STORAGE_DENIED')
        expect(await codeOf(view.putIfAbsent(key, bytes)), `putIfAbsent ${key}`).toBe('STORAGE_DENIED')
        expect(await codeOf(view.delete(key)), `delete ${key}`).toBe('STORAGE_DENIED')
        expect(await codeOf(withSegments.createSegment(key)), `createSegment ${key}`).toBe('STORAGE_DENIED')
      }
    }
    const log = await openSegmentLog(withSegments, 'predictions', { fsync: 'always' })
    expect(await codeOf(log.append(bytes))).toBe('STORAGE_DENIED')
    expect(await content()).toEqual(before)
    expect((await withSegments.get('logs/one'))?.bytes).toEqual(bytes)
    await segment.seal()
  })
})

function withoutSegments(storage: StorageAdapter): StorageAdapter {
  return {
    name: storage.name,
    capabilities: storage.capabilities,
    get: (key, options) => storage.get(key, options),
    list: (prefix, options) => storage.list(prefix, options),
    put: (key, value, options) => storage.put(key, value, options),
    putIfAbsent: (key, value, options) => storage.putIfAbsent(key, value, options),
    delete: (key, options) => storage.delete(key, options),
  }
}
