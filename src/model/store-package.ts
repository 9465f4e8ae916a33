import { mapConcurrently } from '../core/concurrency.ts'
import { sha256Hex } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { blobKey, getBlob, putBlob } from '../storage/blobs.ts'
import { checkSize, isDigest, readBlob } from './blob-reference.ts'
import { blobsOfManifest, checkManifest, decodeManifest, encodeManifest } from './manifest.ts'
import type { Manifest, ModelPackage } from './model-package.ts'

/** Blobs under way at a time: bounds the memory that copying takes. */
const blobsTogether = 4

/**
 * Copies a package into a storage: first every blob that its manifest names, verified, and the manifest last, so that a manifest that can be
 * read has all its blobs. Writing the same package again writes nothing, and mends a blob that has been damaged.
 *
 * @returns the manifest's digest, which {@link openModelPackage} takes.
 * @throws {@link MillraceError} `STORAGE_CORRUPT` when a blob or the manifest has another digest than it is said to have.
 * @example
 * const digest = await storeModelPackage(storage, modelPackage)
 * digest === modelPackage.manifestDigest // true
 */
export async function storeModelPackage(
  storage: StorageAdapter,
  modelPackage: ModelPackage,
  options: { readonly signal?: AbortSignal } = {},
): Promise<string> {
  const manifest = encodeManifest(checkManifest(modelPackage.manifest))
  expectDigest(manifest, modelPackage.manifestDigest)
  await mapConcurrently(
    blobsOfManifest(modelPackage.manifest),
    blobsTogether,
    async (reference) => {
      if (await isIntact(storage, reference.digest, options)) return
      const bytes = await modelPackage.blob(reference.digest, options)
      expectDigest(bytes, reference.digest)
      checkSize(bytes, reference)
      await storage.put(blobKey(reference.digest), bytes, options)
    },
    options.signal,
  )
  return putBlob(storage, manifest, options)
}

/**
 * A stored package again; its blobs are read and verified when they are asked for.
 *
 * @throws {@link MillraceError} `STORAGE_NOT_FOUND`, `STORAGE_CORRUPT`, `FORMAT_UNSUPPORTED` or `MODEL_INVALID`.
 * @example
 * const digest = await storeModelPackage(storage, modelPackage)
 * const { manifest } = await openModelPackage(storage, digest)
 * manifest.target // 'late'
 */
export async function openModelPackage(
  storage: StorageAdapter,
  manifestDigest: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ModelPackage> {
  if (!isDigest(manifestDigest)) {
    throw new MillraceError('ARGUMENT_INVALID', {
      message: `Expected the manifest's SHA-256 as 64 hexadecimal digits. Received "${manifestDigest}".`,
      details: { argument: 'manifestDigest', expected: '64 hexadecimal digits', received: manifestDigest },
    })
  }
  return packageIn(storage, decodeManifest(await getBlob(storage, manifestDigest, options)), manifestDigest)
}

/** A package whose blobs are in this storage. */
export function packageIn(storage: StorageAdapter, manifest: Manifest, manifestDigest: string): ModelPackage {
  const references = new Map(blobsOfManifest(manifest).map((reference) => [reference.digest, reference]))
  return {
    manifest,
    manifestDigest,
    async blob(digest: string, options: { readonly signal?: AbortSignal } = {}): Promise<Uint8Array> {
      const reference = references.get(digest)
      if (reference === undefined) {
        throw new MillraceError('STORAGE_NOT_FOUND', {
          message: `Expected a blob that the manifest ${manifestDigest} names. Received "${digest}".`,
          details: { key: digest },
        })
      }
      return readBlob(storage, reference, options)
    },
  }
}

/** Content-addressed: what is there under the digest and has it need not be written again. */
async function isIntact(storage: StorageAdapter, digest: string, options: { readonly signal?: AbortSignal }): Promise<boolean> {
  try {
    await getBlob(storage, digest, options)
    return true
  } catch (error) {
    if (MillraceError.is(error, 'STORAGE_NOT_FOUND') || MillraceError.is(error, 'STORAGE_CORRUPT')) return false
    throw error
  }
}

function expectDigest(bytes: Uint8Array, digest: string): void {
  const received = sha256Hex(bytes)
  if (received === digest) return
  throw new MillraceError('STORAGE_CORRUPT', {
    message: `Expected bytes of SHA-256 ${digest} in the package. Received ${received}.`,
    details: { key: digest, reason: 'digest mismatch' },
  })
}
