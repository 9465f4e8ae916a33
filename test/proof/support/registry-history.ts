import type { Random } from '../../../src/core/random.ts'
import { createRandom } from '../../../src/core/random.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { FileStorage } from '../../../src/storage/file.ts'
import type { RegistryKind } from './broken-registries.ts'
import type { HistoryWorkerOptions, RegistryEvent } from './history-worker.ts'
import type { Call, Verdict } from './linearizability.ts'
import { callsOf, checkPartitioned } from './linearizability.ts'
import { acknowledgedVersions } from './registry-operations.ts'
import type { ModelState, RegistryInput, RegistryOutput } from './registry-specification.ts'
import { registrySpecification } from './registry-specification.ts'
import type { Worker } from './workers.ts'
import { release, startWorker } from './workers.ts'

export interface RegistryHistory {
  readonly calls: readonly Call<RegistryInput, RegistryOutput>[]
  /** Of those, whose outcome nobody knows. */
  readonly unknown: number
  readonly verdict: Verdict<ModelState, RegistryInput, RegistryOutput>
}

/** Runs processes on one folder, kills some of them on the way, and checks what all of them saw. */
export async function runRegistryHistory(options: {
  readonly root: string
  readonly seed: string
  readonly clients: number
  readonly callsEach: number
  readonly kills: number
  readonly models: readonly string[]
  readonly kind: RegistryKind
}): Promise<RegistryHistory> {
  const { root, seed, clients, callsEach, kills, models, kind } = options
  const random = createRandom(`kills of ${seed}`)
  const workers = Array.from({ length: clients }, (_, index) => {
    const worker: HistoryWorkerOptions = { root, client: `client-${index}`, seed, models, calls: callsEach, kind }
    return startWorker('history-worker.ts', worker.client, worker)
  })
  const killed = workers.slice(0, kills).map((worker) => killOnTheWay(worker, callsEach, random))
  await release(workers)
  await Promise.all([...killed, ...workers.map(({ ended }) => ended)])
  const events = workers.flatMap(({ lines }) => lines.filter((line) => line !== 'ready').map((line) => JSON.parse(line) as RegistryEvent))
  const calls = callsOf(events)
  // Every blob of what was acknowledged, whatever was collected meanwhile. A registry that is wrong has its own reasons to fail.
  if (kind === 'sound') await loadAcknowledged(new Registry({ storage: await FileStorage.open(root) }), models, calls)
  const verdict = checkPartitioned(registrySpecification, calls, ({ model }) => model)
  return { calls, unknown: calls.filter(({ completed }) => completed === undefined).length, verdict }
}

async function loadAcknowledged(registry: Registry, models: readonly string[], calls: RegistryHistory['calls']): Promise<void> {
  for (const model of models) {
    const acknowledged = acknowledgedVersions(calls, model)
    for await (const { version } of registry.versions(model)) if (acknowledged.has(version)) await registry.load(model, version)
  }
}

/** Each call is two lines. In the middle of one: after its first line, while it runs. */
async function killOnTheWay(worker: Worker, calls: number, random: Random): Promise<void> {
  const lines = 1 + 2 * (3 + random.int(Math.max(1, Math.floor(calls * 0.8) - 3))) + random.int(2)
  await worker.waitFor(() => worker.lines.length >= lines)
  worker.signal('SIGKILL')
}
