import { describe, expect, it } from 'vitest'
import { batchOf } from '../../../src/data/build-batch.ts'
import { Deployment } from '../../../src/deploy/deployment.ts'
import type { DeploymentEvent } from '../../../src/deploy/deployment-event.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { MemoryLog, name, registryOf, TamperedLoader } from '../../fixtures/deploy/serving.ts'
import { flightColumns, flightPackage } from '../../fixtures/model/flights.ts'

const alias = 'champion'
const flight = { date: '2001-06-01T17:00:00Z', distance: 954, origin: 'SEA', cancelled: false }
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

async function opened(
  versions: number,
): Promise<{ registry: Registry; loader: TamperedLoader; deployment: Deployment; events: DeploymentEvent[] }> {
  const registry = await registryOf(versions)
  const loader = new TamperedLoader()
  const deployment = await Deployment.open({ registry, model: name, alias, models: [loader] })
  const events: DeploymentEvent[] = []
  deployment.on((event) => events.push(event))
  return { registry, loader, deployment, events }
}

describe('refreshing', () => {
  it('does nothing while the alias stays, or where a version is pinned', async () => {
    const { deployment, events, registry } = await opened(2)
    expect(await deployment.refresh()).toBe('unchanged')
    const pinned = await Deployment.open({ registry, model: name, version: 1 })
    await registry.setAlias(name, alias, 2)
    expect(await pinned.refresh()).toBe('unchanged')
    expect(events).toEqual([])
  })

  it('follows the alias, and frees the version that it leaves', async () => {
    const { deployment, events, loader, registry } = await opened(2)
    const before = await deployment.predict([flight])
    await registry.setAlias(name, alias, 2)
    expect(await deployment.refresh()).toBe('swapped')
    const after = await deployment.predict([flight])
    expect([before.version, after.version, deployment.metadata.version]).toEqual([1, 2, 2])
    expect(after.predictions).not.toEqual(before.predictions)
    expect(loader.open).toBe(1)
    expect(events).toMatchObject([
      { type: 'version-swapped', from: 1, version: 2 },
      { type: 'version-disposed', version: 1 },
    ])
  })

  it('lets calls end on the version on which they began', async () => {
    const { deployment, events, loader, registry } = await opened(2)
    const old = (await deployment.predict([flight])).predictions
    let finish = (): void => {}
    loader.tamper = (answer) =>
      new Promise((resolve) => {
        finish = () => resolve(answer())
      })
    const underWay = deployment.predict([flight])
    await pause(1)
    loader.tamper = undefined
    await registry.setAlias(name, alias, 2)
    await deployment.refresh()
    expect((await deployment.predict([flight])).version).toBe(2)
    expect(loader.open).toBe(2)
    finish()
    expect(await underWay).toMatchObject({ version: 1, predictions: old })
    expect(loader.open).toBe(1)
    expect(events.map(({ type }) => type)).toEqual(['version-swapped', 'version-disposed'])
  })

  it('joins a refresh that is under way', async () => {
    const { deployment, loader, registry } = await opened(2)
    await registry.setAlias(name, alias, 2)
    expect(await Promise.all([deployment.refresh(), deployment.refresh()])).toEqual(['swapped', 'swapped'])
    expect(loader.open).toBe(1)
  })

  it('keeps what it serves when the new version cannot be verified, and says why', async () => {
    const { deployment, events, loader, registry } = await opened(1)
    await registry.register(name, await flightPackage(new MemoryStorage(), { seed: 2 }))
    await registry.setAlias(name, alias, 2)
    const { load } = registry
    const cases: [string, () => void, string][] = [
      [
        'a blob is missing',
        () => {
          registry.load = () => Promise.reject(new Error('no such blob'))
        },
        'no such blob',
      ],
      [
        'it answers otherwise',
        () => {
          registry.load = load.bind(registry)
          loader.tamper = () => ({})
        },
        'golden row',
      ],
    ]
    for (const [what, arrange, reason] of cases) {
      arrange()
      expect(await deployment.refresh(), what).toBe('failed')
      expect(events.at(-1)).toMatchObject({ type: 'refresh-failed', version: 1, error: { message: expect.stringContaining(reason) } })
      loader.tamper = undefined
      expect((await deployment.predict([flight])).version).toBe(1)
      expect(loader.open).toBe(1)
    }
    expect(await deployment.refresh()).toBe('swapped')
  })

  it('keeps what it serves when the alias has gone', async () => {
    const { deployment, events, registry } = await opened(1)
    registry.alias = async () => undefined
    expect(await deployment.refresh()).toBe('failed')
    expect(events).toMatchObject([{ type: 'refresh-failed', error: { code: 'MODEL_NOT_FOUND' } }])
    expect((await deployment.predict([flight])).version).toBe(1)
  })

  it('rejects when it is aborted, and changes nothing', async () => {
    const { deployment, events, registry } = await opened(2)
    await registry.setAlias(name, alias, 2)
    const reason = new Error('enough')
    await expect(deployment.refresh({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect([deployment.metadata.version, events]).toEqual([1, []])
  })

  it('loses no call over forty swaps under load, and frees every version but the last', async () => {
    const { deployment, events, loader, registry } = await opened(2)
    // Each call takes a few turns of the event loop, so that swaps come in the middle of calls.
    loader.tamper = async (answer) => {
      await pause(Math.random() * 3)
      return answer()
    }
    const batch = batchOf(flightColumns(50, 3))
    let isDone = false
    let calls = 0
    const versions = new Set<number>()
    const clients = Array.from({ length: 32 }, async (_, client) => {
      while (!isDone) {
        const { version } = client % 2 === 0 ? await deployment.predict([flight]) : await deployment.predictBatch(batch)
        versions.add(version)
        calls++
      }
    })
    for (let swap = 0; swap < 40; swap++) {
      await registry.setAlias(name, alias, swap % 2 === 0 ? 2 : 1)
      expect(await deployment.refresh()).toBe('swapped')
    }
    isDone = true
    await Promise.all(clients)
    expect(calls).toBeGreaterThan(200)
    expect(versions).toEqual(new Set([1, 2]))
    expect(deployment.stats()).toMatchObject({ errors: 0, requests: calls, inFlight: 0 })
    expect(loader.open).toBe(1)
    expect(events.filter(({ type }) => type === 'version-disposed')).toHaveLength(40)
    await deployment.close()
    expect(loader.open).toBe(0)
  })
})

describe('closing', () => {
  it('waits for calls under way, flushes the log, frees the model, and takes nothing more', async () => {
    const [loader, log] = [new TamperedLoader(), new MemoryLog()]
    const deployment = await Deployment.open({ registry: await registryOf(), model: name, alias, models: [loader], log })
    loader.tamper = async (answer) => {
      await pause(20)
      return answer()
    }
    const underWay = deployment.predict([flight])
    await pause(1)
    const closing = deployment.close()
    expect(deployment.isReady).toBe(false)
    await expect(deployment.predict([flight])).rejects.toMatchObject({ code: 'DEPLOYMENT_CLOSED', details: { model: name } })
    await closing
    expect((await underWay).predictions).toHaveLength(1)
    expect([log.records.length, log.flushes, loader.open]).toEqual([1, 1, 0])
    await expect(deployment.recordOutcome('b.1', 1)).rejects.toMatchObject({ code: 'DEPLOYMENT_CLOSED' })
    await expect(deployment.recordAction('b.1', 'x')).rejects.toMatchObject({ code: 'DEPLOYMENT_CLOSED' })
    await expect(deployment.refresh()).rejects.toMatchObject({ code: 'DEPLOYMENT_CLOSED' })
    await expect(deployment.close()).resolves.toBeUndefined()
    expect(log.flushes).toBe(1)
  })

  it('waits for a refresh under way, and frees what it brought', async () => {
    const { deployment, events, loader, registry } = await opened(2)
    await registry.setAlias(name, alias, 2)
    const refresh = deployment.refresh()
    await deployment.close()
    await refresh
    expect(loader.open).toBe(0)
    expect(events.at(-1)?.type).toBe('deployment-closed')
  })
})

describe('a deployment with a name', () => {
  it('tells the registry where its versions are at work, the first and those that it changes to', async () => {
    const registry = await registryOf(2)
    const deployment = await Deployment.open({ registry, model: name, alias, name: 'checkout-api' })
    await registry.setAlias(name, alias, 2)
    await deployment.refresh()
    await deployment.close()
    for (const version of [1, 2])
      expect((await registry.lineage(name, version)).deployments).toMatchObject([{ deployment: 'checkout-api', by: null }])
    await (await Deployment.open({ registry, model: name, alias })).close()
    expect((await registry.lineage(name, 2)).deployments).toHaveLength(1)
  })

  it('serves on, and says so, when the registry cannot be told', async () => {
    const registry = await registryOf()
    const lost = new Error('lost')
    const deaf = new (class extends Registry {
      override recordDeployment(): Promise<void> {
        return Promise.reject(lost)
      }
    })({ storage: new MemoryStorage() })
    await deaf.importModel(registry.exportModel(name), { aliases: true })
    const deployment = await Deployment.open({ registry: deaf, model: name, alias, name: 'checkout-api' })
    const events: DeploymentEvent[] = []
    deployment.on((event) => events.push(event))
    expect((await deployment.predict([flight])).version).toBe(1)
    await deployment.close()
    expect(events[0]).toMatchObject({ type: 'record-failed', version: 1, error: lost })
  })
})
