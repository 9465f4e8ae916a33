import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SegmentStore, StorageAdapter } from 'millrace/storage'
import { MemoryStorage, prefixed, readOnly, withRetry } from 'millrace/storage'
import type { FileSystem } from 'millrace/storage/file'
import { FileStorage } from 'millrace/storage/file'
import type { ConformanceCase, FaultPlan } from 'millrace/testing'
import {
  combinePlans,
  FaultySegmentStore,
  FaultyStorage,
  failRandomly,
  LatencySegmentStore,
  LatencyStorage,
  segmentStoreConformance,
  storageConformance,
} from 'millrace/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { nodeFileSystem } from '../../src/storage/file/node-file-system.ts'

type Store = StorageAdapter & SegmentStore

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
const openWithoutLinks = (): Promise<FileStorage> => openFile(withoutLinks)
const reopenWithoutLinks = (storage: object): Promise<FileStorage> =>
  FileStorage.open(folderOf.get(storage) as string, { files: withoutLinks })

describe('memory storage', () => runAll(storageConformance({ open: async () => new MemoryStorage() })))
describe('memory segments', () => runAll(segmentStoreConformance({ open: async () => new MemoryStorage() })))
describe('file storage', () => runAll(storageConformance({ open: () => openFile(), reopen: reopenFile })))
describe('file segments', () => runAll(segmentStoreConformance({ open: () => openFile(), reopen: reopenFile })))
describe('file storage where there are no hard links', () =>
  runAll(storageConformance({ open: openWithoutLinks, reopen: reopenWithoutLinks })))
describe('file segments where there are no hard links', () =>
  runAll(segmentStoreConformance({ open: openWithoutLinks, reopen: reopenWithoutLinks })))

function decorated(name: string, decorate: (storage: Store) => Store): void {
  describe(`${name} over memory`, () => runAll(storageConformance({ open: async () => decorate(new MemoryStorage()) })))
  describe(`${name} segments over memory`, () => runAll(segmentStoreConformance({ open: async () => decorate(new MemoryStorage()) })))
}

/** Over files, with the same decorator over the same files opened anew. */
function decoratedFiles(name: string, decorate: (storage: Store) => Store): void {
  const below = new WeakMap<object, FileStorage>()
  const openDecorated = async (): Promise<Store> => {
    const storage = await openFile()
    const decorator = decorate(storage)
    below.set(decorator, storage)
    return decorator
  }
  const overFiles = {
    open: openDecorated,
    reopen: async (decorator: object): Promise<Store> => decorate(await reopenFile(below.get(decorator) as FileStorage)),
  }
  describe(`${name} over files`, () => runAll(storageConformance({ ...overFiles, manyKeys: 300 })))
  describe(`${name} segments over files`, () => runAll(segmentStoreConformance(overFiles)))
}

decorated('faulty storage without faults', (storage) => new FaultySegmentStore(storage, () => undefined))
decorated('prefixed storage', (storage) => prefixed(storage, 'tenants/acme'))
decorated('prefixed storage with an empty prefix', (storage) => prefixed(storage, ''))
decorated('retrying storage', (storage) => withRetry(storage))
decorated('storage with latency', (storage) => new LatencySegmentStore(storage, { meanMs: 0.4 }))
decorated('storage with latency, retries and a prefix', (storage) =>
  prefixed(withRetry(new LatencySegmentStore(storage, { meanMs: { putIfAbsent: 2, get: 1 } })), 'a/b'),
)

decoratedFiles('retrying, prefixed storage', (storage) => prefixed(withRetry(storage), 'tenants/acme'))

/** Written past the decorator, as somebody else does, and read through it. */
function readThrough(storage: StorageAdapter): StorageAdapter {
  const view = readOnly(storage)
  return {
    name: view.name,
    capabilities: view.capabilities,
    get: (key, options) => view.get(key, options),
    list: (prefix, options) => view.list(prefix, options),
    put: (key, bytes, options) => storage.put(key, bytes, options),
    putIfAbsent: (key, bytes, options) => storage.putIfAbsent(key, bytes, options),
    delete: (key, options) => storage.delete(key, options),
  }
}
describe('read-only storage over memory', () => runAll(storageConformance({ open: async () => readThrough(new MemoryStorage()) })))

/** A store that cannot append. */
function withoutSegments(storage: MemoryStorage): StorageAdapter {
  return {
    name: storage.name,
    capabilities: storage.capabilities,
    get: (key, options) => storage.get(key, options),
    list: (prefix, options) => storage.list(prefix, options),
    put: (key, bytes, options) => storage.put(key, bytes, options),
    putIfAbsent: (key, bytes, options) => storage.putIfAbsent(key, bytes, options),
    delete: (key, options) => storage.delete(key, options),
  }
}
describe('decorators over storage that cannot append', () => {
  const wrap = (storage: StorageAdapter): StorageAdapter =>
    new LatencyStorage(new FaultyStorage(withRetry(prefixed(storage, 'x')), () => undefined), { meanMs: 0 })
  runAll(storageConformance({ open: async () => wrap(withoutSegments(new MemoryStorage())) }))
})

describe('retrying storage over one that fails all the time', () => {
  let seed = 0
  const open = async (): Promise<StorageAdapter> => {
    seed++
    const plan = combinePlans(
      failRandomly({ seed, probability: 0.3, faults: ['refused', 'reply-lost', { fault: 'refused', afterEntries: 3 }] }),
      // A lost request is told from a lost reply only where the object says whose it is: not by a delete.
      unlessDelete(failRandomly({ seed: `lost-${seed}`, probability: 0.2, faults: ['request-lost'] })),
    )
    return withRetry(new FaultyStorage(new MemoryStorage(), plan), { attempts: 40, firstDelayMs: 1, maxDelayMs: 2 })
  }
  runAll(storageConformance({ open, manyKeys: 200, largeBytes: 200_000 }))
})

function unlessDelete(plan: FaultPlan): FaultPlan {
  return (operation) => {
    const fault = plan(operation)
    return operation.method === 'delete' ? undefined : fault
  }
}
