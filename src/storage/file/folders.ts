import { dirname, join } from 'node:path'
import { corrupt } from '../faults.ts'
import { folderCollision, foldersOf } from '../key.ts'
import type { DirectorySync } from './directory-sync.ts'
import { codeOf, isAbsent } from './file-faults.ts'
import type { FileStatus, FileSystem } from './file-system.ts'
import { isListed, objectFileName } from './layout.ts'

const folderMode = 0o700

/** Several folders may be emptied and removed while a write looks for its place. */
const placeAttempts = 5

/** Of so many folders it is remembered that their names are durable; a sync more is what it costs to forget. */
const maxDurable = 10_000

/** The folders below the root: made durably, and never followed through a symbolic link. */
export class Folders {
  readonly #root: string
  readonly #files: FileSystem
  readonly #directorySync: DirectorySync
  /** Folders whose own names are durable. */
  readonly #durable = new Set<string>()

  constructor(root: string, files: FileSystem, directorySync: DirectorySync) {
    this.#root = root
    this.#files = files
    this.#directorySync = directorySync
  }

  pathOf(key: string): string {
    return key === '' ? this.#root : join(this.#root, key)
  }

  /**
   * The path of the folder that a key lies in, made where it is missing, and not yet looked at for links. Each name on the way is synced, also one that another
   * process made: it may not have got round to it.
   */
  async #make(key: string): Promise<string> {
    const folders = foldersOf(key)
    for (const folder of folders) {
      if (this.#durable.has(folder)) continue
      await this.#makeOne(key, folder)
      await this.#directorySync.sync(dirname(this.pathOf(folder)))
      if (this.#durable.size >= maxDurable) this.#durable.clear()
      this.#durable.add(folder)
    }
    return dirname(this.pathOf(key))
  }

  /**
   * Works in the folder of a key, made first, and again when somebody removes it in between, or puts an object in its place. `checked` resolves when no link is on
   * the way to it; nothing may be made there for good before.
   */
  async inPlace<Result>(key: string, work: (folder: string, checked: Promise<void>) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        const folder = await this.#make(key)
        const checked = this.#refuseLinks(key, folder)
        // Whether anybody waits for it is up to the work.
        checked.catch(() => {})
        return await work(folder, checked)
      } catch (error) {
        if (!isAbsent(error) || attempt === placeAttempts) throw error
        for (const folder of foldersOf(key)) this.#durable.delete(folder)
      }
    }
  }

  /** False when the folder that a key lies in is not there. @throws `STORAGE_CORRUPT` when a symbolic link is on the way. */
  async exists(key: string): Promise<boolean> {
    try {
      await this.#refuseLinks(key, dirname(this.pathOf(key)))
      return true
    } catch (error) {
      if (isAbsent(error)) return false
      throw error
    }
  }

  async status(path: string): Promise<FileStatus | undefined> {
    try {
      return await this.#files.lstat(path)
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }

  /** What is at a key's path: an object as a file, an object as a folder, a folder of other keys, or nothing. */
  async kindOf(path: string): Promise<'file' | 'object-folder' | 'folder' | undefined> {
    const status = await this.status(path)
    if (status === undefined) return undefined
    if (!status.isDirectory()) return 'file'
    return (await this.status(join(path, objectFileName))) === undefined ? 'folder' : 'object-folder'
  }

  /**
   * For a writer whose temporary is in the folder of a key: an object that is kept as a folder may have come in the place of one that was still empty. None
   * can any more, now that it is not.
   */
  async refuseObjects(key: string): Promise<void> {
    await Promise.all(
      foldersOf(key).map(async (folder) => {
        if ((await this.status(join(this.pathOf(folder), objectFileName))) !== undefined) throw folderCollision(key, folder)
      }),
    )
  }

  /** Removes a folder with nothing but empty folders in it; false when there is more, such as a temporary that is about to be written. */
  async removeEmpty(key: string): Promise<boolean> {
    this.#durable.delete(key)
    const path = this.pathOf(key)
    try {
      for (const entry of await this.#files.readdir(path)) {
        if (!entry.isDirectory() || !isListed(entry.name) || !(await this.removeEmpty(`${key}/${entry.name}`))) return false
      }
      await this.#files.rmdir(path)
      return true
    } catch (error) {
      // Another writer was quicker: it is gone, or it is in use again.
      if (isAbsent(error)) return true
      if (['ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(codeOf(error))) return false
      throw error
    }
  }

  async #makeOne(key: string, folder: string): Promise<void> {
    const path = this.pathOf(folder)
    try {
      await this.#files.mkdir(path, folderMode)
    } catch (error) {
      if (codeOf(error) === 'ENOTDIR') throw folderCollision(key, dirname(folder))
      if (codeOf(error) !== 'EEXIST') throw error
      const kind = await this.kindOf(path)
      if (kind === 'object-folder') throw folderCollision(key, folder)
      if (kind === 'file') {
        await this.#refuseLinks(key, path)
        throw folderCollision(key, folder)
      }
    }
  }

  async #refuseLinks(key: string, path: string): Promise<void> {
    if (path !== this.#root && (await this.#files.realpath(path)) !== path) throw corrupt(key, 'a symbolic link is on the way to it')
  }
}

/**
 * Makes the root and its parents, and returns its real path. All names on the way are synced, also those that were there: another process may have made them
 * and been killed before it came to that. Once the root holds something, somebody has.
 */
export async function makeRoot(path: string, files: FileSystem, directorySync: DirectorySync): Promise<string> {
  await makeFolders(path, files)
  const root = await files.realpath(path)
  if ((await files.readdir(root)).some(({ name }) => isListed(name))) return root
  for (let folder = root; dirname(folder) !== folder; folder = dirname(folder)) {
    try {
      await directorySync.sync(dirname(folder))
    } catch (error) {
      // A folder of the system's, which is not ours to read or cannot be synced, was not made by any of us.
      if (!['EACCES', 'EPERM', 'EINVAL', 'ENOTSUP'].includes(codeOf(error))) throw error
    }
  }
  return root
}

async function makeFolders(path: string, files: FileSystem): Promise<void> {
  try {
    await files.realpath(path)
    return
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  await makeFolders(dirname(path), files)
  try {
    await files.mkdir(path, folderMode)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}
