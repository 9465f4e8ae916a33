import { digestOfJson } from '../core/digest.ts'
import type { Json } from '../core/json.ts'
import { getBlob, putBlob } from '../storage/blobs.ts'
import type { Portable, PortableOptions } from '../storage/portable.ts'
import type { FeaturePlan } from './feature-plan.ts'
import { FittedPlan } from './fitted-plan.ts'
import { recordOf, textOf } from './plan-blobs.ts'
import { featurePlanFromPackage } from './plan-package.ts'

/** Keeps feature plans in storage: small JSON in place, tables as blobs. The digest is over all of it. */
export const featurePlanPortable: Portable<FeaturePlan> = {
  kind: 'feature-plan',
  matches: (value: unknown): value is FeaturePlan => value instanceof FittedPlan,
  async encode(plan: FeaturePlan, options: PortableOptions): Promise<{ readonly stored: Json; readonly digest: string }> {
    const { json, blobs } = plan.toPackage()
    const digests: Record<string, string> = {}
    for (const [name, bytes] of Object.entries(blobs)) digests[name] = await putBlob(options.storage, bytes, signalOf(options))
    const stored = { plan: json, blobs: digests }
    return { stored, digest: digestOfJson(stored) }
  },
  async decode(stored: Json, options: PortableOptions): Promise<FeaturePlan> {
    const blobs: Record<string, Uint8Array> = {}
    for (const [name, digest] of digestsOf(stored)) blobs[name] = await getBlob(options.storage, digest, signalOf(options))
    return featurePlanFromPackage({ json: recordOf(stored, 'an object').plan as Json, blobs })
  },
  async blobs(stored: Json): Promise<readonly string[]> {
    return digestsOf(stored).map(([, digest]) => digest)
  },
}

function digestsOf(stored: Json): readonly (readonly [name: string, digest: string])[] {
  return Object.entries(recordOf(recordOf(stored, 'an object').blobs, 'blobs')).map(([name, digest]) => [name, textOf(digest, 'a digest')])
}

function signalOf(options: PortableOptions): { readonly signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal }
}
