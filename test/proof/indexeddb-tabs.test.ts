// Row 20 of the fault matrix: three tabs of one origin in a real browser, each with its own page and connection.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StaticServer } from '../examples/static-server.ts'
import { serveFolder } from '../examples/static-server.ts'
import { callsOf, checkPartitioned, describeVerdict } from './support/linearizability.ts'
import { registrySpecification } from './support/registry-specification.ts'
import { size } from './support/size.ts'
import type { TabEvent, TabOptions } from './support/tab-page.ts'

const executablePath = process.env.CHROMIUM_PATH
const tabs = 3
/** Tabs are processes whose clocks are read in steps of 0.1 ms and set once each: an answer counts as that much later, so that no order is ruled out wrongly. */
const clockErrorMs = 2

let folder: string
let server: StaticServer
let browser: Browser

beforeAll(async () => {
  if (executablePath === undefined) return
  folder = await mkdtemp(join(tmpdir(), 'millrace-tabs-'))
  const source = join(folder, 'source')
  await mkdir(source)
  const script = fileURLToPath(new URL('./support/tab-page.ts', import.meta.url))
  await writeFile(join(source, 'index.html'), `<!doctype html><title>tab</title><script type="module" src="${script}"></script>`)
  await build({
    configFile: false,
    root: source,
    logLevel: 'error',
    build: { outDir: join(folder, 'page'), emptyOutDir: true, target: 'es2023', modulePreload: false },
  })
  server = await serveFolder(join(folder, 'page'))
  browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
}, 120_000)

afterAll(async () => {
  await browser?.close()
  await server?.close()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

/** Three tabs of one visitor, and what they do together. */
async function withTabs<Result>(
  options: { readonly database: string; readonly isBroken: boolean },
  work: (pages: readonly Page[]) => Promise<Result>,
): Promise<Result> {
  const context: BrowserContext = await browser.newContext()
  try {
    const pages = await Promise.all(Array.from({ length: tabs }, () => context.newPage()))
    await Promise.all(pages.map((page) => page.goto(`${server.origin}/`)))
    await Promise.all(pages.map((page) => page.waitForFunction(() => globalThis.tab !== undefined)))
    await Promise.all(pages.map((page) => page.evaluate((given) => globalThis.tab.open(given), options)))
    return await work(pages)
  } finally {
    await context.close()
  }
}

async function historyOf(seed: string, isBroken: boolean): Promise<readonly TabEvent[]> {
  return await withTabs({ database: 'history', isBroken }, async (pages) => {
    const histories = await Promise.all(
      pages.map((page, index) => {
        const options: TabOptions = {
          client: `tab-${index}`,
          seed,
          models: ['churn', 'fraud'],
          calls: size(40, 80),
          tabs,
        }
        return page.evaluate((given) => globalThis.tab.play(given), options)
      }),
    )
    return histories.flat()
  })
}

function verdictOf(events: readonly TabEvent[]): string {
  const calls = callsOf(events).map((call) =>
    call.completed === undefined ? call : { ...call, completed: { ...call.completed, at: call.completed.at + clockErrorMs } },
  )
  return describeVerdict(checkPartitioned(registrySpecification, calls, ({ model }) => model))
}

const reason = executablePath === undefined ? ' (skipped: CHROMIUM_PATH names no Chromium)' : ''

describe.skipIf(executablePath === undefined)(`three tabs on one IndexedDB${reason}`, () => {
  test('row 20: 3 tabs race: no lost update, in a real browser', async () => {
    const steps = size(40, 300)
    const { taken, counted } = await withTabs({ database: 'count', isBroken: false }, async (pages) => {
      const [first] = pages as [Page, ...Page[]]
      await first.evaluate((versions) => globalThis.tab.prepare(versions), steps * tabs)
      const options = { tabs, steps }
      const taken = await Promise.all(pages.map((page) => page.evaluate((given) => globalThis.tab.count(given), options)))
      return { taken, counted: await first.evaluate(() => globalThis.tab.counted()) }
    })
    const all = Array.from({ length: steps * tabs }, (_, index) => index + 1)
    expect(taken.flat().sort((left, right) => left - right)).toEqual(all)
    expect(counted).toEqual({ at: steps * tabs, moves: all })
    // They took turns, and not each all of its own: else it was no race.
    const owners = all.map((step) => taken.findIndex((own) => own.includes(step)))
    const turns = owners.filter((owner, index) => index > 0 && owner !== owners[index - 1]).length
    expect(turns).toBeGreaterThan(tabs)
    console.log(`3 tabs, ${turns} changes of turn: ${steps * tabs} of ${steps * tabs} acknowledged moves are there`)
  })

  test('row 20: 3 tabs race: what they see of versions and aliases is linearizable', async () => {
    const seeds = size(3, 20)
    let events = 0
    for (let seed = 0; seed < seeds; seed++) {
      const history = await historyOf(`sound ${seed}`, false)
      expect(history.filter(({ type }) => type === 'fail' || type === 'info')).toEqual([])
      expect(verdictOf(history)).toMatch(/^linearizable/)
      events += history.length
    }
    console.log(`${seeds} seeds, ${events / 2} calls of 3 tabs: linearizable`)
  })

  test('the same tabs and the same checker find out a storage that looks first and writes then', async () => {
    let found: string | undefined
    for (let attempt = 0; attempt < 8 && found === undefined; attempt++) {
      const verdict = verdictOf(await historyOf(`broken ${attempt}`, true))
      if (!verdict.startsWith('linearizable')) found = verdict
    }
    expect(found).toMatch(/^not linearizable/)
  })
})
