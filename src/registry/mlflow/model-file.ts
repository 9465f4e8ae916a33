import { libraryVersion } from '../../core/version.ts'
import type { ColumnType } from '../../data/column-type.ts'
import { denseNetworkKind } from '../../model/dense-network-format.ts'
import type { Manifest, Signature } from '../../model/model-package.ts'

/** MLflow's types of columns. */
const columnTypes = { number: 'double', integer: 'long', boolean: 'boolean', text: 'string', time: 'datetime' } as const satisfies Record<
  ColumnType['kind'],
  string
>

/** Where the package lies among the artifacts of its run. */
export const packageFolder = 'model'
export const manifestFile = 'manifest.json'
export const modelFile = 'MLmodel'

/** The file of a blob, below the package's folder. */
export function blobFile(digest: string): string {
  return `blobs/${digest}`
}

/**
 * What MLflow knows of a model: its signature, and its flavors, which say who can open it. The text is JSON, which is YAML too: the one is what the
 * server takes, the other what its clients read. Both flavors point at the package; `tfjs` stands where TensorFlow.js can run the model.
 */
export function modelFileOf(
  manifest: Manifest,
  of: { readonly runId: string; readonly manifestDigest: string; readonly time: number },
): string {
  const { kind } = manifest.model
  const about = { model_kind: kind, task: manifest.task, target: manifest.target, manifest: manifestFile }
  const flavors = {
    millrace: { ...about, manifest_digest: of.manifestDigest, millrace_version: libraryVersion },
    ...(kind === denseNetworkKind ? { tfjs: about } : {}),
  }
  return JSON.stringify(
    {
      artifact_path: packageFolder,
      run_id: of.runId,
      // Python prints six digits of a second.
      utc_time_created: new Date(of.time).toISOString().replace('T', ' ').replace('Z', '000'),
      flavors,
      signature: signatureFields(manifest.signature),
    },
    undefined,
    2,
  )
}

/** As MLflow keeps it: texts of JSON, inputs by column, outputs as tensors whose first dimension is the rows. */
function signatureFields(signature: Signature): { readonly inputs: string; readonly outputs: string; readonly params: null } {
  const inputs = signature.inputs.map(({ name, kind, nullable }) => ({ type: columnTypes[kind], name, required: !nullable }))
  const outputs = signature.outputs.map(({ name, type, shape }) => ({
    type: 'tensor',
    name,
    'tensor-spec': { dtype: type, shape: [-1, ...shape] },
  }))
  return { inputs: JSON.stringify(inputs), outputs: JSON.stringify(outputs), params: null }
}
