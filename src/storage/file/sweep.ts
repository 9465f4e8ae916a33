import { join } from 'node:path'
import type { DirectorySync } from './directory-sync.ts'
import { codeOf, isAbsent } from './file-faults.ts'
import type { DirectoryEntry, FileStatus, FileSystem } from './file-system.ts'
import { openFlags } from './file-system.ts'
import { isListed, sweptFileName, temporaryName, temporaryOwner } from './layout.ts'
import { removeTemporary } from './remove-temporary.ts'

/** A temporary this old is nobody's, whatever process has its number today. */
const abandonedAfterMs = 24 * 3_600_000

/**
 * Removes the temporaries that writers who died left behind, if nobody has within `everyMs`: it goes through all folders. A writer whose process lives keeps its own,
 * and so does one on another machine within the grace; should a temporary be swept under a writer that slept for longer, that write fails and nothing else happens.
 * Ages are measured by the file system's own clock, through a file made now, which stays as the mark of the sweep.
 */
export async function sweepTemporaries(
  root: string,
  files: FileSystem,
  directorySync: DirectorySync,
  { graceMs, everyMs }: { readonly graceMs: number; readonly everyMs: number },
): Promise<void> {
  const mark = join(root, temporaryName())
  try {
    const now = await timeNow(mark, files)
    const swept = await statusOf(join(root, sweptFileName), files)
    // One from the future tells nothing.
    if (everyMs > 0 && swept !== undefined && swept.mtimeMs <= now && now - swept.mtimeMs < everyMs) return
    await sweepFolders(root, files, directorySync, { now, graceMs, own: mark })
    // Elsewhere somebody may have it open: then the next to open the store sweeps as well.
    await files.rename(mark, join(root, sweptFileName)).catch(() => {})
  } finally {
    await removeTemporary(files, mark)
  }
}

async function sweepFolders(
  root: string,
  files: FileSystem,
  directorySync: DirectorySync,
  { now, graceMs, own }: { readonly now: number; readonly graceMs: number; readonly own: string },
): Promise<void> {
  const folders = [root]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await entriesOf(folder, files)) {
      const path = join(folder, entry.name)
      const owner = temporaryOwner(entry.name)
      if (owner !== undefined && path !== own) {
        const found = await statusOf(path, files)
        const age = found === undefined ? 0 : now - found.mtimeMs
        if (found === undefined || age <= graceMs || (age <= abandonedAfterMs && !isDead(owner, age))) continue
        // It is what tells readers that an object's name may not be durable: with it that doubt goes, so the name must be.
        const isSynced = found.nlink === 1 || (await directorySync.sync(folder).then(yes, no))
        if (isSynced) await removeTemporary(files, path)
      } else if (entry.isDirectory() && isListed(entry.name)) {
        folders.push(path)
      }
    }
  }
}

const yes = (): boolean => true
const no = (): boolean => false

/** None of a folder that another process removed since it was listed. */
async function entriesOf(folder: string, files: FileSystem): Promise<readonly DirectoryEntry[]> {
  try {
    return await files.readdir(folder)
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

async function timeNow(path: string, files: FileSystem): Promise<number> {
  const file = await files.open(path, openFlags.create, 0o600)
  try {
    return (await file.stat()).mtimeMs
  } finally {
    await file.close().catch(() => {})
  }
}

async function statusOf(path: string, files: FileSystem): Promise<FileStatus | undefined> {
  try {
    return await files.lstat(path)
  } catch {
    return undefined
  }
}

function isDead(pid: number, ageMs: number): boolean {
  // In containers every process has the same number: what is older than this process cannot be its own.
  if (pid === process.pid) return ageMs > process.uptime() * 1000
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return codeOf(error) === 'ESRCH'
  }
}
