import { canonicalJson, type Json, toJson } from '../core/json.ts'
import type { Dataset } from '../data/dataset.ts'
import type { Profile } from '../data/profile.ts'
import type { FeaturePlan } from '../features/feature-plan.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { storeBlob, storeBlobs } from './blob-reference.ts'
import type { Evaluation } from './evaluation.ts'
import { encodeGolden, makeGolden } from './golden.ts'
import type { Task } from './learner.ts'
import { digestOfManifest, manifestHeader } from './manifest.ts'
import type { ModelReference } from './model.ts'
import type { Lineage, Manifest, ModelPackage } from './model-package.ts'
import { describeModel, digestOfModel } from './model-reference.ts'
import { signatureOf } from './signature.ts'
import { packageIn } from './store-package.ts'

export interface PackageModelOptions {
  /** Where the blobs go. */
  readonly storage: StorageAdapter
  readonly plan: FeaturePlan
  /** The column that is predicted. */
  readonly target: string
  readonly task: Task
  readonly model: ModelReference
  /** Of the training part: what drift will be measured against. */
  readonly trainingProfile: Profile
  /** Golden rows are taken from it. */
  readonly test: Dataset
  readonly evaluation: Evaluation
  readonly training: { readonly learner: string; readonly parameters: Json; readonly details: Json }
  /** Learner, parameters and details come from `training`. */
  readonly lineage: Omit<Lineage, 'learner' | 'parameters' | 'details'> & Partial<Lineage>
  readonly signal?: AbortSignal
}

/**
 * Makes of a trained model what a registry stores: plan, weights, training profile and golden predictions as blobs, and a manifest that names
 * them by digest. Nothing in it depends on when or where it is made: the same model packaged twice has the same manifest but for `lineage.runId`.
 *
 * A metric that is not a finite number is left out of the manifest.
 *
 * @throws {@link MillraceError} `MODEL_INVALID` when the model answers something that is not finite, `SPLIT_EMPTY` when there is no test row.
 */
export async function packageModel(options: PackageModelOptions): Promise<ModelPackage> {
  const { storage, plan, training } = options
  const io = options.signal === undefined ? {} : { signal: options.signal }
  const stored = await options.model.stored(io)
  const model = await options.model.open(io)
  try {
    const { golden, answer } = await makeGolden({ plan, model, rows: options.test, ...io })
    // What only training needs of the plan stays out of what is served.
    const planPackage = plan.toPackage({ training: false })
    const modelBlobs = await storeBlobs(storage, stored.blobs, io)
    const manifest: Manifest = {
      ...manifestHeader,
      signature: signatureOf(plan, answer),
      target: options.target,
      task: options.task,
      model: { kind: stored.kind, digest: digestOfModel(describeModel(stored)), json: toJson(stored.json), blobs: modelBlobs },
      plan: { json: toJson(planPackage.json), blobs: await storeBlobs(storage, planPackage.blobs, io) },
      profile: await storeJson(storage, options.trainingProfile.toJSON(), io),
      golden: await storeJson(storage, encodeGolden(golden), io),
      metrics: finiteMetrics(options.evaluation),
      lineage: lineageOf(options.lineage, training),
    }
    return packageIn(storage, manifest, digestOfManifest(manifest))
  } finally {
    model.dispose()
  }
}

async function storeJson(
  storage: StorageAdapter,
  value: Json,
  options: { signal?: AbortSignal },
): Promise<{ readonly digest: string; readonly sizeBytes: number }> {
  return storeBlob(storage, new TextEncoder().encode(canonicalJson(value)), options)
}

function finiteMetrics(evaluation: Evaluation): Readonly<Record<string, number>> {
  const figures = Object.entries(evaluation.metrics).map(([name, metric]): [string, number] => [name, metric.value])
  return Object.fromEntries(figures.filter(([, value]) => Number.isFinite(value)))
}

function lineageOf(given: PackageModelOptions['lineage'], training: PackageModelOptions['training']): Lineage {
  const { runId, dataDigest, trainDigest, testDigest, codeVersion, packages } = given
  const { learner, parameters, details } = training
  return {
    runId,
    dataDigest,
    trainDigest,
    testDigest,
    codeVersion,
    packages,
    learner,
    parameters: toJson(parameters),
    details: toJson(details),
  }
}
