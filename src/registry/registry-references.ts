import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import { systemRandom } from '../core/random.ts'
import { blobsOfManifest } from '../model/manifest.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { BlobReferences } from '../storage/blob-references.ts'
import { stagedBlobs } from './export/import-staging.ts'
import { listModels } from './version-listing.ts'
import { asRegister } from './version-log.ts'
import type { SignalOption } from './version-reader.ts'
import { signalOf, VersionReader } from './version-reader.ts'

/**
 * All blobs of all versions of all models that are not deleted, and of imports under way: what `collectBlobs` must keep for a registry in that storage.
 * `Registry.collectGarbage` uses it already. A log that has lost an entry is `STORAGE_CORRUPT`, so that nothing is deleted: what the versions behind the gap
 * need is not known.
 *
 * @example
 * const { collected } = await collectBlobs(storage, { references: [registryReferences(storage), catalogReferences(storage)], dryRun: true })
 */
export function registryReferences(storage: StorageAdapter): BlobReferences {
  return {
    name: 'registry',
    async *references(options): AsyncGenerator<string, void, undefined> {
      const io = signalOf(options)
      // First: an import that ends meanwhile has registered its versions before, and they are read below.
      yield* stagedBlobs(storage, io)
      const reader = new VersionReader({ storage, clock: systemClock, random: systemRandom })
      for await (const name of listModels(storage, io)) yield* blobsOfModel(reader, name, io)
    },
  }
}

async function* blobsOfModel(reader: VersionReader, name: string, io: SignalOption): AsyncGenerator<string, void, undefined> {
  const log = reader.logOf(name)
  const head = await log.head(io)
  await log.assertWhole(head, io)
  if (head === undefined) return
  for await (const entry of log.log.entries({ ...io, to: head.generation })) {
    const made = asRegister(entry)
    if (made === undefined || (await log.isDeleted(head.state, made.state.lastVersion, io))) continue
    const { manifest, manifestDigest } = made.operation
    // The manifest is a blob only where it is too large for the entry.
    if (manifest === null) yield manifestDigest
    const modelPackage = await reader.open(name, made, io).catch(whereGone)
    if (modelPackage !== undefined) yield* blobsOfManifest(modelPackage.manifest).map(({ digest }) => digest)
  }
}

/** What a manifest named that is gone, is of no use without it. A damaged one is thrown, since it could be mended. */
function whereGone(error: unknown): undefined {
  if (!MillraceError.is(error, 'STORAGE_NOT_FOUND')) throw error
}
