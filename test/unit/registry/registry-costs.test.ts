import { describe, expect, test } from 'vitest'
import { sha256Hex } from '../../../src/core/digest.ts'
import { canonicalJson } from '../../../src/core/json.ts'
import { createRandom } from '../../../src/core/random.ts'
import type { ModelPackage } from '../../../src/model/model-package.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { CountingStorage } from './counting-storage.ts'
import { collect, packageNamed } from './registry-fixtures.ts'

/** A model with so many versions that were made with keys, each under the champion alias for a while, some deleted. */
async function grown(versions: number): Promise<MemoryStorage> {
  const storage = new MemoryStorage()
  const registry = new Registry({ storage, random: createRandom(1) })
  const modelPackage = packageNamed('same')
  for (let version = 1; version <= versions; version++) {
    await registry.register('m', modelPackage, { idempotencyKey: `run-${version}` })
    if (version % 5 === 0) await registry.setAlias('m', 'champion', version)
    if (version % 10 === 7) await registry.deleteVersion('m', version - 1)
  }
  return storage
}

interface Cost {
  readonly requests: number
  readonly writtenBytes: number
  readonly readBytes: number
}

/** What work costs on the average, each time by a process that has seen nothing yet. */
async function costOf(storage: MemoryStorage, work: (registry: Registry, round: number) => Promise<unknown>): Promise<Cost> {
  const rounds = 32
  const total = { requests: 0, writtenBytes: 0, readBytes: 0 }
  for (let round = 0; round < rounds; round++) {
    const counting = new CountingStorage(storage)
    await work(new Registry({ storage: counting, random: createRandom(round) }), round)
    total.requests += counting.requests / rounds
    total.writtenBytes += counting.writtenBytes / rounds
    total.readBytes += counting.readBytes / rounds
  }
  return total
}

describe('what a registry costs at 10,000 versions', () => {
  test('is at most twice what it costs at 10, in requests and bytes, cold', async () => {
    const [few, many] = [await grown(10), await grown(10_000)]
    const works: Record<string, (registry: Registry, round: number) => Promise<unknown>> = {
      'to open it': (registry) => registry.alias('m', 'champion'),
      'to register': (registry) => registry.register('m', packageNamed('same')),
      'to register with a key': (registry, round) => registry.register('m', packageNamed('same'), { idempotencyKey: `new-${round}` }),
      'to move an alias': (registry, round) => registry.setAlias('m', 'shadow', 2 + (round % 2)),
    }
    for (const [name, work] of Object.entries(works)) {
      const [small, large] = [await costOf(few, work), await costOf(many, work)]
      expect(large.requests, `requests ${name}: ${large.requests} and ${small.requests}`).toBeLessThanOrEqual(2 * small.requests)
      expect(large.writtenBytes, `bytes written ${name}`).toBeLessThanOrEqual(2 * small.writtenBytes)
      expect(large.readBytes, `bytes read ${name}`).toBeLessThanOrEqual(2.5 * small.readBytes)
    }
  })
})

describe('a registration', () => {
  test('is one request for its record, one for each blob, and two to know that nothing is collected', async () => {
    const storage = new CountingStorage(new MemoryStorage())
    const registry = new Registry({ storage, random: createRandom(1) })
    await registry.register('m', packageNamed('a'))
    storage.calls = []
    await registry.register('m', packageNamed('b'))
    expect(storage.writes.map(({ key }) => key.split('/')[0])).toEqual(['blobs', 'models'])
    expect(storage.calls.filter(({ key }) => key.startsWith('models/')).map(({ method }) => method)).toEqual(['putIfAbsent'])
    storage.calls = []
    await registry.register('m', packageNamed('b'))
    // What is there already is read, not written.
    expect(storage.writes.map(({ key }) => key)).toEqual(['models/m/log/0000000000000003'])
  })

  test('keeps a manifest that is too large for an entry as a blob, and tells the same of the version', async () => {
    const storage = new MemoryStorage()
    const registry = new Registry({ storage })
    const small = packageNamed('a')
    const manifest = { ...small.manifest, lineage: { ...small.manifest.lineage, details: 'x'.repeat(70_000) } }
    const modelPackage: ModelPackage = { ...small, manifest, manifestDigest: sha256Hex(canonicalJson(manifest)) }
    const made = await registry.register('m', modelPackage, { idempotencyKey: 'k' })
    const cold = new Registry({ storage })
    expect(await cold.version('m', 1)).toEqual(made)
    expect(made).toMatchObject({ lineage: manifest.lineage, metrics: manifest.metrics, manifestDigest: modelPackage.manifestDigest })
    expect((await cold.load('m', 1)).manifest).toEqual(manifest)
    expect(await cold.register('m', modelPackage, { idempotencyKey: 'k' })).toEqual(made)
    for await (const { key, sizeBytes } of storage.list('models')) expect(sizeBytes, key).toBeLessThan(2_000)
    await storage.delete(`blobs/${modelPackage.manifestDigest.slice(0, 2)}/${modelPackage.manifestDigest}`)
    await expect(cold.load('m', 1)).rejects.toMatchObject({ code: 'STORAGE_NOT_FOUND' })
  })
})

describe('versions that were looked up', () => {
  test('do not add up in memory, and are found again after they were forgotten', async () => {
    const storage = await grown(50)
    const registry = new Registry({ storage })
    // More models than are remembered.
    for (let model = 0; model < 300; model++) expect(await registry.alias(`absent-${model}`, 'champion')).toBeUndefined()
    expect((await registry.version('m', 31)).version).toBe(31)
    expect(await collect(registry.versions('m', { after: 40 }))).toHaveLength(9)
  })
})
