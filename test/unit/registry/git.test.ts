import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readGitVersion } from '../../../src/registry/git.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-git-'))
})
afterEach(() => rm(folder, { recursive: true }))

function git(...args: string[]): string {
  const identity = {
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@b',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@b',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_SYSTEM: '/dev/null',
  }
  return execFileSync('git', args, {
    cwd: folder,
    env: { PATH: process.env.PATH, ...identity },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim()
}

const hasGit = (() => {
  try {
    execFileSync('git', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

describe.runIf(hasGit)('the commit of a repository that Git made', () => {
  beforeEach(() => {
    git('init', '-b', 'main')
  })

  test('is undefined before the first commit', async () => {
    expect(await readGitVersion(folder)).toBeUndefined()
  })

  test('is what Git says, on a branch, packed, detached, below the root and in a worktree', async () => {
    git('commit', '--allow-empty', '-m', 'one')
    const first = git('rev-parse', 'HEAD')
    expect(await readGitVersion(folder)).toBe(first)
    git('pack-refs', '--all')
    expect(await readGitVersion(folder)).toBe(first)
    // A loose reference newer than the packed one.
    git('commit', '--allow-empty', '-m', 'two')
    const second = git('rev-parse', 'HEAD')
    expect(second).not.toBe(first)
    expect(await readGitVersion(folder)).toBe(second)
    await mkdir(join(folder, 'a/b'), { recursive: true })
    expect(await readGitVersion(join(folder, 'a/b'))).toBe(second)
    git('worktree', 'add', '-b', 'side', join(folder, 'tree'), first)
    expect(await readGitVersion(join(folder, 'tree'))).toBe(first)
    git('pack-refs', '--all')
    expect(await readGitVersion(join(folder, 'tree'))).toBe(first)
    git('checkout', '--detach', first)
    expect(await readGitVersion(folder)).toBe(first)
  })
})

describe('what is no commit', () => {
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), text)
  }

  test('is undefined: no repository, a broken HEAD, a reference that is not there or goes in a circle', async () => {
    expect(await readGitVersion(join(folder, 'nowhere'))).toBeUndefined()
    await write('.git/HEAD', 'nonsense\n')
    expect(await readGitVersion(folder)).toBeUndefined()
    await write('.git/HEAD', 'ref: refs/heads/main\n')
    expect(await readGitVersion(folder)).toBeUndefined()
    await write('.git/refs/heads/main', 'ref: refs/heads/main\n')
    expect(await readGitVersion(folder)).toBeUndefined()
    await write('.git/refs/heads/main', 'a'.repeat(39))
    expect(await readGitVersion(folder)).toBeUndefined()
    await write('.git/refs/heads/main', `${'a'.repeat(64)}\n`)
    expect(await readGitVersion(folder)).toBe('a'.repeat(64))
  })

  test('is never read from outside the repository', async () => {
    await write('secret', 'b'.repeat(40))
    await write('.git/HEAD', 'ref: refs/../../secret\n')
    expect(await readGitVersion(folder)).toBeUndefined()
    await write('.git/HEAD', 'ref: ../secret\n')
    expect(await readGitVersion(folder)).toBeUndefined()
  })

  test('is a .git file that points nowhere', async () => {
    await write('sub/.git', 'gitdir: ../gone\n')
    expect(await readGitVersion(join(folder, 'sub'))).toBeUndefined()
    await write('sub/.git', 'what is this')
    expect(await readGitVersion(join(folder, 'sub'))).toBeUndefined()
  })

  test('rejects with the reason of an abort', async () => {
    const reason = new Error('enough')
    await expect(readGitVersion(folder, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})
