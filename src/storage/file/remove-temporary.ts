import { join } from 'node:path'
import type { FileSystem } from './file-system.ts'
import { objectFileName, temporaryOwner } from './layout.ts'

/** Removes a temporary, file or folder. Whether that works changes nothing for the caller: what is left is swept when the store is opened. */
export async function removeTemporary(files: FileSystem, path: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await files.unlink(path)
      return
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === 'ENOENT') return
      await files.unlink(join(path, objectFileName)).catch(() => {})
      // After a loss of power a folder may be back under the name that it was staged with, while others had begun to write in it under its final one.
      for (const { name } of attempt === 0 ? [] : await files.readdir(path).catch(() => [])) {
        if (temporaryOwner(name) !== undefined) await removeTemporary(files, join(path, name))
      }
      const removed = await files.rmdir(path).then(
        () => true,
        () => false,
      )
      if (removed) return
    }
  }
}
