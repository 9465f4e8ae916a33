import { dirname, join } from 'node:path'
import { conflict, outcomeUnknown } from '../faults.ts'
import { folderCollision } from '../key.ts'
import type { DirectorySync } from './directory-sync.ts'
import { codeOf, isAbsent, isLinkUnsupported } from './file-faults.ts'
import type { FileSystem } from './file-system.ts'
import type { Folders } from './folders.ts'
import { objectFileName, temporaryName } from './layout.ts'
import { removeTemporary } from './remove-temporary.ts'

/** What a temporary needs to get its final name. */
export interface PublishContext {
  readonly files: FileSystem
  readonly folders: Folders
  readonly directorySync: DirectorySync
  /** Waits before another try where the platform refuses to rename over an open file; rejects after the last one. */
  readonly retryRename: (work: () => Promise<void>) => Promise<void>
}

/** Meeting a folder that is being emptied, or an object that is being deleted, this often is no coincidence. */
const attempts = 8

/** Gives the temporary its name if nothing has it: by a hard link, or where there are none by renaming a folder that holds it. */
export async function publishIfAbsent(context: PublishContext, temporary: string, key: string): Promise<void> {
  const { files, folders } = context
  const target = folders.pathOf(key)
  for (let attempt = 1; ; attempt++) {
    try {
      await files.link(temporary, target)
      return
    } catch (error) {
      if (isLinkUnsupported(error)) return await publishFolder(context, temporary, key)
      // The reply may have been lost on the way, as over a network: a second name of the temporary can only be ours.
      if ((await linksOf(context, temporary, key, error)) === 2) return
      if (codeOf(error) !== 'EEXIST') throw error
      await makeWay(context, key, attempt, error)
    }
  }
}

/** Gives the temporary its name, whatever had it. */
export async function publishOver(context: PublishContext, temporary: string, key: string): Promise<void> {
  const { files, folders, directorySync } = context
  const target = folders.pathOf(key)
  await folders.refuseObjects(key)
  for (let attempt = 1; ; attempt++) {
    try {
      await context.retryRename(() => files.rename(temporary, target))
      return
    } catch (error) {
      const kind = await folders.kindOf(target).catch(() => undefined)
      if (kind === 'object-folder') {
        try {
          await context.retryRename(() => files.rename(temporary, join(target, objectFileName)))
        } catch (fault) {
          // Deleted a moment ago; else the temporary is what has gone.
          if (isAbsent(fault) && attempt < attempts && (await linksOf(context, temporary, key, fault)) === 1) continue
          throw fault
        }
        return await directorySync.sync(target).catch((cause: unknown) => Promise.reject(outcomeUnknown(key, cause)))
      }
      if (kind === 'folder' && attempt < attempts) {
        if (!(await folders.removeEmpty(key))) throw folderCollision(key, `${key}/...`)
        continue
      }
      // It was a folder a moment ago.
      if (codeOf(error) === 'EISDIR' && attempt < attempts) continue
      // The temporary has gone: renamed and the reply lost, or swept while this process slept.
      if ((await linksOf(context, temporary, key, error)) === 0) throw outcomeUnknown(key, error)
      throw error
    }
  }
}

/** Returns when the name is free now; else throws what stands in the way. */
async function makeWay(context: PublishContext, key: string, attempt: number, cause: unknown): Promise<void> {
  const kind = await context.folders.kindOf(context.folders.pathOf(key))
  if (kind === 'file' || kind === 'object-folder' || attempt >= attempts) throw conflict(key, cause)
  if (kind === 'folder' && !(await context.folders.removeEmpty(key))) throw folderCollision(key, `${key}/...`)
}

async function linksOf(context: PublishContext, temporary: string, key: string, cause: unknown): Promise<number> {
  try {
    return (await context.files.lstat(temporary)).nlink
  } catch (error) {
    if (isAbsent(error)) return 0
    throw outcomeUnknown(key, cause)
  }
}

async function publishFolder(context: PublishContext, temporary: string, key: string): Promise<void> {
  const { files, folders, directorySync } = context
  const target = folders.pathOf(key)
  const folder = join(dirname(temporary), temporaryName())
  await folders.refuseObjects(key)
  try {
    await files.mkdir(folder, 0o700)
    await files.rename(temporary, join(folder, objectFileName))
    await directorySync.sync(folder)
    for (let attempt = 1; ; attempt++) {
      try {
        // Over a folder with something in it, or over a file, this fails; over an empty one it does not.
        await files.rename(folder, target)
        return
      } catch (error) {
        if ((await folders.status(folder).catch(() => undefined)) === undefined) throw outcomeUnknown(key, error)
        if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EISDIR', 'EPERM', 'EACCES', 'EBUSY'].includes(codeOf(error))) throw error
        // Nothing is there any more: what was in the way has been deleted meanwhile, or, on Windows, is not to be seen.
        const isGone = ['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EISDIR'].includes(codeOf(error))
        if (!isGone && (await folders.kindOf(target)) === undefined) throw error
        await makeWay(context, key, attempt, error)
      }
    }
  } finally {
    await removeTemporary(files, folder)
  }
}
