import { blobChunks, blobKey, getBlob, MemoryStorage, putBlob } from 'millrace/storage'
import { beforeEach, describe, expect, it } from 'vitest'
import { BlobVerifier } from '../../../src/pipeline/blob-verifier.ts'

describe('BlobVerifier', () => {
  let storage: MemoryStorage
  beforeEach(() => {
    storage = new MemoryStorage()
  })

  async function flip(key: string, offset: number): Promise<void> {
    const bytes = (await storage.get(key))?.bytes as Uint8Array
    bytes[offset] = (bytes[offset] as number) ^ 4
    await storage.put(key, bytes)
  }

  async function keysOf(prefix: string): Promise<string[]> {
    const keys: string[] = []
    for await (const { key } of storage.list(prefix)) keys.push(key)
    return keys
  }

  it('finds sound blobs sound, and a missing one among them', async () => {
    const digests = [await putBlob(storage, Uint8Array.of(1)), await putBlob(storage, new Uint8Array(0))]
    expect(await new BlobVerifier(storage).verify(digests)).toBe('intact')
    expect(await new BlobVerifier(storage).verify([...digests, '0'.repeat(64)])).toBe('missing')
    expect(await new BlobVerifier(storage).verify([])).toBe('intact')
  })

  it('does not take a name that is no digest to storage', async () => {
    expect(await new BlobVerifier(storage).verify(['../../etc/passwd'])).toBe('corrupt')
  })

  it('takes a corrupt blob out of use, so that the next to make it can write it', async () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const digest = await putBlob(storage, bytes)
    await flip(blobKey(digest), 1)
    const verifier = new BlobVerifier(storage)
    expect(await verifier.verify([digest])).toBe('corrupt')
    await putBlob(storage, bytes)
    expect(await verifier.verify([digest])).toBe('intact')
    expect(await getBlob(storage, digest)).toEqual(bytes)
  })

  it('keeps a blob that only one reading found corrupt', async () => {
    let readings = 0
    class GlitchingStorage extends MemoryStorage {
      override async get(...call: Parameters<MemoryStorage['get']>): ReturnType<MemoryStorage['get']> {
        const object = await super.get(...call)
        if (object !== undefined && ++readings === 1) object.bytes[0] = 99
        return object
      }
    }
    const glitching = new GlitchingStorage()
    const digest = await putBlob(glitching, Uint8Array.of(1, 2, 3))
    expect(await new BlobVerifier(glitching).verify([digest])).toBe('intact')
    expect(await glitching.get(blobKey(digest))).toBeDefined()
  })

  it('leaves alone what another process stored anew meanwhile', async () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const digest = await putBlob(storage, bytes)
    await flip(blobKey(digest), 1)
    let readings = 0
    class RacingStorage extends MemoryStorage {
      override async get(...call: Parameters<MemoryStorage['get']>): ReturnType<MemoryStorage['get']> {
        const object = await storage.get(...call)
        // The other one finds it and heals it after our second reading.
        if (call[0] === blobKey(digest) && ++readings === 2) {
          await new BlobVerifier(storage).verify([digest])
          await putBlob(storage, bytes)
        }
        return object
      }
      override putIfAbsent(...call: Parameters<MemoryStorage['putIfAbsent']>): Promise<void> {
        return storage.putIfAbsent(...call)
      }
      override delete(...call: Parameters<MemoryStorage['delete']>): Promise<void> {
        return storage.delete(...call)
      }
    }
    await new BlobVerifier(new RacingStorage()).verify([digest])
    expect(readings).toBeGreaterThan(1)
    expect(await getBlob(storage, digest)).toEqual(bytes)
    expect(await new BlobVerifier(storage).verify([digest])).toBe('intact')
  })

  it('verifies the chunks of a large blob, and takes only the corrupt one out of use', async () => {
    const bytes = new Uint8Array(8 * 1024 * 1024 + 10).fill(7)
    const digest = await putBlob(storage, bytes)
    expect(await new BlobVerifier(storage).verify([digest])).toBe('intact')
    const [first, second] = (await blobChunks(storage, digest)) as [string, string]
    await flip(blobKey(second), 5)
    expect(await new BlobVerifier(storage).verify([digest])).not.toBe('intact')
    await putBlob(storage, bytes)
    expect(await keysOf(`blobs/${second.slice(0, 2)}`)).toContain(`${blobKey(second)}-1`)
    expect(await keysOf(`blobs/${first.slice(0, 2)}`)).not.toContain(`${blobKey(first)}-1`)
    expect(await new BlobVerifier(storage).verify([digest])).toBe('intact')
  })

  it('stops when aborted, and can be asked again', async () => {
    const digest = await putBlob(storage, Uint8Array.of(1))
    const verifier = new BlobVerifier(storage)
    await expect(verifier.verify([digest], { signal: AbortSignal.abort('stop') })).rejects.toBe('stop')
    expect(await verifier.verify([digest])).toBe('intact')
  })
})
