// Every `@example` of a doc comment in src compiles as a user's code would, and runs; what it says of a value is true.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Fixtures } from './prelude.ts'
import { createFixtures } from './prelude.ts'
import { typeFaults } from './support/check-types.ts'
import { exportedNames, importEntryPoint } from './support/entry-point-names.ts'
import { root } from './support/root.ts'
import { assertionCount, freeNames, runCode } from './support/run-code.ts'
import type { SourceExample } from './support/source-examples.ts'
import { sourceExamples } from './support/source-examples.ts'

/** Examples that cannot run here, each with its reason; they are type-checked all the same. */
const onlyCompiled: Readonly<Record<string, string>> = {
  S3Storage: 'needs a server; test/services runs it on three',
  checkS3: 'needs a server; test/services runs it on two',
  IndexedDbStorage: 'needs the IndexedDB of a browser; test/browser runs it',
  nodeHandler: 'listens on a fixed port',
  openBackend: 'starts the one engine of tfjs, which test/unit/tfjs does; here it would stay up for other examples',
  segmentStoreConformance: "registers tests with the reader's test runner",
  stageCases: "registers tests with the reader's test runner",
  storageConformance: "registers tests with the reader's test runner; docs/guides/storage-adapter.md runs it",
}

const examples = sourceExamples()
const exported = exportedNames()
const fixtureNames = new Set(Object.keys(createFixtures()))

/** The example as a file: a user would write the imports, and the fixtures are what the text before it speaks of. */
function fileOf({ code, file }: SourceExample): string {
  const lines = names(code).map((name) => {
    const { from } = originOf(name, file)
    if (from === 'fixture') return `declare const ${name}: import('../prelude.ts').Fixture<'${name}'>`
    return from === undefined ? '' : `import { ${name} } from '${from}'`
  })
  return [...lines, code, 'export {}'].join('\n')
}

function names(code: string): readonly string[] {
  return [...freeNames(code)]
}

function originOf(name: string, file: string): { readonly from: string | undefined } {
  if (packages[name] !== undefined) return { from: packages[name] }
  if (exported.has(name)) return { from: exported.get(name) }
  if (fixtureNames.has(name)) return { from: 'fixture' }
  // What no entry point exports is shown where it is declared.
  return { from: internalNames(file).has(name) ? `../../../${file}` : undefined }
}

/** What examples take from elsewhere: a reader knows where it comes from. */
const packages: Readonly<Record<string, string>> = {
  z: 'zod',
  createServer: 'node:http',
  readFile: 'node:fs/promises',
  writeFile: 'node:fs/promises',
  tableFromArrays: 'apache-arrow',
  describe: 'vitest',
  it: 'vitest',
}

function internalNames(file: string): ReadonlySet<string> {
  return new Set(examples.filter((example) => example.file === file).map(({ symbol }) => symbol.split(/[ .]/, 1)[0] as string))
}

async function scopeOf({ code, file }: SourceExample): Promise<Record<string, unknown>> {
  const fixtures = createFixtures()
  const scope: Record<string, unknown> = {}
  for (const name of names(code)) {
    const { from } = originOf(name, file)
    if (from === undefined) continue
    if (from === 'fixture') scope[name] = await fixtures[name as keyof Fixtures]()
    else scope[name] = (from.startsWith('../') ? await import(join(root, file)) : await importEntryPoint(from))[name]
  }
  return scope
}

let faults: ReadonlyMap<string, readonly string[]>
let folder: string
const home = process.cwd()

beforeAll(() => {
  faults = typeFaults(new Map(examples.map((example, index) => [`example-${index}.ts`, fileOf(example)])))
  // Examples that write files write them here.
  folder = mkdtempSync(join(tmpdir(), 'millrace-examples-'))
  process.chdir(folder)
  for (const method of ['debug', 'info', 'log', 'warn', 'error'] as const) vi.spyOn(console, method).mockImplementation(() => {})
  for (const stream of [process.stdout, process.stderr]) vi.spyOn(stream, 'write').mockImplementation(() => true)
}, 120_000)

afterAll(() => {
  vi.restoreAllMocks()
  process.chdir(home)
  rmSync(folder, { recursive: true })
})

describe('the example of', () => {
  for (const [index, example] of examples.entries()) {
    test(`${example.symbol} (${example.file.replace('src/', '')})`, async () => {
      expect(faults.get(`example-${index}.ts`) ?? [], example.code).toEqual([])
      if (Object.hasOwn(onlyCompiled, example.symbol)) return
      await runCode(example.code, { scope: await scopeOf(example) })
    })
  }
})

describe('examples', () => {
  test('are there, and many of them say what comes out', () => {
    expect(examples.length).toBeGreaterThan(80)
    expect(examples.filter(({ code }) => assertionCount(code) > 0).length).toBeGreaterThan(40)
  })

  test('fail where a comment is not true, and where it is none that can be checked', async () => {
    await runCode('1 + 1 // 2\nMath.PI // about 3.14\nawait Promise.resolve([1]) // [1]')
    await expect(runCode('1 + 1 // 3')).rejects.toThrow('3')
    await expect(runCode('Math.PI // about 3.15')).rejects.toThrow('3.15')
    await expect(runCode('JSON.stringify(1) // throws ARGUMENT_INVALID')).rejects.toThrow()
    await expect(runCode('1 + 1 // the sum of both')).rejects.toThrow('Expected a comment')
  })

  test('are only left out of running where they are', () => {
    const symbols = new Set(examples.map(({ symbol }) => symbol))
    expect(Object.keys(onlyCompiled).filter((symbol) => !symbols.has(symbol))).toEqual([])
  })
})
