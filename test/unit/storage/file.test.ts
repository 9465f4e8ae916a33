import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MillraceError, mapConcurrently } from 'millrace/core'
import { MemoryStorage, putBlob } from 'millrace/storage'
import type { FileSystem } from 'millrace/storage/file'
import { FileStorage } from 'millrace/storage/file'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FaultyFiles } from './faulty-files.ts'

let parent = ''
let count = 0
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'millrace-file-'))
})
afterAll(() => rm(parent, { recursive: true, force: true }))

function freshRoot(): string {
  count++
  return join(parent, String(count))
}
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const read = async (storage: FileStorage, key: string): Promise<string | undefined> => {
  const object = await storage.get(key)
  return object && new TextDecoder().decode(object.bytes)
}
async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'acknowledged'
  } catch (error) {
    if (MillraceError.is(error)) return error.code
    throw error
  }
}
async function temporariesIn(root: string): Promise<string[]> {
  const names = await readdir(root, { recursive: true })
  return names.filter((name) => name.includes('.tmp-'))
}

describe('a file store', () => {
  test('keeps its files to their owner', async () => {
    const root = freshRoot()
    const storage = await FileStorage.open(root)
    await storage.put('a/b', text('x'))
    expect((await stat(join(root, 'a/b'))).mode & 0o777).toBe(0o600)
    expect((await stat(join(root, 'a'))).mode & 0o777).toBe(0o700)
    expect((await stat(root)).mode & 0o777).toBe(0o700)
  })

  test('opens below folders that are missing, and reads what another instance wrote', async () => {
    const root = join(freshRoot(), 'deep', 'er')
    await (await FileStorage.open(root)).put('a', text('x'))
    expect(await read(await FileStorage.open(root), 'a')).toBe('x')
  })

  test('syncs the file, links it, syncs the folder, and only then acknowledges', async () => {
    const faulty = new FaultyFiles()
    const storage = await FileStorage.open(freshRoot(), { files: faulty.files })
    await storage.put('a/other', text('x'))
    faulty.reset()
    await storage.putIfAbsent('a/b', text('x'))
    // The folder is opened beside the write.
    const order = ['open', 'write', 'sync', 'close', 'link', 'sync', 'close', 'unlink']
    expect(faulty.operations.filter((operation) => !['lstat', 'realpath'].includes(operation))).toEqual(['open', ...order])
    faulty.reset()
    await storage.put('a/b', text('y'))
    expect(faulty.operations.filter((operation) => !['lstat', 'realpath'].includes(operation)).slice(0, 8)).toEqual([
      'open',
      'open',
      'write',
      'sync',
      'close',
      'rename',
      'sync',
      'close',
    ])
  })

  test('needs no fsync when its writes need not survive a loss of power', async () => {
    const faulty = new FaultyFiles()
    const storage = await FileStorage.open(freshRoot(), { files: faulty.files, durability: 'process' })
    expect(storage.capabilities.durability).toBe('process')
    await storage.putIfAbsent('a/b', text('x'))
    expect(faulty.operations).not.toContain('sync')
  })

  test('lists its own files only', async () => {
    const root = freshRoot()
    const storage = await FileStorage.open(root)
    await storage.put('a/b', text('x'))
    await writeFile(join(root, 'README.md'), 'not ours')
    await writeFile(join(root, 'a', '.tmp-1-00000000-0000-4000-8000-000000000000'), 'a temporary')
    await mkdir(join(root, 'Upper'))
    await writeFile(join(root, 'Upper', 'c'), 'not ours')
    const keys: string[] = []
    for await (const { key } of storage.list('')) keys.push(key)
    expect(keys).toEqual(['a/b'])
  })

  test('writes 300 blobs with 8 at once quickly, and shares the fsyncs of one folder', async () => {
    const faulty = new FaultyFiles()
    const storage = await FileStorage.open(freshRoot(), { files: faulty.files })
    const blobs = Array.from({ length: 300 }, (_, index) => new Uint8Array(300_000).fill(index & 0xff).fill(index >> 8, 0, 1))
    const started = performance.now()
    await mapConcurrently(blobs, 8, (blob) => putBlob(storage, blob))
    expect(performance.now() - started).toBeLessThan(10_000)
    faulty.reset()
    await mapConcurrently(blobs.slice(0, 64), 32, (_, index) => storage.putIfAbsent(`one-folder/${index}`, text('x')))
    const syncs = faulty.operations.filter((operation) => operation === 'sync').length
    expect(syncs).toBeLessThan(64 + 48)
  })
})

describe('symbolic links below the root', () => {
  test('are not followed by reads, writes, lists or deletes', async () => {
    const outside = freshRoot()
    await mkdir(outside)
    await writeFile(join(outside, 'secret'), 'secret')
    const root = freshRoot()
    const storage = await FileStorage.open(root)
    await symlink(join(outside, 'secret'), join(root, 'file'))
    await symlink(outside, join(root, 'folder'))
    expect(await outcomeOf(storage.get('file'))).toBe('STORAGE_CORRUPT')
    expect(await outcomeOf(storage.get('folder/secret'))).toBe('STORAGE_CORRUPT')
    expect(await outcomeOf(storage.put('folder/new', text('x')))).toBe('STORAGE_CORRUPT')
    expect(await outcomeOf(storage.putIfAbsent('folder/new', text('x')))).toBe('STORAGE_CORRUPT')
    expect(await outcomeOf(storage.createSegment('folder/new'))).toBe('STORAGE_CORRUPT')
    expect(await outcomeOf(storage.delete('folder/secret'))).toBe('STORAGE_CORRUPT')
    expect(await outcomeOf(storage.putIfAbsent('file', text('x')))).toBe('STORAGE_CONFLICT')
    const keys: string[] = []
    for await (const { key } of storage.list('')) keys.push(key)
    expect(keys).toEqual([])
    await storage.put('file', text('replaced'))
    await storage.delete('file')
    expect(await readdir(outside)).toEqual(['secret'])
    expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret')
  })

  test('may be the root itself', async () => {
    const [real, link] = [freshRoot(), freshRoot()]
    await mkdir(real)
    await symlink(real, link)
    const storage = await FileStorage.open(link)
    await storage.put('a/b', text('x'))
    expect(await read(storage, 'a/b')).toBe('x')
  })
})

/** Each operation failing in its turn, full disks, short writes and failed syncs: test/proof/file-storage-faults.test.ts. */
describe('a fault of a kind', () => {
  test('an object is durable when it is read, also while its writer is not done or died before it was', async () => {
    const root = freshRoot()
    const storage = await FileStorage.open(root)
    await storage.putIfAbsent('a/b', text('x'))
    const faulty = new FaultyFiles()
    const reader = await FileStorage.open(root, { files: faulty.files })
    faulty.reset()
    expect(await read(reader, 'a/b')).toBe('x')
    expect(faulty.operations).not.toContain('sync')
    // As after a kill between the link and the sync of the folder.
    await link(join(root, 'a', 'b'), join(root, 'a', `.tmp-${process.pid}-00000000-0000-4000-8000-000000000000`))
    faulty.reset()
    expect(await read(reader, 'a/b')).toBe('x')
    expect(faulty.operations).toContain('sync')
    faulty.failing = { operation: 'sync', fault: { applied: false, code: 'EIO' } }
    expect(await outcomeOf(reader.get('a/b'))).toBe('STORAGE_UNAVAILABLE')
  })

  test('a conflict is told only when what it conflicts with is durable', async () => {
    const faulty = new FaultyFiles()
    const storage = await FileStorage.open(freshRoot(), { files: faulty.files })
    await storage.putIfAbsent('a/b', text('x'))
    faulty.reset()
    expect(await outcomeOf(storage.putIfAbsent('a/b', text('y')))).toBe('STORAGE_CONFLICT')
    const syncOfFolder = faulty.operations.lastIndexOf('sync') + 1
    expect(syncOfFolder).toBeGreaterThan(faulty.operations.indexOf('link'))
    faulty.reset()
    faulty.failAt = syncOfFolder
    expect(await outcomeOf(storage.putIfAbsent('a/b', text('y')))).toBe('STORAGE_OUTCOME_UNKNOWN')
    faulty.reset()
    expect(await outcomeOf(storage.putIfAbsent('a/b', text('y')))).toBe('STORAGE_CONFLICT')
  })

  test('a lost reply to a link that was made is no conflict', async () => {
    const faulty = new FaultyFiles()
    const storage = await FileStorage.open(freshRoot(), { files: faulty.files })
    faulty.failing = { operation: 'link', fault: { applied: true, code: 'EEXIST' } }
    expect(await outcomeOf(storage.putIfAbsent('a', text('x')))).toBe('acknowledged')
    expect(await read(storage, 'a')).toBe('x')
  })

  test('an abort between staging and naming leaves nothing', async () => {
    const root = freshRoot()
    const faulty = new FaultyFiles()
    const stop = new AbortController()
    const reason = new Error('stopped')
    const files = {
      ...faulty.files,
      open: async (...parameters: Parameters<typeof faulty.files.open>) => {
        const file = await faulty.files.open(...parameters)
        if (parameters[0].includes('.tmp-')) stop.abort(reason)
        return file
      },
    }
    const opened = await FileStorage.open(root)
    expect(opened.name).toContain(root)
    const storage = await FileStorage.open(root, { files })
    await expect(storage.putIfAbsent('a', text('x'), { signal: stop.signal })).rejects.toBe(reason)
    expect(await readdir(root)).toEqual(['.swept'])
  })
})

describe('temporaries', () => {
  async function leave(root: string, pid: number, ageMs: number): Promise<string> {
    const name = `.tmp-${pid}-${crypto.randomUUID()}`
    const path = join(root, 'a', name)
    await writeFile(path, 'half written')
    const time = new Date(Date.now() - ageMs)
    await utimes(path, time, time)
    return name
  }
  const nobody = 4_194_303 + 7

  test('of dead writers are swept when the store is opened; those of the living and the young are kept', async () => {
    const root = freshRoot()
    await (await FileStorage.open(root)).put('a/b', text('x'))
    const minute = 60_000
    const dead = await leave(root, nobody, 10 * minute)
    const young = await leave(root, nobody, 1000)
    const living = await leave(root, process.ppid, 10 * minute)
    const older = await leave(root, process.pid, 23 * 60 * minute)
    const abandoned = await leave(root, process.ppid, 25 * 60 * minute)
    const own = await leave(root, process.pid, 0)
    const storage = await FileStorage.open(root, { sweepEveryMs: 0 })
    const left = await readdir(join(root, 'a'))
    expect(left.sort()).toEqual(['b', young, living, own].sort())
    expect(left).not.toContain(dead)
    expect(left).not.toContain(older)
    expect(left).not.toContain(abandoned)
    expect(await read(storage, 'a/b')).toBe('x')
    await FileStorage.open(root, { sweepAfterMs: 500 })
    expect(await readdir(join(root, 'a'))).toContain(young)
    await FileStorage.open(root, { sweepAfterMs: 500, sweepEveryMs: 0 })
    expect(await readdir(join(root, 'a'))).not.toContain(young)
  })

  test('are looked for at most once an hour, so that opening a store costs the same however much is in it', async () => {
    const root = freshRoot()
    const faulty = new FaultyFiles()
    const operationsOfOpening = async (): Promise<number> => {
      faulty.reset()
      await FileStorage.open(root, { files: faulty.files })
      return faulty.operations.length
    }
    const storage = await FileStorage.open(root)
    const whenEmpty = await operationsOfOpening()
    for (let folder = 0; folder < 50; folder++) await storage.put(`a-${folder}/b/c`, text('x'))
    expect(await operationsOfOpening()).toBeLessThanOrEqual(whenEmpty)
    const anHourAgo = new Date(Date.now() - 3_600_001)
    await utimes(join(root, '.swept'), anHourAgo, anHourAgo)
    expect(await operationsOfOpening()).toBeGreaterThan(100)
    expect(await operationsOfOpening()).toBeLessThanOrEqual(whenEmpty)
    const tomorrow = new Date(Date.now() + 86_400_000)
    await utimes(join(root, '.swept'), tomorrow, tomorrow)
    expect(await operationsOfOpening()).toBeGreaterThan(100)
  })

  test('that are a second name stay when their folder cannot be synced, and go with a sync in a store of any durability', async () => {
    const root = freshRoot()
    await (await FileStorage.open(root)).put('a/b', text('x'))
    const dead = await leave(root, nobody, 600_000)
    await link(join(root, 'a', dead), join(root, 'a', 'c'))
    const faulty = new FaultyFiles()
    faulty.failing = { operation: 'sync', fault: { applied: false, code: 'EIO' } }
    const options = { sweepEveryMs: 0, durability: 'process', files: faulty.files } as const
    await FileStorage.open(root, options)
    expect(await readdir(join(root, 'a'))).toContain(dead)
    faulty.reset()
    await FileStorage.open(root, options)
    expect(await readdir(join(root, 'a'))).not.toContain(dead)
    expect(faulty.operations.indexOf('sync')).toBeGreaterThan(0)
  })

  test('that are swept under a writer make its write fail, and nothing else', async () => {
    for (const method of ['put', 'putIfAbsent'] as const) {
      const root = freshRoot()
      const faulty = new FaultyFiles()
      const sweep = async (): Promise<void> => {
        for (const name of await temporariesIn(root)) await rm(join(root, name))
      }
      const files = {
        ...faulty.files,
        link: (from: string, to: string) => sweep().then(() => faulty.files.link(from, to)),
        rename: (from: string, to: string) => sweep().then(() => faulty.files.rename(from, to)),
      }
      const storage = await FileStorage.open(root, { files })
      expect(['STORAGE_UNAVAILABLE', 'STORAGE_OUTCOME_UNKNOWN']).toContain(await outcomeOf(storage[method]('key', text('x'))))
      expect(await read(storage, 'key')).toBeUndefined()
    }
  })
})

describe('a listing of many folders', () => {
  test('asks about few of them for one entry, wherever it goes on', async () => {
    const root = freshRoot()
    const faulty = new FaultyFiles()
    const storage = await FileStorage.open(root, { files: faulty.files, durability: 'process' })
    for (let folder = 0; folder < 300; folder++) await storage.put(`runs/${String(folder).padStart(4, '0')}/x`, text('x'))
    for (const [after, expected] of [[undefined, 'runs/0000/x'] as const, ['runs/0150/zzzz', 'runs/0151/x'] as const]) {
      faulty.operations = []
      for await (const { key } of storage.list('runs', { limit: 1, ...(after === undefined ? {} : { after }) })) expect(key).toBe(expected)
      expect(faulty.operations.filter((operation) => operation === 'lstat').length).toBeLessThan(40)
    }
  })

  test.each(['put', 'putIfAbsent'] as const)(
    'where there are no hard links, refuses a %s below an object that came in the place of its folder while it was empty',
    async (method) => {
      const root = freshRoot()
      const withoutLinks = new FaultyFiles()
      withoutLinks.links = false
      const other = await FileStorage.open(root, { files: withoutLinks.files })
      let raced = false
      const files: FileSystem = {
        ...withoutLinks.files,
        open: async (path, flags, mode) => {
          // The folder is made, and nothing is in it yet.
          if (!raced && path.includes(join('q', '.tmp-'))) {
            raced = true
            await other.putIfAbsent('q', text('object'))
          }
          return await withoutLinks.files.open(path, flags, mode)
        },
      }
      const storage = await FileStorage.open(root, { files })
      expect(await outcomeOf(storage[method]('q/child', text('child')))).toBe('STORAGE_INVALID_KEY')
      expect(raced).toBe(true)
      expect(await read(other, 'q')).toBe('object')
      expect(await read(other, 'q/child')).toBeUndefined()
      expect(await temporariesIn(root)).toEqual([])
    },
  )

  test('leaves the temporaries of others in a folder that it would put an object in the place of', async () => {
    const root = freshRoot()
    const storage = await FileStorage.open(root)
    const temporary = join(root, 'q', `.tmp-${process.pid}-00000000-0000-4000-8000-000000000000`)
    // As it is where there are no hard links, for a moment before the object is in it.
    await mkdir(temporary, { recursive: true })
    expect(await outcomeOf(storage.put('q', text('object')))).toBe('STORAGE_INVALID_KEY')
    expect(await outcomeOf(storage.putIfAbsent('q', text('object')))).toBe('STORAGE_INVALID_KEY')
    expect((await stat(temporary)).isDirectory()).toBe(true)
  })

  test('tells the time of the last write by the clock of the file system', async () => {
    const root = freshRoot()
    const storage = await FileStorage.open(root)
    await storage.put('old', text('x'))
    await utimes(join(root, 'old'), 1_000_000, 1_000_000.5)
    const times: number[] = []
    for await (const { modifiedAt } of storage.list('')) times.push(modifiedAt)
    expect(times).toEqual([1_000_000_500])
  })

  test('has objects and folders in the order of their keys where there are no hard links', async () => {
    const faulty = new FaultyFiles()
    faulty.links = false
    const storage = await FileStorage.open(freshRoot(), { files: faulty.files })
    const keys = ['a', 'a-b', 'a.b/x', 'a0', 'b-c', 'b/x', 'b0', 'c/x', 'c0/y']
    for (const key of keys) await storage.putIfAbsent(key, text('x'))
    for (const after of [undefined, ...keys]) {
      const listed: string[] = []
      for await (const { key } of storage.list('', after === undefined ? {} : { after })) listed.push(key)
      expect(listed).toEqual(keys.filter((key) => after === undefined || key > after))
    }
  })
})

describe('a folder that another instance emptied and replaced by an object', () => {
  test('is told apart from a store that cannot be reached', async () => {
    const root = freshRoot()
    const [first, second] = [await FileStorage.open(root), await FileStorage.open(root)]
    await first.put('a/b', text('x'))
    await second.delete('a/b')
    await second.put('a', text('object'))
    expect(await outcomeOf(first.put('a/c', text('x')))).toBe('STORAGE_INVALID_KEY')
    expect(await outcomeOf(first.putIfAbsent('a/c/d', text('x')))).toBe('STORAGE_INVALID_KEY')
    expect(await outcomeOf(first.createSegment('a/e'))).toBe('STORAGE_INVALID_KEY')
    expect(await read(first, 'a')).toBe('object')
  })

  test('and back again under a delete, is left alone', async () => {
    const root = freshRoot()
    const faulty = new FaultyFiles()
    const unlink = async (path: string): Promise<void> => {
      if (path.endsWith('/a')) {
        await rm(path)
        await mkdir(path)
        await writeFile(join(path, 'b'), 'x')
      }
      await faulty.files.unlink(path)
    }
    const storage = await FileStorage.open(root, { files: { ...faulty.files, unlink } })
    await storage.put('a', text('object'))
    await storage.delete('a')
    expect(await read(storage, 'a/b')).toBe('x')
  })
})

describe('opening a store', () => {
  test('does not mind a folder that another process removes meanwhile', async () => {
    const root = freshRoot()
    await (await FileStorage.open(root)).put('a/b', text('x'))
    const { files } = new FaultyFiles()
    const readdir = async (path: string) => {
      if (path.endsWith('/a')) await rm(path, { recursive: true })
      return await files.readdir(path)
    }
    expect(await read(await FileStorage.open(root, { files: { ...files, readdir }, sweepEveryMs: 0 }), 'a/b')).toBeUndefined()
  })
})

describe('memory storage', () => {
  test('does not bring a deleted segment back when its writer appends', async () => {
    const storage = new MemoryStorage()
    const segment = await storage.createSegment('a/b')
    await storage.delete('a/b')
    await segment.append(text('x'))
    expect(await storage.get('a/b')).toBeUndefined()
    await storage.put('a', text('y'))
  })
})

test('an empty path is refused, not taken for the current folder', async () => {
  for (const root of ['', undefined, 5] as string[])
    await expect(FileStorage.open(root)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID', details: { argument: 'root' } })
})
