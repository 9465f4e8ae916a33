/**
 * Storage in a folder, for Node: {@link FileStorage}.
 *
 * @module millrace/storage/file
 */

import { resolve } from 'node:path'
import { throwIfAborted } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { invalidArgument } from '../core/invalid-argument.ts'
import { receivedText } from '../core/received.ts'
import type {
  SegmentStore,
  SegmentWriter,
  StorageAdapter,
  StorageCapabilities,
  StorageChangeOptions,
  StorageGetOptions,
  StorageListOptions,
  StoredEntry,
  StoredObject,
} from './adapter.ts'
import { assertChangeArguments, assertGetArguments, assertListArguments, assertPutArguments } from './arguments.ts'
import { createSegmentFile } from './file/create-segment.ts'
import { DirectorySync } from './file/directory-sync.ts'
import { faultOf, isSystemError } from './file/file-faults.ts'
import type { FileSystem } from './file/file-system.ts'
import { Folders, makeRoot } from './file/folders.ts'
import { listFolderNames, listObjects } from './file/list-objects.ts'
import { nodeFileSystem } from './file/node-file-system.ts'
import { ObjectChanges } from './file/object-changes.ts'
import { readObject } from './file/read-object.ts'
import { FileSegmentWriter } from './file/segment-writer.ts'
import { sweepTemporaries } from './file/sweep.ts'

export type { DirectoryEntry, FileStatus, FileSystem, OpenFile } from './file/file-system.ts'

export interface FileStorageOptions {
  /** `device` (the default): an acknowledged write survives the loss of power. `process`: it survives the end of the process, and costs no fsync. */
  readonly durability?: 'device' | 'process'
  /** Temporaries of dead writers that are older are removed when the store is opened; default 60,000. */
  readonly sweepAfterMs?: number
  /** Opening looks for them at most so often, in all folders; default 3,600,000 (an hour), so that it costs the same however much is stored. 0: each time. */
  readonly sweepEveryMs?: number
  readonly clock?: Clock
  /** For tests that fail operations. */
  readonly files?: FileSystem
}

/**
 * Storage in a folder, one file an object, for any number of processes at once. A write is staged in the destination's own folder, synced, given its
 * name by `link` (or by `rename`, to overwrite), and acknowledged once the folder is synced too: whatever the moment of a crash, a reader finds
 * the old object or the new one. Symbolic links below the root are refused. Files have mode 0600 and folders 0700.
 *
 * @example
 * const storage = await FileStorage.open('.millrace')
 * await storage.putIfAbsent('models/churn/log/0000000000000001', bytes)
 */
export class FileStorage implements StorageAdapter, SegmentStore {
  readonly name: string
  readonly capabilities: StorageCapabilities
  readonly #files: FileSystem
  readonly #folders: Folders
  readonly #directorySync: DirectorySync
  readonly #changes: ObjectChanges
  readonly #sync: boolean

  private constructor(root: string, directorySync: DirectorySync, options: FileStorageOptions) {
    this.name = `file:${root}`
    this.#sync = options.durability !== 'process'
    this.capabilities = { putIfAbsent: true, multiProcess: true, durability: this.#sync ? 'device' : 'process' }
    const files = options.files ?? nodeFileSystem
    const folders = new Folders(root, files, directorySync)
    this.#files = files
    this.#directorySync = directorySync
    this.#folders = folders
    this.#changes = new ObjectChanges({ files, folders, directorySync, clock: options.clock ?? systemClock, sync: this.#sync })
  }

  /**
   * Opens the folder, which is made when it is missing, and removes what dead writers left half written.
   *
   * @throws {@link MillraceError} `ARGUMENT_INVALID` for no path, or an empty one; `STORAGE_UNAVAILABLE`, `STORAGE_NO_SPACE`.
   */
  static async open(root: string, options: FileStorageOptions = {}): Promise<FileStorage> {
    // To `resolve` an empty text is the current folder, which nobody means by a variable that is not set.
    if (typeof root !== 'string' || root === '')
      throw invalidArgument('root', 'the path of a folder ("." for the current one)', receivedText(root))
    const files = options.files ?? nodeFileSystem
    // Windows cannot sync a directory.
    const canSync = process.platform !== 'win32'
    const directorySync = new DirectorySync(files, canSync && options.durability !== 'process')
    const { sweepAfterMs = 60_000, sweepEveryMs = 3_600_000 } = options
    try {
      const path = await makeRoot(resolve(root), files, directorySync)
      // Those who left something may have been promised more than this store promises.
      await sweepTemporaries(path, files, new DirectorySync(files, canSync), { graceMs: sweepAfterMs, everyMs: sweepEveryMs })
      return new FileStorage(path, directorySync, options)
    } catch (error) {
      throw faultOf(error, '', `file:${root}`)
    }
  }

  async get(key: string, options: StorageGetOptions = {}): Promise<StoredObject | undefined> {
    assertGetArguments(key, options)
    return await this.#guard(key, () => readObject(this.#files, this.#folders, this.#directorySync, key, options))
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertPutArguments(key, bytes, options)
    await this.#guard(key, () => this.#changes.create(key, bytes, options.signal))
  }

  async put(key: string, bytes: Uint8Array, options: StorageChangeOptions = {}): Promise<void> {
    assertPutArguments(key, bytes, options)
    await this.#guard(key, () => this.#changes.replace(key, bytes, options.signal))
  }

  async delete(key: string, options: StorageChangeOptions = {}): Promise<void> {
    assertChangeArguments(key, options)
    await this.#guard(key, () => this.#changes.remove(key))
  }

  async *list(prefix: string, options: StorageListOptions = {}): AsyncGenerator<StoredEntry, void, undefined> {
    assertListArguments(prefix, options)
    const { after, limit = Number.POSITIVE_INFINITY, signal } = options
    let left = limit
    try {
      if (left === 0 || (prefix !== '' && !(await this.#folders.exists(`${prefix}/x`)))) return
      for await (const entry of listObjects(this.#files, this.#folders.pathOf(prefix), prefix === '' ? '' : `${prefix}/`, after)) {
        throwIfAborted(signal)
        yield entry
        left--
        throwIfAborted(signal)
        if (left === 0) return
      }
    } catch (error) {
      throw isSystemError(error) ? faultOf(error, prefix, this.name) : error
    }
  }

  async *listFolders(prefix: string, options: StorageChangeOptions = {}): AsyncGenerator<string, void, undefined> {
    assertListArguments(prefix, options)
    throwIfAborted(options.signal)
    const names = await this.#guard(prefix, async () => {
      if (prefix !== '' && !(await this.#folders.exists(`${prefix}/x`))) return []
      return await listFolderNames(this.#files, this.#folders.pathOf(prefix))
    })
    for (const name of names) {
      throwIfAborted(options.signal)
      yield name
    }
  }

  async createSegment(key: string, options: StorageChangeOptions = {}): Promise<SegmentWriter> {
    assertChangeArguments(key, options)
    return await this.#guard(key, async () => {
      const file = await createSegmentFile(this.#files, this.#folders, this.#directorySync, key)
      return new FileSegmentWriter({ key, file, storage: this.name, sync: this.#sync })
    })
  }

  /** Whatever the file system throws leaves as one of our faults; an abort, and a mistake in the code, leave as they are. */
  async #guard<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      throw isSystemError(error) ? faultOf(error, key, this.name) : error
    }
  }
}
