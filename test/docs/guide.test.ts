// The code of the guides is compiled and run as it stands there.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { format } from 'node:util'
import ts from 'typescript'
import { afterAll, describe, expect, it } from 'vitest'
import type { CodeBlock } from './code-blocks.ts'
import { codeBlocks } from './code-blocks.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const guides = join(root, 'docs', 'guides')
/** Of this test alone, and gone after it. Not in node_modules, where TypeScript is not run. */
const temporary = join(root, '.cache')
/** Two folders below the root, as the guides are, so that relative imports hold. */
const generated = join(temporary, 'guides')

interface Written extends CodeBlock {
  readonly name: string
  readonly path: string
}

await rm(temporary, { recursive: true, force: true })
await mkdir(generated, { recursive: true })
const written: Written[] = []
for (const guide of (await readdir(guides)).filter((file) => file.endsWith('.md'))) {
  for (const block of codeBlocks(await readFile(join(guides, guide), 'utf8')).filter(({ language }) => language === 'ts')) {
    const path = join(generated, `${guide.slice(0, -3)}-${block.line}.ts`)
    // A block without imports or exports would be a script: no `await`, and its names are everybody's.
    if (block.file === undefined) await writeFile(path, `${block.text}\nexport {}\n`)
    written.push({ ...block, name: `docs/guides/${guide}:${block.line}`, path })
  }
}
const shown = written.filter(({ file }) => file !== undefined)
const run = written.filter(({ file }) => file === undefined)
afterAll(() => rm(temporary, { recursive: true, force: true }))

describe('the guides', () => {
  it('have code', () => {
    expect(shown.length).toBeGreaterThan(0)
    expect(run.length).toBeGreaterThan(4)
  })

  it.each(shown)('$name is the file that it names', async ({ file, text }) => {
    expect(text).toBe(await readFile(join(root, file as string), 'utf8'))
  })

  it('have code that compiles', () => {
    expect(compile(run.map(({ path }) => path))).toEqual([])
  }, 120_000)

  describe.each(run.filter(({ text }) => !isTest(text)))('$name', ({ path, prints }) => {
    it('prints what it says', async () => {
      expect(await outputOf(path)).toEqual(prints)
    })
  })
})

// A block that has tests of its own adds them here.
for (const { text, path } of run) if (isTest(text)) await import(pathToFileURL(path).href)

function isTest(text: string): boolean {
  return text.includes("from 'vitest'")
}

async function outputOf(path: string): Promise<readonly string[]> {
  const lines: string[] = []
  const { log } = console
  console.log = (...values: readonly unknown[]) => void lines.push(format(...values))
  try {
    await import(pathToFileURL(path).href)
  } finally {
    console.log = log
  }
  return lines
}

function compile(files: readonly string[]): readonly string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile) as { config: object }
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root)
  const { tsBuildInfoFile: _tsBuildInfoFile, ...rest } = options
  const program = ts.createProgram(files, { ...rest, incremental: false, isolatedDeclarations: false, declaration: false })
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file, start = 0, messageText }) =>
        `${file === undefined ? '' : `${file.fileName.split('/').at(-1)}:${file.getLineAndCharacterOfPosition(start).line + 1} `}${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    )
}
