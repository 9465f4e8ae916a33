import type { BlobReferences, StorageAdapter } from 'millrace/storage'
import {
  BlobWriter,
  blobChunks,
  blobKey,
  collectBlobs,
  condemnBlob,
  getBlob,
  hasBlob,
  MemoryStorage,
  putBlob,
  verifyBlob,
} from 'millrace/storage'
import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import { copyKey, copyOfKey, firstUnmarkedCopy, listKey, markerKey } from '../../../src/storage/blob-copies.ts'
import { chunkBytes } from '../../../src/storage/blobs.ts'
import { collectionLog } from '../../../src/storage/collection-log.ts'
import { crc32 } from '../../../src/storage/crc32.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'

const dayMs = 86_400_000
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const naming = (...digests: string[]): BlobReferences => ({
  name: 'test',
  async *references() {
    yield* digests
  },
})

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.catch((caught: unknown) => caught)
  return MillraceError.is(error) ? error.code : String(error)
}

async function keysOf(storage: StorageAdapter, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list(prefix)) keys.push(key)
  return keys
}

/** Counts the requests, and waits where it is told to. */
function watched(storage: StorageAdapter): StorageAdapter & { requests: string[]; before?: (request: string) => Promise<void> } {
  const watching: StorageAdapter & { requests: string[]; before?: (request: string) => Promise<void> } = {
    requests: [],
    name: 'watched',
    capabilities: storage.capabilities,
    get: async (key, options) => {
      await tell(`get ${key}`)
      return await storage.get(key, options)
    },
    putIfAbsent: async (key, bytes, options) => {
      await tell(`putIfAbsent ${key}`)
      await storage.putIfAbsent(key, bytes, options)
    },
    put: async (key, bytes, options) => {
      await tell(`put ${key}`)
      await storage.put(key, bytes, options)
    },
    delete: async (key, options) => {
      await tell(`delete ${key}`)
      await storage.delete(key, options)
    },
    list: (prefix, options) => {
      watching.requests.push(`list ${prefix}`)
      return storage.list(prefix, options)
    },
  }
  const tell = async (request: string): Promise<void> => {
    watching.requests.push(request)
    await watching.before?.(request)
  }
  return watching
}

/** A storage a day after the contents were stored. */
async function stored(...contents: string[]): Promise<{ clock: FakeClock; storage: MemoryStorage; digests: string[] }> {
  const clock = new FakeClock()
  const storage = new MemoryStorage({ clock })
  const digests: string[] = []
  for (const content of contents) digests.push(await putBlob(storage, text(content)))
  await clock.advance(dayMs)
  return { clock, storage, digests }
}

describe('collectBlobs', () => {
  test('deletes what nothing names, and keeps what is named', async () => {
    const { clock, storage, digests } = await stored('kept', 'gone', 'also gone')
    const [kept, gone] = digests as [string, string]
    const collected = await collectBlobs(storage, { references: [naming(kept), naming()], clock })
    expect(collected).toEqual({
      dryRun: false,
      found: { blobs: 3, sizeBytes: 17 },
      collected: { blobs: 2, sizeBytes: 13 },
      young: { blobs: 0, sizeBytes: 0 },
    })
    expect(await getBlob(storage, kept)).toEqual(text('kept'))
    expect(await codeOf(getBlob(storage, gone))).toBe('STORAGE_NOT_FOUND')
    expect(await hasBlob(storage, gone)).toBe(false)
    const again = await collectBlobs(storage, { references: [naming(kept)], clock })
    expect([again.found.blobs, again.collected.blobs]).toEqual([1, 0])
  })

  test("keeps what is young by the storage's own clock, whatever the caller's says", async () => {
    const { clock, storage, digests } = await stored('old')
    const young = await putBlob(storage, text('young'))
    await clock.advance(dayMs - 1)
    const wrong = new FakeClock({ now: clock.now() + 30 * dayMs })
    const collected = await collectBlobs(storage, { references: [naming()], clock: wrong })
    expect(collected.collected.blobs).toBe(1)
    expect(collected.young).toEqual({ blobs: 1, sizeBytes: 5 })
    expect(await hasBlob(storage, young)).toBe(true)
    expect(await hasBlob(storage, digests[0] as string)).toBe(false)
    await clock.advance(1)
    expect((await collectBlobs(storage, { references: [naming()], clock: wrong })).collected.blobs).toBe(1)
    expect(await hasBlob(storage, young)).toBe(false)
  })

  test('changes nothing in a dry run, and tells what would go', async () => {
    const { clock, storage, digests } = await stored('kept', 'gone')
    const before = await keysOf(storage, '')
    const watching = watched(storage)
    const dry = await collectBlobs(watching, { references: [naming(digests[0] as string)], dryRun: true, clock })
    expect(dry).toEqual({
      dryRun: true,
      found: { blobs: 2, sizeBytes: 8 },
      collected: { blobs: 1, sizeBytes: 4 },
      young: { blobs: 0, sizeBytes: 0 },
    })
    expect(watching.requests.filter((request) => !/^(get|list) /.test(request))).toEqual([])
    expect(await keysOf(storage, '')).toEqual(before)
  })

  test('leaves alone what is no blob', async () => {
    const { clock, storage } = await stored()
    await storage.put('blobs/notes', text('mine'))
    await storage.put(`blobs/00/${'1'.repeat(64)}`, text('in the wrong folder'))
    await storage.put('models/churn', text('mine'))
    await clock.advance(dayMs)
    const { found, collected } = await collectBlobs(storage, { references: [naming()], clock })
    expect([found.blobs, collected.blobs]).toEqual([0, 0])
    expect(await keysOf(storage, 'blobs')).toHaveLength(2)
  })

  test('deletes nothing when a source fails, or names what is no digest', async () => {
    const { clock, storage, digests } = await stored('gone')
    const broken = {
      name: 'broken',
      references: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('no')) }) }),
    }
    await expect(collectBlobs(storage, { references: [broken], clock })).rejects.toThrow('no')
    expect(await codeOf(collectBlobs(storage, { references: [naming('models/churn')], clock }))).toBe('ARGUMENT_INVALID')
    expect(await codeOf(collectBlobs(storage, { references: [], clock }))).toBe('ARGUMENT_INVALID')
    for (const wrong of [{ olderThanMs: Number.NaN }, { olderThanMs: '5' }, { dryRun: 'false' }, { references: undefined }] as object[])
      expect(await codeOf(collectBlobs(storage, { references: [naming()], clock, ...wrong }))).toBe('ARGUMENT_INVALID')
    expect(await hasBlob(storage, digests[0] as string)).toBe(true)
    let reads = 0
    const failsTheSecondTime: BlobReferences = {
      name: 'flaky',
      async *references() {
        reads++
        yield* []
        if (reads === 2) throw new Error('second')
      },
    }
    await expect(collectBlobs(storage, { references: [failsTheSecondTime], clock })).rejects.toThrow('second')
    expect(await hasBlob(storage, digests[0] as string)).toBe(true)
  })

  test('is refused where put-if-absent is not atomic', async () => {
    const storage = new MemoryStorage()
    const racy = { ...watched(storage), capabilities: { ...storage.capabilities, putIfAbsent: false } }
    expect(await codeOf(collectBlobs(racy, { references: [naming()] }))).toBe('STORAGE_CAPABILITY_MISSING')
  })

  test('stops at an abort with its reason', async () => {
    const { storage, digests } = await stored('gone')
    const reason = new Error('enough')
    await expect(collectBlobs(storage, { references: [naming()], signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(await hasBlob(storage, digests[0] as string)).toBe(true)
  })
})

describe('a collected blob', () => {
  test('that comes again is stored under the key of the next copy, and read from there', async () => {
    const { clock, storage, digests } = await stored('comes and goes')
    const digest = digests[0] as string
    for (let copy = 0; copy < 20; copy++) {
      expect(await firstUnmarkedCopy(storage, digest)).toBe(copy)
      expect(await keysOf(storage, 'blobs')).toEqual([copyKey(digest, copy)])
      expect(await getBlob(storage, digest)).toEqual(text('comes and goes'))
      await clock.advance(dayMs)
      expect((await collectBlobs(storage, { references: [naming()], clock })).collected.blobs).toBe(1)
      expect(await codeOf(getBlob(storage, digest))).toBe('STORAGE_NOT_FOUND')
      expect(await putBlob(storage, text('comes and goes'))).toBe(digest)
      expect(await putBlob(storage, text('comes and goes'))).toBe(digest)
    }
  })

  test('whose collector was stopped between its second read and its deletes is not lost to it much later', async () => {
    const { clock, storage, digests } = await stored('wanted again')
    const digest = digests[0] as string
    const watching = watched(storage)
    let goOn = (): void => {}
    const stopped = new Promise<void>((isStopped) => {
      watching.before = (request) => {
        if (!request.startsWith('delete ')) return Promise.resolve()
        isStopped()
        return new Promise((resolve) => {
          goOn = resolve
        })
      }
    })
    const collecting = collectBlobs(watching, { references: [naming()], clock })
    await stopped
    // A year of other people's work.
    await clock.advance(365 * dayMs)
    const writer = await BlobWriter.begin(storage)
    expect(await writer.put(text('wanted again'))).toBe(digest)
    await writer.confirm([digest], async () => text('wanted again'))
    goOn()
    expect((await collecting).collected.blobs).toBe(1)
    expect(await getBlob(storage, digest)).toEqual(text('wanted again'))
  })

  test('of a collector that was killed after marking stays marked, and goes with the next pass', async () => {
    const { clock, storage, digests } = await stored('first', 'second')
    const watching = watched(storage)
    watching.before = async (request) => {
      if (request.startsWith('putIfAbsent collections/log')) throw new Error('killed')
    }
    await expect(collectBlobs(watching, { references: [naming()], clock })).rejects.toThrow('killed')
    expect(await keysOf(storage, 'collected')).toHaveLength(2)
    expect(await getBlob(storage, digests[0] as string)).toEqual(text('first'))
    // Nothing was ever collected, so a marker means nothing yet.
    const [named] = digests as [string]
    expect((await collectBlobs(storage, { references: [naming(named)], clock })).collected.blobs).toBe(1)
    // Named and marked: it stays, and whoever relies on it anew stores it anew.
    expect(await getBlob(storage, named)).toEqual(text('first'))
    await putBlob(storage, text('first'))
    expect(await keysOf(storage, 'blobs')).toEqual([copyKey(named, 0), copyKey(named, 1)])
    await clock.advance(dayMs)
    expect((await collectBlobs(storage, { references: [naming()], clock })).collected.blobs).toBe(2)
  })

  test('that turns out to be named at the second read stays', async () => {
    const { clock, storage, digests } = await stored('late')
    let reads = 0
    const late: BlobReferences = {
      name: 'late',
      async *references() {
        reads++
        if (reads === 2) yield digests[0] as string
      },
    }
    expect((await collectBlobs(storage, { references: [late], clock })).collected.blobs).toBe(0)
    expect(await getBlob(storage, digests[0] as string)).toEqual(text('late'))
    expect(await firstUnmarkedCopy(storage, digests[0] as string)).toBe(1)
  })
})

describe('BlobWriter', () => {
  test('costs one failed read to begin and one to confirm where nothing was ever collected', async () => {
    const watching = watched(new MemoryStorage())
    const writer = await BlobWriter.begin(watching)
    const digest = await writer.put(text('a'))
    await writer.confirm([digest], () => Promise.reject(new Error('not asked')))
    const entry = 'get collections/log/0000000000000001'
    expect(watching.requests).toEqual([entry, `putIfAbsent ${blobKey(digest)}`, entry])
  })

  test('costs one failed read to confirm where no pass came in between', async () => {
    const { clock, storage } = await stored('gone')
    await collectBlobs(storage, { references: [naming()], clock })
    const watching = watched(storage)
    const writer = await BlobWriter.begin(watching)
    const digest = await writer.put(text('a'))
    watching.requests.length = 0
    await writer.confirm([digest], () => Promise.reject(new Error('not asked')))
    expect(watching.requests).toEqual(['get collections/log/0000000000000002'])
  })

  test('stores again what a pass marked between put and confirm', async () => {
    const { clock, storage, digests } = await stored('relied on')
    const digest = digests[0] as string
    const writer = await BlobWriter.begin(storage)
    expect(await writer.put(text('relied on'))).toBe(digest)
    await collectBlobs(storage, { references: [naming()], clock })
    expect(await hasBlob(storage, digest)).toBe(false)
    let asked = 0
    const bytesOf = async (): Promise<Uint8Array> => {
      asked++
      return text('relied on')
    }
    await writer.confirm([digest, digest], bytesOf)
    await writer.confirm([digest], bytesOf)
    expect(asked).toBe(1)
    expect(await keysOf(storage, 'blobs')).toEqual([copyKey(digest, 1)])
  })

  test('checks what somebody else stored before it began', async () => {
    const { clock, storage, digests } = await stored('theirs', 'mine')
    const [theirs] = digests as [string]
    await collectBlobs(storage, { references: [naming()], clock })
    const writer = await BlobWriter.begin(storage)
    const gone = new Error('gone')
    await expect(writer.confirm([theirs], () => Promise.reject(gone))).rejects.toBe(gone)
    await writer.confirm([theirs], async () => text('theirs'))
    expect(await getBlob(storage, theirs)).toEqual(text('theirs'))
  })

  test('refuses other bytes', async () => {
    const { clock, storage, digests } = await stored('theirs')
    await collectBlobs(storage, { references: [naming()], clock })
    const writer = await BlobWriter.begin(storage)
    expect(await codeOf(writer.confirm(digests, async () => text('others')))).toBe('STORAGE_CORRUPT')
  })

  test('confirms some blobs now and others after the next pass', async () => {
    const { clock, storage, digests } = await stored('first', 'second', 'gone')
    const [first, second] = digests as [string, string]
    const writer = await BlobWriter.begin(storage)
    await writer.put(text('first'))
    await writer.put(text('second'))
    await collectBlobs(storage, { references: [naming()], clock })
    await writer.confirm([first], async () => text('first'))
    await writer.confirm([second], async () => text('second'))
    expect(await keysOf(storage, 'blobs')).toEqual([copyKey(first, 1), copyKey(second, 1)].sort())
  })
})

describe('a large blob', { timeout: 60_000 }, () => {
  const large = new Uint8Array(chunkBytes * 2 + 5).fill(3)

  test('keeps its chunks while it is named, and goes with them when it is not', async () => {
    const { clock, storage, digests } = await stored('gone')
    const digest = await putBlob(storage, large)
    expect(new Set(await blobChunks(storage, digest)).size).toBe(2)
    await clock.advance(dayMs)
    const kept = await collectBlobs(storage, { references: [naming(digest)], clock })
    expect(kept.collected.blobs).toBe(1)
    expect(await hasBlob(storage, digests[0] as string)).toBe(false)
    expect(await verifyBlob(storage, digest)).toBe('intact')
    const gone = await collectBlobs(storage, { references: [naming()], clock })
    expect([gone.collected.blobs, gone.collected.sizeBytes > chunkBytes]).toEqual([3, true])
    expect(await hasBlob(storage, digest)).toBe(false)
    expect(await putBlob(storage, large)).toBe(digest)
    expect(Buffer.compare(await getBlob(storage, digest), large)).toBe(0)
    expect(await hasBlob(storage, digest)).toBe(true)
    expect(await blobChunks(storage, digest)).toHaveLength(2)
  })

  test('is stored again whole when one of its chunks was marked', async () => {
    const { clock, storage } = await stored()
    const tail = await putBlob(storage, large.slice(chunkBytes * 2))
    await clock.advance(dayMs)
    const writer = await BlobWriter.begin(storage)
    const digest = await writer.put(large)
    await collectBlobs(storage, { references: [naming()], clock })
    expect(await hasBlob(storage, digest)).toBe(false)
    await writer.confirm([digest], async () => large)
    expect(await keysOf(storage, `blobs/${tail.slice(0, 2)}`)).toContain(copyKey(tail, 1))
    expect(Buffer.compare(await getBlob(storage, digest), large)).toBe(0)
  })

  test('whose list is damaged stops a pass before anything goes, whatever the damage, until it is mended', async () => {
    const { clock, storage, digests } = await stored('gone')
    const digest = await putBlob(storage, large)
    const sound = (await storage.get(listKey(digest, 0)))?.bytes as Uint8Array
    await clock.advance(dayMs)
    const before = await keysOf(storage, 'blobs')
    const name = new TextDecoder().decode(sound).indexOf('"chunks":["') + 11
    const flips = [0, 15 * 8 + 4, 16 * 8, name * 8].map((bit) =>
      sound.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)),
    )
    for (const damaged of [...flips, sound.subarray(0, 0), sound.subarray(0, 100), sound.subarray(0, -1), text('{}')]) {
      await storage.put(listKey(digest, 0), damaged)
      for (const dryRun of [true, false]) {
        const error = await collectBlobs(storage, { references: [naming(digest)], dryRun, clock }).catch((caught: unknown) => caught)
        expect(error).toMatchObject({ code: 'STORAGE_CORRUPT', details: { key: listKey(digest, 0) } })
      }
      expect(await keysOf(storage, 'blobs')).toEqual(before)
      expect(await keysOf(storage, 'collected')).toEqual([])
    }
    const writer = await BlobWriter.begin(storage)
    await writer.mend(large)
    await writer.confirm([digest], async () => large)
    await clock.advance(dayMs)
    const { collected } = await collectBlobs(storage, { references: [naming(digest)], clock })
    expect(collected.blobs).toBe(1)
    expect(await hasBlob(storage, digests[0] as string)).toBe(false)
    expect(Buffer.compare(await getBlob(storage, digest), large)).toBe(0)
    expect((await collectBlobs(storage, { references: [naming()], clock })).collected.blobs).toBe(4)
    expect(await keysOf(storage, 'blobs')).toEqual([])
  })

  test('whose list was damaged between the two reads of a pass keeps its chunks, marked or not', async () => {
    const { clock, storage } = await stored('gone')
    const digest = await putBlob(storage, large)
    await clock.advance(dayMs)
    const before = await keysOf(storage, 'blobs')
    let reads = 0
    const late: BlobReferences = {
      name: 'late',
      async *references() {
        if (++reads === 1) return
        await storage.put(listKey(digest, 0), new Uint8Array(0))
        yield digest
      },
    }
    expect(await codeOf(collectBlobs(storage, { references: [late], clock }))).toBe('STORAGE_CORRUPT')
    expect(await keysOf(storage, 'blobs')).toEqual(before)
  })

  test('whose list is of a newer library stops a pass', async () => {
    const { clock, storage } = await stored('gone')
    const digest = await putBlob(storage, large)
    const json = '{"format":"millrace-chunks","formatVersion":2,"minReaderVersion":2}'
    await storage.put(listKey(digest, 0), text(`millrace-chunks ${crc32(text(json)).toString(16).padStart(8, '0')}\n${json}`))
    await clock.advance(dayMs)
    const before = await keysOf(storage, 'blobs')
    expect(await codeOf(collectBlobs(storage, { references: [naming(digest)], clock }))).toBe('FORMAT_UNSUPPORTED')
    expect(await keysOf(storage, 'blobs')).toEqual(before)
  })

  test('whose list is damaged is not confirmed as it is: it is mended, or the reference is not safe', async () => {
    const { clock, storage } = await stored('gone')
    await collectBlobs(storage, { references: [naming()], clock })
    const digest = await putBlob(storage, large)
    await storage.put(listKey(digest, 0), new Uint8Array(0))
    const writer = await BlobWriter.begin(storage)
    expect(await codeOf(writer.confirm([digest], (name) => getBlob(storage, name)))).toBe('STORAGE_CORRUPT')
    await writer.confirm([digest], async () => large)
    expect(await verifyBlob(storage, digest)).toBe('intact')
    expect(await keysOf(storage, `blobs/${digest.slice(0, 2)}`)).toEqual(expect.arrayContaining([listKey(digest, 0), listKey(digest, 1)]))
  })

  test('costs a pass one read, and what is small none', async () => {
    const { clock, storage, digests } = await stored('kept', 'kept as well', 'millrace-chunks 00000000\n{}')
    const digest = await putBlob(storage, large)
    const watching = watched(storage)
    await collectBlobs(watching, { references: [naming(digest, ...digests)], dryRun: true, clock })
    expect(watching.requests).toEqual(['list blobs', `get ${listKey(digest, 0)}`])
  })
})

describe('condemnBlob', () => {
  test('takes a damaged blob out of use, so that it is stored again, and overwrites nothing', async () => {
    const { storage, digests } = await stored('sound')
    const digest = digests[0] as string
    expect(await condemnBlob(storage, digest)).toBe(false)
    expect(await condemnBlob(storage, '0'.repeat(64))).toBe(false)
    expect(await keysOf(storage, 'collected')).toEqual([])
    await storage.put(blobKey(digest), text('wrong'))
    expect(await verifyBlob(storage, digest)).toBe('corrupt')
    expect(await condemnBlob(storage, digest)).toBe(true)
    expect(await codeOf(getBlob(storage, digest))).toBe('STORAGE_CORRUPT')
    await putBlob(storage, text('sound'))
    expect(await getBlob(storage, digest)).toEqual(text('sound'))
    expect(await verifyBlob(storage, digest)).toBe('intact')
    expect((await storage.get(blobKey(digest)))?.bytes).toEqual(text('wrong'))
    // What another process has mended meanwhile is left alone.
    expect(await condemnBlob(storage, digest)).toBe(false)
    expect(await firstUnmarkedCopy(storage, digest)).toBe(1)
  })

  test('leaves the damaged copy to the collector of the blob', async () => {
    const { clock, storage, digests } = await stored('sound')
    const digest = digests[0] as string
    await storage.put(blobKey(digest), text('wrong'))
    const writer = await BlobWriter.begin(storage)
    await writer.mend(text('sound'))
    await writer.confirm([digest], async () => text('sound'))
    await clock.advance(dayMs)
    expect((await collectBlobs(storage, { references: [naming(digest)], clock })).collected.blobs).toBe(0)
    expect((await collectBlobs(storage, { references: [naming()], clock })).collected.blobs).toBe(2)
  })

  test('is seen by a writer that had relied on the damaged copy', async () => {
    const { storage, digests } = await stored('sound')
    const digest = digests[0] as string
    await storage.put(blobKey(digest), text('wrong'))
    const writer = await BlobWriter.begin(storage)
    await writer.put(text('sound'))
    await condemnBlob(storage, digest)
    await writer.confirm([digest], async () => text('sound'))
    expect(await getBlob(storage, digest)).toEqual(text('sound'))
  })

  test('tells the log of a marker that was left by a process that died before it could', async () => {
    const { storage, digests } = await stored('sound')
    const digest = digests[0] as string
    await storage.put(blobKey(digest), text('wrong'))
    const watching = watched(storage)
    watching.before = async (request) => {
      if (request.startsWith('putIfAbsent collections/')) throw new Error('killed')
    }
    await expect(condemnBlob(watching, digest)).rejects.toThrow('killed')
    await condemnBlob(storage, digest)
    expect((await collectionLog(storage).head())?.state).toEqual({ passes: 0, condemned: 1 })
    await putBlob(storage, text('sound'))
    expect(await getBlob(storage, digest)).toEqual(text('sound'))
  })

  test('marks the chunk that is damaged, or the list', { timeout: 60_000 }, async () => {
    const large = new Uint8Array(chunkBytes + 5).fill(4)
    const { storage } = await stored()
    const digest = await putBlob(storage, large)
    const [, tail] = (await blobChunks(storage, digest)) as [string, string]
    await storage.put(blobKey(tail), text('wrong'))
    expect(await condemnBlob(storage, digest)).toBe(true)
    expect(await keysOf(storage, 'collected')).toEqual([markerKey(tail, 0)])
    await putBlob(storage, large)
    expect(await verifyBlob(storage, digest)).toBe('intact')
    const list = (await storage.get(listKey(digest, 0)))?.bytes as Uint8Array
    await storage.put(
      listKey(digest, 0),
      list.map((byte, index) => (index === 3 ? byte ^ 1 : byte)),
    )
    expect(await condemnBlob(storage, digest)).toBe(true)
    await putBlob(storage, large)
    expect(Buffer.compare(await getBlob(storage, digest), large)).toBe(0)
    expect(await hasBlob(storage, digest)).toBe(true)
    expect(await blobChunks(storage, digest)).toHaveLength(2)
  })
})

test('a key is that of a copy, or of none', () => {
  const digest = `ab${'0'.repeat(62)}`
  for (const copy of [0, 1, 12]) {
    expect(copyOfKey(copyKey(digest, copy))).toEqual({ digest, copy, isList: false })
    expect(copyOfKey(listKey(digest, copy))).toEqual({ digest, copy, isList: true })
  }
  for (const key of [
    `${listKey(digest, 0)}.chunks`,
    `blobs/${digest}`,
    `blobs/cd/${digest}`,
    `${copyKey(digest, 0)}-0`,
    `${copyKey(digest, 0)}-x`,
    markerKey(digest, 0),
  ]) {
    expect(copyOfKey(key), key).toBeUndefined()
  }
})
