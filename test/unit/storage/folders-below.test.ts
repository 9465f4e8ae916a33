import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StorageAdapter } from 'millrace/storage'
import { MemoryStorage, prefixed, readOnly } from 'millrace/storage'
import { FileStorage } from 'millrace/storage/file'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { foldersBelow } from '../../../src/storage/folders-below.ts'
import { FaultyFiles } from './faulty-files.ts'

let root = ''
let count = 0
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-folders-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

async function all(names: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = []
  for await (const name of names) found.push(name)
  return found
}
const bytes = new Uint8Array(1)
const openFiles = (links = true): Promise<StorageAdapter> => {
  const faulty = new FaultyFiles()
  faulty.links = links
  return FileStorage.open(join(root, String(count++)), { files: faulty.files })
}
const storages: Readonly<Record<string, () => Promise<StorageAdapter>>> = {
  memory: async () => new MemoryStorage(),
  files: openFiles,
  'files without hard links': () => openFiles(false),
  'files below a prefix': async () => prefixed(await openFiles(), 'tenants/a'),
  'memory below a prefix': async () => prefixed(new MemoryStorage(), 'tenants/a'),
  'files, to be read only': async () => {
    const storage = await openFiles()
    await fill(storage)
    return readOnly(storage)
  },
}
const keys = [
  'models/a-b/log/1',
  'models/a/log/1',
  'models/a/notes/1/2',
  'models/a.b/x',
  'models/object',
  'models/z/zz/zz',
  'other/c/log/1',
]

async function fill(storage: StorageAdapter): Promise<void> {
  for (const key of keys) await storage.putIfAbsent(key, bytes)
  await storage.put('models/emptied/log/1', bytes)
  await storage.delete('models/emptied/log/1')
}

describe.each(Object.entries(storages))('folders in %s', (name, open) => {
  test('are those with keys below them, in the order of their keys; objects and emptied folders are none', async () => {
    const storage = await open()
    if (!name.includes('read only')) await fill(storage)
    expect(await all(foldersBelow(storage, 'models'))).toEqual(['a-b', 'a.b', 'a', 'z'])
    expect(await all(foldersBelow(storage, 'models/a'))).toEqual(['log', 'notes'])
    expect(await all(foldersBelow(storage, 'nothing'))).toEqual([])
  })

  test('are told no further once it is aborted', async () => {
    const storage = await open()
    if (!name.includes('read only')) await fill(storage)
    const stop = new AbortController()
    const reason = new Error('enough')
    const found: string[] = []
    const read = async (): Promise<void> => {
      for await (const folder of foldersBelow(storage, 'models', { signal: stop.signal })) {
        found.push(folder)
        stop.abort(reason)
      }
    }
    await expect(read()).rejects.toBe(reason)
    expect(found).toEqual(['a-b'])
  })
})

test('a folder among many in files costs what it costs among few', async () => {
  const faulty = new FaultyFiles()
  const storage = await FileStorage.open(join(root, 'many'), { files: faulty.files, durability: 'process' })
  const costOf = async (folders: number): Promise<number> => {
    for (let folder = 0; folder < folders; folder++) await storage.put(`models-${folders}/m${folder}/log/1`, bytes)
    faulty.reset()
    expect(await all(foldersBelow(storage, `models-${folders}`))).toHaveLength(folders)
    return faulty.operations.length / folders
  }
  expect(await costOf(200)).toBeLessThan(1.2 * (await costOf(20)))
})
