// npm run quickstart, three times on one store: three million real flights. It takes some minutes; what it took is printed.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { root } from './built-package.ts'

const stages = ['ingest', 'derive-late', 'split', 'prepare', 'train', 'evaluate', 'gate', 'register']
/** Those that the cache may answer. */
const pure = stages.slice(0, 6)
let storage: string

beforeAll(async () => {
  storage = await mkdtemp(join(tmpdir(), 'millrace-quickstart-'))
})
afterAll(() => rm(storage, { recursive: true, force: true }))

class Quickstart {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }

  static async run(...more: readonly string[]): Promise<Quickstart> {
    const child = spawn(process.execPath, ['scripts/quickstart.mjs', '--storage', storage, ...more], { cwd: root })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    if (code !== 0) throw new Error(`The quickstart ended with ${code}:\n${text}`)
    const run = new Quickstart(text)
    const [seconds, memory] = [run.number(/Total time: ([\d.]+) s/), run.number(/Peak memory: (\d+) MB/)]
    console.log(`quickstart ${more.join(' ')}: ${seconds} s, ${memory} MB, ${run.line(/AUC on May.*/)}, ${run.line(/AUC on June.*/)}`)
    return run
  }

  line(pattern: RegExp): string {
    const found = pattern.exec(this.text)?.[0]
    if (found === undefined) throw new Error(`Expected a line like ${pattern}. Received:\n${this.text}`)
    return found
  }

  number(pattern: RegExp): number {
    this.line(pattern)
    return Number(pattern.exec(this.text)?.[1])
  }

  /** What was said of a stage before it ran: `runs (first run)`. */
  decision(stage: string): string {
    return this.line(new RegExp(`^${stage}: .*$`, 'm')).slice(stage.length + 2)
  }

  outcome(stage: string): string {
    return this.line(new RegExp(`^ *${stage} +(succeeded|cached) `, 'm'))
      .trim()
      .split(/ +/)[1] as string
  }

  aucOnMay(): { readonly model: number; readonly prior: number; readonly meanByHour: number } {
    return {
      model: this.number(/AUC on May: model ([\d.]+)/),
      prior: this.number(/AUC on May: .*prior ([\d.]+)/),
      meanByHour: this.number(/AUC on May: .*mean by hour[^\d,]*([\d.]+)/),
    }
  }
}

/** So much of the machine is allowed, whichever run. */
function expectModestMemory(run: Quickstart): void {
  expect(run.number(/Peak memory: (\d+) MB/)).toBeLessThan(1_500)
}

describe('the quickstart', () => {
  let first: Quickstart

  test('makes a model of three million flights that is worth deploying', async () => {
    first = await Quickstart.run()
    expect(first.line(/[\d,]+ rows read/)).toBe('3,000,000 rows read')
    const { model, prior, meanByHour } = first.aucOnMay()
    expect(model).toBeGreaterThanOrEqual(0.78)
    expect(model).toBeLessThan(0.9)
    expect(prior).toBe(0.5)
    expect(meanByHour).toBeGreaterThan(0.6)
    expect(model).toBeGreaterThan(meanByHour)
    expect(first.number(/AUC on June: model ([\d.]+)/)).toBeGreaterThan(0.74)
    expect(stages.map((stage) => first.outcome(stage))).toEqual(stages.map(() => 'succeeded'))
    expect(pure.map((stage) => first.decision(stage))).toEqual(pure.map(() => 'runs (first run)'))
    expect(first.line(/Version \d+ of flight-delay.*/)).toBe('Version 1 of flight-delay is champion.')
    expectModestMemory(first)
  })

  test('serves the champion over HTTP with the answer that it gives in the process', () => {
    const inProcess = first.number(/One row: .*probability ([\d.]+)/)
    expect(first.number(/Over HTTP: .*answers ([\d.]+)/)).toBe(inProcess)
  })

  test('tells drift, performance, latency and actions for each week of June', () => {
    const weeks = first.text.split(/^June \d+–\d+: /m).slice(1)
    expect(weeks.length).toBe(5)
    for (const week of weeks) {
      expect(week).toMatch(/AUC 0\.\d+ against 0\.\d+/)
      expect(week).toMatch(/p50 [\d.]+ ms, p99 [\d.]+ ms, [\d,]+ flights per second/)
      expect(week).toMatch(/flagged, [\d.]+ % acted on/)
      for (const column of ['origin', 'destination', 'distance']) expect(week).toMatch(new RegExp(`^ *${column} +(no )?drift `, 'm'))
    }
    expect(first.text).toContain(' 0 records dropped from the log')
  })

  test('takes the second run from the cache, and says of each stage why', async () => {
    const second = await Quickstart.run()
    expect(stages.map((stage) => second.outcome(stage))).toEqual(stages.map((stage) => (pure.includes(stage) ? 'cached' : 'succeeded')))
    for (const stage of pure) expect(second.decision(stage)).toMatch(/^taken from the cache \(unchanged since run \S+\)$/)
    expect(second.decision('gate')).toBe('runs (effect)')
    expect(second.line(/AUC on May.*/)).toBe(first.line(/AUC on May.*/))
    expect(second.line(/Version \d+ of flight-delay.*/)).toBe('Version 1 of flight-delay is champion.')
    expectModestMemory(second)
  })

  test('trains anew with other epochs, and only what follows runs again', async () => {
    const third = await Quickstart.run('--epochs', '2')
    const before = stages.slice(0, 4)
    expect(stages.map((stage) => third.outcome(stage))).toEqual(stages.map((stage) => (before.includes(stage) ? 'cached' : 'succeeded')))
    expect(third.decision('train')).toBe('runs (parameters changed: parameters.epochs)')
    expect(third.decision('evaluate')).toBe('runs (input changed)')
    // The gate lets only a model through that is not worse than the champion.
    const made = third.number(/^ *model +([\d.]+)/m)
    const isBetter = made >= first.aucOnMay().model
    const verdict = isBetter ? ' is champion.' : ' is not promoted; the champion stays where it was.'
    expect(third.line(/Version \d+ of flight-delay.*/)).toBe(`Version 2 of flight-delay${verdict}`)
    // What the summary says of the model in production is the champion's, whichever this run made.
    expect(third.line(/AUC on May: model.*/)).toContain(`(version ${isBetter ? 2 : 1}, the champion)`)
    expect(third.aucOnMay().model).toBe(Math.max(made, first.aucOnMay().model))
    expectModestMemory(third)
  })

  test.each([['--epoch', '3'], ['--epochs', 'abc'], ['--storage='], ['extra']])('answers %s %s with its usage', (...args) => {
    const { status, stderr } = spawnSync(
      process.execPath,
      ['scripts/quickstart.mjs', ...args.filter((argument) => argument !== undefined)],
      { cwd: root, encoding: 'utf8' },
    )
    expect(status).toBe(2)
    expect(stderr).toContain('Usage: npm run quickstart')
    expect(stderr).not.toMatch(/\n +at .*:\d+:\d+/)
  })
})

describe('the report of the quickstart', () => {
  let html: string
  beforeAll(async () => {
    html = await readFile(join(storage, 'report.html'), 'utf8')
  })

  test('needs nothing from elsewhere', () => {
    expect(html).not.toMatch(/<script|<link|<iframe|@import|url\(|https?:\/\//i)
  })

  test('has figures and no rows of the data', () => {
    for (const part of ['Evaluation', 'Learning curves', 'Calibration', 'drift']) expect(html).toContain(part)
    // A row has the minute of its departure in 2001; and three million of them would not fit.
    expect(html).not.toMatch(/2001[-/]\d\d[-/]\d\d[T ]\d\d:\d\d/)
    expect(html.length).toBeLessThan(500_000)
  })

  test.skipIf(process.env.CHROMIUM_PATH === undefined)('opens in a browser without a request or an error', async () => {
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM_PATH as string, args: ['--no-sandbox'] })
    try {
      const page = await browser.newPage()
      const faults: string[] = []
      page.on('request', (request) => {
        if (!request.url().startsWith('file:') && !request.url().startsWith('data:')) faults.push(request.url())
      })
      page.on('console', (message) => faults.push(message.text()))
      page.on('pageerror', (error) => faults.push(error.message))
      await page.goto(pathToFileURL(join(storage, 'report.html')).href)
      expect(await page.locator('svg').count()).toBeGreaterThan(2)
      expect(faults).toEqual([])
    } finally {
      await browser.close()
    }
  })
})
