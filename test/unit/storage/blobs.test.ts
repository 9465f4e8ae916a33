import { createHash } from 'node:crypto'
import { MillraceError } from 'millrace'
import { blobChunks, blobKey, getBlob, hasBlob, MemoryStorage, putBlob } from 'millrace/storage'
import { FaultyStorage, failNth } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import { chunkBytes } from '../../../src/storage/blobs.ts'
import { encodeChunkList } from '../../../src/storage/chunk-list.ts'

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
    await storage.put(blobKey(digest), encodeChunkList({ sizeBytes: large.length, chunkBytes, chunks: [...chunks].reverse() }))
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

describe('a list of chunks', () => {
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
    await storage.put(blobKey(digest), encodeChunkList({ sizeBytes: 2 ** 50, chunkBytes, chunks: [digest] }))
    expect(await codeOf(getBlob(storage, digest))).toBe('STORAGE_CORRUPT')
  })

  test('that was damaged in any bit is corrupt, not a chunk that is missing; and what it still names is not collected', async () => {
    const storage = new MemoryStorage()
    const large = new Uint8Array(chunkBytes + 1)
    const digest = await putBlob(storage, large)
    const sound = (await storage.get(blobKey(digest)))?.bytes as Uint8Array
    const chunks = await blobChunks(storage, digest)
    const start = text('millrace-chunks\n').length
    for (let bit = start * 8; bit < sound.length * 8; bit += 3) {
      const damaged = sound.slice()
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
      await storage.put(blobKey(digest), damaged)
      // A bit of the version that a reader needs makes it one for a newer reader; a bit of what no reader uses changes nothing.
      const outcome = await getBlob(storage, digest).catch((error: unknown) => (error as MillraceError).code)
      if (typeof outcome === 'string') expect(['STORAGE_CORRUPT', 'FORMAT_UNSUPPORTED']).toContain(outcome)
      else expect(sha256(outcome)).toBe(digest)
    }
    const last = sound.slice()
    const name = new TextDecoder().decode(sound).indexOf(chunks[1] as string)
    last[name] = (last[name] as number) === 0x30 ? 0x31 : 0x30
    await storage.put(blobKey(digest), last)
    expect(await hasBlob(storage, digest)).toBe(false)
    expect(await blobChunks(storage, digest)).toContain(chunks[0])
    await storage.put(blobKey(digest), sound)
    await storage.delete(blobKey(chunks[1] as string))
    expect(await codeOf(getBlob(storage, digest))).toBe('STORAGE_NOT_FOUND')
  })

  test('of a newer library is unsupported', async () => {
    const storage = new MemoryStorage()
    const digest = sha256(text('x'))
    await storage.put(blobKey(digest), text('millrace-chunks\n{"format":"millrace-chunks","formatVersion":2,"minReaderVersion":2}'))
    expect(await codeOf(getBlob(storage, digest))).toBe('FORMAT_UNSUPPORTED')
  })
})
