import { describe, expect, test } from 'vitest'
import { sha256Hex } from '../../../src/core/digest.ts'
import type { ExportedFile } from '../../../src/registry/export/export-index.ts'
import { Registry } from '../../../src/registry/registry.ts'
import type { StorageAdapter } from '../../../src/storage/adapter.ts'
import { putBlob } from '../../../src/storage/blobs.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { collect, packageNamed } from './registry-fixtures.ts'

/** Calls back after each operation but lists, from the first on. */
function stepping(inner: StorageAdapter, after: (step: number) => Promise<void>): StorageAdapter {
  let step = 0
  const then = async <Result>(work: Promise<Result>): Promise<Result> => {
    try {
      return await work
    } finally {
      await after(++step)
    }
  }
  return {
    name: inner.name,
    capabilities: inner.capabilities,
    get: (...args) => then(inner.get(...args)),
    put: (...args) => then(inner.put(...args)),
    putIfAbsent: (...args) => then(inner.putIfAbsent(...args)),
    delete: (...args) => then(inner.delete(...args)),
    list: (...args) => inner.list(...args),
  }
}

async function exported(): Promise<readonly ExportedFile[]> {
  const registry = new Registry({ storage: new MemoryStorage() })
  for (const name of ['a', 'b', 'a']) await registry.register('churn', packageNamed(name))
  return collect(registry.exportModel('churn'))
}

/** A storage from which something was collected before, or nothing ever was. */
async function target(wasCollected: boolean): Promise<MemoryStorage> {
  const storage = new MemoryStorage()
  if (!wasCollected) return storage
  const registry = new Registry({ storage })
  // The very blobs that are imported have markers already.
  for (const name of ['a', 'b']) await registry.register('old', packageNamed(name))
  for (const version of [1, 2]) await registry.deleteVersion('old', version)
  await registry.collectGarbage({ olderThanMs: 0 })
  return storage
}

describe('an import', () => {
  test.each([false, true])('is whole, whatever is collected after whichever step; collected before: %s', async (wasCollected) => {
    const files = await exported()
    let steps = Number.POSITIVE_INFINITY
    for (let at = 0; at <= steps; at++) {
      const storage = await target(wasCollected)
      const collector = new Registry({ storage })
      let last = 0
      const watched = stepping(storage, async (step) => {
        last = step
        // 0: after every step.
        if (at === 0 || step === at) await collector.collectGarbage({ olderThanMs: 0 })
      })
      const { versions } = await new Registry({ storage: watched }).importModel(files)
      steps = Math.min(steps, last)
      await collector.collectGarbage({ olderThanMs: 0 })
      expect(versions.map(({ to }) => to)).toEqual([1, 2, 3])
      for (const { to } of versions) await new Registry({ storage }).load('churn', to)
      expect(await collect(storage.list('imports'))).toEqual([])
    }
    expect(steps).toBeGreaterThan(20)
  })

  test('that fails leaves nothing that keeps its files', async () => {
    const storage = new MemoryStorage()
    const registry = new Registry({ storage })
    await expect(registry.importModel((await exported()).slice(0, -1))).rejects.toMatchObject({ code: 'EXPORT_INVALID' })
    expect(await collect(storage.list('imports'))).toEqual([])
    expect((await registry.collectGarbage({ olderThanMs: 0 })).collected.blobs).toBeGreaterThan(0)
    expect(await collect(storage.list('blobs'))).toEqual([])
  })

  test('that died keeps its files for a week, and no longer', async () => {
    const bytes = new TextEncoder().encode('staged')
    const digest = sha256Hex('staged')
    for (const [ageDays, kept] of [
      [6, 1],
      [8, 0],
    ] as const) {
      // Whose clock is another than that of the process that collects.
      const clock = new FakeClock()
      const storage = new MemoryStorage({ clock })
      await putBlob(storage, bytes)
      await storage.put(`imports/0/${digest}`, new Uint8Array(0))
      await clock.advance(ageDays * 86_400_000)
      const registry = new Registry({ storage })
      await registry.collectGarbage({ olderThanMs: 0, dryRun: true })
      expect(await collect(storage.list('imports'))).toHaveLength(1)
      await registry.collectGarbage({ olderThanMs: 0 })
      expect(await collect(storage.list('blobs'))).toHaveLength(kept)
      expect(await collect(storage.list('imports'))).toHaveLength(kept)
    }
  })
})

describe('aliases of an import', () => {
  async function source(): Promise<Registry> {
    const registry = new Registry({ storage: new MemoryStorage() })
    for (const name of ['a', 'b']) await registry.register('churn', packageNamed(name))
    await registry.setAlias('churn', 'champion', 2)
    await registry.setAlias('churn', 'shadow', 1)
    return registry
  }

  test('that are protected or refused stay, are told of with why, and hold up nothing else', async () => {
    const from = await source()
    const gate = ({ alias }: { readonly alias: string }): void => {
      if (alias === 'shadow') throw new Error('not here')
    }
    const to = new Registry({ storage: new MemoryStorage(), beforeAliasMove: gate })
    await to.register('churn', packageNamed('own'))
    await to.setAlias('churn', 'champion', 1)
    await to.protectAlias('churn', 'champion')
    const first = await to.importModel(from.exportModel('churn'), { aliases: true })
    expect(first.versions).toEqual([
      { from: 1, to: 2 },
      { from: 2, to: 3 },
    ])
    expect(first.unmovedAliases).toMatchObject([
      { alias: 'champion', version: 3, fault: { code: 'ALIAS_PROTECTED', details: { missing: ['by'] } } },
      { alias: 'shadow', version: 2, fault: { code: 'ALIAS_MOVE_REFUSED' } },
    ])
    expect(await to.aliases('churn')).toEqual(new Map([['champion', 1]]))

    const told = await to.importModel(from.exportModel('churn'), { aliases: true, reason: 'moved house', by: 'ann' })
    expect(told.unmovedAliases.map(({ alias }) => alias)).toEqual(['shadow'])
    expect(await to.aliases('churn')).toEqual(new Map([['champion', 3]]))
    expect((await collect(to.history('churn'))).at(-1)?.operation).toMatchObject({ reason: 'moved house', by: 'ann' })
  })

  test('with a reason that cannot be kept are refused before anything is read', async () => {
    const to = new Registry({ storage: new MemoryStorage() })
    const files = (await source()).exportModel('churn')
    await expect(to.importModel(files, { aliases: true, by: 'x'.repeat(300) })).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    expect(await collect(to.models())).toEqual([])
  })
})
