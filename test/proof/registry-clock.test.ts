// Row 23 of the fault matrix, for the registry: writers whose clocks are wrong. (Runs and the log have their own tests.)
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/core/clock.ts'
import { systemClock } from '../../src/core/clock.ts'
import { createRandom } from '../../src/core/random.ts'
import { Registry } from '../../src/registry/registry.ts'
import { getBlob, putBlob } from '../../src/storage/blobs.ts'
import { FileStorage } from '../../src/storage/file.ts'
import { collect, packageNamed } from '../unit/registry/registry-fixtures.ts'
import { drawInput, perform, shortDigest } from './support/registry-operations.ts'
import { registrySpecification } from './support/registry-specification.ts'
import { size } from './support/size.ts'
import { temporaryRoot } from './support/temporary-root.ts'

const root = temporaryRoot()
const model = 'churn'
const [hourMs, dayMs] = [3_600_000, 86_400_000]

function offBy(offsetMs: number): Clock {
  return { ...systemClock, now: () => Date.now() + offsetMs }
}
async function registries(): Promise<{ right: Registry; behind: Registry; ahead: Registry }> {
  const open = async (offsetMs: number): Promise<Registry> => {
    const clock = offBy(offsetMs)
    return new Registry({ storage: await FileStorage.open(root(), { clock, durability: 'process' }), clock })
  }
  return { right: await open(0), behind: await open(-hourMs), ahead: await open(dayMs) }
}

describe('writers whose clocks are an hour behind and a day ahead', () => {
  test('row 23: clock -1 h / +1 day: order by sequence, whatever is asked of whom', async () => {
    const writers = Object.values(await registries())
    const random = createRandom('row 23')
    let state = registrySpecification.initial
    for (let call = 0; call < size(150, 2_000); call++) {
      const registry = writers[random.int(writers.length)] as Registry
      const modelPackage = packageNamed(`p${call}`)
      const input = drawInput(random, { model, digest: shortDigest(modelPackage.manifestDigest), lastVersion: state.digests.length })
      const applied = registrySpecification.apply(state, input)
      expect(await perform(registry, input, () => modelPackage)).toEqual({ type: 'ok', output: applied.output })
      state = applied.state
    }
    const history = await collect((writers[0] as Registry).history(model))
    expect(history.map(({ generation }) => generation)).toEqual(history.map((_, index) => index + 1))
    // So that a look-up by time finds one answer.
    for (const [index, { time }] of history.entries()) expect(time).toBeGreaterThanOrEqual(history[index - 1]?.time ?? 0)
  })

  test('row 23: clock -1 h / +1 day: the last to move an alias has moved it, by whichever clock; and a look back in time says so', async () => {
    const { right, behind, ahead } = await registries()
    for (const name of ['one', 'two', 'three']) await right.register(model, packageNamed(name))
    await ahead.setAlias(model, 'champion', 1)
    await behind.setAlias(model, 'champion', 2)
    for (const registry of [right, behind, ahead]) expect((await registry.alias(model, 'champion'))?.version).toBe(2)
    await right.setAlias(model, 'champion', 3, { expectedVersion: 2 })
    expect((await behind.rollback(model, 'champion')).version).toBe(2)
    expect((await ahead.rollback(model, 'champion')).version).toBe(1)
    expect((await right.aliasAt(model, 'champion', Date.now() + 2 * dayMs))?.version).toBe(1)
    expect(await right.aliasAt(model, 'champion', Date.now() - 2 * hourMs)).toBeUndefined()
  })

  test('row 23: clock -1 h / +1 day: no early expiry of an idempotency key', async () => {
    const { right, behind, ahead } = await registries()
    const made = await behind.register(model, packageNamed('one'), { idempotencyKey: 'key' })
    for (const registry of [ahead, right, behind])
      expect((await registry.register(model, packageNamed('other'), { idempotencyKey: 'key' })).version).toBe(made.version)
    expect(await collect(right.versions(model))).toHaveLength(1)
  })

  test('row 23: clock -1 h / +1 day: no early expiry of blobs that are to be named soon', async () => {
    const { right, behind, ahead } = await registries()
    const storage = await FileStorage.open(root())
    const [kept, registered] = [await putBlob(storage, new TextEncoder().encode('a run is about to name it')), packageNamed('one')]
    await behind.register(model, registered)
    for (const registry of [ahead, behind, right]) {
      const { collected, young } = await registry.collectGarbage({ olderThanMs: hourMs })
      expect(collected.blobs).toBe(0)
      expect(young.blobs).toBe(1)
    }
    expect(await getBlob(storage, kept)).toEqual(new TextEncoder().encode('a run is about to name it'))
    await ahead.load(model, 1)
    // Its age is told by the clock of the storage.
    for (const registry of [ahead, behind])
      expect((await registry.collectGarbage({ olderThanMs: 0 })).collected.blobs).toBe(registry === ahead ? 1 : 0)
    await behind.load(model, 1)
  })

  test('row 23: clock -1 h / +1 day: who watches hears of every change once, in the order in which they were made', async () => {
    const { right, behind, ahead } = await registries()
    await right.register(model, packageNamed('zero'))
    const controller = new AbortController()
    const heard: string[] = []
    const watching = (async () => {
      for await (const event of behind.watch(model, 'champion', { signal: controller.signal, intervalMs: 5 }))
        heard.push(event.type === 'alias-moved' ? `${event.from} to ${event.to}` : `version ${event.version}`)
    })()
    const hears = async (isEnough: () => boolean): Promise<void> => {
      for (let turn = 0; turn < 1_000 && !isEnough(); turn++) await systemClock.sleep(10)
    }
    // It hears of what happens after its first look, whenever that is.
    let last = 1
    for (let turn = 0; turn < 1_000 && heard.length === 0; turn++) {
      last = (await right.register(model, packageNamed(`first ${turn}`))).version
      await systemClock.sleep(10)
    }
    await hears(() => heard.at(-1) === `version ${last}`)
    const before = heard.length
    for (const [index, registry] of [ahead, behind, right].entries()) {
      const { version } = await registry.register(model, packageNamed(`p${index}`))
      await registry.setAlias(model, 'champion', version)
    }
    await hears(() => heard.length >= before + 6)
    controller.abort(new Error('enough'))
    await watching.catch(() => {})
    const [one, two, three] = [last + 1, last + 2, last + 3]
    const moves = [`version ${one}`, `null to ${one}`, `version ${two}`, `${one} to ${two}`, `version ${three}`, `${two} to ${three}`]
    expect(heard.slice(before)).toEqual(moves)
  })
})
