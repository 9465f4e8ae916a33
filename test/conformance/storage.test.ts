import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MillraceError } from 'millrace'
import { MemoryStorage } from 'millrace/storage'
import type { FileSystem } from 'millrace/storage/file'
import { FileStorage } from 'millrace/storage/file'
import type { ConformanceCase } from 'millrace/testing'
import { FaultyStorage, segmentStoreConformance, storageConformance } from 'millrace/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nodeFileSystem } from '../../src/storage/file/file-system.ts'

let root = ''
let count = 0
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-storage-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

function runAll(cases: readonly ConformanceCase[]): void {
  for (const { name, run, skip } of cases) test.skipIf(skip !== undefined)(skip === undefined ? name : `${name} (${skip})`, run)
}

const folderOf = new WeakMap<object, string>()
async function openFile(files?: FileSystem): Promise<FileStorage> {
  count++
  const folder = join(root, String(count))
  const storage = await FileStorage.open(folder, files === undefined ? {} : { files })
  folderOf.set(storage, folder)
  return storage
}
const reopenFile = (storage: object): Promise<FileStorage> => FileStorage.open(folderOf.get(storage) as string)

/** As FAT and some network shares do. */
const withoutLinks: FileSystem = {
  ...nodeFileSystem,
  link: () => Promise.reject(Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' })),
}

describe('memory storage', () => runAll(storageConformance({ open: async () => new MemoryStorage() })))
describe('memory segments', () => runAll(segmentStoreConformance({ open: async () => new MemoryStorage() })))
describe('file storage', () => runAll(storageConformance({ open: () => openFile(), reopen: reopenFile })))
describe('file segments', () => runAll(segmentStoreConformance({ open: () => openFile(), reopen: reopenFile })))
describe('file storage where there are no hard links', () =>
  runAll(storageConformance({ open: () => openFile(withoutLinks), reopen: reopenFile })))
describe('faulty storage without faults', () =>
  runAll(storageConformance({ open: async () => new FaultyStorage(new MemoryStorage(), () => undefined) })))

describe('the suite', () => {
  test('finds a storage whose create checks first and writes later', async () => {
    class Racy extends MemoryStorage {
      override async putIfAbsent(key: string, bytes: Uint8Array): Promise<void> {
        if ((await this.get(key)) !== undefined) return await super.putIfAbsent(key, bytes)
        await new Promise((resolve) => setTimeout(resolve, 1))
        await this.put(key, bytes)
      }
    }
    const cases = storageConformance({ open: async () => new Racy() })
    const race = cases.find(({ name }) => name.includes('exactly one'))
    const error = await race?.run().catch((caught: unknown) => caught)
    expect(MillraceError.is(error, 'CONFORMANCE_FAILED')).toBe(true)
  })
})
