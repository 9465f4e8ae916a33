/**
 * The commit of the host's own code, for lineage: {@link readGitVersion}. For Node.
 *
 * @module millrace/registry/git
 */

// For Node only: an entry point of its own, `millrace/registry/git`.
import { readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { throwIfAborted } from '../core/abort.ts'

const objectId = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
/** A reference that points at a reference that points ...: Git itself stops at five. */
const longestChain = 5

/**
 * The commit that is checked out in `directory` or the nearest folder above it that Git knows: 40 hexadecimal digits (64 in SHA-256 repositories),
 * for a model's lineage. Git's files are read (`HEAD`, loose and packed references, the `.git` file of a worktree or submodule); no process is
 * started. Undefined where there is no repository, no commit yet, or references are kept in a way that is not files (reftable).
 *
 * It tells the commit, not whether files were changed since.
 *
 * Source: gitrepository-layout(5).
 *
 * @example
 * const codeVersion = await readGitVersion('.')
 * await pipeline.run({ storage, ...(codeVersion === undefined ? {} : { codeVersion }) })
 */
export async function readGitVersion(directory: string, options: { readonly signal?: AbortSignal } = {}): Promise<string | undefined> {
  const { signal } = options
  throwIfAborted(signal)
  const gitFolder = await findGitFolder(resolve(directory), signal)
  if (gitFolder === undefined) return undefined
  // A worktree has its own HEAD and shares the branches with the repository that it belongs to.
  const common = (await readText(join(gitFolder, 'commondir'), signal))?.trim()
  const folders = common === undefined ? [gitFolder] : [gitFolder, resolve(gitFolder, common)]
  let content = await readText(join(gitFolder, 'HEAD'), signal)
  for (let link = 0; link <= longestChain && content !== undefined; link++) {
    const text = content.trim()
    if (objectId.test(text)) return text
    const reference = /^ref:\s*(\S+)$/.exec(text)?.[1]
    if (reference === undefined || !isReferenceName(reference)) return undefined
    content = await readReference(folders, reference, signal)
  }
  return undefined
}

async function findGitFolder(start: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  for (let folder = start; ; folder = dirname(folder)) {
    throwIfAborted(signal)
    const candidate = join(folder, '.git')
    const kind = await kindOf(candidate)
    if (kind === 'folder') return candidate
    if (kind === 'file') {
      const target = /^gitdir:\s*(.+?)\s*$/m.exec((await readText(candidate, signal)) ?? '')?.[1]
      return target === undefined ? undefined : resolve(folder, target)
    }
    if (dirname(folder) === folder) return undefined
  }
}

/** A loose reference counts before a packed one. */
async function readReference(folders: readonly string[], reference: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  for (const folder of folders) {
    const loose = await readText(join(folder, reference), signal)
    if (loose !== undefined) return loose
  }
  for (const folder of folders) {
    const packed = (await readText(join(folder, 'packed-refs'), signal)) ?? ''
    for (const line of packed.split('\n')) {
      const [id, name] = line.trim().split(' ')
      if (name === reference && id !== undefined && objectId.test(id)) return id
    }
  }
  return undefined
}

/** Never a way out of the repository's folder. */
function isReferenceName(reference: string): boolean {
  return reference.startsWith('refs/') && !reference.split('/').includes('..') && !reference.includes('\\')
}

async function kindOf(path: string): Promise<'folder' | 'file' | undefined> {
  try {
    const found = await stat(path)
    return found.isDirectory() ? 'folder' : found.isFile() ? 'file' : undefined
  } catch {
    return undefined
  }
}

/** Undefined for whatever cannot be read: a lineage without a commit is better than a run that fails. */
async function readText(path: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  throwIfAborted(signal)
  try {
    return await readFile(path, { encoding: 'utf8', ...(signal === undefined ? {} : { signal }) })
  } catch {
    throwIfAborted(signal)
    return undefined
  }
}
