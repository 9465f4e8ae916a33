import fc from 'fast-check'
import { MillraceError } from 'millrace/core'
import type { SegmentStore, StorageAdapter } from 'millrace/storage'
import { isSegmentStore, MemoryStorage, prefixed } from 'millrace/storage'
import { FaultyStorage } from 'millrace/testing'
import { describe, expect, expectTypeOf, test } from 'vitest'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

async function keysOf(storage: StorageAdapter, prefix = ''): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list(prefix)) keys.push(key)
  return keys
}

async function faultOf(work: Promise<unknown>): Promise<MillraceError> {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  )
  if (!MillraceError.is(error)) throw new Error(`Expected a MillraceError. Received ${error}.`)
  return error
}

describe('a prefixed storage', () => {
  test('keeps its objects below the prefix, and sees none beside it', async () => {
    const below = new MemoryStorage()
    for (const key of ['tenants/acme-b/x', 'tenants/acm', 'tenants/acmes/x', 'other']) await below.put(key, text(key))
    const storage = prefixed(below, 'tenants/acme')
    expect(await keysOf(storage)).toEqual([])
    await storage.put('a/b', text('mine'))
    await storage.putIfAbsent('a/c', text('mine'))
    expect(await keysOf(storage)).toEqual(['a/b', 'a/c'])
    expect(await keysOf(below, 'tenants/acme')).toEqual(['tenants/acme/a/b', 'tenants/acme/a/c'])
    expect(await storage.get('other')).toBeUndefined()
    await storage.delete('other')
    expect((await below.get('other'))?.bytes).toEqual(text('other'))
    expect(storage.name).toBe('memory/tenants/acme')
    expect(storage.capabilities).toEqual(below.capabilities)
  })

  test('reaches nothing outside the prefix by any key, prefix or place to go on from', async () => {
    const seen: string[] = []
    const spy = new FaultyStorage(new MemoryStorage(), ({ key }) => {
      seen.push(key)
      return undefined
    })
    const storage = prefixed(spy, 'inside')
    const piece = fc.constantFrom('..', '.', '', 'a', 'inside', '%2e%2e', '\0', '\\', 'A', '/', '..%2f', 'é', 'constructor')
    const anyKey = fc.oneof(
      fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join('/')),
      fc.string({ maxLength: 20 }),
      // Keys that are let through, so that something is seen whatever the seed.
      fc.array(fc.constantFrom('a', 'inside', 'b.c'), { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join('/')),
    )
    await fc.assert(
      fc.asyncProperty(anyKey, async (key) => {
        const calls: (() => Promise<unknown>)[] = [
          () => storage.get(key),
          () => storage.put(key, text('x')),
          () => storage.putIfAbsent(key, text('x')),
          () => storage.delete(key),
          () => keysOf(storage, key),
        ]
        for (const call of calls) await call().catch((error: unknown) => expect(MillraceError.is(error)).toBe(true))
      }),
      { numRuns: 300, examples: [['a/b']] },
    )
    expect(seen.length).toBeGreaterThan(0)
    expect(seen.filter((key) => key !== 'inside' && !key.startsWith('inside/'))).toEqual([])
  })

  test('lists on from a key and below a folder by relative keys', async () => {
    const storage = prefixed(new MemoryStorage(), 'p')
    for (const key of ['a/1', 'a/2', 'a/3', 'b']) await storage.put(key, text(key))
    const listed: string[] = []
    for await (const { key, sizeBytes, modifiedAt } of storage.list('a', { after: 'a/1', limit: 1 })) {
      listed.push(key)
      expect(sizeBytes).toBe(3)
      expect(modifiedAt).toBeGreaterThan(0)
    }
    expect(listed).toEqual(['a/2'])
  })

  test('names a key in a fault as it was given, and keeps the fault below as the cause', async () => {
    const storage = prefixed(prefixed(new MemoryStorage(), 'outer'), 'inner')
    await storage.put('a/b', text('x'))
    const conflict = await faultOf(storage.putIfAbsent('a/b', text('y')))
    expect(conflict).toMatchObject({ code: 'STORAGE_CONFLICT', details: { key: 'a/b' } })
    expect(conflict.cause).toMatchObject({ code: 'STORAGE_CONFLICT', details: { key: 'inner/a/b' } })
    expect(await faultOf(storage.put('a', text('y')))).toMatchObject({ code: 'STORAGE_INVALID_KEY', details: { key: 'a' } })
  })

  test('refuses a key that is too long with the prefix, in every method', async () => {
    const storage = prefixed(new MemoryStorage(), 'a/b')
    const long = `${'x'.repeat(100)}/`.repeat(5).concat('xxx')
    await storage.put(long, text('x'))
    for (const call of [
      storage.get(`${long}y`),
      storage.put(`${long}y`, text('x')),
      storage.putIfAbsent(`${long}y`, text('x')),
      storage.delete(`${long}y`),
      keysOf(storage, `${long}y`),
    ]) {
      expect(await faultOf(call)).toMatchObject({ code: 'STORAGE_INVALID_KEY', details: { key: `${long}y` } })
    }
  })

  test.each(['/', 'a/', '../a', 'Upper', 'a//b'])('refuses the prefix %s', (prefix) => {
    expect(() => prefixed(new MemoryStorage(), prefix)).toThrow(expect.objectContaining({ code: 'STORAGE_INVALID_KEY' }))
  })

  test('appends where the storage below can, by relative keys', async () => {
    const below = new MemoryStorage()
    const storage = prefixed(below, 'logs')
    const segment = await storage.createSegment('a/one')
    await segment.append(text('abc'))
    expect([segment.key, segment.sizeBytes]).toEqual(['a/one', 3])
    await segment.seal()
    expect((await below.get('logs/a/one'))?.bytes).toEqual(text('abc'))
    expect(await faultOf(storage.createSegment('a/one'))).toMatchObject({ code: 'STORAGE_CONFLICT', details: { key: 'a/one' } })
  })

  test('cannot append where the storage below cannot, and says so by its type', () => {
    const plain: StorageAdapter = new FaultyStorage(new MemoryStorage(), () => undefined)
    expect(isSegmentStore(prefixed(plain, 'a'))).toBe(false)
    expectTypeOf(prefixed(plain, 'a')).toEqualTypeOf<StorageAdapter>()
    expectTypeOf(prefixed(new MemoryStorage(), 'a')).toEqualTypeOf<StorageAdapter & SegmentStore>()
    // Known at run time only: what can append still can.
    const untyped: StorageAdapter = new MemoryStorage()
    expect(isSegmentStore(prefixed(untyped, 'a'))).toBe(true)
  })
})
