import { mapConcurrently } from '../core/concurrency.ts'
import { sha256Hex } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { BlobWriter } from '../storage/blob-writer.ts'
import { getBlob, putBlob } from '../storage/blobs.ts'
import { condemnBlob } from '../storage/condemn-blob.ts'
import { verifyBlob } from '../storage/verify-blob.ts'
import { checkSize, isDigest, readBlob } from './blob-reference.ts'
import { blobsOfManifest, checkManifest, decodeManifest, encodeManifest } from './manifest.ts'
import type { Manifest, ModelPackage } from './model-package.ts'

/** Blobs under way at a time: bounds the memory that copying takes. */
const blobsTogether = 4

/**
 * Copies a package into a storage: first every blob that its manifest names, verified, and the manifest last, so that a manifest that can be
 * read has all its blobs. Writing the same package again writes nothing, and mends a blob that has been damaged.
 *
 * Whoever then names the package in a log, where blobs are collected, begins a `writer` first, gives it here, and confirms it with {@link blobsOfPackage}.
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
  options: { readonly writer?: BlobWriter; readonly signal?: AbortSignal } = {},
): Promise<string> {
  const io = options.signal === undefined ? {} : { signal: options.signal }
  const writer = options.writer ?? (await BlobWriter.begin(storage, io))
  return await writer.put(await storePackageBlobs(storage, modelPackage, { ...io, writer }), io)
}

/** The digests of all blobs of a stored package, its manifest among them. */
export function blobsOfPackage({ manifest, manifestDigest }: Pick<ModelPackage, 'manifest' | 'manifestDigest'>): readonly string[] {
  return [...blobsOfManifest(manifest).map(({ digest }) => digest), manifestDigest]
}

/** Blobs that need not be looked at, since they were a moment ago. */
export interface KnownBlobs {
  has(digest: string): boolean
  add(digest: string): void
}

/** All of a package but its manifest, of which the bytes are returned. Throws as {@link storeModelPackage} does. */
export async function storePackageBlobs(
  storage: StorageAdapter,
  modelPackage: ModelPackage,
  options: { readonly writer: BlobWriter; readonly known?: KnownBlobs; readonly signal?: AbortSignal },
): Promise<Uint8Array> {
  const { writer, known, ...io } = options
  const manifest = encodeManifest(checkManifest(modelPackage.manifest))
  expectDigest(manifest, modelPackage.manifestDigest)
  await mapConcurrently(
    blobsOfManifest(modelPackage.manifest),
    blobsTogether,
    async (reference) => {
      if (known?.has(reference.digest) === true) return
      const condition = await verifyBlob(storage, reference.digest, io)
      if (condition === 'intact') return known?.add(reference.digest)
      const bytes = await modelPackage.blob(reference.digest, io)
      expectDigest(bytes, reference.digest)
      checkSize(bytes, reference)
      if (condition === 'missing') await writer.put(bytes, io)
      else {
        // The writer began before the damage was marked; who stores now goes by the marker.
        await condemnBlob(storage, reference.digest, io)
        await putBlob(storage, bytes, io)
      }
    },
    options.signal,
  )
  return manifest
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

function expectDigest(bytes: Uint8Array, digest: string): void {
  const received = sha256Hex(bytes)
  if (received === digest) return
  throw new MillraceError('STORAGE_CORRUPT', {
    message: `Expected bytes of SHA-256 ${digest} in the package. Received ${received}.`,
    details: { key: digest, reason: 'digest mismatch' },
  })
}
