// Finds a Chromium for the browser tests, or gets one: named by CHROMIUM_PATH, installed, from Debian's packages (as root), or from the npm package
// @sparticuz/chromium. Nothing else can be downloaded by a test run.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './setup.mjs'

/** `{ path }` or `{ reason }` why there is none. */
export async function findChromium() {
  const named = process.env.CHROMIUM_PATH
  if (named !== undefined) return works(named) ? { path: named } : { reason: `CHROMIUM_PATH is "${named}", which does not start` }
  const installed = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(works)
  if (installed !== undefined) return { path: installed }
  const tried = []
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    console.log("Installing Chromium from Debian's packages ...")
    const quiet = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
    spawnSync('apt-get', ['update'], quiet)
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], quiet)
    if (works('/usr/bin/chromium')) return { path: '/usr/bin/chromium' }
    tried.push("Debian's packages")
  }
  const packed = await fromPackage()
  if (packed !== undefined) return { path: packed }
  tried.push('the npm package @sparticuz/chromium')
  return { reason: `no Chromium: tried ${tried.join(' and ')}; name one by CHROMIUM_PATH` }
}

function works(path) {
  return existsSync(path) && spawnSync(path, ['--version'], { stdio: 'ignore', timeout: 30_000 }).status === 0
}

/** 147 is the last line of the package that runs on Node 20. */
async function fromPackage() {
  const folder = join(root, 'node_modules', '.cache', 'chromium')
  const entry = join(folder, 'node_modules', '@sparticuz', 'chromium', 'build', 'index.js')
  try {
    if (!existsSync(entry)) {
      mkdirSync(folder, { recursive: true })
      spawnSync('npm', ['install', '--no-save', '--prefix', folder, '@sparticuz/chromium@147.0.0'], { stdio: 'ignore' })
    }
    const found = [entry, join(folder, 'node_modules', '@sparticuz', 'chromium', 'build', 'esm', 'index.js')].find(existsSync)
    if (found === undefined) return undefined
    const path = await (await import(pathToFileURL(found).href)).default.executablePath()
    return works(path) ? path : undefined
  } catch {
    return undefined
  }
}
