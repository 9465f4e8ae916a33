// What a key registers, and as which model: of parts that many share, so that blobs are named, forgotten and named again.
import { sha256Hex } from '../../../src/core/digest.ts'
import { canonicalJson } from '../../../src/core/json.ts'
import type { Random } from '../../../src/core/random.ts'
import { createRandom } from '../../../src/core/random.ts'
import type { BlobReference, Manifest, ModelPackage } from '../../../src/model/model-package.ts'
import { packageNamed } from '../../unit/registry/registry-fixtures.ts'

export const turnoverModels: readonly string[] = ['churn', 'fraud']
/** Of each kind, so few that at most moments about half of them are named. */
const sharedParts = 12
/** Whole packages that come again and again. */
const repeatedPackages = 3
/** More than fits into an entry of the log: then the manifest is a blob, too. */
const largeManifestBytes = 70_000

/** The same for the same key in every process. */
export function turnoverOf(key: string): { readonly model: string; readonly modelPackage: ModelPackage } {
  const random = createRandom(key)
  const model = turnoverModels[random.int(turnoverModels.length)] as string
  const isRepeated = random.int(4) === 0
  const name = isRepeated ? `again ${random.int(repeatedPackages)}` : key
  return { model, modelPackage: packageOf(name, isRepeated ? createRandom(name) : random) }
}

function packageOf(name: string, random: Random): ModelPackage {
  const base = packageNamed(random.int(3) === 0 ? name : `shared ${random.int(sharedParts)}`)
  const blobs = new Map<string, Uint8Array>()
  const part = (kind: string): BlobReference => {
    const bytes = new TextEncoder().encode(`${kind} ${random.int(sharedParts)}`)
    const digest = sha256Hex(bytes)
    blobs.set(digest, bytes)
    return { digest, sizeBytes: bytes.length }
  }
  const padding = random.int(4) === 0 ? 'x'.repeat(largeManifestBytes) : ''
  const manifest: Manifest = {
    ...base.manifest,
    model: { ...base.manifest.model, json: { name, padding } },
    plan: { json: {}, blobs: { table: part('table') } },
    profile: part('profile'),
    golden: part('golden'),
  }
  return {
    manifest,
    manifestDigest: sha256Hex(canonicalJson(manifest)),
    blob: async (digest) => blobs.get(digest) ?? (await base.blob(digest)),
  }
}
