import { describe, expect, it } from 'vitest'
import { denseNetworkLoader } from '../../../src/model/dense-network.ts'
import { modelReferencePortable, storeModel } from '../../../src/model/model-reference.ts'
import { blobKey } from '../../../src/storage/blobs.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { networkOf } from '../../fixtures/model/flights.ts'

const portable = modelReferencePortable([denseNetworkLoader])

describe('a model reference', () => {
  it('opens the model that was stored', async () => {
    const storage = new MemoryStorage()
    const stored = networkOf(2)
    const reference = await storeModel(storage, stored, denseNetworkLoader)
    expect(await reference.stored()).toEqual(stored)
    const inputs = { features: { shape: [1, 2], data: Float32Array.of(1, 2) } }
    const [here, there] = [await denseNetworkLoader.load(stored), await reference.open()]
    expect(await there.predict(inputs)).toEqual(await here.predict(inputs))
  })

  it('has a digest that depends on the content and on nothing else', async () => {
    const digestOf = async (seed: number) => (await storeModel(new MemoryStorage(), networkOf(2, seed), denseNetworkLoader)).digest
    expect(await digestOf(1)).toBe(await digestOf(1))
    expect(await digestOf(1)).not.toBe(await digestOf(2))
    const renamed = { ...networkOf(2), json: { ...(networkOf(2).json as object), output: 'other' } }
    expect((await storeModel(new MemoryStorage(), renamed, denseNetworkLoader)).digest).not.toBe(await digestOf(1))
  })

  it('is not made of a kind that nobody opens, and then nothing is written', async () => {
    const storage = new MemoryStorage()
    await expect(storeModel(storage, { ...networkOf(2), kind: 'tree' }, [denseNetworkLoader])).rejects.toMatchObject({
      code: 'MODEL_KIND_UNKNOWN',
      details: { kind: 'tree', known: ['dense-network'] },
    })
    for await (const entry of storage.list('')) expect.fail(`wrote ${entry.key}`)
  })

  it('does not open damaged or missing weights', async () => {
    const storage = new MemoryStorage()
    const reference = await storeModel(storage, networkOf(2), denseNetworkLoader)
    const [digest] = await portable.blobs((await portable.encode(reference, { storage })).stored, { storage })
    await storage.put(blobKey(digest as string), new Uint8Array(3))
    await expect(reference.open()).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
    await storage.delete(blobKey(digest as string))
    await expect(reference.open()).rejects.toMatchObject({ code: 'STORAGE_NOT_FOUND' })
  })
})

describe('the portable of model references', () => {
  it('gives the same model again, from JSON alone', async () => {
    const storage = new MemoryStorage()
    const reference = await storeModel(storage, networkOf(2), denseNetworkLoader)
    const { stored, digest } = await portable.encode(reference, { storage })
    expect(digest).toBe(reference.digest)
    const again = await portable.decode(JSON.parse(JSON.stringify(stored)), { storage })
    expect(again.digest).toBe(reference.digest)
    expect(await again.stored()).toEqual(await reference.stored())
    expect(await portable.blobs(stored, { storage })).toHaveLength(1)
  })

  it('copies a model of another storage, or of a plugin', async () => {
    const source = await storeModel(new MemoryStorage(), networkOf(2), denseNetworkLoader)
    const storage = new MemoryStorage()
    const { stored, digest } = await portable.encode(source, { storage })
    const { kind, digest: plain, stored: read, open } = source
    const foreign = { kind, digest: plain, stored: read.bind(source), open: open.bind(source) }
    expect(portable.matches(foreign)).toBe(true)
    expect(await portable.encode(foreign, { storage })).toEqual({ stored, digest })
    expect(await (await portable.decode(stored, { storage })).stored()).toEqual(await source.stored())
  })

  it('matches references and nothing else', async () => {
    expect(portable.matches(await storeModel(new MemoryStorage(), networkOf(2), denseNetworkLoader))).toBe(true)
    for (const other of [null, undefined, 'model', {}, networkOf(2)]) expect(portable.matches(other)).toBe(false)
  })

  it('refuses what it cannot read', async () => {
    const storage = new MemoryStorage()
    const { stored } = await portable.encode(await storeModel(storage, networkOf(2), denseNetworkLoader), { storage })
    const json = stored as Record<string, never>
    const changed = (change: object) => portable.decode({ ...json, ...change }, { storage })
    await expect(changed({ minReaderVersion: 2 })).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED' })
    await expect(changed({ kind: 'tree' })).rejects.toMatchObject({ code: 'MODEL_KIND_UNKNOWN' })
    await expect(changed({ blobs: { weights: { digest: '../../etc/passwd', sizeBytes: 1 } } })).rejects.toMatchObject({
      code: 'MODEL_INVALID',
    })
  })
})
