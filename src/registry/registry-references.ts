import { systemClock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import { systemRandom } from '../core/random.ts'
import { blobsOfManifest } from '../model/manifest.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { BlobReferences } from '../storage/blob-references.ts'
import { listModels } from './version-listing.ts'
import { asRegister } from './version-log.ts'
import { signalOf, VersionReader } from './version-reader.ts'

/**
 * All blobs of all versions of all models that are not deleted: what `collectBlobs` must keep for a registry in that storage. `Registry.collectGarbage` uses
 * it already.
 *
 * @example
 * const { collected } = await collectBlobs(storage, { references: [registryReferences(storage), catalogReferences(storage)], dryRun: true })
 */
export function registryReferences(storage: StorageAdapter): BlobReferences {
  return {
    name: 'registry',
    async *references(options): AsyncGenerator<string, void, undefined> {
      const io = signalOf(options)
      const reader = new VersionReader({ storage, clock: systemClock, random: systemRandom })
      for await (const name of listModels(storage, io)) {
        const log = reader.logOf(name)
        const head = await reader.head(name, io)
        if (head === undefined) continue
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
    },
  }
}

/** What a manifest named that is gone, is of no use without it. A damaged one is thrown, since it could be mended. */
function whereGone(error: unknown): undefined {
  if (!MillraceError.is(error, 'STORAGE_NOT_FOUND')) throw error
}
