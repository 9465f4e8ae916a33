import { dirname, join } from 'node:path'
import { throwIfAborted } from '../../core/abort.ts'
import type { Clock } from '../../core/clock.ts'
import { conflict, outcomeUnknown } from '../faults.ts'
import type { DirectorySync } from './directory-sync.ts'
import { isAbsent } from './file-faults.ts'
import type { FileSystem } from './file-system.ts'
import type { Folders } from './folders.ts'
import { objectFileName } from './layout.ts'
import type { PublishContext } from './publish.ts'
import { publishIfAbsent, publishOver } from './publish.ts'
import { retryRename } from './retry-rename.ts'
import { removeTemporary, stage } from './staging.ts'

/** Creates, replaces and removes objects: each change is staged apart, takes effect by one system call, and is durable when it is acknowledged. */
export class ObjectChanges {
  readonly #files: FileSystem
  readonly #folders: Folders
  readonly #directorySync: DirectorySync
  readonly #sync: boolean
  readonly #publishing: PublishContext

  constructor(options: {
    readonly files: FileSystem
    readonly folders: Folders
    readonly directorySync: DirectorySync
    readonly clock: Clock
    /** Whether the bytes themselves are synced. */
    readonly sync: boolean
  }) {
    const { files, folders, directorySync, clock, sync } = options
    this.#files = files
    this.#folders = folders
    this.#directorySync = directorySync
    this.#sync = sync
    this.#publishing = { files, folders, directorySync, retryRename: (work) => retryRename(work, clock) }
  }

  async create(key: string, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const path = this.#folders.pathOf(key)
    const refuseExisting = async (): Promise<void> => {
      const kind = await this.#folders.kindOf(path)
      if (kind !== 'file' && kind !== 'object-folder') return
      // Cheaper than to stage first. Whoever made it may not have synced its name yet, and a conflict tells that it is there.
      await this.#syncName(key, dirname(path))
      throw conflict(key)
    }
    await this.#write(key, bytes, signal, publishIfAbsent, refuseExisting)
  }

  async replace(key: string, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    await this.#write(key, bytes, signal, publishOver)
  }

  async remove(key: string): Promise<void> {
    if (!(await this.#folders.exists(key))) return
    const path = this.#folders.pathOf(key)
    const kind = await this.#folders.kindOf(path)
    if (kind === 'folder') return
    try {
      await this.#files.unlink(kind === 'object-folder' ? join(path, objectFileName) : path)
    } catch (error) {
      // Already gone, and maybe a folder by now, of other keys or with a new object; yet whoever removed it may not have synced that.
      if (!isAbsent(error) && !(await this.#isFolderNow(path, kind))) throw error
    }
    if (kind === 'object-folder') {
      await this.#syncName(key, path)
      await this.#files.rmdir(path).catch(() => {})
    }
    await this.#syncName(key, dirname(path))
  }

  async #write(
    key: string,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
    publish: (context: PublishContext, temporary: string, key: string) => Promise<void>,
    mayWrite: () => Promise<void> = async () => {},
  ): Promise<void> {
    const temporary = await this.#folders.inPlace(key, async (folder, checked) => {
      const mayStay = Promise.all([checked, mayWrite()])
      mayStay.catch(() => {})
      return await stage(this.#files, folder, bytes, this.#sync, mayStay)
    })
    try {
      throwIfAborted(signal)
      await publish(this.#publishing, temporary, key)
      await this.#syncName(key, dirname(temporary))
    } finally {
      // Only now: for as long as the temporary is a second name, readers know that the first may not be durable.
      await removeTemporary(this.#files, temporary)
    }
  }

  async #isFolderNow(path: string, before: 'file' | 'object-folder' | undefined): Promise<boolean> {
    const kind = await this.#folders.kindOf(path)
    return kind === 'folder' || (kind === 'object-folder' && before !== 'object-folder')
  }

  async #syncName(key: string, folder: string): Promise<void> {
    try {
      await this.#directorySync.sync(folder)
    } catch (error) {
      throw outcomeUnknown(key, error)
    }
  }
}
