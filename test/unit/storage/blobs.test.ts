import { createHash } from 'node:crypto'
import { MillraceError } from 'millrace'
import { BlobWriter, blobChunks, blobKey, condemnBlob, getBlob, hasBlob, MemoryStorage, putBlob, verifyBlob } from 'millrace/storage'
import { FaultyStorage, failNth } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { listKey } from '../../../src/storage/blob-copies.ts'
import { chunkBytes } from '../../../src/storage/blobs.ts'
import { decodeChunkList, encodeChunkList } from '../../../src/storage/chunk-list.ts'
import { markCopy } from '../../../src/storage/collection-marker.ts'
import { crc32 } from '../../../src/storage/crc32.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

function pattern(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  for (let index = 0; index < sizeBytes; index += 101) bytes[index] = index & 0xff
  return bytes
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.catch((caught: unknown) => caught)
  return MillraceError.is(error) ? error.code : String(error)
}

describe('a small blob', () => {
  test('is stored once under its SHA-256', async () => {
    const storage = new MemoryStorage()
    const digest = await putBlob(storage, text('hello'))
    expect(digest).toBe(sha256(text('hello')))
    expect(await putBlob(storage, text('hello'))).toBe(digest)
    expect(await getBlob(storage, digest)).toEqual(text('hello'))
    expect(await hasBlob(storage, digest)).toBe(true)
    expect(await blobChunks(storage, digest)).toEqual([])
    expect(await hasBlob(storage, sha256(text('other')))).toBe(false)
  })

  test('is not found by name when it is absent, and corrupt when a byte is', async () => {
    const storage = new MemoryStorage()
    const digest = await putBlob(storage, text('hello'))
    await storage.put(blobKey(digest), text('hallo'))
    expect(await codeOf(getBlob(storage, digest))).toBe('STORAGE_CORRUPT')
    await storage.delete(blobKey(digest))
    const error = await getBlob(storage, digest).catch((caught: unknown) => caught)
    expect(MillraceError.is(error, 'STORAGE_NOT_FOUND') && error.details.key).toBe(blobKey(digest))
  })
})

describe('a large blob', { timeout: 60_000 }, () => {
  const large = pattern(chunkBytes * 2 + 12_345)
  const digest = sha256(large)

  async function stored(): Promise<MemoryStorage> {
    const storage = new MemoryStorage()
    expect(await putBlob(storage, large)).toBe(digest)
    return storage
  }

  test('is kept in chunks that are blobs of their own, and read back whole', async () => {
    const storage = await stored()
    const sizes: number[] = []
    for await (const { sizeBytes } of storage.list('blobs')) sizes.push(sizeBytes)
    expect(Math.max(...sizes)).toBe(chunkBytes)
    const read = await getBlob(storage, digest)
    expect(sha256(read)).toBe(digest)
    const chunks = await blobChunks(storage, digest)
    expect(chunks.length).toBe(3)
    expect(chunks.at(-1)).toBe(sha256(large.subarray(chunkBytes * 2)))
    expect(await putBlob(storage, large)).toBe(digest)
  })

  test('has all its chunks, or it is not there', async () => {
    const storage = await stored()
    expect(await hasBlob(storage, digest)).toBe(true)
    const [first] = await blobChunks(storage, digest)
    await storage.delete(blobKey(first as string))
    expect(await hasBlob(storage, digest)).toBe(false)
    const error = await getBlob(storage, digest).catch((caught: unknown) => caught)
    expect(MillraceError.is(error, 'STORAGE_NOT_FOUND') && error.details.key).toBe(blobKey(first as string))
  })

  test('is corrupt when a chunk is, or when its list is another’s', async () => {
    const storage = await stored()
    const chunks = await blobChunks(storage, digest)
    const changed = large.slice(0, chunkBytes)
    changed[5] = 255
    await storage.put(blobKey(chunks[0] as string), changed)
    expect(await codeOf(getBlob(storage, digest))).toBe('STORAGE_CORRUPT')
    await storage.put(blobKey(chunks[0] as string), large.slice(0, chunkBytes))
    await storage.put(listKey(digest, 0), encodeChunkList({ sizeBytes: large.length, chunkBytes, chunks: [...chunks].reverse() }))
    expect(await codeOf(getBlob(storage, digest))).toBe('STORAGE_CORRUPT')
  })

  test('is not seen before all its chunks are there', async () => {
    const memory = new MemoryStorage()
    for (let index = 1; index <= 4; index++) {
      const storage = new FaultyStorage(memory, failNth(index, 'refused'))
      expect(await codeOf(putBlob(storage, large))).toBe('STORAGE_UNAVAILABLE')
      expect(await hasBlob(memory, digest)).toBe(false)
    }
    await putBlob(memory, large)
    expect(await hasBlob(memory, digest)).toBe(true)
  })
})

describe('a list of chunks', { timeout: 60_000 }, () => {
  test('that was stored as content is content', async () => {
    const storage = new MemoryStorage()
    const content = encodeChunkList({ sizeBytes: 3, chunkBytes, chunks: [sha256(text('abc'))] })
    const digest = await putBlob(storage, content)
    expect(await getBlob(storage, digest)).toEqual(content)
    expect(await hasBlob(storage, digest)).toBe(true)
    expect(await blobChunks(storage, digest)).toEqual([])
  })

  test('that asks for more memory than its chunks account for is corrupt', async () => {
    const storage = new MemoryStorage()
    const digest = sha256(text('x'))
    await storage.put(listKey(digest, 0), encodeChunkList({ sizeBytes: 2 ** 50, chunkBytes, chunks: [digest] }))
    expect(await codeOf(getBlob(storage, digest))).toBe('STORAGE_CORRUPT')
  })

  test('that was damaged in any bit, cut short or emptied is corrupt: neither a chunk that is missing nor the list of a newer library', async () => {
    const { storage, digest, sound, large } = await storedLarge()
    const damages = [sound.subarray(0, 0), sound.subarray(0, 20), sound.subarray(0, -1), Uint8Array.of(...sound, 32)]
    for (let bit = 0; bit < sound.length * 8; bit++) damages.push(flipped(sound, bit))
    for (const damaged of damages) {
      await storage.put(listKey(digest, 0), damaged)
      expect(await codeOf(getBlob(storage, digest))).toBe('STORAGE_CORRUPT')
      expect(await hasBlob(storage, digest)).toBe(false)
      expect(await verifyBlob(storage, digest)).toBe('corrupt')
      expect(await codeOf(blobChunks(storage, digest))).toBe('STORAGE_CORRUPT')
    }
    const version = new TextDecoder().decode(sound).indexOf('"minReaderVersion":1') + '"minReaderVersion":'.length
    for (const bit of [1, 2, 3]) {
      await storage.put(listKey(digest, 0), flipped(sound, version * 8 + bit))
      const writer = await BlobWriter.begin(storage)
      await writer.mend(large)
      expect(await verifyBlob(storage, digest)).toBe('intact')
      expect(sha256(await getBlob(storage, digest))).toBe(digest)
      await storage.delete(listKey(digest, bit))
    }
  })

  test('whose chunk is missing is not found', async () => {
    const { storage, digest } = await storedLarge()
    const [, tail] = await blobChunks(storage, digest)
    await storage.delete(blobKey(tail as string))
    expect(await codeOf(getBlob(storage, digest))).toBe('STORAGE_NOT_FOUND')
    expect(await verifyBlob(storage, digest)).toBe('missing')
  })

  test('of a newer library is unsupported while it is intact, and another copy is read where there is one', async () => {
    const { storage, digest, sound } = await storedLarge()
    const newer = sealed('{"format":"millrace-chunks","formatVersion":3,"minReaderVersion":2,"pieces":[]}')
    await storage.put(listKey(digest, 0), newer)
    for (const ask of [getBlob, hasBlob, verifyBlob, blobChunks, condemnBlob])
      expect(await codeOf(ask(storage, digest)), ask.name).toBe('FORMAT_UNSUPPORTED')
    for (let bit = 0; bit < newer.length * 8; bit++) expect(decodeChunkList(flipped(newer, bit))).toBeUndefined()
    // One that a later version wrote for readers of this one too, with a member that this one does not know.
    const json = new TextDecoder().decode(sound).replace(/^[^{]*\{/, '{"codec":null,')
    await storage.put(listKey(digest, 1), sealed(json.replace('"formatVersion":1', '"formatVersion":2')))
    await markCopy(storage, { digest, copy: 0 }, { kind: 'condemned', time: 0 })
    expect(sha256(await getBlob(storage, digest))).toBe(digest)
    expect(await hasBlob(storage, digest)).toBe(true)
    expect(await verifyBlob(storage, digest)).toBe('intact')
    await storage.put(listKey(digest, 1), sound.subarray(1))
    expect(await codeOf(getBlob(storage, digest))).toBe('FORMAT_UNSUPPORTED')
  })

  test('is found by its key, and content is never taken for one', async () => {
    const { storage, digest, sound } = await storedLarge()
    expect(await storage.get(blobKey(digest))).toBeUndefined()
    await storage.delete(listKey(digest, 0))
    await storage.put(blobKey(digest), sound)
    expect(await codeOf(getBlob(storage, digest))).toBe('STORAGE_CORRUPT')
    expect(await blobChunks(storage, digest)).toEqual([])
  })
})

/** A blob of two chunks, and the bytes of its list. */
async function storedLarge(): Promise<{ storage: MemoryStorage; large: Uint8Array; digest: string; sound: Uint8Array }> {
  const storage = new MemoryStorage()
  const large = new Uint8Array(chunkBytes + 1)
  const digest = await putBlob(storage, large)
  return { storage, large, digest, sound: (await storage.get(listKey(digest, 0)))?.bytes as Uint8Array }
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
}

/** A list that says something else, with its checksum. */
function sealed(json: string): Uint8Array {
  return text(`millrace-chunks ${crc32(text(json)).toString(16).padStart(8, '0')}\n${json}`)
}
