// Collection without locks (docs/decisions/0006-collection-without-locks.md) with real processes on files: some register and delete, some collect, and any of
// them is killed or stopped at any moment.
import { describe, expect, test } from 'vitest'
import { blobsOfManifest } from '../../src/model/manifest.ts'
import { Registry } from '../../src/registry/registry.ts'
import { copyOfKey } from '../../src/storage/blob-copies.ts'
import { FileStorage } from '../../src/storage/file.ts'
import { verifyBlob } from '../../src/storage/verify-blob.ts'
import { collect } from '../unit/registry/registry-fixtures.ts'
import type { Mistake, StormOutcome } from './support/collection-storm.ts'
import { collectionStorm } from './support/collection-storm.ts'
import { isFullProof, size } from './support/size.ts'
import { temporaryRoot } from './support/temporary-root.ts'
import { turnoverModels, turnoverOf } from './support/turnover-package.ts'
import type { HeldVersion } from './support/turnover-worker.ts'

const root = temporaryRoot()
const actors = { writers: 3, collectors: 2 }

const nameOf = ({ key, version }: HeldVersion): string => `${turnoverOf(key).model} ${version}`

async function versionsThere(storage: FileStorage): Promise<string[]> {
  const registry = new Registry({ storage })
  const there = await Promise.all(turnoverModels.map((model) => collect(registry.versions(model))))
  return there.flat().map(({ name, version }) => `${name} ${version}`)
}

/** It is what the key stands for, and every blob of it is there. */
async function expectIntact(storage: FileStorage, { key, version }: HeldVersion): Promise<void> {
  const { model, modelPackage } = turnoverOf(key)
  const { manifest, manifestDigest } = await new Registry({ storage }).load(model, version)
  expect(manifestDigest).toBe(modelPackage.manifestDigest)
  for (const { digest } of blobsOfManifest(manifest)) expect(await verifyBlob(storage, digest)).toBe('intact')
}

/** What was acknowledged is there and loads, and what was deleted is not. Returns the versions of which either is right, where they are there. */
async function expectAcknowledged(storage: FileStorage, { held, deleted, perhapsDeleted }: StormOutcome): Promise<HeldVersion[]> {
  const there = new Set(await versionsThere(storage))
  expect(held.filter((version) => !there.has(nameOf(version)))).toEqual([])
  expect(deleted.filter((version) => there.has(nameOf(version)))).toEqual([])
  const kept = perhapsDeleted.filter((version) => there.has(nameOf(version)))
  for (const version of [...held, ...kept]) await expectIntact(storage, version)
  return kept
}

/** Digests of all blobs that a version names. */
async function blobsNamed(storage: FileStorage, versions: readonly HeldVersion[]): Promise<Set<string>> {
  const named = new Set<string>()
  for (const { key } of versions) {
    const { manifest, manifestDigest } = turnoverOf(key).modelPackage
    // Only a large one is a blob.
    if ((await verifyBlob(storage, manifestDigest)) === 'intact') named.add(manifestDigest)
    for (const { digest } of blobsOfManifest(manifest)) named.add(digest)
  }
  return named
}

describe('processes that collect beside processes that register, killed and stopped at any moment', () => {
  const storms = size(1, 6)
  const kills = size(4, 25)

  test('lose no blob of an acknowledged version, and take away what nothing names', async () => {
    const sum = { killed: 0, acknowledged: 0, unfinished: 0, passes: 0, collected: 0, markedAgain: 0 }
    for (let storm = 0; storm < storms; storm++) {
      const folder = `${root()}/${storm}`
      const outcome = await collectionStorm({ root: folder, seed: `storm ${storm}`, kills, ...actors })
      expect(outcome.lost).toEqual([])
      expect(outcome.collected).toBeGreaterThan(0)

      // All are dead. What they left, versions among it that nobody was told of, hinders nobody.
      const storage = await FileStorage.open(folder)
      const registry = new Registry({ storage })
      await expectAcknowledged(storage, outcome)
      await registry.collectGarbage({ dryRun: false, olderThanMs: 0 })
      const kept = await expectAcknowledged(storage, outcome)

      // Whoever asks again for what it was not told of gets it, whatever was collected meanwhile.
      const finished: HeldVersion[] = []
      for (const key of outcome.unfinished) {
        const { model, modelPackage } = turnoverOf(key)
        const { version } = await registry.register(model, modelPackage, { idempotencyKey: key })
        finished.push({ key, version })
      }
      await registry.collectGarbage({ dryRun: false, olderThanMs: 0 })
      await expectAcknowledged(storage, outcome)
      for (const version of finished) await expectIntact(storage, version)
      const all = [...outcome.held, ...kept, ...finished]
      expect((await versionsThere(storage)).sort()).toEqual(all.map(nameOf).sort())
      const stored = (await collect(storage.list('blobs'))).map(({ key }) => copyOfKey(key)?.digest ?? key)
      expect([...new Set(stored)].sort()).toEqual([...(await blobsNamed(storage, all))].sort())

      sum.killed += outcome.kills.writers + outcome.kills.collectors
      sum.acknowledged += outcome.held.length + outcome.deleted.length + outcome.perhapsDeleted.length
      sum.unfinished += outcome.unfinished.length
      sum.passes += outcome.passes
      sum.collected += outcome.collected
      sum.markedAgain += (await collect(storage.list('collected'))).filter(({ key }) => key.includes('-')).length
    }
    console.log(
      `${sum.killed} killed, ${sum.acknowledged} versions acknowledged and not lost, ${sum.unfinished} interrupted; ${sum.passes} passes took away ` +
        `${sum.collected} blobs; ${sum.markedAgain} copies were marked of blobs that had come again`,
    )
  })

  const mistakes: readonly Mistake[] = ['writers do not confirm', 'collectors read the references once']
  test.each(mistakes.slice(0, isFullProof ? 2 : 1))('are caught when %s', async (mistake) => {
    const { lost, deleted, kills: killed } = await collectionStorm({ root: root(), seed: mistake, kills, ...actors, mistake })
    expect(lost.length).toBeGreaterThan(0)
    expect(lost.filter((text) => !text.includes('STORAGE_NOT_FOUND'))).toEqual([])
    console.log(`found after ${deleted.length + lost.length} versions and ${killed.writers + killed.collectors} kills`)
  })
})
