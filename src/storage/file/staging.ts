import { join } from 'node:path'
import type { DirectorySync, PreparedSync } from './directory-sync.ts'
import { inputOutputError } from './file-faults.ts'
import type { FileSystem, OpenFile } from './file-system.ts'
import { openFlags } from './file-system.ts'
import { temporaryName } from './layout.ts'
import { removeTemporary } from './remove-temporary.ts'

/** Writes all of the bytes: one call may write a part of them without an error. */
export async function writeFully(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written)
    if (bytesWritten <= 0) throw inputOutputError(`the file took ${written} of ${bytes.length} bytes and no more`)
    written += bytesWritten
  }
}

/** A temporary, and its folder opened for the sync that makes its final name durable. */
export interface Staged {
  readonly path: string
  readonly folder: PreparedSync
}

/**
 * Writes a temporary in the folder, durably when `sync`; nothing is left of it when that fails, or when `mayStay` rejects, which is asked while the bytes are on
 * their way to the disk's cache.
 */
export async function stage(
  { files, directorySync, sync }: { readonly files: FileSystem; readonly directorySync: DirectorySync; readonly sync: boolean },
  folder: string,
  bytes: Uint8Array,
  mayStay: Promise<unknown>,
): Promise<Staged> {
  const path = join(folder, temporaryName())
  try {
    const file = await files.open(path, openFlags.create, 0o600)
    // Only now that the temporary is in it: before, another may take the folder's place.
    const preparing = directorySync.prepare(folder)
    preparing.catch(() => {})
    try {
      await writeFully(file, bytes, 0)
      await mayStay
      if (sync) await file.sync()
      const prepared = await preparing
      const closing = file.close()
      // After a sync it can tell nothing new, and only Windows minds that a file is open when it gets its name.
      if (sync && process.platform !== 'win32') closing.catch(() => {})
      else await closing
      return { path, folder: prepared }
    } catch (error) {
      preparing.then(({ release }) => release()).catch(() => {})
      await file.close().catch(() => {})
      throw error
    }
  } catch (error) {
    // Also after a failed open, which may have made it.
    await removeTemporary(files, path)
    throw error
  }
}
