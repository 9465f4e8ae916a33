import { dirname, join } from 'node:path'
import { throwIfAborted } from '../../core/abort.ts'
import type { Clock } from '../../core/clock.ts'
import { MillraceError } from '../../core/error.ts'
import { outcomeUnknown } from '../faults.ts'
import type { DirectorySync } from './directory-sync.ts'
import { isAbsent } from './file-faults.ts'
import type { FileSystem } from './file-system.ts'
import type { Folders } from './folders.ts'
import { objectFileName } from './layout.ts'
import type { PublishContext } from './publish.ts'
import { publishIfAbsent, publishOver } from './publish.ts'
import { removeTemporary } from './remove-temporary.ts'
import { retryRename } from './retry-rename.ts'
import { stage } from './staging.ts'

/** Creates, replaces and removes objects: each change is staged apart, takes effect by one system call, and is durable when it is acknowledged. */
export class ObjectChanges {
  readonly #files: FileSystem
  readonly #folders: Folders
  readonly #directorySync: DirectorySync
  readonly #staging: Parameters<typeof stage>[0]
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
    this.#staging = { files, directorySync, sync }
    this.#publishing = { files, folders, directorySync, retryRename: (work) => retryRename(work, clock) }
  }

  async create(key: string, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    await this.#write(key, bytes, signal, publishIfAbsent)
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
  ): Promise<void> {
    const staged = await this.#folders.inPlace(key, (folder, checked) => stage(this.#staging, folder, bytes, checked))
    try {
      throwIfAborted(signal)
      await publish(this.#publishing, staged.path, key).catch(async (error: unknown) => {
        // Whoever came first may not have synced his object's name yet, and a conflict tells that it is there.
        if (MillraceError.is(error, 'STORAGE_CONFLICT')) await isDurable(key, staged.folder.sync())
        throw error
      })
      await isDurable(key, staged.folder.sync())
    } catch (error) {
      staged.folder.release()
      // For as long as the temporary is a second name, readers know that the first may not be durable, and sync before they tell of it.
      if (await this.#isInDoubt(staged.path, error)) this.#directorySync.removeOnceSynced(staged.path)
      else await removeTemporary(this.#files, staged.path)
      throw error
    }
    await removeTemporary(this.#files, staged.path)
  }

  /** Whether the object may have got its name, and that name may not be durable. */
  async #isInDoubt(temporary: string, error: unknown): Promise<boolean> {
    if (!MillraceError.is(error, 'STORAGE_OUTCOME_UNKNOWN')) return false
    try {
      return (await this.#files.lstat(temporary)).nlink > 1
    } catch (fault) {
      return !isAbsent(fault)
    }
  }

  async #isFolderNow(path: string, before: 'file' | 'object-folder' | undefined): Promise<boolean> {
    const kind = await this.#folders.kindOf(path)
    return kind === 'folder' || (kind === 'object-folder' && before !== 'object-folder')
  }

  async #syncName(key: string, folder: string): Promise<void> {
    await isDurable(key, this.#directorySync.sync(folder))
  }
}

async function isDurable(key: string, synced: Promise<void>): Promise<void> {
  try {
    await synced
  } catch (error) {
    throw outcomeUnknown(key, error)
  }
}
