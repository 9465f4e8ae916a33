// Does what it draws on the models it is given, one after the other, and writes a journal of it: each call before it is begun and once it has its answer.
import { createRandom } from '../../../src/core/random.ts'
import { FileStorage } from '../../../src/storage/file.ts'
import { packageNamed } from '../../unit/registry/registry-fixtures.ts'
import type { RegistryKind } from './broken-registries.ts'
import { registryOf } from './broken-registries.ts'
import type { HistoryEvent } from './linearizability.ts'
import { drawInput, perform, shortDigest } from './registry-operations.ts'
import type { RegistryInput, RegistryOutput } from './registry-specification.ts'
import { say, sharedTime, waitForStart } from './workers.ts'

export interface HistoryWorkerOptions {
  readonly root: string
  readonly client: string
  readonly seed: string
  readonly models: readonly string[]
  readonly calls: number
  readonly kind: RegistryKind
}
export type RegistryEvent = HistoryEvent<RegistryInput, RegistryOutput>

const { root, client, seed, models, calls, kind } = JSON.parse(process.argv[2] ?? '') as HistoryWorkerOptions
const random = createRandom(`${seed} ${client}`)
const registry = registryOf(kind, await FileStorage.open(root))
/** By model, the newest version that it has heard of. */
const known = new Map<string, number>()
await waitForStart()
for (let call = 0; call < calls; call++) {
  const model = models[random.int(models.length)] ?? ''
  const modelPackage = packageNamed(`${client}-${call}`)
  const input = drawInput(random, { model, digest: shortDigest(modelPackage.manifestDigest), lastVersion: known.get(model) ?? 0 })
  write({ type: 'invoke', client, time: sharedTime(), input })
  const outcome = await perform(registry, input, () => modelPackage)
  const time = sharedTime()
  if (outcome.type !== 'ok') {
    write({ type: outcome.type, client, time })
    continue
  }
  write({ type: 'ok', client, time, output: outcome.output })
  if (typeof outcome.output === 'object' && 'version' in outcome.output)
    known.set(model, Math.max(known.get(model) ?? 0, outcome.output.version))
}

function write(event: RegistryEvent): void {
  say(event)
}
