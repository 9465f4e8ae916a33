import type { FileSystem, OpenFile } from '../../../src/storage/file/file-system.ts'
import { openFlags } from '../../../src/storage/file/file-system.ts'

/** Mistakes that a file storage could make, each as what would reach the file system: an enumeration that finds nothing in these finds nothing. */

export function withHandles(files: FileSystem, change: (file: OpenFile, isDirectory: boolean, path: string) => OpenFile): FileSystem {
  return {
    ...files,
    open: async (path, flags, mode) => change(handleOf(await files.open(path, flags, mode)), flags === openFlags.directory, path),
  }
}

/** A plain object, so that one method of it can be replaced: those of Node's handles are not their own. */
function handleOf(file: OpenFile): OpenFile {
  return {
    write: (bytes, offset, length, position) => file.write(bytes, offset, length, position),
    read: (bytes, offset, length, position) => file.read(bytes, offset, length, position),
    sync: () => file.sync(),
    stat: () => file.stat(),
    truncate: (sizeBytes) => file.truncate(sizeBytes),
    close: () => file.close(),
  }
}

/** Each file is synced only after it has its final name. */
export function namedBeforeSync(files: FileSystem): FileSystem {
  const waiting = new Map<string, () => Promise<void>>()
  const syncLater = async (path: string): Promise<void> => {
    await waiting.get(path)?.()
    waiting.delete(path)
  }
  const late = withHandles(files, (file, isDirectory, path) =>
    isDirectory ? file : { ...file, sync: async () => void waiting.set(path, () => file.sync()) },
  )
  return {
    ...late,
    link: async (from, to) => {
      await files.link(from, to)
      await syncLater(from)
    },
    rename: async (from, to) => {
      await files.rename(from, to)
      await syncLater(from)
    },
  }
}

/** An overwrite in two steps. */
export function unlinkedFirst(files: FileSystem): FileSystem {
  return {
    ...files,
    rename: async (from, to) => {
      await files.unlink(to).catch(() => {})
      await files.rename(from, to)
    },
  }
}

/** A create that takes the place of what is there, and shows the caller nothing of it. */
export function linkedOver(files: FileSystem): FileSystem {
  return {
    ...files,
    link: async (from, to) => {
      await files.unlink(to).catch(() => {})
      await files.link(from, to)
    },
    lstat: async (path) => {
      const status = await files.lstat(path)
      if (status.isDirectory() || path.includes('/.tmp-')) return status
      throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' })
    },
  }
}

/** A write that is cut short and says that it was not. */
export function writtenInPart(files: FileSystem): FileSystem {
  return withHandles(files, (file) => ({
    ...file,
    write: async (bytes, offset, length, position) => {
      await file.write(bytes, offset, Math.ceil(length / 2), position)
      return { bytesWritten: length }
    },
  }))
}
