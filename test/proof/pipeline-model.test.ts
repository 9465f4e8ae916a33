import fc from 'fast-check'
import type { PipelineEvent, RunRecord } from 'millrace/pipeline'
import { readRun } from 'millrace/pipeline'
import type { StorageAdapter } from 'millrace/storage'
import { MemoryStorage } from 'millrace/storage'
import { describe, expect, it } from 'vitest'
import { placeOf } from '../../src/pipeline/acknowledged.ts'
import { readJournal } from '../../src/pipeline/journal-reader.ts'
import { copyOf, DyingStorage } from '../unit/pipeline/support/runs.ts'
import type { StepSpec, World } from './support/pipeline-model.ts'
import { hasRandom, isStable, modelOutput, pipelineOf, specOf } from './support/pipeline-model.ts'
import { size } from './support/size.ts'

/** What happens in one life of a run. */
interface Life {
  /** Dies at this write. */
  readonly killAt: number | null
  /** Is cancelled at this event. */
  readonly cancelAt: number | null
  /** Which of the stages that it comes to fail, counted from 0. */
  readonly failAt: readonly number[]
  /** Whether a stage that fails has done what it does. */
  readonly isLate: boolean
  readonly failFast: boolean
}

const lives = fc.array(
  fc.record<Life>({
    killAt: fc.option(fc.nat(40)),
    cancelAt: fc.option(fc.nat(30), { freq: 3 }),
    failAt: fc.array(fc.nat(12), { maxLength: 2 }),
    isLate: fc.boolean(),
    failFast: fc.boolean(),
  }),
  { maxLength: 6 },
)
const specs = fc.array(fc.nat(1000), { maxLength: 40 }).map(specOf)
const input = 5

interface Acknowledged {
  readonly key: string
  readonly digest: string | undefined
}

/** What the journal of a run says was done, by place. */
async function acknowledgedIn(storage: StorageAdapter): Promise<ReadonlyMap<string, Acknowledged>> {
  const begun = new Map<string, string>()
  const done = new Map<string, Acknowledged>()
  for await (const { events } of readJournal(storage, 'r')) {
    for (const event of events) {
      if (event.type === 'stage-missed') begun.set(placeOf(event), event.cacheKey)
      const key = event.type === 'stage-succeeded' ? begun.get(placeOf(event)) : event.type === 'stage-cached' ? event.cacheKey : undefined
      if ((event.type === 'stage-succeeded' || event.type === 'stage-cached') && key !== undefined)
        done.set(placeOf(event), { key, digest: event.outputDigest })
    }
  }
  return done
}

/** Lives one life on the storage, and gives what is there after it, the result where there is one, and what was done, by key. */
async function live(steps: readonly StepSpec[], storage: MemoryStorage, life: Life | null, shared: { serial: number }) {
  const dying = new DyingStorage()
  for await (const { key } of storage.list('')) await dying.put(key, (await storage.get(key))?.bytes as Uint8Array)
  const [acts, controller] = [[] as string[], new AbortController()]
  let [writes, events, entered] = [0, 0, 0]
  if (life?.killAt != null)
    dying.onWrite = () => {
      if (writes++ >= (life.killAt as number)) dying.isDead = true
    }
  let late: string | undefined
  const alive = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve))
    if (dying.isDead) await new Promise(() => {})
  }
  const world: World = {
    enter: async (stage) => {
      await alive()
      if (life?.failAt.includes(entered++) !== true) return
      if (!life.isLate || !/^(effect|plain|random|unstable)-\d+$/.test(stage)) throw new Error('fails')
      late = stage
    },
    act: (stage, key) => {
      acts.push(`${stage} ${key}`)
      if (late !== stage) return
      late = undefined
      throw new Error('fails late')
    },
    unstable: () => ++shared.serial,
  }
  const onEvent = (_: PipelineEvent): void => {
    if (life?.cancelAt === events++) controller.abort(new Error('cancelled'))
  }
  const hasBegun = (await storage.get('runs/r/journal/0000000000000000')) !== undefined
  const work = pipelineOf('p', steps, world).run({
    storage: dying,
    input,
    onEvent,
    signal: controller.signal,
    failFast: life?.failFast ?? true,
    ...(hasBegun ? { resume: 'r', takeOver: true } : { id: 'r', seed: 7 }),
  })
  const outcome = await Promise.race([
    work.then(
      (run) => ({ run }),
      (error: unknown) => ({ error }),
    ),
    death(dying),
  ])
  return { storage: await copyOf(dying), acts, outcome }
}

async function death(storage: DyingStorage): Promise<{ readonly died: true }> {
  while (!storage.isDead) await new Promise((resolve) => setImmediate(resolve))
  return { died: true }
}

/**
 * What a run says of its stages. Whether one of two equal pieces of work in a map was run or taken from the cache of the other is a matter of chance, in
 * any run.
 */
const told = ({ stages }: RunRecord) =>
  stages.map(({ name, outcome, outputDigest, items }) => {
    const done = items === undefined ? undefined : items.cached + items.succeeded
    return { name, outcome, outputDigest, total: items?.total, done, failed: items?.failed }
  })

/**
 * True where items of a map are the same work, and so have one key: what comes of a map without items is the same for all of them. Two that are under way together
 * are both done, and where the first fails the second is done again.
 */
function mayRepeatWork(steps: readonly StepSpec[]): boolean {
  return steps.some((step) => (step.kind === 'map' ? hasEmptyMap(step.body) : mayRepeatWork(inside(step))))
}

function hasEmptyMap(steps: readonly StepSpec[]): boolean {
  return steps.some((step) => (step.kind === 'map' && step.items === 0) || hasEmptyMap(inside(step)))
}

function inside(step: StepSpec): readonly StepSpec[] {
  if ('body' in step) return step.body
  return step.kind === 'branch' ? [...step.left, ...step.right] : []
}

async function cleanRun(steps: readonly StepSpec[]) {
  const { outcome } = await live(steps, new MemoryStorage(), null, { serial: 0 })
  if (!('run' in outcome)) throw new Error('Expected a run that nothing happens to to succeed.')
  return outcome.run
}

function checkAgainstModel(steps: readonly StepSpec[], output: number): void {
  if (isStable(steps) && !hasRandom(steps)) expect(output).toBe(modelOutput(steps, input))
}

describe('a run of any pipeline', () => {
  it('gives what the model gives', async () => {
    await fc.assert(
      fc.asyncProperty(specs, async (steps) => {
        checkAgainstModel(steps, (await cleanRun(steps)).output)
      }),
      { numRuns: size(100, 1000) },
    )
  }, 3_600_000)

  it('that is killed, cancelled and failed any number of times does nothing twice that was acknowledged, and ends as if nothing had happened', async () => {
    await fc.assert(
      fc.asyncProperty(specs, lives, async (steps, plan) => {
        let storage = new MemoryStorage()
        const shared = { serial: 0 }
        let acknowledged: ReadonlyMap<string, Acknowledged> = new Map()
        let final: Awaited<ReturnType<typeof live>> | undefined
        for (const life of [...plan, null]) {
          const before = new Set([...acknowledged.values()].map(({ key }) => key))
          final = await live(steps, storage, life, shared)
          storage = final.storage
          for (const act of final.acts) expect(before, 'what was acknowledged is not done again').not.toContain(act.split(' ')[1])
          if (!mayRepeatWork(steps)) expect(new Set(final.acts).size, 'nothing is done twice in one life').toBe(final.acts.length)
          const now = await acknowledgedIn(storage)
          for (const [place, done] of acknowledged) expect(now.get(place), 'what was acknowledged stays').toEqual(done)
          acknowledged = now
        }
        if (final === undefined || !('run' in final.outcome))
          throw new Error('Expected the last life to succeed.', { cause: final?.outcome })
        const { output, record } = final.outcome.run
        expect(await readRun(storage, 'r')).toEqual(record)
        await storage.delete('runs/r/record')
        expect(await readRun(storage, 'r')).toEqual(record)
        checkAgainstModel(steps, output)
        if (!isStable(steps)) return
        const clean = await cleanRun(steps)
        expect(output).toBe(clean.output)
        expect(told(record)).toEqual(told(clean.record))
      }),
      { numRuns: size(150, 2500) },
    )
  }, 3_600_000)

  it('whose journal ends at any entry goes on from there', async () => {
    await fc.assert(
      fc.asyncProperty(specs.filter(isStable), async (steps) => {
        const whole = await live(steps, new MemoryStorage(), null, { serial: 0 })
        if (!('run' in whole.outcome)) throw new Error('Expected the run to succeed.')
        const { output, record } = whole.outcome.run
        for (let end = 1; ; end++) {
          const last = `runs/r/journal/${String(end).padStart(16, '0')}`
          if ((await whole.storage.get(last)) === undefined) break
          const cut = await copyOf(whole.storage, (key) => !(key.startsWith('runs/r/journal/') && key >= last) && key !== 'runs/r/record')
          const done = new Set([...(await acknowledgedIn(cut)).values()].map(({ key }) => key))
          const resumed = await live(steps, cut, null, { serial: 0 })
          if (!('run' in resumed.outcome)) throw new Error('Expected the resumed run to succeed.', { cause: resumed.outcome })
          const acts = resumed.acts.map((act) => act.split(' ') as [string, string])
          for (const [, key] of acts) expect(done).not.toContain(key)
          // What is in the cache is not made again either: only effects that were not acknowledged are.
          expect(acts.filter(([stage]) => !stage.startsWith('effect'))).toEqual([])
          expect(resumed.outcome.run.output).toBe(output)
          expect(resumed.outcome.run.record.stages.map(({ outputDigest }) => outputDigest)).toEqual(
            record.stages.map(({ outputDigest }) => outputDigest),
          )
        }
      }),
      { numRuns: size(30, 300) },
    )
  }, 3_600_000)
})
