// The example in a page, as a visitor has it: the production bundle, a strict policy, no other host.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import type { Rolldown } from 'vite'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildPackage, root } from './built-package.ts'
import type { StaticServer } from './static-server.ts'
import { serveFolder } from './static-server.ts'

const executablePath = process.env.CHROMIUM_PATH
if (executablePath === undefined) console.log('The browser example is not tested: CHROMIUM_PATH names no Chromium.')

const stages = ['ingest', 'derive-late', 'split', 'prepare', 'train', 'evaluate', 'gate', 'register']
let folder: string
let chunks: readonly Rolldown.OutputChunk[]
let server: StaticServer
let browser: Browser

beforeAll(async () => {
  if (executablePath === undefined) return
  buildPackage()
  folder = await mkdtemp(join(tmpdir(), 'millrace-page-'))
  const built = await build({
    configFile: join(root, 'examples/browser/vite.config.ts'),
    logLevel: 'error',
    build: { outDir: folder, emptyOutDir: true },
  })
  const { output } = (Array.isArray(built) ? built[0] : built) as Rolldown.RolldownOutput
  chunks = output.filter((part) => part.type === 'chunk')
  server = await serveFolder(folder)
  browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
})

afterAll(async () => {
  await browser?.close()
  await server?.close()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

/** A visitor's tab, with everything that it should not have done. */
class Visit {
  readonly page: Page
  readonly faults: string[] = []
  readonly #context: BrowserContext

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context
    this.page = page
  }

  static async open(): Promise<Visit> {
    const context = await browser.newContext()
    const visit = new Visit(context, await context.newPage())
    await context.route('**/*', async (route) => {
      const url = route.request().url()
      if (url.startsWith(server.origin)) return await route.continue()
      visit.faults.push(`a request to ${url}`)
      await route.abort()
    })
    visit.page.on('pageerror', (error) => visit.faults.push(error.message))
    visit.page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') visit.faults.push(message.text())
    })
    await visit.page.goto(`${server.origin}/`)
    return visit
  }

  async text(selector: string): Promise<string> {
    return (await this.page.textContent(selector)) ?? ''
  }

  /** Of the stages, in the order of the page. */
  states(): Promise<readonly string[]> {
    return this.page.locator('#stages li').evaluateAll((lines) => lines.map((line) => `${line.dataset.stage} ${line.dataset.state}`))
  }

  async runFlow(): Promise<void> {
    await this.page.click('#run')
    await this.isIdle()
  }

  async isIdle(): Promise<void> {
    await this.page.locator('#run:enabled').waitFor({ timeout: 120_000 })
  }

  async ask(): Promise<string> {
    await this.page.selectOption('#ask [name=route]', { label: 'Dallas to Chicago' })
    await this.page.fill('#ask [name=hour]', '19')
    await this.page.click('#ask button')
    await this.page.locator('#answer:not(:empty)').waitFor()
    return await this.text('#answer')
  }

  close(): Promise<void> {
    return this.#context.close()
  }
}

describe.skipIf(executablePath === undefined)('the bundle of the browser example', () => {
  test('has nothing of Node, and loads tfjs only to train', () => {
    const [entry] = chunks.filter((chunk) => chunk.isEntry)
    const modules = chunks.flatMap((chunk) => chunk.moduleIds)
    console.log(chunks.map((chunk) => `${chunk.fileName} ${Math.round(chunk.code.length / 1000)} kB`).join(', '))
    expect(modules.filter((module) => /hyparquet|^node:|dist\/(storage\/file|registry\/git|ingest\/parquet)/.test(module))).toEqual([])
    expect(chunks.flatMap((chunk) => [...chunk.imports, ...chunk.dynamicImports]).filter((name) => name.startsWith('node:'))).toEqual([])
    expect(entry?.moduleIds.filter((module) => /@tensorflow.*\.(m?js|cjs)$/.test(module))).toEqual([])
    expect(entry?.code.length).toBeLessThan(650_000)
  })
})

// One visitor from the first visit to the last: each test goes on where the one before ended.
describe.skipIf(executablePath === undefined)('the browser example', () => {
  let visit: Visit
  let answer: string
  beforeAll(async () => {
    visit = await Visit.open()
  })
  afterAll(() => visit?.close())

  test('finds no model on the first visit', async () => {
    await visit.page.getByText('No model yet').waitFor()
    expect(await visit.page.isVisible('#ask')).toBe(false)
  })

  test('goes from rows to a registered model that is better than its baselines', async () => {
    await visit.runFlow()
    expect(await visit.text('#doing')).toBe('Done: 8 stages ran, 0 came from the cache.')
    expect(await visit.states()).toEqual(stages.map((stage) => `${stage} done`))
    const [auc, baseline] = [Number(await visit.text('#auc')), Number(await visit.text('#baseline'))]
    console.log(`AUC ${auc}, best baseline ${baseline}`)
    expect(auc).toBeGreaterThan(0.65)
    expect(auc).toBeLessThan(0.8)
    expect(auc).toBeGreaterThan(baseline)
    expect(await visit.text('#gates')).toBe('passed')
    expect(await visit.text('#version')).toBe('1')
    expect(await visit.text('#champion')).toMatch(/^Version 1 is champion/)
  })

  test('draws the learning curves', async () => {
    const points = await visit.page.locator('figure').first().locator('polyline').first().getAttribute('points')
    expect(points?.split(' ').length).toBeGreaterThan(5)
    expect(points).not.toContain('NaN')
  })

  test('tells the drift of each column of the traffic that it served', async () => {
    const columns = await visit.page.locator('#drift tbody td:first-child').allTextContents()
    const judgements = await visit.page.locator('#drift tbody td:last-child').allTextContents()
    const verdicts = Object.fromEntries(columns.map((column, index) => [column, judgements[index]]))
    expect(Object.keys(verdicts)).toEqual(expect.arrayContaining(['date:hour-of-day', 'destination', 'distance', 'origin']))
    expect(judgements.filter((judgement) => judgement !== 'drift' && judgement !== 'no drift')).toEqual([])
    // Airlines fly the same distances in March as in January.
    expect(verdicts.distance).toBe('no drift')
  })

  test('answers a question', async () => {
    answer = await visit.ask()
    expect(answer).toMatch(/^Late with a probability of \d+\.\d %, says version 1\.$/)
    expect(Number(/[\d.]+/.exec(answer)?.[0])).toBeGreaterThan(10)
  })

  test('finds the model again after a reload, and gives the same answer without running anything', async () => {
    await visit.page.reload()
    await visit.page.getByText('Version 1 is champion').waitFor()
    expect(await visit.ask()).toBe(answer)
    expect(await visit.states()).toEqual([])
  })

  test('takes a second run from the cache, and registers nothing new', async () => {
    await visit.runFlow()
    // Rows that were handed over have no fingerprint, and the gate and the registry are the world outside.
    const ran = ['ingest', 'gate', 'register']
    expect(await visit.states()).toEqual(stages.map((stage) => `${stage} ${ran.includes(stage) ? 'done' : 'cached'}`))
    expect(await visit.text('#version')).toBe('1')
  })

  test('forgets everything when asked to', async () => {
    await Promise.all([visit.page.waitForEvent('load'), visit.page.click('#forget')])
    await visit.page.getByText('No model yet').waitFor()
    expect(await visit.page.isVisible('#ask')).toBe(false)
  })

  test('never asked another host, broke its policy or wrote an error', async () => {
    expect(visit.faults).toEqual([])
    // The policy is one: what a timer runs, unlike what the test's own call runs, is the page's.
    const refused = await visit.page.evaluate(
      () =>
        new Promise<boolean>((resolve) => {
          setTimeout(() => {
            try {
              new Function('return 1')()
              resolve(false)
            } catch {
              resolve(true)
            }
          })
        }),
    )
    expect(refused).toBe(true)
  })
})

describe.skipIf(executablePath === undefined)('a run that is cancelled in the page', () => {
  test('stops during training and leaves a store that works', async () => {
    const visit = await Visit.open()
    try {
      await visit.page.click('#run')
      await visit.page.getByText(/^train: .* loss/).waitFor()
      await visit.page.click('#cancel')
      await visit.isIdle()
      expect(await visit.text('#doing')).toBe('Cancelled.')
      const stopped = await visit.states()
      expect(stopped.slice(0, 4)).toEqual(['ingest done', 'derive-late done', 'split done', 'prepare done'])
      expect(stopped.slice(4).filter((state) => state.endsWith('done'))).toEqual([])
      expect(await visit.text('#champion')).toBe('No model yet: run the flow.')

      await visit.runFlow()
      expect(await visit.text('#doing')).toBe('Done: 5 stages ran, 3 came from the cache.')
      expect(await visit.text('#version')).toBe('1')
      expect(visit.faults).toEqual([])
    } finally {
      await visit.close()
    }
  })
})
