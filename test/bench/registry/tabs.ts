import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { chromium } from 'playwright-core'
import { build } from 'vite'
import { serveFolder } from '../../examples/static-server.ts'
import type { Job } from './job.ts'

export interface Tabs {
  fill(model: string, versions: number): Promise<void>
  /** Operations a second of all tabs together. */
  race(jobs: readonly Job[]): Promise<number>
  stop(): Promise<void>
}

const database = 'bench'
const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'

/** Pages of one origin in a real browser: the one named by CHROMIUM_PATH, or the system's Chromium. */
export async function openTabs(folder: string): Promise<Tabs> {
  const source = join(folder, 'source')
  await mkdir(source)
  const script = fileURLToPath(new URL('./tab-page.ts', import.meta.url))
  await writeFile(join(source, 'index.html'), `<!doctype html><title>tab</title><script type="module" src="${script}"></script>`)
  const root = fileURLToPath(new URL('../../../src/', import.meta.url))
  await build({
    configFile: false,
    root: source,
    logLevel: 'error',
    resolve: {
      alias: [
        { find: /^millrace\/storage\/indexeddb$/, replacement: `${root}storage/indexeddb.ts` },
        { find: /^millrace\/(.+)$/, replacement: `${root}$1/index.ts` },
      ],
    },
    build: { outDir: join(folder, 'page'), emptyOutDir: true, target: 'es2023', modulePreload: false },
  })
  const server = await serveFolder(join(folder, 'page'))
  const browser: Browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-background-networking'] })
  const context = await browser.newContext()
  const openPage = async (): Promise<Page> => {
    const page = await context.newPage()
    await page.goto(`${server.origin}/`)
    await page.waitForFunction(() => globalThis.benchTab !== undefined)
    return page
  }
  return {
    async fill(model, versions) {
      const page = await openPage()
      await page.evaluate(({ name, model, versions }) => globalThis.benchTab.fill(name, model, versions), {
        name: database,
        model,
        versions,
      })
      await page.close()
    },
    async race(jobs) {
      const pages = await Promise.all(jobs.map(openPage))
      const done = await Promise.all(
        jobs.map((job, index) => {
          const asked = { name: database, job, writers: jobs.length }
          return (pages[index] as Page).evaluate(({ name, job, writers }) => globalThis.benchTab.work(name, job, writers), asked)
        }),
      )
      await Promise.all(pages.map((page) => page.close()))
      return done.reduce((sum, { operations, elapsedMs }) => sum + (operations / elapsedMs) * 1_000, 0)
    },
    async stop() {
      await browser.close()
      await server.close()
    },
  }
}
