import { sha256Hex } from '../../../src/core/digest.ts'
import { canonicalJson } from '../../../src/core/json.ts'
import type { BlobReference, Manifest, ModelPackage } from '../../../src/model/model-package.ts'

/** A small valid package; its weights, and so its digests, follow from the name. */
export function packageNamed(name: string, options: { metrics?: Record<string, number> } = {}): ModelPackage {
  const blobs = new Map<string, Uint8Array>()
  const add = (text: string): BlobReference => {
    const bytes = new TextEncoder().encode(text)
    const digest = sha256Hex(bytes)
    blobs.set(digest, bytes)
    return { digest, sizeBytes: bytes.length }
  }
  const manifest: Manifest = {
    format: 'millrace-model',
    formatVersion: 1,
    minReaderVersion: 1,
    signature: {
      inputs: [{ name: 'x', kind: 'number', nullable: false }],
      outputs: [{ name: 'probability', type: 'float32', shape: [1] }],
    },
    target: 'late',
    task: 'binary',
    model: { kind: 'test', digest: sha256Hex(`model ${name}`), json: { name }, blobs: { weights: add(`weights of ${name}`) } },
    plan: { json: {}, blobs: { table: add('the same table in all') } },
    profile: add('profile'),
    golden: add('golden'),
    metrics: options.metrics ?? { auc: 0.75 },
    lineage: {
      runId: `run-${name}`,
      dataDigest: sha256Hex('data'),
      trainDigest: sha256Hex('train'),
      testDigest: sha256Hex('test'),
      codeVersion: null,
      packages: {},
      learner: 'test',
      parameters: { units: [4] },
      details: {},
    },
  }
  return {
    manifest,
    manifestDigest: sha256Hex(canonicalJson(manifest)),
    async blob(digest) {
      return blobs.get(digest) ?? Promise.reject(new Error(`no blob ${digest}`))
    },
  }
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = []
  for await (const item of items) found.push(item)
  return found
}
