import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Registry } from 'millrace/registry'
import type { MlflowServer } from '../../../scripts/services/mlflow.ts'
import { packageMaker } from './package.ts'
import { openStorage, type StorageSpec } from './storages.ts'

const script = fileURLToPath(new URL('./mlflow_load.py', import.meta.url))
const sizeBytes = 50 * 1024 * 1024
const turns = 5

/** How long it takes to have the bytes of a model of 50 MB: ours read and verified (SHA-256 of each), MLflow's downloaded by its own client, which verifies nothing. */
export async function loadTimes(options: {
  readonly folder: string
  readonly stores: Readonly<Record<string, StorageSpec>>
  readonly mlflow: MlflowServer
}): Promise<{ readonly rows: readonly (readonly string[])[]; readonly results: Readonly<Record<string, readonly number[]>> }> {
  const results: Record<string, readonly number[]> = {}
  const specs: readonly (readonly [string, StorageSpec])[] = [
    ['files', { kind: 'file', root: `${options.folder}/load` }],
    ...Object.entries(options.stores).map(([name, spec]): readonly [string, StorageSpec] => [`S3: ${name}`, spec]),
  ]
  for (const [name, spec] of specs) results[name] = await ours(spec)
  for (const [name, where] of [
    ['MLflow in process', `${options.folder}/mlflow-load`],
    ['MLflow server', options.mlflow.url],
  ] as const) {
    const ran = spawnSync(options.mlflow.python.command, [script, where, String(sizeBytes), String(turns)], { encoding: 'utf8' })
    if (ran.status !== 0) throw new Error(`Expected MLflow to load its model. Received ${ran.stderr.slice(-1000)}`)
    results[name] = JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? '[]') as readonly number[]
  }
  const median = (times: readonly number[]): number =>
    [...times].sort((left, right) => left - right)[Math.floor(times.length / 2)] as number
  const rows = Object.entries(results).map(([name, times]) => [`load 50 MB, ${name}`, `${median(times).toFixed(0)} ms`])
  return { rows, results }
}

async function ours(spec: StorageSpec): Promise<readonly number[]> {
  const writer = new Registry({ storage: await openStorage(spec) })
  const { version } = await writer.register('large', packageMaker('load', sizeBytes).next())
  const times: number[] = []
  for (let turn = 0; turn < turns; turn++) {
    const began = performance.now()
    // Cold: opened, found and read anew each time.
    const modelPackage = await new Registry({ storage: await openStorage(spec) }).load('large', version)
    for (const { digest } of Object.values(modelPackage.manifest.model.blobs)) await modelPackage.blob(digest)
    times.push(performance.now() - began)
  }
  return times
}
