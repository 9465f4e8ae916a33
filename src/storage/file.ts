/**
 * Storage in a folder, for Node: {@link FileStorage}.
 *
 * @module millrace/storage/file
 */

import { dirname, join, resolve } from 'node:path'
import { throwIfAborted } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import type { ByteRange, SegmentStore, SegmentWriter, StorageAdapter, StorageCapabilities, StoredEntry, StoredObject } from './adapter.ts'
import { conflict, corrupt, outcomeUnknown } from './faults.ts'
import { DirectorySync } from './file/directory-sync.ts'
import { codeOf, faultOf, isAbsent, isSystemError } from './file/file-faults.ts'
import type { FileSystem, OpenFile } from './file/file-system.ts'
import { nodeFileSystem, openFlags } from './file/file-system.ts'
import { Folders, makeRoot } from './file/folders.ts'
import { objectFileName } from './file/layout.ts'
import { listObjects } from './file/list-objects.ts'
import { publishIfAbsent, publishOver } from './file/publish.ts'
import { FileSegmentWriter } from './file/segment-writer.ts'
import { removeTemporary, stage } from './file/staging.ts'
import { sweepTemporaries } from './file/sweep.ts'
import { assertKey, assertPrefix, folderCollision } from './key.ts'
import { assertLimit, assertRange, clampRange } from './range.ts'

export type { DirectoryEntry, FileStatus, FileSystem, OpenFile } from './file/file-system.ts'

export interface FileStorageOptions {
  /** `device` (the default): an acknowledged write survives the loss of power. `process`: it survives the end of the process, and costs no fsync. */
  readonly durability?: 'device' | 'process'
  /** Temporaries of dead writers that are older are removed when the store is opened; default 60,000. */
  readonly sweepAfterMs?: number
  readonly clock?: Clock
  /** For tests that fail operations. */
  readonly files?: FileSystem
}

interface Options {
  readonly signal?: AbortSignal
}

/** Several folders may be emptied and removed while a write looks for its place. */
const placeAttempts = 5

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
  readonly #clock: Clock
  readonly #sync: boolean

  private constructor(root: string, directorySync: DirectorySync, options: FileStorageOptions) {
    this.name = `file:${root}`
    this.#sync = options.durability !== 'process'
    this.capabilities = { putIfAbsent: true, multiProcess: true, durability: this.#sync ? 'device' : 'process' }
    this.#files = options.files ?? nodeFileSystem
    this.#clock = options.clock ?? systemClock
    this.#directorySync = directorySync
    this.#folders = new Folders(root, this.#files, directorySync)
  }

  /**
   * Opens the folder, which is made when it is missing, and removes what dead writers left half written.
   *
   * @throws {@link MillraceError} `ARGUMENT_INVALID` for an empty path; `STORAGE_UNAVAILABLE`, `STORAGE_NO_SPACE`.
   */
  static async open(root: string, options: FileStorageOptions = {}): Promise<FileStorage> {
    if (root === '') {
      // To `resolve` it is the current folder, which nobody means by a variable that is not set.
      throw new MillraceError('ARGUMENT_INVALID', {
        message: 'Expected root to be the path of a folder ("." for the current one). Received an empty text.',
        details: { argument: 'root', expected: 'the path of a folder', received: '' },
      })
    }
    const files = options.files ?? nodeFileSystem
    // Windows cannot sync a directory.
    const directorySync = new DirectorySync(files, options.durability !== 'process' && process.platform !== 'win32')
    try {
      const path = await makeRoot(resolve(root), files, directorySync)
      await sweepTemporaries(path, files, options.sweepAfterMs ?? 60_000)
      return new FileStorage(path, directorySync, options)
    } catch (error) {
      throw faultOf(error, '', `file:${root}`)
    }
  }

  async get(key: string, options: Options & { readonly range?: ByteRange } = {}): Promise<StoredObject | undefined> {
    throwIfAborted(options.signal)
    assertKey(key)
    assertRange(options.range)
    return await this.#guard(key, async () => {
      if (!(await this.#folders.exists(key))) return undefined
      const found = await this.#openObject(key)
      if (found === undefined) return undefined
      try {
        return await readObject(key, found.file, found.sizeBytes, options)
      } finally {
        await found.file.close().catch(() => {})
      }
    })
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options: Options = {}): Promise<void> {
    throwIfAborted(options.signal)
    assertKey(key)
    await this.#guard(key, async () => {
      const kind = await this.#folders.kindOf(this.#folders.pathOf(key))
      // Cheaper than to stage first. Whoever made it may not have synced its name yet, and a conflict tells that it is there.
      if (kind === 'file' || kind === 'object-folder') throw await this.#durableConflict(key)
      await this.#write(key, bytes, options.signal, (context, temporary) => publishIfAbsent(context, temporary, key))
    })
  }

  async put(key: string, bytes: Uint8Array, options: Options = {}): Promise<void> {
    throwIfAborted(options.signal)
    assertKey(key)
    await this.#guard(key, () => this.#write(key, bytes, options.signal, (context, temporary) => publishOver(context, temporary, key)))
  }

  async delete(key: string, options: Options = {}): Promise<void> {
    throwIfAborted(options.signal)
    assertKey(key)
    await this.#guard(key, async () => {
      if (!(await this.#folders.exists(key))) return
      const path = this.#folders.pathOf(key)
      const kind = await this.#folders.kindOf(path)
      if (kind === 'folder') return
      try {
        await this.#files.unlink(kind === 'object-folder' ? join(path, objectFileName) : path)
      } catch (error) {
        // Already gone, and maybe a folder of other keys by now; yet whoever removed it may not have synced that.
        if (!isAbsent(error) && (await this.#folders.kindOf(path)) !== 'folder') throw error
      }
      if (kind === 'object-folder') {
        await this.#syncName(key, path)
        await this.#files.rmdir(path).catch(() => {})
      }
      await this.#syncName(key, dirname(path))
    })
  }

  async *list(
    prefix: string,
    options: { readonly after?: string; readonly limit?: number; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<StoredEntry, void, undefined> {
    const { after, limit = Number.POSITIVE_INFINITY, signal } = options
    throwIfAborted(signal)
    assertPrefix(prefix)
    if (after !== undefined) assertKey(after)
    assertLimit(limit)
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

  async createSegment(key: string, options: Options = {}): Promise<SegmentWriter> {
    throwIfAborted(options.signal)
    assertKey(key)
    return await this.#guard(key, async () => {
      const path = this.#folders.pathOf(key)
      const file = await this.#inPlace(key, async () => {
        try {
          return await this.#files.open(path, openFlags.create, 0o600)
        } catch (error) {
          if (codeOf(error) !== 'EEXIST') throw error
          const kind = await this.#folders.kindOf(path)
          throw kind === 'folder' ? folderCollision(key, `${key}/...`) : conflict(key, error)
        }
      })
      try {
        await this.#directorySync.sync(dirname(path))
      } catch (error) {
        await file.close().catch(() => {})
        await removeTemporary(this.#files, path)
        throw outcomeUnknown(key, error)
      }
      return new FileSegmentWriter({ key, file, storage: this.name, sync: this.#sync })
    })
  }

  async #write(
    key: string,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
    publish: (context: Parameters<typeof publishOver>[0], temporary: string) => Promise<void>,
  ): Promise<void> {
    const temporary = await this.#inPlace(key, (folder) => stage(this.#files, folder, bytes, this.#sync))
    try {
      throwIfAborted(signal)
      const [files, folders, directorySync] = [this.#files, this.#folders, this.#directorySync]
      await publish({ files, folders, directorySync, retryRename: (work) => this.#retryRename(work) }, temporary)
      await this.#syncName(key, dirname(temporary))
    } finally {
      await removeTemporary(this.#files, temporary)
    }
  }

  /** Works in the folder of a key, made first, and again when somebody removes it in between, or puts an object in its place. */
  async #inPlace<Result>(key: string, work: (folder: string) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(await this.#folders.make(key))
      } catch (error) {
        if (!isAbsent(error) || attempt === placeAttempts) throw error
        this.#folders.forget(key)
      }
    }
  }

  async #openObject(key: string): Promise<{ readonly file: OpenFile; readonly sizeBytes: number } | undefined> {
    const path = this.#folders.pathOf(key)
    return (await this.#openFile(key, path)) ?? (await this.#openFile(key, join(path, objectFileName)))
  }

  /** Undefined for what is not there and for a folder. */
  async #openFile(key: string, path: string): Promise<{ readonly file: OpenFile; readonly sizeBytes: number } | undefined> {
    let file: OpenFile
    try {
      file = await this.#files.open(path, openFlags.read)
    } catch (error) {
      if (isAbsent(error) || codeOf(error) === 'EISDIR') return undefined
      if (codeOf(error) === 'ELOOP') throw corrupt(key, 'a symbolic link is in its place')
      throw error
    }
    try {
      const status = await file.stat()
      if (status.isFile()) return { file, sizeBytes: status.size }
      await file.close()
      if (status.isDirectory()) return undefined
    } catch (error) {
      await file.close().catch(() => {})
      throw error
    }
    throw corrupt(key, 'what is in its place is no file')
  }

  async #durableConflict(key: string): Promise<MillraceError> {
    await this.#syncName(key, dirname(this.#folders.pathOf(key)))
    return conflict(key)
  }

  async #syncName(key: string, folder: string): Promise<void> {
    try {
      await this.#directorySync.sync(folder)
    } catch (error) {
      throw outcomeUnknown(key, error)
    }
  }

  /** Windows refuses to rename over a file that somebody has open, for as long as that lasts. */
  async #retryRename<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (process.platform !== 'win32' || attempt === 10 || !['EPERM', 'EACCES', 'EBUSY'].includes(codeOf(error))) throw error
        await this.#clock.sleep(attempt * 10)
      }
    }
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

async function readObject(
  key: string,
  file: OpenFile,
  sizeBytes: number,
  options: Options & { readonly range?: ByteRange },
): Promise<StoredObject> {
  const { start, end } = clampRange(options.range, sizeBytes)
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(end - start).buffer)
  let read = 0
  while (read < bytes.length) {
    throwIfAborted(options.signal)
    const { bytesRead } = await file.read(bytes, read, bytes.length - read, start + read)
    if (bytesRead === 0) throw corrupt(key, `it ends at byte ${start + read} of ${sizeBytes}`)
    read += bytesRead
  }
  throwIfAborted(options.signal)
  return { bytes, sizeBytes }
}
