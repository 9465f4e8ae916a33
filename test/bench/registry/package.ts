import { canonicalJson, sha256Hex } from 'millrace/core'
import type { BlobReference, Manifest, ModelPackage } from 'millrace/model'

export interface PackageMaker {
  /** The next package: another manifest, the same blobs, as when a model is evaluated again. */
  next(): ModelPackage
}

/** Packages with weights of the size; what differs from one to the next is a figure of the evaluation, in a manifest of about 1.5 kB. */
export function packageMaker(writer: string, weightsBytes: number): PackageMaker {
  const blobs = new Map<string, Uint8Array>()
  const add = (bytes: Uint8Array): BlobReference => {
    const digest = sha256Hex(bytes)
    blobs.set(digest, bytes)
    return { digest, sizeBytes: bytes.length }
  }
  const weights = new Uint8Array(weightsBytes)
  // Bytes that no storage can compress away, without a random number for each.
  for (let index = 0, state = 1; index < weights.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    weights[index] = state >>> 24
  }
  const text = (value: string): BlobReference => add(new TextEncoder().encode(value))
  const columns = ['distance', 'origin', 'destination', 'hour', 'weekday']
  const base: Manifest = {
    format: 'millrace-model',
    formatVersion: 1,
    minReaderVersion: 1,
    signature: {
      inputs: columns.map((name) => ({ name, kind: 'number', nullable: false })),
      outputs: [{ name: 'probability', type: 'float32', shape: [1] }],
    },
    target: 'late',
    task: 'binary',
    model: { kind: 'bench', digest: sha256Hex('model'), json: { units: [64, 32] }, blobs: { weights: add(weights) } },
    plan: { json: {}, blobs: {} },
    profile: text('profile'),
    golden: text('golden'),
    metrics: { auc: 0.75, 'log-loss': 0.4 },
    lineage: {
      runId: `run-${writer}`,
      dataDigest: sha256Hex('data'),
      trainDigest: sha256Hex('train'),
      testDigest: sha256Hex('test'),
      codeVersion: null,
      packages: { '@tensorflow/tfjs': '4.22.0' },
      learner: 'bench',
      parameters: { units: [64, 32], epochs: 5 },
      details: {},
    },
  }
  let count = 0
  return {
    next(): ModelPackage {
      count++
      const lineage = { ...base.lineage, runId: `run-${writer}-${count}` }
      const manifest: Manifest = { ...base, lineage, metrics: { ...base.metrics, auc: 0.75 + count * 1e-9 } }
      return {
        manifest,
        manifestDigest: sha256Hex(canonicalJson(manifest)),
        async blob(digest: string): Promise<Uint8Array> {
          const bytes = blobs.get(digest)
          if (bytes === undefined) throw new Error(`Expected a blob of the package. Received ${digest}.`)
          return bytes
        },
      }
    },
  }
}
