import { dirname, join } from 'node:path'
import { throwIfAborted } from '../../core/abort.ts'
import type { StorageGetOptions, StoredObject } from '../adapter.ts'
import { corrupt } from '../faults.ts'
import { clampRange } from '../range.ts'
import type { DirectorySync } from './directory-sync.ts'
import { codeOf, isAbsent } from './file-faults.ts'
import type { FileStatus, FileSystem, OpenFile } from './file-system.ts'
import { openFlags } from './file-system.ts'
import type { Folders } from './folders.ts'
import { objectFileName } from './layout.ts'

interface Found {
  readonly file: OpenFile
  readonly status: FileStatus
}

/**
 * The object at a path, kept as a file or as a folder with one; undefined where there is none. What is read is one object, whatever replaces it meanwhile.
 *
 * A created object is durable when it is read. While its writer is not done, or died before it was, or could not sync its name, the temporary is a second name of
 * it: then its name may not be durable yet, and whoever acts on what he read (an idempotency key that was used, a blob that need not be written again) would be
 * left without it by a loss of power. Where there are no hard links nothing tells, so each read of an object that was created there syncs.
 */
export async function readObject(
  files: FileSystem,
  folders: Folders,
  directorySync: DirectorySync,
  key: string,
  options: StorageGetOptions,
): Promise<StoredObject | undefined> {
  const path = folders.pathOf(key)
  const open = (at: string): Promise<Found | 'folder' | undefined> => openFile(files, folders, at, key)
  const first = await open(path)
  const found = first === 'folder' ? await open(join(path, objectFileName)) : first
  if (found === undefined || found === 'folder') return undefined
  try {
    if (found.status.nlink > 1 || first === 'folder') await directorySync.sync(dirname(path))
    return await readFile(found, key, options)
  } finally {
    await found.file.close().catch(() => {})
  }
}

/** Undefined for what is not there. What is not there needs no look at the way to it; of what is, nothing is read before that look. */
async function openFile(files: FileSystem, folders: Folders, path: string, key: string): Promise<Found | 'folder' | undefined> {
  let file: OpenFile
  try {
    file = await files.open(path, openFlags.read)
  } catch (error) {
    if (isAbsent(error)) return undefined
    if (codeOf(error) === 'EISDIR') return 'folder'
    if (codeOf(error) === 'ELOOP') throw corrupt(key, 'a symbolic link is in its place')
    throw error
  }
  try {
    const [status, isReached] = await Promise.all([file.stat(), folders.exists(key)])
    if (isReached && status.isFile()) return { file, status }
    await file.close()
    if (!isReached) return undefined
    if (status.isDirectory()) return 'folder'
  } catch (error) {
    await file.close().catch(() => {})
    throw error
  }
  throw corrupt(key, 'what is in its place is no file')
}

async function readFile({ file, status }: Found, key: string, options: StorageGetOptions): Promise<StoredObject> {
  const sizeBytes = status.size
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
