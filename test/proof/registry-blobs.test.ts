import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { Deployment } from '../../src/deploy/deployment.ts'
import type { DeploymentEvent } from '../../src/deploy/deployment-event.ts'
import { blobsOfManifest } from '../../src/model/manifest.ts'
import { Registry } from '../../src/registry/registry.ts'
import { blobKey } from '../../src/storage/blobs.ts'
import { FileStorage } from '../../src/storage/file.ts'
import { flightPackage } from '../fixtures/model/flights.ts'

const name = 'flight-delay'
const flight = { date: '2001-06-01T17:00:00Z', distance: 954, origin: 'SEA', cancelled: false }
const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

/** Two versions in files, of which the first serves. */
async function serving(): Promise<{ storage: FileStorage; registry: Registry; deployment: Deployment; events: DeploymentEvent[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-'))
  folders.push(folder)
  const storage = await FileStorage.open(folder)
  const registry = new Registry({ storage })
  for (const seed of [1, 2]) await registry.register(name, await flightPackage(storage, { seed }))
  await registry.setAlias(name, 'champion', 1)
  const deployment = await Deployment.open({ registry, model: name, alias: 'champion' })
  const events: DeploymentEvent[] = []
  deployment.on((event) => events.push(event))
  return { storage, registry, deployment, events }
}

describe('row 16', () => {
  test('row 16: deleted blob, load(version): NotFound naming the digest; the serving version stays', async () => {
    const { storage, registry, deployment, events } = await serving()
    const before = await deployment.predict([flight])
    const { manifest } = await registry.load(name, 2)
    const shared = new Set(blobsOfManifest((await registry.load(name, 1)).manifest).map(({ digest }) => digest))
    const own = blobsOfManifest(manifest).filter(({ digest }) => !shared.has(digest))
    expect(own.length).toBeGreaterThan(0)
    for (const { digest } of own) {
      const { bytes } = (await storage.get(blobKey(digest))) ?? expect.unreachable()
      await storage.delete(blobKey(digest))
      const gone = await registry.load(name, 2).catch((error: unknown) => error)
      expect(gone).toMatchObject({ code: 'STORAGE_NOT_FOUND', details: { key: blobKey(digest) }, message: expect.stringContaining(digest) })
      await registry.setAlias(name, 'champion', 2)
      expect(await deployment.refresh()).toBe('failed')
      expect(events.at(-1)).toMatchObject({ type: 'refresh-failed', version: 1, error: { code: 'STORAGE_NOT_FOUND' } })
      expect(await deployment.predict([flight])).toMatchObject({ version: 1, predictions: before.predictions })
      // A process that starts now cannot serve it either, and says why.
      await expect(Deployment.open({ registry, model: name, alias: 'champion' })).rejects.toMatchObject({ code: 'STORAGE_NOT_FOUND' })
      await registry.rollback(name, 'champion')
      await storage.putIfAbsent(blobKey(digest), bytes)
    }
    await registry.setAlias(name, 'champion', 2)
    expect(await deployment.refresh()).toBe('swapped')
    expect((await deployment.predict([flight])).version).toBe(2)
    await deployment.close()
  })

  test('row 16: deleted blob that all versions share: what serves goes on, and registering the package again brings it back', async () => {
    const { storage, registry, deployment } = await serving()
    const { manifest } = await registry.load(name, 1)
    await storage.delete(blobKey(manifest.profile.digest))
    for (const version of [1, 2]) await expect(registry.load(name, version)).rejects.toMatchObject({ code: 'STORAGE_NOT_FOUND' })
    expect((await deployment.predict([flight])).version).toBe(1)
    await registry.register(name, await flightPackage(storage, { seed: 1 }))
    for (const version of [1, 2, 3]) await registry.load(name, version)
    await deployment.close()
  })
})
