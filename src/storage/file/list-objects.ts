import { join } from 'node:path'
import { mapConcurrently } from '../../core/concurrency.ts'
import type { StoredEntry } from '../adapter.ts'
import { isAbsent } from './file-faults.ts'
import type { DirectoryEntry, FileSystem } from './file-system.ts'
import { isListed, objectFileName } from './layout.ts'

const statusesAtOnce = 16
const batchEntries = 256

interface Item {
  readonly name: string
  readonly folder: boolean
}

/**
 * The objects below a folder in the order of their keys. In that order a folder stands where its name followed by `/` stands: `a-b` comes before
 * `a/x`. Folders that hold nothing past `after` are not opened.
 */
export async function* listObjects(
  files: FileSystem,
  path: string,
  prefix: string,
  after: string | undefined,
): AsyncGenerator<StoredEntry, void, undefined> {
  const items = await itemsOf(files, path)
  for (let start = 0; start < items.length; start += batchEntries) {
    const batch = items.slice(start, start + batchEntries)
    const wanted = batch.filter((item) => after === undefined || reachesPast(`${prefix}${item.name}`, item.folder, after))
    const sizes = await mapConcurrently(wanted, statusesAtOnce, (item) =>
      item.folder ? Promise.resolve(0) : sizeOf(files, join(path, item.name)),
    )
    for (const [index, item] of wanted.entries()) {
      const key = `${prefix}${item.name}`
      if (item.folder) yield* listObjects(files, join(path, item.name), `${key}/`, after)
      else if (sizes[index] !== undefined) yield { key, sizeBytes: sizes[index] as number }
    }
  }
}

/** True when the object, or some object in the folder, comes after the key `after`. */
function reachesPast(key: string, folder: boolean, after: string): boolean {
  return folder ? `${key}/` > after || after.startsWith(`${key}/`) : key > after
}

async function itemsOf(files: FileSystem, path: string): Promise<Item[]> {
  const entries = await readDirectory(files, path)
  const listed = entries.filter((entry) => isListed(entry.name) && (entry.isFile() || entry.isDirectory()))
  const items = await mapConcurrently(listed, statusesAtOnce, async (entry): Promise<Item> => {
    // A folder with an object file in it is an object, where there are no hard links.
    const folder = entry.isDirectory() && (await sizeOf(files, join(path, entry.name, objectFileName))) === undefined
    return { name: entry.name, folder }
  })
  const order = (item: Item): string => (item.folder ? `${item.name}/` : item.name)
  return items.sort((left, right) => (order(left) < order(right) ? -1 : 1))
}

async function readDirectory(files: FileSystem, path: string): Promise<readonly DirectoryEntry[]> {
  try {
    return await files.readdir(path)
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

/** Undefined when it was deleted since the folder was read. */
async function sizeOf(files: FileSystem, path: string): Promise<number | undefined> {
  try {
    const status = await files.lstat(path)
    if (status.isFile()) return status.size
    return status.isDirectory() ? (await files.lstat(join(path, objectFileName))).size : undefined
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}
