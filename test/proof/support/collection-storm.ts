// Processes that register and delete versions while others collect, of which some are killed or stopped at random moments, and replaced.
import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom } from '../../../src/core/random.ts'
import type { CollectWorkerLine, CollectWorkerOptions } from './collect-worker.ts'
import type { HeldVersion, TurnoverWorkerLine, TurnoverWorkerOptions } from './turnover-worker.ts'
import type { Worker } from './workers.ts'
import { release, startWorker } from './workers.ts'

export type Mistake = 'writers do not confirm' | 'collectors read the references once'

export interface StormOptions {
  readonly root: string
  readonly seed: string
  /** At least. It goes on until a pass has taken something away, or until something was lost. */
  readonly kills: number
  readonly writers: number
  readonly collectors: number
  /** Then it goes on until it shows. */
  readonly mistake?: Mistake
}

export interface StormOutcome {
  /** Acknowledged, and nobody began to delete them. */
  readonly held: readonly HeldVersion[]
  /** Keys of registrations that were begun and never acknowledged. */
  readonly unfinished: readonly string[]
  /** Whoever was deleting them was killed. */
  readonly perhapsDeleted: readonly HeldVersion[]
  readonly deleted: readonly HeldVersion[]
  /** Versions that could not be loaded though they were acknowledged, and why. */
  readonly lost: readonly string[]
  /** Passes that were not killed, and how many blobs they took away. */
  readonly passes: number
  readonly collected: number
  readonly kills: { readonly writers: number; readonly collectors: number }
}

interface Actor {
  readonly kind: 'writer' | 'collector'
  readonly worker: Worker
  /** What the one before it has left to it. */
  readonly inherited: readonly HeldVersion[]
}
type Line = TurnoverWorkerLine | CollectWorkerLine

/** A storm in which nothing is collected, or a mistake does not show, ends some time. */
const maxKills = 200
const noLegacy = { held: [], unfinished: null }

/** Runs until so many were killed, and then kills all that are left. @throws when one of them failed by itself. */
export async function collectionStorm(options: StormOptions): Promise<StormOutcome> {
  const { root, seed, mistake } = options
  const confirms = mistake !== 'writers do not confirm'
  const readsOnce = mistake === 'collectors read the references once'
  const random = createRandom(seed)
  const pause = (): Promise<void> => sleep(random.int(600))
  const all: Actor[] = []
  const killed = { writers: 0, collectors: 0 }
  // Who fails by itself ends the storm.
  const failure = new AbortController()
  const start = (kind: Actor['kind'], legacy: Pick<TurnoverWorkerOptions, 'held' | 'unfinished'>): Actor => {
    const name = `${kind}-${all.length}`
    const worker =
      kind === 'writer'
        ? startWorker('turnover-worker.ts', name, { root, name, ...legacy, confirms } satisfies TurnoverWorkerOptions)
        : startWorker('collect-worker.ts', name, { root, name, readsOnce } satisfies CollectWorkerOptions)
    worker.ended.catch((error: unknown) => failure.abort(error))
    const actor = { kind, worker, inherited: legacy.held }
    all.push(actor)
    return actor
  }
  const running = [
    ...Array.from({ length: options.writers }, () => start('writer', noLegacy)),
    ...Array.from({ length: options.collectors }, () => start('collector', noLegacy)),
  ]
  await release(running.map(({ worker }) => worker))

  while (!isOver(options, killed.writers + killed.collectors, outcomeOf(linesOf(all)))) {
    await pause()
    failure.signal.throwIfAborted()
    // Every third that dies is a collector.
    const kind = (killed.writers + killed.collectors) % 3 === 2 ? 'collector' : 'writer'
    const victims = running.filter((actor) => actor.kind === kind)
    const victim = victims[random.int(victims.length)] as Actor
    // The first line is that it is ready: a kill before anything happened shows little.
    if (victim.worker.lines.length < 2) continue
    if (random.int(3) === 0) {
      victim.worker.signal('SIGSTOP')
      await pause()
      if (random.int(4) > 0) {
        victim.worker.signal('SIGCONT')
        continue
      }
      // Some die without having gone on.
    }
    victim.worker.signal('SIGKILL')
    await victim.worker.ended
    killed[victim.kind === 'writer' ? 'writers' : 'collectors']++
    // What nobody asks for again stays as it was left.
    const { held, unfinished } = legacyOf(victim, all)
    const next = start(victim.kind, { held, unfinished: random.int(2) === 0 ? unfinished : null })
    release([next.worker]).catch(() => {})
    running[running.indexOf(victim)] = next
  }
  for (const { worker } of running) worker.signal('SIGKILL')
  await Promise.all(all.map(({ worker }) => worker.ended))
  return { ...outcomeOf(linesOf(all)), kills: killed }
}

function isOver({ kills, mistake }: StormOptions, killed: number, { lost, collected }: Omit<StormOutcome, 'kills'>): boolean {
  if (lost.length > 0 || killed >= maxKills) return true
  return mistake === undefined && killed >= kills && collected > 0
}

function linesOf(actors: readonly Actor[]): Line[] {
  return actors.flatMap(({ worker }) => worker.lines.filter((line) => line !== 'ready').map((line) => JSON.parse(line) as Line))
}

function legacyOf(dead: Actor, all: readonly Actor[]): Pick<TurnoverWorkerOptions, 'held' | 'unfinished'> {
  const own = new Set(dead.inherited.map(({ key }) => key))
  for (const line of linesOf([dead])) if ('key' in line) own.add(line.key)
  const { held, unfinished } = outcomeOf(linesOf(all))
  return { held: held.filter(({ key }) => own.has(key)), unfinished: unfinished.find((key) => own.has(key)) ?? null }
}

function outcomeOf(lines: readonly Line[]): Omit<StormOutcome, 'kills'> {
  const [begun, made, deleting, deleted] = [new Set<string>(), new Map<string, HeldVersion>(), new Set<string>(), new Set<string>()]
  const lost: string[] = []
  let [passes, collected] = [0, 0]
  for (const line of lines) {
    if (line.step === 'collecting') continue
    if (line.step === 'collected') {
      passes++
      collected += line.blobs
    } else if (line.step === 'registering') begun.add(line.key)
    else if (line.step === 'registered') made.set(line.key, { key: line.key, version: line.version })
    else if (line.step === 'lost') lost.push(`${line.key}: ${line.reason}`)
    else if (line.step === 'deleting') deleting.add(line.key)
    else deleted.add(line.key)
  }
  const registered = [...made.values()]
  return {
    held: registered.filter(({ key }) => !deleting.has(key)),
    unfinished: [...begun].filter((key) => !made.has(key)),
    perhapsDeleted: registered.filter(({ key }) => deleting.has(key) && !deleted.has(key)),
    deleted: registered.filter(({ key }) => deleted.has(key)),
    lost,
    passes,
    collected,
  }
}
