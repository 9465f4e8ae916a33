// What both commands of the README need first: installed packages and a build that is not older than the source. Plain JavaScript, since it runs before
// anything is installed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** The command's name on this platform. */
export const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'

/** Runs a command to its end with its output on ours; false when it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32', ...options })
  return result.status === 0
}

/** `npm ci` where node_modules is absent or was made from another lock file. */
export function ensureInstalled() {
  const stamp = join(root, 'node_modules', '.millrace-lock')
  const lock = hashOf([join(root, 'package-lock.json')])
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  console.log('Installing packages (npm ci) ...')
  if (!run(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'])) throw new Error('npm ci failed.')
  writeFileSync(stamp, lock)
}

/** Builds dist where the source has changed since the last build. */
export function ensureBuilt() {
  const stamp = join(root, 'dist', '.source')
  const files = [
    ...filesBelow(join(root, 'src')),
    join(root, 'package.json'),
    join(root, 'tsdown.config.ts'),
    join(root, 'scripts', 'entry-points.ts'),
  ]
  const source = hashOf(files)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === source) return
  console.log('Building dist ...')
  // What it prints is shown only when it fails: on Node 20, which we support, it warns of its own next version.
  const bundler = join(root, 'node_modules', 'tsdown', 'dist', 'run.mjs')
  const build = spawnSync(process.execPath, [bundler, '--log-level', 'error'], { cwd: root, stdio: 'pipe' })
  if (build.status !== 0) throw new Error(`The build failed.\n${build.stdout}${build.stderr}`)
  writeFileSync(stamp, source)
}

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

function hashOf(files) {
  const hash = createHash('sha256')
  for (const file of files) hash.update(file.slice(root.length)).update(readFileSync(file))
  return hash.digest('hex')
}
