// Reads where an alias is and sets it one higher, if it is still there, until it was acknowledged `count` times.
import { MillraceError } from '../../../src/core/error.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { FileStorage } from '../../../src/storage/file.ts'
import { say, waitForStart } from './workers.ts'

export interface IncrementWorkerOptions {
  readonly root: string
  readonly model: string
  readonly alias: string
  readonly count: number
}
/** From one version to another, as acknowledged. */
export type IncrementWorkerLine = readonly [from: number, to: number]

const { root, model, alias, count } = JSON.parse(process.argv[2] ?? '') as IncrementWorkerOptions
const registry = new Registry({ storage: await FileStorage.open(root) })
await waitForStart()
for (let acknowledged = 0; acknowledged < count; ) {
  const from = (await registry.aliases(model)).get(alias) ?? 0
  try {
    await registry.setAlias(model, alias, from + 1, { expectedVersion: from })
  } catch (error) {
    // Somebody else came first: look again.
    if (MillraceError.is(error, 'ALIAS_MOVED')) continue
    throw error
  }
  acknowledged++
  say([from, from + 1])
}
