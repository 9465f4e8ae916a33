// What runs in each of several tabs of one origin: asks one registry on IndexedDB, and keeps a history of it for the test.
import { createRandom } from '../../../src/core/random.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { IndexedDbStorage } from '../../../src/storage/indexeddb.ts'
import { packageNamed } from '../../unit/registry/registry-fixtures.ts'
import { lookThenWrite } from './broken-storage.ts'
import type { HistoryEvent } from './linearizability.ts'
import { drawInput, perform, shortDigest } from './registry-operations.ts'
import type { RegistryInput, RegistryOutput } from './registry-specification.ts'

export type TabEvent = HistoryEvent<RegistryInput, RegistryOutput>

export interface TabOptions {
  readonly client: string
  readonly seed: string
  readonly models: readonly string[]
  readonly calls: number
  /** How many tabs begin together. */
  readonly tabs: number
}

export interface Tab {
  /** Before all else. */
  open(options: { readonly database: string; readonly isBroken: boolean }): Promise<void>
  /** Asks what it draws. */
  play(options: TabOptions): Promise<readonly TabEvent[]>
  /** Reads where an alias is and sets it one higher, if it is still there, until that was acknowledged so often; the steps that it took. */
  count(options: { readonly tabs: number; readonly steps: number }): Promise<readonly number[]>
  /** Registers so many versions for `count`. */
  prepare(versions: number): Promise<void>
  /** Where the alias is in the end, and every version that it was set to. */
  counted(): Promise<{ readonly at: number; readonly moves: readonly number[] }>
}

declare global {
  var tab: Tab
}

/** Milliseconds that the tabs of one machine share. */
const now = (): number => performance.timeOrigin + performance.now()

/** Resolves once all tabs have come here. */
async function meet(tabs: number): Promise<void> {
  const channel = new BroadcastChannel('meet')
  const name = crypto.randomUUID()
  const heard = new Set<string>([name])
  channel.onmessage = ({ data }) => heard.add(String(data))
  while (heard.size < tabs) {
    channel.postMessage(name)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  // Who heard of the others last must not be left waiting.
  channel.postMessage(name)
  setTimeout(() => channel.close(), 1_000)
}

let registry: Registry

globalThis.tab = {
  async open({ database, isBroken }) {
    const storage = await IndexedDbStorage.open(database)
    registry = new Registry({ storage: isBroken ? lookThenWrite(storage) : storage })
  },

  async play({ client, seed, models, calls, tabs }) {
    const random = createRandom(`${seed} ${client}`)
    const known = new Map<string, number>()
    const events: TabEvent[] = []
    await meet(tabs)
    for (let call = 0; call < calls; call++) {
      const model = models[random.int(models.length)] ?? ''
      const modelPackage = packageNamed(`${client}-${call}`)
      const digest = shortDigest(modelPackage.manifestDigest)
      const input = drawInput(random, { model, digest, lastVersion: known.get(model) ?? 0 })
      events.push({ type: 'invoke', client, time: now(), input })
      const outcome = await perform(registry, input, () => modelPackage)
      const at = { client, time: now() }
      events.push(outcome.type === 'ok' ? { type: 'ok', output: outcome.output, ...at } : { type: outcome.type, ...at })
      if (outcome.type === 'ok' && typeof outcome.output === 'object' && 'version' in outcome.output)
        known.set(model, Math.max(known.get(model) ?? 0, outcome.output.version))
    }
    return events
  },

  async count({ tabs, steps }) {
    const taken: number[] = []
    await meet(tabs)
    while (taken.length < steps) {
      const from = (await registry.aliases('counter')).get('at') ?? 0
      try {
        await registry.setAlias('counter', 'at', from + 1, { expectedVersion: from })
        taken.push(from + 1)
        // Who has just won is ahead of all others, and would go on winning.
        await new Promise((resolve) => setTimeout(resolve, (taken.length % 4) * 5))
      } catch (error) {
        if ((error as { readonly code?: string }).code !== 'ALIAS_MOVED') throw error
      }
    }
    return taken
  },

  async prepare(versions) {
    for (let version = 1; version <= versions; version++) await registry.register('counter', packageNamed('the same in all'))
  },

  async counted() {
    const moves: number[] = []
    for await (const { operation } of registry.history('counter')) if (operation.type === 'set-alias') moves.push(operation.version)
    return { at: (await registry.aliases('counter')).get('at') ?? 0, moves }
  },
}
