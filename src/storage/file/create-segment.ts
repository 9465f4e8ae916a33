import { dirname } from 'node:path'
import { conflict, outcomeUnknown } from '../faults.ts'
import { folderCollision } from '../key.ts'
import type { DirectorySync } from './directory-sync.ts'
import { codeOf } from './file-faults.ts'
import type { FileSystem, OpenFile } from './file-system.ts'
import { openFlags } from './file-system.ts'
import type { Folders } from './folders.ts'
import { removeTemporary } from './remove-temporary.ts'

/** Makes an empty file for one writer, and its name durable. It is written in place: a segment is the one object that readers see grow. */
export async function createSegmentFile(files: FileSystem, folders: Folders, directorySync: DirectorySync, key: string): Promise<OpenFile> {
  const path = folders.pathOf(key)
  const file = await folders.inPlace(key, async (_folder, checked) => {
    await checked
    try {
      return await files.open(path, openFlags.create, 0o600)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
      const kind = await folders.kindOf(path)
      throw kind === 'folder' ? folderCollision(key, `${key}/...`) : conflict(key, error)
    }
  })
  try {
    await directorySync.sync(dirname(path))
  } catch (error) {
    await file.close().catch(() => {})
    await removeTemporary(files, path)
    throw outcomeUnknown(key, error)
  }
  return file
}
