import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { IModule } from 'dependency-cruiser'
import { cruise } from 'dependency-cruiser'
import { beforeAll, describe, expect, test } from 'vitest'
import { entryPoints } from '../../../scripts/entry-points.ts'
import { libraryVersion } from '../../../src/core/version.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** What is loaded at run time when one entry is imported: sources, packages and Node's own modules. */
async function loadedBy(entry: string, which: 'at once' | 'ever' = 'ever'): Promise<ReadonlySet<string>> {
  const result = await cruise([`src/${entry}.ts`], { baseDir: root, doNotFollow: { path: 'node_modules' }, tsPreCompilationDeps: false })
  const { modules } = result.output as { readonly modules: readonly IModule[] }
  if (which === 'ever') return new Set(modules.map((module) => module.source))
  const loaded = new Set<string>()
  const load = (source: string): void => {
    if (loaded.has(source)) return
    loaded.add(source)
    const dependencies = modules.find((module) => module.source === source)?.dependencies ?? []
    for (const { dynamic, resolved } of dependencies) if (!dynamic) load(resolved)
  }
  load(`src/${entry}.ts`)
  return loaded
}

const matching = (loaded: ReadonlySet<string>, pattern: RegExp): string[] => [...loaded].filter((name) => pattern.test(name))
const nodeModule = /^(node:|fs$|fs\/|path$|crypto$|os$|url$|worker_threads$|child_process$)/

describe('the core entry', () => {
  let loaded: ReadonlySet<string>
  beforeAll(async () => {
    loaded = await loadedBy('index')
  })

  test('is followed at all', () => {
    expect(loaded.has('src/pipeline/pipeline.ts')).toBe(true)
    expect(matching(loaded, /eventemitter3/)).not.toEqual([])
  })
  test('loads no TensorFlow.js', () => expect(matching(loaded, /tensorflow|^src\/tfjs/)).toEqual([]))
  test('loads nothing of Node', () => expect(matching(loaded, nodeModule)).toEqual([]))
  test('loads no zod', () => expect(matching(loaded, /zod/)).toEqual([]))
  test('loads no parquet reader', () => expect(matching(loaded, /hyparquet/)).toEqual([]))
})

describe('every entry but those made for Node', () => {
  const forNode = ['storage/file', 'ingest/csv', 'ingest/parquet', 'registry/git']
  const entries = Object.values(entryPoints).filter((entry) => !forNode.includes(entry))
  test('ingest/csv loads what is of Node only when it is needed', async () => {
    const atOnce = await loadedBy('ingest/csv', 'at once')
    expect(atOnce.has('src/ingest/csv/input.ts')).toBe(true)
    expect(matching(atOnce, nodeModule)).toEqual([])
    expect(matching(await loadedBy('ingest/csv'), nodeModule)).not.toEqual([])
  })
  test.each(entries)('%s loads nothing of Node', async (entry) => expect(matching(await loadedBy(entry), nodeModule)).toEqual([]))
  test.each(entries.filter((entry) => entry !== 'tfjs/index'))('%s loads no TensorFlow.js', async (entry) => {
    expect(matching(await loadedBy(entry), /tensorflow/)).toEqual([])
  })
})

test('the package exports what the build makes', () => {
  const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { readonly exports: Record<string, unknown> }
  const expected = Object.fromEntries(
    Object.entries(entryPoints).map(([name, path]) => [name, { types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` }]),
  )
  expect(exports).toEqual({ ...expected, './package.json': './package.json' })
})

test('the version in the lineage of models is that of the package', () => {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { readonly version: string }
  expect(libraryVersion).toBe(version)
})
