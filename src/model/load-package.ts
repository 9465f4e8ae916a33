import { MillraceError } from '../core/error.ts'
import { canonicalJson, type Json } from '../core/json.ts'
import type { Profile } from '../data/profile.ts'
import { profileFromJson } from '../data/profile-record.ts'
import type { FeaturePlan } from '../features/feature-plan.ts'
import { featurePlanFromPackage } from '../features/plan-package.ts'
import { checkSize } from './blob-reference.ts'
import { checkGolden, decodeGolden } from './golden.ts'
import { checkManifest, digestOfManifest } from './manifest.ts'
import type { Model, ModelLoader, StoredModel } from './model.ts'
import { loaderOf } from './model-kinds.ts'
import type { BlobReference, Manifest, ModelPackage, Signature } from './model-package.ts'
import { describeModel, digestOfModel } from './model-reference.ts'
import { checkSignature } from './signature.ts'

/** A package ready to serve. Whoever loads it disposes its model. */
export interface LoadedPackage {
  readonly manifest: Manifest
  readonly manifestDigest: string
  readonly signature: Signature
  readonly plan: FeaturePlan
  readonly model: Model
  /** Of the training part. */
  readonly profile: Profile
  /** How many golden rows were asked and answered as when it was packaged. */
  readonly goldenRows: number
}

/**
 * Opens a package: reads its blobs (verified), restores plan, model and profile, and asks the golden questions before anybody else may.
 *
 * @throws {@link MillraceError} `FORMAT_UNSUPPORTED`, `MODEL_KIND_UNKNOWN` when no loader fits, `MODEL_INVALID` when its parts do not belong
 * together, `GOLDEN_MISMATCH` when it no longer answers as it did, and what reading blobs throws.
 * @example
 * const { version } = await registry.register('flight-delay', modelPackage)
 * const loaded = await loadModelPackage(await registry.load('flight-delay', version), { models: [denseNetworkLoader] })
 * loaded.model.dispose()
 */
export async function loadModelPackage(
  modelPackage: ModelPackage,
  options: { readonly models: readonly ModelLoader[]; readonly signal?: AbortSignal },
): Promise<LoadedPackage> {
  const io = options.signal === undefined ? {} : { signal: options.signal }
  const manifest = checkManifest(modelPackage.manifest)
  // Blobs are found by the manifest's digests, so the manifest must be the one that was registered: any registry may have given it.
  if (digestOfManifest(manifest) !== modelPackage.manifestDigest) throw invalid('the manifest has another digest than the package says')
  const loader = loaderOf(manifest.model.kind, options.models)
  const stored: StoredModel = {
    kind: manifest.model.kind,
    json: manifest.model.json,
    blobs: await readBlobs(modelPackage, manifest.model.blobs, io),
  }
  if (digestOfModel(describeModel(stored)) !== manifest.model.digest) throw invalid('the model has another digest than the manifest says')
  const plan = featurePlanFromPackage({ json: manifest.plan.json, blobs: await readBlobs(modelPackage, manifest.plan.blobs, io) })
  checkPlan(plan, manifest.signature)
  const profile = profileFromJson(await readJson(modelPackage, 'profile', io))
  const golden = decodeGolden(await readJson(modelPackage, 'golden', io))
  const unanswered = manifest.signature.outputs.find(({ name }) => !Object.hasOwn(golden.answers, name))
  if (unanswered !== undefined) throw invalid(`the golden predictions have no answers in "${unanswered.name}"`)
  const model = await loader.load(stored, io)
  try {
    await checkGolden(golden, { plan, model, ...io })
  } catch (error) {
    model.dispose()
    throw error
  }
  return {
    manifest,
    manifestDigest: modelPackage.manifestDigest,
    signature: manifest.signature,
    plan,
    model,
    profile,
    goldenRows: Object.values(golden.rows)[0]?.length ?? 0,
  }
}

function checkPlan(plan: FeaturePlan, signature: Signature): void {
  const byName = [...plan.columns].map(({ name, kind, nullable }) => ({ name, kind, nullable })).sort((a, b) => (a.name < b.name ? -1 : 1))
  if (canonicalJson(byName) !== canonicalJson(signature.inputs))
    throw invalid('the feature plan reads other columns than the signature says')
  checkSignature(signature, plan.columns)
}

async function readBlobs(
  modelPackage: ModelPackage,
  references: Readonly<Record<string, BlobReference>>,
  options: { readonly signal?: AbortSignal },
): Promise<Readonly<Record<string, Uint8Array>>> {
  const blobs: [string, Uint8Array][] = []
  for (const [name, reference] of Object.entries(references)) blobs.push([name, await readBlobOf(modelPackage, reference, options)])
  return Object.fromEntries(blobs)
}

async function readBlobOf(
  modelPackage: ModelPackage,
  reference: BlobReference,
  options: { readonly signal?: AbortSignal },
): Promise<Uint8Array> {
  const bytes = await modelPackage.blob(reference.digest, options)
  checkSize(bytes, reference)
  return bytes
}

async function readJson(modelPackage: ModelPackage, part: 'profile' | 'golden', options: { readonly signal?: AbortSignal }): Promise<Json> {
  const bytes = await readBlobOf(modelPackage, modelPackage.manifest[part], options)
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json
  } catch (cause) {
    throw invalid(`the blob "${part}" is not JSON`, cause)
  }
}

function invalid(reason: string, cause?: unknown): MillraceError<'MODEL_INVALID'> {
  return new MillraceError('MODEL_INVALID', {
    message: `Expected a model package whose parts belong together. Received one in which ${reason}.`,
    details: { reason },
    cause,
  })
}
