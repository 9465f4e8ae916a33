// The programs of docs/guides/plugins.md and browser.md compile and run, and what these pages quote is what is there.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryStorage } from 'millrace/storage'
import { beforeAll, describe, expect, test } from 'vitest'
import { contentSecurityPolicy } from '../examples/static-server.ts'
import { typeFaults } from './support/check-types.ts'
import { markdownProgram, printedBy } from './support/markdown-program.ts'
import { root } from './support/root.ts'
import { runCode } from './support/run-code.ts'

const guide = (name: string): string => readFileSync(join(root, 'docs', 'guides', name), 'utf8')

describe('the plugins of docs/guides/plugins.md', () => {
  const { code, prints } = markdownProgram(guide('plugins.md'), 'plugins.ts')

  test('compile', () => {
    expect(typeFaults(new Map([['plugins.ts', code]]))).toEqual(new Map())
  }, 60_000)

  test('print what the page says', async () => {
    expect(prints.length).toBeGreaterThan(5)
    expect(await printedBy(() => runCode(code))).toEqual(prints)
  })
})

describe('the page of docs/guides/browser.md', () => {
  const { code } = markdownProgram(guide('browser.md'), 'page.ts')

  test('compiles with the types of Vite', () => {
    const page = code.replace("'./wasm-paths.ts'", "'../../../examples/browser/wasm-paths.ts'")
    const files = { 'vite.d.ts': '/// <reference types="vite/client" />', 'page.ts': page }
    expect(typeFaults(new Map(Object.entries(files)))).toEqual(new Map())
  }, 60_000)

  // Node has no IndexedDB and no bundler: memory stands for the one, and tfjs finds its files by itself. test/examples drives a real page.
  describe('with memory for IndexedDB', () => {
    interface Page {
      learn(flights: readonly object[], signal: AbortSignal): Promise<number>
      answer(row: object): Promise<number>
    }
    let page: Page
    const flights = Array.from({ length: 500 }, (_, row) => ({
      late: row % 3 === 0,
      distance: 100 + row,
      origin: row % 3 === 0 ? 'ORD' : 'SEA',
    }))

    beforeAll(async () => {
      const modules = {
        'millrace/storage/indexeddb': { IndexedDbStorage: { open: async () => new MemoryStorage() } },
        './wasm-paths.ts': { wasmPaths: undefined },
      }
      page = (await runCode(code, { modules })) as unknown as Page
    })

    test('learns, and answers as it has learned', async () => {
      expect(await page.learn(flights, new AbortController().signal)).toBe(1)
      const late = await page.answer({ distance: 200, origin: 'ORD' })
      expect(late).toBeGreaterThan(await page.answer({ distance: 200, origin: 'SEA' }))
    }, 60_000)
  })

  test('names the policy that the example is tested under', () => {
    expect(guide('browser.md')).toContain(`\n${contentSecurityPolicy}\n`)
  })
})
