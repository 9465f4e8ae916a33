// npm test: installs what is missing, builds, runs every check and every test, and ends with `N passed, N failed` (and skipped) from the runners' own counts.
// `npm test -- --only=unit` runs one part; `--list` names the parts.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuilt, ensureInstalled, npm, root } from './setup.mjs'

const bin = (name) => join(root, 'node_modules', '.bin', name)
/** Every `check:...` script of package.json. */
const checks = Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts).filter((name) => name.startsWith('check:'))
const suites = [
  { name: 'unit', projects: ['node'] },
  { name: 'proof', projects: ['proof'] },
  { name: 'services', projects: ['services'] },
  { name: 'browser', projects: ['browser'], needsChromium: true },
  { name: 'examples', projects: ['examples'] },
]
const names = ['checks', ...suites.map((suite) => suite.name)]
const only = process.argv.find((argument) => argument.startsWith('--only='))?.slice('--only='.length)
if (process.argv.includes('--list')) {
  console.log(names.join('\n'))
  process.exit(0)
}
if (only !== undefined && !names.includes(only)) {
  console.error(`Expected --only to be one of ${names.join(', ')}. Received "${only}".`)
  process.exit(2)
}

const rows = []
const skipped = []
ensureInstalled()
ensureBuilt()
const { findChromium } = await import('./chromium.mjs')
const chromium = await findChromium()
// The tests ask this variable: one that names nothing must not reach them.
if (chromium.path === undefined) delete process.env.CHROMIUM_PATH
else process.env.CHROMIUM_PATH = chromium.path

if (only === undefined || only === 'checks') for (const check of checks) rows.push(runCheck(check))
for (const suite of suites) {
  if (only !== undefined && only !== suite.name) continue
  rows.push(runSuite(suite))
}

console.log('\npart                 passed  failed  skipped  seconds')
for (const row of rows) {
  const counts = [row.passed, row.failed, row.skipped].map((count) => String(count).padStart(7)).join(' ')
  console.log(`${row.name.padEnd(19)} ${counts} ${row.seconds.toFixed(1).padStart(9)}${row.reason === undefined ? '' : `  ${row.reason}`}`)
}
if (skipped.length > 0)
  console.log(`\nSkipped (the reason is in the name, or beside the part above):\n${skipped.map((test) => `  ${test}`).join('\n')}`)
const total = (key) => rows.reduce((sum, row) => sum + row[key], 0)
process.exitCode = total('failed') === 0 && total('passed') > 0 ? 0 : 1
console.log(`${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`)

function runCheck(name) {
  console.log(`\n── ${name}`)
  const start = performance.now()
  const result = spawnSync(npm, ['run', '--silent', name], { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' })
  const passed = result.status === 0
  return { name, passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0, seconds: (performance.now() - start) / 1000 }
}

function runSuite({ name, projects, needsChromium = false }) {
  console.log(`\n── ${name}`)
  const start = performance.now()
  const seconds = () => (performance.now() - start) / 1000
  if (needsChromium && chromium.path === undefined) {
    console.log(`Skipped: ${chromium.reason}.`)
    return { name, passed: 0, failed: 0, skipped: 1, seconds: seconds(), reason: `the whole part: ${chromium.reason}` }
  }
  const folder = join(root, 'node_modules', '.cache', 'test-reports')
  mkdirSync(folder, { recursive: true })
  const report = join(folder, `${name}.json`)
  rmSync(report, { force: true })
  const args = [
    'run',
    ...projects.flatMap((project) => ['--project', project]),
    '--reporter=dot',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]
  // Escape sequences for each test make a log unreadable.
  const env = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined }
  const result = spawnSync(bin('vitest'), args, { cwd: root, stdio: 'inherit', env })
  if (!existsSync(report)) return { name, passed: 0, failed: 1, skipped: 0, seconds: seconds(), reason: 'the runner wrote no report' }
  const counts = JSON.parse(readFileSync(report, 'utf8'))
  // A file that cannot be loaded, or an unhandled error, fails the run without a failed test.
  const failed = Math.max(counts.numFailedTests, result.status === 0 ? 0 : 1)
  const skippedTests = counts.testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status !== 'passed' && status !== 'failed'),
  )
  skipped.push(...skippedTests.map(({ fullName }) => `${name}: ${fullName}`))
  const reason = skippedTests.length > 0 && chromium.path === undefined && name === 'examples' ? chromium.reason : undefined
  return { name, passed: counts.numPassedTests, failed, skipped: skippedTests.length, seconds: seconds(), reason }
}
