// npm run prove: runs the proofs at their full size, tells each row of the fault matrix with the tests that prove it, and writes docs/proofs.
// `--list` tells the rows and the tests that claim them, without running anything; `--rows=1,9` runs the files of those rows only, and writes nothing.
// `--small` runs at the size of `npm test`, and writes the matrix only.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, hostname, release, tmpdir, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { findChromium } from './chromium.mjs'
import { claimedRows, faultMatrix, lastRequiredRow, projectOf, rowOf } from './fault-matrix.mjs'
import { ensureInstalled, root } from './setup.mjs'

const claims = claimedRows()
const unclaimed = faultMatrix.filter(({ row }) => row <= lastRequiredRow && !claims.some((claim) => claim.row === row))

if (process.argv.includes('--list')) {
  for (const { row, fault, component, expected } of faultMatrix) {
    console.log(`${row}. ${fault} (${component}): ${expected}`)
    for (const { file, name } of claims.filter((claim) => claim.row === row)) console.log(`     ${file}: ${name}`)
  }
  tellUnclaimed()
  process.exit(unclaimed.length === 0 ? 0 : 1)
}

const wanted = process.argv
  .find((argument) => argument.startsWith('--rows='))
  ?.slice('--rows='.length)
  .split(',')
  .map(Number)
const isSmall = process.argv.includes('--small')

ensureInstalled()
const chromium = await findChromium()
if (chromium.path === undefined) delete process.env.CHROMIUM_PATH
else process.env.CHROMIUM_PATH = chromium.path

const start = performance.now()
const files = [...new Set(claims.filter(({ row }) => wanted === undefined || wanted.includes(row)).map(({ file }) => file))]
const projects = [...new Set(wanted === undefined ? ['proof', ...files.map(projectOf)] : files.map(projectOf))]
const runs = projects.map(runProject)
const tests = runs.flatMap((run) => run.tests)
const rows = faultMatrix
  .filter(({ row }) => wanted === undefined || wanted.includes(row))
  .map((entry) => ({ ...entry, tests: tests.filter(({ name, groups }) => rowOf(name, ...groups) === entry.row) }))

console.log()
for (const { row, fault, component, expected, tests: own } of rows) {
  console.log(`${row}. ${fault} (${component}): ${expected}`)
  for (const test of own) console.log(`   ${test.state.padEnd(7)} ${secondsOf(test.durationMs).padStart(7)} s  ${test.name}`)
}
// A row whose tests were all skipped (no browser, no Python) is not proven.
const missing = rows.filter(({ row, tests: own }) => row <= lastRequiredRow && !own.some(({ state }) => state === 'passed'))
for (const { row } of missing) console.log(`Row ${row} has no test that passed.`)
tellUnclaimed()
const count = (state) => tests.filter((test) => test.state === state).length
for (const test of tests.filter(({ state }) => state === 'failed'))
  console.log(`failed: ${test.file}: ${test.fullName}\n${test.errors.join('\n')}`)
const errors = runs.flatMap((run) => run.errors)
for (const error of errors) console.log(`error: ${error}`)
const isProven = missing.length === 0 && count('failed') === 0 && errors.length === 0
if (wanted === undefined) writeDocuments()
console.log(
  `\n${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped; ${secondsOf(performance.now() - start)} s`,
)
process.exitCode = isProven ? 0 : 1

function tellUnclaimed() {
  if (unclaimed.length > 0) console.log(`No test claims: row ${unclaimed.map(({ row }) => row).join(', row ')}.`)
}

/** All of the project of proofs, so that the checkers' own tests are in it, and of the others the files that prove a row. */
function runProject(project) {
  const own = project === 'proof' && wanted === undefined ? [] : files.filter((file) => projectOf(file) === project)
  if (project === 'browser' && chromium.path === undefined) {
    console.log(`\n── browser: skipped: ${chromium.reason}`)
    const skipped = claims.filter(({ file }) => own.includes(file))
    return {
      tests: skipped.map((claim) => ({
        ...claim,
        fullName: claim.name,
        groups: [],
        state: 'skipped',
        durationMs: 0,
        said: '',
        errors: [],
      })),
      errors: [],
    }
  }
  console.log(`\n── ${project}`)
  const folder = join(root, 'node_modules', '.cache', 'test-reports')
  mkdirSync(folder, { recursive: true })
  const report = join(folder, `prove-${project}.json`)
  rmSync(report, { force: true })
  const args = ['run', '--project', project, '--reporter=default', `--reporter=${join(root, 'scripts', 'prove-reporter.mjs')}`]
  // Longer than any proof takes on a slow machine; a hang still ends.
  args.push('--testTimeout=7200000', '--hookTimeout=600000', ...own)
  const env = { ...process.env, MILLRACE_PROOF_REPORT: report, ...(isSmall ? {} : { MILLRACE_PROVE: '1' }) }
  spawnSync(join(root, 'node_modules', '.bin', 'vitest'), args, { cwd: root, stdio: 'inherit', env })
  if (!existsSync(report)) return { tests: [], errors: [`the run of ${project} wrote no report`] }
  return JSON.parse(readFileSync(report, 'utf8'))
}

function writeDocuments() {
  const folder = join(root, 'docs', 'proofs')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'README.md'), readme())
  if (!isSmall) writeFileSync(join(folder, 'last-run.md'), lastRun())
  // As the check of style wants them.
  spawnSync(join(root, 'node_modules', '.bin', 'biome'), ['format', '--write', folder], { cwd: root, stdio: 'ignore' })
}

function readme() {
  // A link to what is not there yet would be a broken one.
  const hasLastRun = !isSmall || existsSync(join(root, 'docs', 'proofs', 'last-run.md'))
  const table = rows.map(({ row, fault, component, expected, tests: own }) => {
    const names = own.map(({ file, name }) => `${cell(withoutRow(name))} ([${file.split('/').at(-1)}](../../${file}))`)
    return `| ${row} | ${cell(fault)} | ${cell(component)} | ${cell(expected)} | ${names.join('<br>') || 'no test yet'} |`
  })
  return `# Proofs

What must hold whatever fails, and the tests that show it. A test that proves a row of this matrix begins its name with the row's number: \`row 9: ...\`. \`npm test\` runs all of
them at a size that fits its time; \`npm run prove\` runs them at full size and writes this page and ${hasLastRun ? '[the last run](last-run.md)' : 'what came out'}. \`npm run prove -- --list\` names them, and a test holds
that rows 1 to ${lastRequiredRow} each have one.

| row | fault | component | expected | tests |
| --- | ----- | --------- | -------- | ----- |
${table.join('\n')}

## How it is checked

- **Linearizability**: processes (and tabs of a browser) write a journal of each call and its answer by a clock that they share; calls of those that were killed have an unknown outcome. A checker
  looks for one order of all calls that explains every answer (Wing and Gong 1993, with Lowe's memo of 2017). The checker agrees with one that tries all orders, on random histories; and registries that
  are wrong on purpose (a storage that looks first and writes then, aliases in a file that is written over, a remembered answer, an acknowledgement before the write) are found out by it.
- **Corruption**: a record of a segment has a checksum of its own, so its offset is told; an entry, a blob and a chunk have one over all of it, so what is told is which object is damaged.
- **Kills**: real processes, ended by SIGKILL at random moments, and stopped on both sides of each operation of the file system.
- **Interleavings**: fast-check's scheduler serves the storage operations of several registries in random orders, with faults, lost replies and late writes, and shrinks what it finds.
`
}

function lastRun() {
  const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.trim()
  const isChanged = git('status', '--porcelain', '--', 'src', 'test', 'scripts') !== ''
  const [processor] = cpus()
  const lines = rows.flatMap(({ row, fault, tests: own }) => [
    `## ${row}. ${fault}`,
    '',
    ...(own.length === 0 ? ['No test yet.'] : own.flatMap(resultLines)),
    '',
  ])
  const others = tests.filter(({ name, groups }) => rowOf(name, ...groups) === undefined)
  return `# The last run of the proofs

| | |
| --- | --- |
| date | ${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC |
| commit | ${git('rev-parse', 'HEAD')}${isChanged ? ', with changes that are not committed' : ''} |
| machine | ${cpus().length} x ${processor?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()} |
| Node.js | ${process.version} |
| browser | ${chromium.path === undefined ? `none: ${chromium.reason}` : chromiumVersion()} |
| tests | ${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped |
| duration | ${secondsOf(performance.now() - start)} s |

${lines.join('\n')}
## Of the checkers themselves, and beside the matrix

${others.map(({ file, fullName, state, durationMs }) => `- ${state}, ${secondsOf(durationMs)} s: ${text(fullName)} (${file})`).join('\n')}
`
}

function resultLines({ file, name, state, durationMs, said, errors: own }) {
  const told = [...said.trim().split('\n'), ...own].filter((line) => line !== '').map((line) => `  ${text(line).slice(0, 400)}`)
  return [`- **${state}**, ${secondsOf(durationMs)} s: ${text(withoutRow(name))} (${file})`, ...told]
}

function chromiumVersion() {
  return text(spawnSync(chromium.path, ['--version'], { encoding: 'utf8' }).stdout.trim())
}

function withoutRow(name) {
  return name.replace(/^row \d+: /, '')
}

/** Nothing of the machine's own names. */
function text(value) {
  return value.replaceAll(root, '').replaceAll(tmpdir(), '<temporary>').replaceAll(hostname(), '<host>').replaceAll('<', '&lt;')
}

function cell(value) {
  return text(value).replaceAll('|', '\\|')
}

function secondsOf(ms) {
  return (ms / 1000).toFixed(1)
}
