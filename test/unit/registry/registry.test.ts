import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import { createRandom } from '../../../src/core/random.ts'
import { Logger } from '../../../src/log/logger.ts'
import { memorySink } from '../../../src/log/sinks.ts'
import { Registry } from '../../../src/registry/registry.ts'
import type { StorageAdapter } from '../../../src/storage/adapter.ts'
import { blobKey } from '../../../src/storage/blobs.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { CountingStorage } from './counting-storage.ts'
import { collect, packageNamed } from './registry-fixtures.ts'

let time = 1_000
const clock = { now: () => time++, monotonicMs: () => 0, sleep: async () => {} }

function registryOver(storage: StorageAdapter, seed = 1): Registry {
  return new Registry({ storage, clock, random: createRandom(seed) })
}

async function withVersions(count: number): Promise<{ storage: MemoryStorage; registry: Registry }> {
  const storage = new MemoryStorage()
  const registry = registryOver(storage)
  for (let version = 1; version <= count; version++) await registry.register('churn', packageNamed(`v${version}`))
  return { storage, registry }
}

/** Calls of the storage, with some methods replaced. */
function over(storage: MemoryStorage, methods: Partial<StorageAdapter>): StorageAdapter {
  return {
    name: storage.name,
    capabilities: storage.capabilities,
    get: (key, options) => storage.get(key, options),
    putIfAbsent: (key, bytes, options) => storage.putIfAbsent(key, bytes, options),
    put: (key, bytes, options) => storage.put(key, bytes, options),
    delete: (key, options) => storage.delete(key, options),
    list: (prefix, options) => storage.list(prefix, options),
    ...methods,
  }
}

describe('versions', () => {
  test('are numbered from 1 for each model and keep where they came from', async () => {
    const { storage, registry } = await withVersions(2)
    const modelPackage = packageNamed('v1')
    expect((await registry.register('delay', modelPackage)).version).toBe(1)
    expect(await registryOver(storage).version('churn', 2)).toMatchObject({
      name: 'churn',
      version: 2,
      manifestDigest: packageNamed('v2').manifestDigest,
      lineage: { runId: 'run-v2' },
      tags: {},
    })
    expect(await registry.version('churn', 1)).toMatchObject({ metrics: { auc: 0.75 }, lineage: packageNamed('v1').manifest.lineage })
  })

  test('are found wherever in the log they were made, by any process', async () => {
    const { storage, registry } = await withVersions(1)
    for (let version = 2; version <= 20; version++) {
      await registry.setAlias('churn', 'champion', version - 1)
      await registry.register('churn', packageNamed(`v${version}`))
      if (version % 3 === 0) await registry.setAlias('churn', 'shadow', version)
    }
    for (let version = 1; version <= 20; version++) {
      const found = await registryOver(storage).version('churn', version)
      expect(found).toMatchObject({ version, manifestDigest: packageNamed(`v${version}`).manifestDigest })
    }
    expect((await collect(registry.versions('churn'))).map(({ version }) => version)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    )
  })

  test('that are not there are MODEL_NOT_FOUND', async () => {
    const { registry } = await withVersions(2)
    for (const version of [0, 3, -1, 1.5, Number.NaN]) {
      await expect(registry.version('churn', version)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
    }
    await expect(registry.load('other', 1)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND', details: { name: 'other', version: 1 } })
    await expect(registry.lineage('churn', 9)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
    expect(await collect(registry.versions('other'))).toEqual([])
  })

  test('cost an entry whose size does not depend on how many there are', async () => {
    const { storage } = await withVersions(120)
    const sizes: number[] = []
    for await (const { sizeBytes } of storage.list('models/churn/log')) sizes.push(sizeBytes)
    expect(sizes).toHaveLength(120)
    // Only the digits of numbers grow.
    expect((sizes[119] as number) - (sizes[1] as number)).toBeLessThan(30)
  })

  test('come with their blobs in the storage of the registry, each once', async () => {
    const { storage } = await withVersions(3)
    let blobs = 0
    for await (const _ of storage.list('blobs')) blobs++
    // Three times weights; table, profile and golden are shared, and the manifests are in the log.
    expect(blobs).toBe(6)
  })

  test('are not made when a blob cannot be stored or is not what it should be', async () => {
    const storage = new MemoryStorage()
    const good = packageNamed('a')
    const bad = { ...good, blob: async () => new Uint8Array([1, 2, 3]) }
    await expect(registryOver(storage).register('churn', bad)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
    const full = new MillraceError('STORAGE_NO_SPACE', { message: 'full', details: { key: 'k' } })
    const fails = over(storage, { put: () => Promise.reject(full), putIfAbsent: () => Promise.reject(full) })
    await expect(registryOver(fails).register('churn', good)).rejects.toBe(full)
    expect(await collect(registryOver(storage).history('churn'))).toEqual([])
    expect((await registryOver(storage).register('churn', good)).version).toBe(1)
  })

  test('of all models can be listed by name, in a few reads however long their logs are', async () => {
    const storage = new MemoryStorage()
    const registry = registryOver(storage)
    const names = ['a', 'a-b', 'a.b', 'a0', 'ab', 'zz', 'z']
    for (const name of names)
      for (let count = 0; count < 5; count++) await registry.register(name, packageNamed(name), { idempotencyKey: `${count}` })
    await registry.tag('zz', 1, { stage: 'x' })
    expect((await collect(registry.models())).sort()).toEqual([...names].sort())
    expect(await collect(registryOver(new MemoryStorage()).models())).toEqual([])
  })
})

describe('loading', () => {
  test('gives the package with every blob verified', async () => {
    const { registry } = await withVersions(1)
    const loaded = await registry.load('churn', 1)
    expect(loaded.manifest).toEqual(packageNamed('v1').manifest)
    const { weights } = loaded.manifest.model.blobs
    expect(new TextDecoder().decode(await loaded.blob(weights?.digest ?? ''))).toBe('weights of v1')
  })

  test('names the blob that is gone, and the one that changed', async () => {
    const { storage, registry } = await withVersions(1)
    const { digest } = packageNamed('v1').manifest.model.blobs.weights ?? expect.unreachable()
    const { bytes } = (await storage.get(blobKey(digest))) ?? expect.unreachable()
    bytes[3] = 0
    await storage.put(blobKey(digest), bytes)
    await expect(registry.load('churn', 1)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT', details: { key: blobKey(digest) } })
    await storage.delete(blobKey(digest))
    await expect(registry.load('churn', 1)).rejects.toMatchObject({ code: 'STORAGE_NOT_FOUND', details: { key: blobKey(digest) } })
    // Its record can still be read.
    expect((await registry.version('churn', 1)).version).toBe(1)
  })

  test('stops when it is aborted', async () => {
    const { registry } = await withVersions(1)
    const reason = new Error('enough')
    await expect(registry.load('churn', 1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await expect(registry.register('churn', packageNamed('x'), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(await collect(registry.versions('churn'))).toHaveLength(1)
  })
})

describe('an idempotency key', () => {
  test('gives the version that it made the first time, also in another process, whatever happened since', async () => {
    const { storage, registry } = await withVersions(2)
    const made = await registry.register('churn', packageNamed('k'), { idempotencyKey: 'run-7/register' })
    expect(made.version).toBe(3)
    for (let count = 0; count < 5; count++) await registry.register('churn', packageNamed(`later-${count}`))
    const again = await registryOver(storage).register('churn', packageNamed('k'), { idempotencyKey: 'run-7/register' })
    expect(again).toEqual(made)
    expect((await registry.register('churn', packageNamed('k'), { idempotencyKey: 'run-8/register' })).version).toBe(9)
    expect((await registry.register('other', packageNamed('k'), { idempotencyKey: 'run-7/register' })).version).toBe(1)
  })

  test('makes one version when many race with it', async () => {
    const storage = new MemoryStorage()
    const made = await Promise.all(
      Array.from({ length: 12 }, (_, seed) =>
        registryOver(storage, seed).register('churn', packageNamed(`p${seed % 3}`), { idempotencyKey: `key-${seed % 3}` }),
      ),
    )
    expect(await collect(registryOver(storage).versions('churn'))).toHaveLength(3)
    for (let key = 0; key < 3; key++)
      expect(new Set(made.filter((_, index) => index % 3 === key).map(({ version }) => version)).size).toBe(1)
  })

  test('is kept by a writer that died after its version was made and before it was told', async () => {
    const storage = new MemoryStorage()
    const died = new Error('killed')
    const dying = over(storage, {
      putIfAbsent: async (key, bytes, options) => {
        await storage.putIfAbsent(key, bytes, options)
        if (key.startsWith('models/churn/log/')) throw died
      },
    })
    await expect(registryOver(dying).register('churn', packageNamed('a'), { idempotencyKey: 'k' })).rejects.toBe(died)
    expect((await registryOver(storage).register('churn', packageNamed('a'), { idempotencyKey: 'k' })).version).toBe(1)
    expect(await collect(registryOver(storage).versions('churn'))).toHaveLength(1)
  })

  test('is free again after a writer that died before its version was made', async () => {
    const storage = new MemoryStorage()
    const died = new Error('killed')
    const dying = over(storage, {
      putIfAbsent: (key, bytes, options) =>
        key.startsWith('models/churn/log/') ? Promise.reject(died) : storage.putIfAbsent(key, bytes, options),
    })
    await expect(registryOver(dying).register('churn', packageNamed('a'), { idempotencyKey: 'k' })).rejects.toBe(died)
    expect((await registryOver(storage).register('churn', packageNamed('a'), { idempotencyKey: 'k' })).version).toBe(1)
  })

  test('is found when the reply to its registration was lost, and nobody else made a version', async () => {
    const storage = new MemoryStorage()
    let lost = false
    const lossy = over(storage, {
      putIfAbsent: async (key, bytes, options) => {
        await storage.putIfAbsent(key, bytes, options)
        if (!key.includes('/log/') || lost) return
        lost = true
        throw new MillraceError('STORAGE_OUTCOME_UNKNOWN', { message: 'lost', details: { key } })
      },
    })
    expect((await registryOver(lossy).register('churn', packageNamed('a'), { idempotencyKey: 'k' })).version).toBe(1)
    expect(lost).toBe(true)
    expect((await registryOver(storage).register('churn', packageNamed('a'), { idempotencyKey: 'k' })).version).toBe(1)
  })

  test('is text that is not empty', async () => {
    await expect(registryOver(new MemoryStorage()).register('churn', packageNamed('a'), { idempotencyKey: '' })).rejects.toMatchObject({
      code: 'ARGUMENT_INVALID',
    })
  })

  test('among hundreds of others makes one version each, in one write each and no list of keys', async () => {
    const storage = new CountingStorage(new MemoryStorage())
    const count = 300
    for (let key = 0; key < count; key++)
      await registryOver(storage, key).register('churn', packageNamed('same'), { idempotencyKey: `key-${key}` })
    const writes = storage.writes.filter(({ key }) => key.startsWith('models/'))
    expect(writes).toHaveLength(count)
    for (let key = 0; key < count; key += 7)
      expect((await registryOver(storage).register('churn', packageNamed('same'), { idempotencyKey: `key-${key}` })).version).toBe(key + 1)
    expect(await collect(registryOver(storage).versions('churn'))).toHaveLength(count)
  })
})

describe('aliases', () => {
  test('point at versions, move, and are taken away', async () => {
    const { storage, registry } = await withVersions(3)
    expect(await registry.alias('churn', 'champion')).toBeUndefined()
    await registry.setAlias('churn', 'champion', 2)
    await registry.setAlias('churn', 'shadow', 3)
    expect(await registryOver(storage).alias('churn', 'champion')).toMatchObject({ version: 2, lineage: { runId: 'run-v2' } })
    expect(await registry.aliases('churn')).toEqual(
      new Map([
        ['champion', 2],
        ['shadow', 3],
      ]),
    )
    await registry.removeAlias('churn', 'champion')
    await registry.removeAlias('churn', 'champion')
    expect(await registry.alias('churn', 'champion')).toBeUndefined()
    expect(await registry.aliases('nothing')).toEqual(new Map())
  })

  test('cannot point at what is not there', async () => {
    const { registry } = await withVersions(1)
    await expect(registry.setAlias('churn', 'champion', 2)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
  })

  test('move only from where they are expected', async () => {
    const { registry } = await withVersions(3)
    await registry.setAlias('churn', 'champion', 1, { expectedVersion: 0 })
    await expect(registry.setAlias('churn', 'champion', 2, { expectedVersion: 0 })).rejects.toMatchObject({
      code: 'ALIAS_MOVED',
      details: { name: 'churn', alias: 'champion', expectedVersion: 0, version: 1 },
    })
    await expect(registry.removeAlias('churn', 'champion', { expectedVersion: 3 })).rejects.toMatchObject({ code: 'ALIAS_MOVED' })
    await expect(registry.rollback('churn', 'champion', { expectedVersion: 3 })).rejects.toMatchObject({ code: 'ALIAS_MOVED' })
    await expect(registry.setAlias('churn', 'other', 1, { expectedVersion: 2 })).rejects.toMatchObject({ details: { version: null } })
    await registry.setAlias('churn', 'champion', 2, { expectedVersion: 1 })
    expect((await registry.alias('churn', 'champion'))?.version).toBe(2)
  })

  test('that are moved by many at once from one expected version are moved by one', async () => {
    const { storage } = await withVersions(9)
    await registryOver(storage).setAlias('churn', 'champion', 1)
    const outcomes = await Promise.allSettled(
      [2, 3, 4, 5, 6, 7, 8, 9].map((version) =>
        registryOver(storage, version).setAlias('churn', 'champion', version, { expectedVersion: 1 }),
      ),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled') + 2
    expect((await registryOver(storage).alias('churn', 'champion'))?.version).toBe(winner)
  })

  test('keep their history, with who and why; a move to where they are is none', async () => {
    const { registry } = await withVersions(2)
    await registry.setAlias('churn', 'champion', 1, { reason: 'AUC 0.75', by: 'nightly' })
    await registry.setAlias('churn', 'champion', 1, { reason: 'again' })
    await registry.setAlias('churn', 'champion', 2)
    await registry.rollback('churn', 'champion', { reason: 'complaints', by: 'ann' })
    await registry.removeAlias('churn', 'champion', { by: 'bob' })
    const history = await collect(registry.history('churn'))
    expect(history.map(({ generation }) => generation)).toEqual([1, 2, 3, 4, 5, 6])
    expect(history.map(({ time: at }) => at)).toEqual([...history.map(({ time: at }) => at)].sort((a, b) => a - b))
    expect(history.slice(2).map(({ operation }) => operation)).toMatchObject([
      { type: 'set-alias', alias: 'champion', version: 1, reason: 'AUC 0.75', by: 'nightly' },
      { type: 'set-alias', alias: 'champion', version: 2, reason: null, by: null },
      { type: 'rollback-alias', alias: 'champion', version: 1, reason: 'complaints', by: 'ann' },
      { type: 'remove-alias', alias: 'champion', reason: null, by: 'bob' },
    ])
  })
})

describe('a rollback', () => {
  test('goes one version further back each time, also across processes, and forward again by setting', async () => {
    const { storage, registry } = await withVersions(4)
    for (const version of [1, 2, 3]) await registry.setAlias('churn', 'champion', version)
    await registry.setAlias('churn', 'shadow', 4)
    expect((await registry.rollback('churn', 'champion')).version).toBe(2)
    expect((await registryOver(storage).rollback('churn', 'champion')).version).toBe(1)
    await expect(registry.rollback('churn', 'champion')).rejects.toMatchObject({
      code: 'ALIAS_NOTHING_BEFORE',
      details: { name: 'churn', alias: 'champion', version: 1 },
    })
    await registry.setAlias('churn', 'champion', 4)
    expect((await registry.rollback('churn', 'champion')).version).toBe(1)
    expect((await registry.alias('churn', 'shadow'))?.version).toBe(4)
  })

  test('needs an alias, and one with a version before', async () => {
    const { registry } = await withVersions(2)
    await expect(registry.rollback('churn', 'champion')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND', details: { alias: 'champion' } })
    await registry.setAlias('churn', 'champion', 1)
    await registry.removeAlias('churn', 'champion')
    await registry.setAlias('churn', 'champion', 2)
    await expect(registry.rollback('churn', 'champion')).rejects.toMatchObject({ code: 'ALIAS_NOTHING_BEFORE' })
  })

  test('by two at once, who both saw the bad version, is done once', async () => {
    const { storage, registry } = await withVersions(3)
    for (const version of [1, 2, 3]) await registry.setAlias('churn', 'champion', version)
    const outcomes = await Promise.allSettled(
      [1, 2].map((seed) => registryOver(storage, seed).rollback('churn', 'champion', { expectedVersion: 3 })),
    )
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect((await registry.alias('churn', 'champion'))?.version).toBe(2)
  })
})

describe('tags', () => {
  test('belong to a version, change by name, and are seen by every reader', async () => {
    const { storage, registry } = await withVersions(3)
    expect(await registry.tag('churn', 2, { stage: 'review', owner: 'ann' })).toMatchObject({
      version: 2,
      tags: { stage: 'review', owner: 'ann' },
    })
    await registry.tag('churn', 2, { stage: 'approved', owner: null, missing: null })
    await registry.setAlias('churn', 'champion', 2)
    const reader = registryOver(storage)
    expect((await reader.version('churn', 2)).tags).toEqual({ stage: 'approved' })
    expect((await reader.alias('churn', 'champion'))?.tags).toEqual({ stage: 'approved' })
    expect((await collect(reader.versions('churn'))).map(({ tags }) => tags)).toEqual([{}, { stage: 'approved' }, {}])
    await expect(registry.tag('churn', 4, { a: 'b' })).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
  })

  test('set by many at once are all kept', async () => {
    const { storage } = await withVersions(1)
    await Promise.all(Array.from({ length: 10 }, (_, seed) => registryOver(storage, seed).tag('churn', 1, { [`tag-${seed}`]: 'x' })))
    expect(Object.keys((await registryOver(storage).version('churn', 1)).tags)).toHaveLength(10)
  })
})

describe('a champion', () => {
  test('is what the alias points at when it is asked', async () => {
    const storage = new MemoryStorage()
    const registry = registryOver(storage)
    const source = registry.championOf('churn')
    expect(source.label).toBe('churn@champion')
    expect(await source.champion()).toBeUndefined()
    const modelPackage = packageNamed('a', { metrics: { auc: 0.8 } })
    await registry.register('churn', modelPackage)
    await registry.setAlias('churn', 'champion', 1)
    expect(await source.champion()).toEqual({
      version: 1,
      metrics: { auc: 0.8 },
      manifestDigest: modelPackage.manifestDigest,
      testDigest: modelPackage.manifest.lineage.testDigest,
      modelDigest: modelPackage.manifest.model.digest,
    })
    expect(await registry.championOf('churn', 'shadow').champion()).toBeUndefined()
  })
})

describe('a registry', () => {
  test('takes no name that is not a segment of a storage key', async () => {
    const registry = registryOver(new MemoryStorage())
    for (const name of ['', 'Churn', 'a/b', '../a', 'a b', '__proto__', 'constructor', 'prototype', '.a', 'a.', 'x'.repeat(129)]) {
      await expect(registry.register(name, packageNamed('a')), name).rejects.toMatchObject({
        code: 'ARGUMENT_INVALID',
        details: { argument: 'name' },
      })
      await expect(registry.alias('churn', name), name).rejects.toMatchObject({ code: 'ARGUMENT_INVALID', details: { argument: 'alias' } })
      expect(() => registry.championOf(name)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
    }
  })

  test('refuses a storage that cannot put if absent', () => {
    const storage = over(new MemoryStorage(), { capabilities: { putIfAbsent: false, multiProcess: true, durability: 'device' } })
    expect(() => registryOver(storage)).toThrow(expect.objectContaining({ code: 'STORAGE_CAPABILITY_MISSING' }))
  })

  test('says that it is busy when others always come first', async () => {
    const storage = new MemoryStorage()
    const rival = registryOver(storage, 2)
    const contended = over(storage, {
      putIfAbsent: async (key, bytes, options) => {
        if (key.startsWith('models/churn/log/')) await rival.register('churn', packageNamed('rival'))
        await storage.putIfAbsent(key, bytes, options)
      },
    })
    const registry = new Registry({ storage: contended, clock, random: createRandom(1), attempts: 3 })
    await expect(registry.register('churn', packageNamed('a'))).rejects.toMatchObject({
      code: 'REGISTRY_BUSY',
      details: { name: 'churn', attempts: 3 },
    })
  })

  test('tells a logger of what changed, and of nothing that did not', async () => {
    const sink = memorySink()
    const registry = new Registry({ storage: new MemoryStorage(), clock, logger: new Logger({ sinks: [sink] }) })
    await registry.register('churn', packageNamed('a'), { idempotencyKey: 'k' })
    await registry.register('churn', packageNamed('a'), { idempotencyKey: 'k' })
    await registry.register('churn', packageNamed('b'))
    await registry.setAlias('churn', 'champion', 1, { reason: 'good' })
    await registry.setAlias('churn', 'champion', 1)
    await registry.setAlias('churn', 'champion', 2)
    await registry.rollback('churn', 'champion')
    await registry.removeAlias('churn', 'champion')
    expect(sink.records.map(({ message }) => message)).toEqual([
      'model registered',
      'model registered',
      'alias set',
      'alias set',
      'alias rolled back',
      'alias removed',
    ])
    expect(sink.records[2]?.fields).toMatchObject({ model: 'churn', alias: 'champion', version: 1, reason: 'good' })
  })

  test('numbers the versions of concurrent writers 1 to N', async () => {
    const storage = new MemoryStorage()
    const made = await Promise.all(
      Array.from({ length: 40 }, (_, seed) => registryOver(storage, seed % 8).register('churn', packageNamed(`p${seed}`))),
    )
    expect(made.map(({ version }) => version).sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1))
    for (const { version, manifestDigest } of made)
      expect((await registryOver(storage).version('churn', version)).manifestDigest).toBe(manifestDigest)
  })
})
