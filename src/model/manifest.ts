import { sha256Hex } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import { canonicalJson, isPlainObject } from '../core/json.ts'
import { isBlobReference, isBlobReferences, isDigest } from './blob-reference.ts'
import { checkFormat } from './check-format.ts'
import type { BlobReference, Manifest } from './model-package.ts'

const format = { format: 'millrace-model', supportedVersion: 1 } as const
/** What a writer of this version puts into a manifest. */
export const manifestHeader = { format: 'millrace-model', formatVersion: 1, minReaderVersion: 1 } as const

const columnKinds: readonly unknown[] = ['number', 'integer', 'boolean', 'text', 'time']
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** The manifest as it is stored: its canonical JSON. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return encoder.encode(canonicalJson(manifest))
}

/** SHA-256 of the canonical JSON: the identity of a package. */
export function digestOfManifest(manifest: Manifest): string {
  return sha256Hex(encodeManifest(manifest))
}

/** All blobs that a manifest names, each once. */
export function blobsOfManifest(manifest: Manifest): readonly BlobReference[] {
  const all = [...Object.values(manifest.model.blobs), ...Object.values(manifest.plan.blobs), manifest.profile, manifest.golden]
  return [...new Map(all.map((reference) => [reference.digest, reference])).values()]
}

/**
 * Reads a manifest back.
 *
 * @throws {@link MillraceError} `FORMAT_UNSUPPORTED`, or `MODEL_INVALID` naming what is missing.
 */
export function decodeManifest(bytes: Uint8Array): Manifest {
  let stored: unknown
  try {
    stored = JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw invalidManifest('it is not JSON', cause)
  }
  return checkManifest(stored)
}

/** The value as a manifest, when every part that is read from it is there. */
export function checkManifest(stored: unknown): Manifest {
  checkFormat(stored, format)
  const { model, plan, signature, target, task, metrics, lineage } = stored
  if (typeof target !== 'string' || typeof task !== 'string') throw invalidManifest('target or task is missing')
  if (!isPlainObject(model) || typeof model.kind !== 'string' || !isDigest(model.digest) || !isPlainObject(model.json)) {
    throw invalidManifest('its model has no kind, digest or JSON')
  }
  if (!isPlainObject(plan) || !isPlainObject(plan.json)) throw invalidManifest('its feature plan has no JSON')
  const blobs = isBlobReferences(model.blobs) && isBlobReferences(plan.blobs)
  if (!blobs || !isBlobReference(stored.profile) || !isBlobReference(stored.golden))
    throw invalidManifest('it names blobs without digest and size')
  if (!isSignature(signature)) throw invalidManifest('its signature is incomplete')
  if (!isPlainObject(metrics) || !Object.values(metrics).every(Number.isFinite)) throw invalidManifest('its metrics are not numbers')
  if (!isPlainObject(lineage)) throw invalidManifest('its lineage is missing')
  return stored as unknown as Manifest
}

function isSignature(value: unknown): boolean {
  if (!isPlainObject(value)) return false
  const { inputs, outputs } = value
  return Array.isArray(inputs) && inputs.every(isInput) && Array.isArray(outputs) && outputs.length > 0 && outputs.every(isOutput)
}

function isInput(value: unknown): boolean {
  return isPlainObject(value) && typeof value.name === 'string' && typeof value.nullable === 'boolean' && columnKinds.includes(value.kind)
}

function isOutput(value: unknown): boolean {
  return isPlainObject(value) && typeof value.name === 'string' && Array.isArray(value.shape) && value.shape.every(Number.isSafeInteger)
}

function invalidManifest(reason: string, cause?: unknown): MillraceError<'MODEL_INVALID'> {
  return new MillraceError('MODEL_INVALID', {
    message: `Expected the manifest of a model package. Received one that cannot be: ${reason}.`,
    details: { reason },
    cause,
  })
}
