// The worked example of the guide, run as its reader runs it.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildPackage, exampleCommand, root } from './built-package.ts'

const run = promisify(execFile)
let storage: string

beforeAll(async () => {
  buildPackage()
  storage = await mkdtemp(join(tmpdir(), 'millrace-custom-stage-'))
})
afterAll(() => rm(storage, { recursive: true, force: true }))

async function runExample(): Promise<readonly string[]> {
  const { arguments: command, environment } = exampleCommand('examples/custom-stage/main.ts')
  const { stdout, stderr } = await run(process.execPath, [...command, storage], { cwd: root, env: environment })
  expect(stderr).toBe('')
  return stdout.trimEnd().split('\n')
}

/** Counted without the library. */
async function countedByHand(): Promise<string> {
  const flights = JSON.parse(await readFile(join(root, 'node_modules/vega-datasets/data/flights-20k.json'), 'utf8')) as { date: string }[]
  const months = new Array<number>(12).fill(0)
  for (const { date } of flights) months[Number(date.slice(5, 7)) - 1] = (months[Number(date.slice(5, 7)) - 1] as number) + 1
  return months.join(' ')
}

describe('a stage of one’s own', () => {
  test('runs between built-in stages, and is taken from the cache the second time', async () => {
    const result = `rows by month: ${await countedByHand()}; train 14400, test 4000`
    expect(await runExample()).toEqual([
      'first run: ingest succeeded, rows-by-month succeeded, split succeeded',
      result,
      // Rows that were handed over have no fingerprint: they are read, turn out to be equal, and stop the re-run there.
      'second run: ingest succeeded, rows-by-month cached, split cached',
      result,
    ])
  })

  test('is taken from the cache by another process', async () => {
    expect((await runExample())[0]).toBe('first run: ingest succeeded, rows-by-month cached, split cached')
  })

  test('is written in under 15 lines', async () => {
    const text = await readFile(join(root, 'examples/custom-stage/rows-by-month.ts'), 'utf8')
    const stage = text.slice(text.indexOf('export const')).trimEnd().split('\n')
    expect(stage.length).toBeLessThan(15)
  })
})
