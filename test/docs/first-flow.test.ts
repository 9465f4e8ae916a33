// The program of docs/guides/first-flow.md compiles, runs, and prints what the page says.
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { typeFaults } from './support/check-types.ts'
import { markdownProgram, printedBy } from './support/markdown-program.ts'
import { root } from './support/root.ts'
import { runCode } from './support/run-code.ts'

const { code, prints } = markdownProgram(readFileSync(join(root, 'docs', 'guides', 'first-flow.md'), 'utf8'), 'flow.ts')

describe('the first flow', () => {
  const home = process.cwd()
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-first-flow-'))
    copyFileSync(join(root, 'node_modules', 'vega-datasets', 'data', 'flights-20k.json'), join(folder, 'flights-20k.json'))
    process.chdir(folder)
  })
  afterAll(() => {
    process.chdir(home)
    rmSync(folder, { recursive: true })
  })

  test('compiles', () => {
    expect(typeFaults(new Map([['first-flow.ts', code]]))).toEqual(new Map())
  }, 60_000)

  test('prints what the page says', async () => {
    expect(prints.length).toBeGreaterThan(6)
    expect(await printedBy(() => runCode(code))).toEqual(prints)
  }, 120_000)
})
