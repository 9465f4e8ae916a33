// Rows 24, 25 and 26 of the fault matrix: runs whose processes are killed, stopped, doubled and changed.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { createRandom } from '../../src/core/random.ts'
import { readJournal } from '../../src/pipeline/journal-reader.ts'
import { readRun } from '../../src/pipeline/run-store.ts'
import { FileStorage } from '../../src/storage/file.ts'
import type { RunWorkerLine, RunWorkerOptions } from './support/run-worker.ts'
import { size } from './support/size.ts'
import { temporaryRoot } from './support/temporary-root.ts'
import type { Worker } from './support/workers.ts'
import { isStopped, release, startWorker } from './support/workers.ts'

const root = temporaryRoot()
const files = (): string => join(root(), 'files')
const world = (name = 'world'): string => join(root(), name)
const store = (name = 'store'): string => join(root(), name)

beforeEach(async () => {
  await mkdir(files())
  const random = createRandom('files')
  for (let index = 0; index < 10; index++) {
    const numbers = Array.from({ length: 20 }, () => random.int(1000))
    await writeFile(join(files(), `part-${index}.txt`), `${numbers.join('\n')}\n`)
  }
})

type Ending = Extract<RunWorkerLine, { readonly output: string } | { readonly failed: string }>
type Succeeded = Extract<Ending, { readonly output: string }>

let workers = 0
function start(options: Partial<RunWorkerOptions> = {}): Worker {
  const whole: RunWorkerOptions = { root: store(), files: files(), world: world(), leaseMs: 400, ...options }
  return startWorker('run-worker.ts', `run ${workers++}`, whole)
}

/** How a worker ended; undefined when it was killed before. */
async function endingOf(worker: Worker): Promise<Ending | undefined> {
  await worker.ended
  const lines = worker.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as RunWorkerLine)
  return lines.find((line): line is Ending => 'output' in line || 'failed' in line)
}

async function runToEnd(options: Partial<RunWorkerOptions>): Promise<Ending> {
  const worker = start(options)
  if (options.waitAt === undefined) await release([worker])
  const ending = await endingOf(worker)
  if (ending === undefined) throw new Error(`Expected ${worker.name} to say how it ended.`)
  return ending
}

/** What a run gives to which nothing happens. */
async function neverKilled(): Promise<Succeeded> {
  const ending = await runToEnd({ root: store('whole-store'), world: world('whole-world'), id: 'run' })
  if (!('output' in ending)) throw new Error(`Expected a run to succeed. Received ${ending.failed}.`)
  return ending
}

/** What was done to the world, in order. */
async function actsIn(name = 'world'): Promise<readonly { readonly effect: string; readonly key: string }[]> {
  const text = await readFile(world(name), 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => ({ effect: line.split(' ')[0] as string, key: line.split(' ')[1] as string }))
}

/** The keys of the effects that the journal of a run has as done. */
async function acknowledgedIn(runId: string): Promise<ReadonlySet<string>> {
  const storage = await FileStorage.open(store())
  const [begun, done] = [new Map<string, string>(), new Set<string>()]
  for await (const { events } of readJournal(storage, runId)) {
    for (const event of events) {
      if (!('stage' in event)) continue
      const place = JSON.stringify([event.stage, event.item ?? null])
      if (event.type === 'stage-missed' && event.reason === 'effect') begun.set(place, event.cacheKey)
      const key = event.type === 'stage-succeeded' ? begun.get(place) : undefined
      if (key !== undefined) done.add(key)
    }
  }
  return done
}

async function journalOf(runId: string): Promise<readonly string[]> {
  const storage = await FileStorage.open(store())
  const entries: string[] = []
  for await (const { key } of storage.list(`runs/${runId}/journal`))
    entries.push(`${key} ${new TextDecoder().decode((await storage.get(key))?.bytes)}`)
  return entries
}

interface Life {
  readonly epoch: number
  readonly owner: string
  /** That the effect at the end is done. */
  readonly hasPublished: boolean
  readonly hasEnded: boolean
}

/** What the journal of a run has of each owner in turn, by neighbouring entries. */
async function livesOf(runId: string): Promise<readonly Life[]> {
  const storage = await FileStorage.open(store())
  const lives: Life[] = []
  for await (const { epoch, owner, events } of readJournal(storage, runId)) {
    const last = lives.at(-1)
    const life =
      last?.epoch === epoch && last.owner === owner ? (lives.pop() as Life) : { epoch, owner, hasPublished: false, hasEnded: false }
    lives.push({
      ...life,
      hasPublished: life.hasPublished || events.some((event) => event.type === 'stage-succeeded' && event.stage === 'publish'),
      hasEnded: life.hasEnded || events.some(({ type }) => type === 'run-finished'),
    })
  }
  return lives
}

async function contentOf(): Promise<readonly string[]> {
  const storage = await FileStorage.open(store())
  const content: string[] = []
  for await (const { key, sizeBytes, modifiedAt } of storage.list('')) content.push(`${key} ${sizeBytes} ${modifiedAt}`)
  return content
}

const asNeverKilled = (whole: Succeeded) => ({ output: whole.output, digests: whole.digests, seed: 11 })

test('a run that is killed at any moment, as often as may be, goes on in another process: nothing is done twice that was acknowledged, and it ends as if nothing had happened', async () => {
  const whole = await neverKilled()
  const expected = await actsIn('whole-world')
  expect(expected).toHaveLength(11)
  const random = createRandom('kills')
  let [kills, runs, againAfterKill] = [0, 0, 0]
  while (kills < size(20, 200)) {
    const id = `run-${runs++}`
    const before = (await actsIn()).length
    // What was acknowledged when, by the number of acts until then.
    const acknowledged = new Map<string, number>()
    let ending: Ending | undefined
    while (ending === undefined) {
      const hasBegun = (await journalOf(id)).length > 0
      const worker = start(hasBegun ? { resume: id } : { id })
      await release([worker])
      const kill = worker
        .waitFor((line) => line.includes('began'))
        .then(() => sleep(random.int(120)))
        .then(() => worker.signal('SIGKILL'))
      ending = await endingOf(worker)
      await kill.catch(() => {})
      if (ending === undefined) kills++
      const acts = (await actsIn()).length
      for (const key of await acknowledgedIn(id)) if (!acknowledged.has(key)) acknowledged.set(key, acts)
    }
    expect(ending).toMatchObject(asNeverKilled(whole))
    const acts = await actsIn()
    for (const [key, at] of acknowledged) expect(acts.slice(at).filter((act) => act.key === key)).toEqual([])
    // Every effect under the key that it has in a run that was never killed: who is told twice can tell.
    const own = acts.slice(before)
    expect(new Set(own.map(({ effect, key }) => `${effect} ${key}`))).toEqual(
      new Set(expected.map(({ effect, key }) => `${effect} ${key}`)),
    )
    againAfterKill += own.length - expected.length
    const storage = await FileStorage.open(store())
    const record = await readRun(storage, id)
    expect(record).toMatchObject({ outcome: 'succeeded', epoch: (ending as Succeeded).epoch })
    // The next run makes all of it anew.
    for (const folder of ['cache', 'blobs']) for await (const { key } of storage.list(folder)) await storage.delete(key)
  }
  // At most the effects under way in each life: two items of the map.
  expect(againAfterKill).toBeLessThanOrEqual(2 * kills)
}, 3_600_000)

test('row 24: crash after a side effect, before the checkpoint: it is run again with the same step key', async () => {
  const whole = await neverKilled()
  const outcomes: string[] = []
  for (let write = 0; ; write++) {
    const id = `run-${write}`
    const before = (await actsIn()).length
    const first = start({ id, killAtWrite: write })
    await release([first])
    const ending = await endingOf(first)
    if (ending !== undefined) {
      expect(ending).toMatchObject(asNeverKilled(whole))
      break
    }
    const wasAcknowledged = (await acknowledgedIn(id)).size === 11
    expect(await runToEnd({ resume: id })).toMatchObject({ ...asNeverKilled(whole), epoch: 2 })
    const published = (await actsIn()).slice(before).filter(({ effect }) => effect === 'publish')
    expect(published).toHaveLength(wasAcknowledged ? 1 : 2)
    expect(new Set(published.map(({ key }) => key)).size).toBe(1)
    outcomes.push(wasAcknowledged ? 'once' : 'again')
  }
  // Killed before the acknowledgement is written, and after it.
  expect(new Set(outcomes)).toEqual(new Set(['again', 'once']))
})

describe('row 25: two processes resume one run', () => {
  test('row 25: two processes resume one run: one owner by epoch; the other gets a conflict and changes nothing', async () => {
    const whole = await neverKilled()
    const rounds = size(3, 40)
    let refused = 0
    // On a machine that is busy, heirs may come so late that each finds the run ended by the one before: then there was nothing to refuse.
    for (let round = 0; round < rounds || (refused === 0 && round < 10 * rounds); round++) {
      const id = `run-${round}`
      const side = round % 2 === 0 ? 'before' : 'after'
      const before = (await actsIn()).length
      const owner = start({ id, waitAt: side })
      await owner.waitFor((line) => line.includes('waits'))
      owner.signal('SIGKILL')
      await owner.ended
      const heirs = Array.from({ length: 3 }, () => start({ resume: id, ...(round % 3 === 2 ? { takeOver: true } : {}) }))
      await release(heirs)
      const endings = await Promise.all(heirs.map(endingOf))
      const winners = endings.filter((ending) => ending !== undefined && 'output' in ending)
      const losers = endings.filter((ending) => ending !== undefined && 'failed' in ending)
      expect(winners.length + losers.length).toBe(heirs.length)
      for (const winner of winners) expect(winner).toMatchObject(asNeverKilled(whole))
      for (const loser of losers) expect(loser).toMatchObject({ failed: 'RUN_OWNED' })
      refused += losers.length
      // Who has a run may lose it to the next: where heirs take it over without asking, and where one stands still for longer than its lease.
      const lives = await livesOf(id)
      expect(lives.map(({ epoch }) => epoch)).toEqual(lives.map((_, index) => index + 1))
      expect(lives.length).toBeLessThanOrEqual(1 + heirs.length)
      // Each epoch has one owner, and all its entries are in one piece.
      expect(new Set(lives.map((life) => life.owner)).size).toBe(lives.length)
      // Those have won whose end the journal has, and no others; nobody takes the run from the last.
      const ended = lives.filter((life) => life.hasEnded).map(({ epoch }) => epoch)
      expect(winners.map(({ epoch }) => epoch).sort()).toEqual(ended)
      expect(lives.at(-1)?.hasEnded).toBe(true)
      // The effect is done once by whoever the journal has it from, at most once by each before, under one key, and by nobody after.
      const doneIn = lives.filter((life) => life.hasPublished).map(({ epoch }) => epoch)
      expect(doneIn).toHaveLength(1)
      const published = (await actsIn()).slice(before).filter(({ effect }) => effect === 'publish')
      const byFirst = side === 'before' ? 0 : 1
      expect(published.length).toBeGreaterThanOrEqual(byFirst + 1)
      expect(published.length).toBeLessThanOrEqual(byFirst + (doneIn[0] as number) - 1)
      expect(new Set(published.map(({ key }) => key)).size).toBe(1)
      const storage = await FileStorage.open(store())
      for (const folder of ['cache', 'blobs']) for await (const { key } of storage.list(folder)) await storage.delete(key)
    }
    expect(refused).toBeGreaterThan(0)
  }, 3_600_000)

  test.each(['before', 'after'] as const)(
    'row 25: two processes resume one run: an owner that was stopped %s its side effect and goes on after it was taken over gets a conflict at its commit',
    async (side) => {
      const whole = await neverKilled()
      const owner = start({ id: 'run', waitAt: side })
      await owner.waitFor((line) => line.includes('waits'))
      owner.signal('SIGSTOP')
      await isStopped(owner.pid)
      const heir = await runToEnd({ resume: 'run' })
      expect(heir).toMatchObject({ ...asNeverKilled(whole), epoch: 2 })
      const journal = await journalOf('run')
      const record = await readRun(await FileStorage.open(store()), 'run')
      owner.signal('SIGCONT')
      owner.tell('go on')
      expect(await endingOf(owner)).toEqual({ failed: 'RUN_OWNED', epoch: 2 })
      // What it did to the world it did under the same key; for the run it never happened.
      expect(await journalOf('run')).toEqual(journal)
      expect(await readRun(await FileStorage.open(store()), 'run')).toEqual(record)
      const published = (await actsIn()).filter(({ effect }) => effect === 'publish')
      expect(new Set(published.map(({ key }) => key)).size).toBe(1)
      // And whoever resumes the run later is given what the heir did.
      expect(await runToEnd({ resume: 'run' })).toMatchObject({ ...asNeverKilled(whole), epoch: 3 })
      expect((await actsIn()).filter(({ effect }) => effect === 'publish')).toEqual(published)
    },
  )

  test('row 25: two processes resume one run: while its owner is at work nobody else has it', async () => {
    // Long enough for a machine that is busy: the first beat that is seen ends the wait.
    const owner = start({ id: 'run', waitAt: 'before', leaseMs: 10_000 })
    await owner.waitFor((line) => line.includes('waits'))
    const journal = await journalOf('run')
    expect(await runToEnd({ resume: 'run' })).toEqual({ failed: 'RUN_OWNED', epoch: 1 })
    expect(await journalOf('run')).toEqual(journal)
    owner.tell('go on')
    expect(await endingOf(owner)).toMatchObject({ epoch: 1, seed: 11 })
  })
})

test('row 26: pipeline changed before resume: a code mismatch that names the stage; no silent skip', async () => {
  const whole = await neverKilled()
  const owner = start({ id: 'run', waitAt: 'before' })
  await owner.waitFor((line) => line.includes('waits'))
  owner.signal('SIGKILL')
  await owner.ended
  const before = await contentOf()
  expect(await runToEnd({ resume: 'run', changed: true })).toEqual({ failed: 'CODE_MISMATCH', stages: ['sum'] })
  expect(await runToEnd({ resume: 'run', changed: true, takeOver: true })).toEqual({ failed: 'CODE_MISMATCH', stages: ['sum'] })
  expect(await contentOf()).toEqual(before)
  // The way out: a new run takes from the cache what did not change. And the pipeline that the run was begun with still goes on with it.
  expect(await runToEnd({ id: 'other', changed: true })).toMatchObject({ output: whole.output })
  expect(await runToEnd({ resume: 'run' })).toMatchObject({ ...asNeverKilled(whole), epoch: 2 })
})
