import { describe, expect, test } from 'vitest'
import { createRandom } from '../../../src/core/random.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { collect, packageNamed } from './registry-fixtures.ts'

async function withVersions(count: number) {
  const storage = new MemoryStorage()
  const registry = new Registry({ storage, random: createRandom(1) })
  for (let version = 1; version <= count; version++) await registry.register('churn', packageNamed(`v${version}`))
  return { storage, registry }
}

describe('a deleted version', () => {
  test('is gone for every reader, and stays in the history with who and why', async () => {
    const { storage, registry } = await withVersions(3)
    await registry.deleteVersion('churn', 2, { reason: 'wrong data', by: 'ann' })
    const reader = new Registry({ storage })
    const deleted = { code: 'VERSION_DELETED', details: { name: 'churn', version: 2 } }
    await expect(reader.version('churn', 2)).rejects.toMatchObject(deleted)
    await expect(reader.load('churn', 2)).rejects.toMatchObject(deleted)
    await expect(reader.setAlias('churn', 'champion', 2)).rejects.toMatchObject(deleted)
    await expect(reader.lineage('churn', 2)).rejects.toMatchObject(deleted)
    await expect(reader.recordDeployment('churn', 2, { deployment: 'api' })).rejects.toMatchObject(deleted)
    expect((await collect(reader.versions('churn', { after: 1 }))).map(({ version }) => version)).toEqual([3])
    expect((await collect(reader.history('churn'))).at(-1)?.operation).toEqual({
      type: 'delete-version',
      version: 2,
      reason: 'wrong data',
      by: 'ann',
    })
    await reader.deleteVersion('churn', 2)
    expect(await collect(reader.history('churn'))).toHaveLength(4)
    await expect(reader.deleteVersion('churn', 4)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
  })

  test('was under no alias, whoever points one at it at the same moment', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { storage } = await withVersions(2)
      const [left, right] = [1, 2].map((side) => new Registry({ storage, random: createRandom(seed * 2 + side) })) as [Registry, Registry]
      const [moved, removed] = await Promise.allSettled([left.setAlias('churn', 'champion', 1), right.deleteVersion('churn', 1)])
      // One of them came first, and the other one was told.
      expect([moved.status, removed.status].sort()).toEqual(['fulfilled', 'rejected'])
      const reason = moved.status === 'rejected' ? moved.reason : (removed as PromiseRejectedResult).reason
      expect(reason).toMatchObject({ code: moved.status === 'rejected' ? 'VERSION_DELETED' : 'VERSION_IN_USE' })
    }
  })

  test('is named by the aliases that keep it', async () => {
    const { registry } = await withVersions(1)
    for (const alias of ['shadow', 'champion']) await registry.setAlias('churn', alias, 1)
    await expect(registry.deleteVersion('churn', 1)).rejects.toMatchObject({
      code: 'VERSION_IN_USE',
      details: { name: 'churn', version: 1, aliases: ['champion', 'shadow'] },
    })
  })

  test('is passed over by a rollback, as is the one that is there already', async () => {
    const { registry } = await withVersions(4)
    for (const version of [1, 2, 1, 3, 4]) await registry.setAlias('churn', 'champion', version)
    await registry.deleteVersion('churn', 3)
    expect((await registry.rollback('churn', 'champion')).version).toBe(1)
    await registry.deleteVersion('churn', 2)
    // Below 1 there is 2, which is gone, and 1 itself.
    await expect(registry.rollback('churn', 'champion')).rejects.toMatchObject({ code: 'ALIAS_NOTHING_BEFORE' })
    expect((await registry.alias('churn', 'champion'))?.version).toBe(1)
  })

  test('among hundreds is told from those that are there, in entries that do not grow with them', async () => {
    const count = 400
    const { storage, registry } = await withVersions(count)
    const isDeleted = (version: number): boolean => version % 3 !== 0
    for (let version = 1; version <= count; version++) if (isDeleted(version)) await registry.deleteVersion('churn', version)
    const there = (await collect(new Registry({ storage }).versions('churn'))).map(({ version }) => version)
    expect(there).toEqual(Array.from({ length: count }, (_, index) => index + 1).filter((version) => !isDeleted(version)))
    const sizes: number[] = []
    for await (const { sizeBytes } of storage.list('models/churn/log')) sizes.push(sizeBytes)
    expect(Math.max(...sizes.slice(count))).toBeLessThan(1_000)
  })

  test('makes its idempotency key free: the key makes another, once', async () => {
    const { storage, registry } = await withVersions(0)
    const options = { idempotencyKey: 'key' }
    await registry.register('churn', packageNamed('a'), options)
    await registry.deleteVersion('churn', 1)
    const made = await Promise.all(
      Array.from({ length: 6 }, (_, seed) =>
        new Registry({ storage, random: createRandom(seed) }).register('churn', packageNamed('a'), options),
      ),
    )
    expect(new Set(made.map(({ version }) => version))).toEqual(new Set([2]))
  })
})

describe('garbage', () => {
  test('is what deleted versions and dead registrations leave, and what nobody names stays when the host names it', async () => {
    const { storage, registry } = await withVersions(3)
    const digestOf = (name: string): string => packageNamed(name).manifest.model.blobs.weights?.digest ?? ''
    const blobsNow = async (): Promise<readonly string[]> => (await collect(storage.list('blobs'))).map(({ key }) => key.slice(9))
    const options = { olderThanMs: 0 }
    expect((await registry.collectGarbage(options)).collected.blobs).toBe(0)
    await registry.deleteVersion('churn', 1)
    await registry.deleteVersion('churn', 3)
    expect((await registry.collectGarbage()).collected.blobs).toBe(0)
    expect(await registry.collectGarbage({ ...options, dryRun: true })).toMatchObject({ dryRun: true, collected: { blobs: 2 } })
    const mine = { name: 'mine', references: async function* () { yield digestOf('v3') } } // biome-ignore format: one line
    expect((await registry.collectGarbage({ ...options, references: [mine] })).collected.blobs).toBe(1)
    expect(await blobsNow()).not.toContain(digestOf('v1'))
    expect(await blobsNow()).toContain(digestOf('v3'))
    expect((await registry.load('churn', 2)).manifest).toEqual(packageNamed('v2').manifest)
    // What was collected may come again.
    const again = await registry.register('churn', packageNamed('v1'))
    expect((await registry.load('churn', again.version)).manifest).toEqual(packageNamed('v1').manifest)
  })

  test('never holds what a registration is about to name', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const storage = new MemoryStorage()
      const registry = new Registry({ storage, random: createRandom(seed) })
      const writes = Array.from({ length: 6 }, (_, index) =>
        new Registry({ storage, random: createRandom(seed * 10 + index) }).register('churn', packageNamed(`p${index % 3}`), {
          idempotencyKey: `key-${index % 3}`,
        }),
      )
      const collections = Array.from({ length: 3 }, () => registry.collectGarbage({ olderThanMs: 0 }))
      const made = await Promise.all(writes)
      await Promise.all(collections)
      await registry.collectGarbage({ olderThanMs: 0 })
      for (const { version } of made) await registry.load('churn', version)
    }
  })
})
