import { join } from 'node:path'
import { mapConcurrently } from '../../core/concurrency.ts'
import type { StoredEntry } from '../adapter.ts'
import { isAbsent } from './file-faults.ts'
import type { DirectoryEntry, FileStatus, FileSystem } from './file-system.ts'
import { isListed, objectFileName } from './layout.ts'

const statusesAtOnce = 16
/** A few at first, since whoever steps over folders takes one entry at a time; twice as many each time after. */
const [firstBatch, largestBatch] = [16, 256]

interface Item {
  readonly name: string
  readonly isDirectory: boolean
  /** What its key begins with in the order of keys: `name/` for a folder, `name` for an object. */
  readonly order: string
}

/**
 * The objects below a folder in the order of their keys. In that order a folder stands where its name followed by `/` stands: `a-b` comes before
 * `a/x`. Folders that hold nothing past `after` are not opened, and nothing is asked about what lies before it.
 */
export async function* listObjects(
  files: FileSystem,
  path: string,
  prefix: string,
  after: string | undefined,
): AsyncGenerator<StoredEntry, void, undefined> {
  const items = await itemsOf(files, path, prefix, after)
  let size = firstBatch
  for (let start = 0; start < items.length; ) {
    const batch = items.slice(start, start + size)
    start += size
    size = Math.min(largestBatch, size * 2)
    const statuses = await mapConcurrently(batch, statusesAtOnce, (item) => statusOf(files, join(path, item.name), item.isDirectory))
    for (const [index, { name, isDirectory }] of batch.entries()) {
      const key = `${prefix}${name}`
      const status = statuses[index]
      if (status !== undefined) {
        if (after === undefined || key > after) yield { key, sizeBytes: status.size, modifiedAt: Math.floor(status.mtimeMs) }
      } else if (isDirectory) {
        yield* listObjects(files, join(path, name), `${key}/`, after)
      }
    }
  }
}

/** The folders directly below a folder, in the order of the keys in them. */
export async function listFolderNames(files: FileSystem, path: string): Promise<readonly string[]> {
  const folders = (await readDirectory(files, path)).filter((entry) => isListed(entry.name) && entry.isDirectory())
  return folders
    .map(({ name }) => `${name}/`)
    .sort()
    .map((order) => order.slice(0, -1))
}

/** What may lie past `after`, in order. */
async function itemsOf(files: FileSystem, path: string, prefix: string, after: string | undefined): Promise<Item[]> {
  const entries = (await readDirectory(files, path)).filter(
    (entry) => isListed(entry.name) && (entry.isFile() || entry.isDirectory()) && reachesPast(`${prefix}${entry.name}`, entry, after),
  )
  entries.sort((left, right) => (left.name < right.name ? -1 : 1))
  const items = await mapConcurrently(entries, statusesAtOnce, async (entry, index): Promise<Item> => {
    const { name } = entry
    const isDirectory = entry.isDirectory()
    // Only names such as `a-b` and `a.b` come between `a` and `a/`; else it makes no difference yet what the directory is.
    const next = entries[index + 1]?.name ?? ''
    const matters = isDirectory && (next.startsWith(`${name}-`) || next.startsWith(`${name}.`))
    const isFolder = isDirectory && !(matters && (await statusOf(files, join(path, name), true)) !== undefined)
    return { name, isDirectory, order: isFolder ? `${name}/` : name }
  })
  return items.sort((left, right) => (left.order < right.order ? -1 : 1))
}

/** True when the object, or some object in the folder, comes after the key `after`. */
function reachesPast(key: string, entry: DirectoryEntry, after: string | undefined): boolean {
  if (after === undefined) return true
  return entry.isDirectory() ? `${key}/` > after || after.startsWith(`${key}/`) : key > after
}

async function readDirectory(files: FileSystem, path: string): Promise<readonly DirectoryEntry[]> {
  try {
    return await files.readdir(path)
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

/** Undefined for a folder, and for what was deleted since the folder around it was read. A directory with an object file in it is an object, where there are no hard links. */
async function statusOf(files: FileSystem, path: string, isDirectory: boolean): Promise<FileStatus | undefined> {
  try {
    const status = await files.lstat(isDirectory ? join(path, objectFileName) : path)
    return status.isDirectory() ? undefined : status
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}
