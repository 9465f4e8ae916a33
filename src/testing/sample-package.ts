import { sha256Hex } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import { digestOfManifest, manifestHeader } from '../model/manifest.ts'
import type { BlobReference, Manifest, ModelPackage } from '../model/model-package.ts'

export interface SamplePackageOptions {
  readonly metrics?: Readonly<Record<string, number>>
  readonly parameters?: Json
  readonly dataDigest?: string
  /** Columns that the model takes. */
  readonly inputs?: Manifest['signature']['inputs']
}

/**
 * A small package for tests of registries: valid to the last digest, but its model is of a kind that nothing loads. The same name and options give the same bytes.
 *
 * @example
 * const modelPackage = samplePackage('first', { metrics: { auc: 0.8 } })
 * modelPackage.manifest.metrics // { auc: 0.8 }
 */
export function samplePackage(name: string, options: SamplePackageOptions = {}): ModelPackage {
  const blobs = new Map<string, Uint8Array>()
  const add = (text: string): BlobReference => {
    const bytes = new TextEncoder().encode(text)
    const digest = sha256Hex(bytes)
    blobs.set(digest, bytes)
    return { digest, sizeBytes: bytes.length }
  }
  const manifest: Manifest = {
    ...manifestHeader,
    signature: {
      inputs: options.inputs ?? [{ name: 'distance', kind: 'number', nullable: false }],
      outputs: [{ name: 'probability', type: 'float32', shape: [] }],
    },
    target: 'late',
    task: 'binary',
    model: {
      kind: 'sample',
      digest: sha256Hex(`model ${name}`),
      json: { name },
      blobs: { weights: add(`weights of ${name}`) },
    },
    plan: { json: {}, blobs: { table: add('the table that all share') } },
    profile: add('a profile'),
    golden: add('golden predictions'),
    metrics: options.metrics ?? { auc: 0.75 },
    lineage: {
      runId: `run-${name}`,
      dataDigest: options.dataDigest ?? sha256Hex('data'),
      trainDigest: sha256Hex('train'),
      testDigest: sha256Hex('test'),
      codeVersion: null,
      packages: { millrace: '1.0.0' },
      learner: 'sample',
      parameters: options.parameters ?? { epochs: 5, units: [64, 32] },
      details: {},
    },
  }
  return {
    manifest,
    manifestDigest: digestOfManifest(manifest),
    async blob(digest: string): Promise<Uint8Array> {
      const bytes = blobs.get(digest)
      if (bytes !== undefined) return bytes.slice()
      throw new MillraceError('STORAGE_NOT_FOUND', {
        message: `Expected a blob that the package names. Received "${digest}".`,
        details: { key: digest },
      })
    },
  }
}
