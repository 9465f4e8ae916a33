// Changes a model and stops itself on one side of the moment that makes the change seen: for good, or until it is told to go on.
import { MillraceError } from '../../../src/core/error.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { FileStorage } from '../../../src/storage/file.ts'
import { packageNamed } from '../../unit/registry/registry-fixtures.ts'
import type { Side } from './watched-files.ts'
import { crashingFiles, isCommit, suspendingFiles } from './watched-files.ts'
import { say } from './workers.ts'

export interface StoppedWorkerOptions {
  readonly root: string
  readonly model: string
  readonly change:
    | { readonly do: 'register'; readonly package: string; readonly key: string }
    | { readonly do: 'set-alias'; readonly alias: string; readonly version: number; readonly expected: number | null }
  /** `hang`: until it is killed. `suspend`: by SIGSTOP, until SIGCONT. */
  readonly stop: 'hang' | 'suspend'
  readonly side: Side
}
export type StoppedWorkerLine = { readonly version: number } | { readonly moved: true } | { readonly refused: string }

const { root, model, change, stop, side } = JSON.parse(process.argv[2] ?? '') as StoppedWorkerOptions
const files = stop === 'hang' ? crashingFiles(isCommit, side, () => say('stopped')) : suspendingFiles(isCommit, side)
// Else the process would end, with nothing to wait for.
const keepAlive = setInterval(() => {}, 1_000)
const registry = new Registry({ storage: await FileStorage.open(root, { files }) })
try {
  if (change.do === 'register') {
    const { version } = await registry.register(model, packageNamed(change.package), { idempotencyKey: change.key })
    say({ version })
  } else {
    await registry.setAlias(model, change.alias, change.version, change.expected === null ? {} : { expectedVersion: change.expected })
    say({ moved: true })
  }
} catch (error) {
  if (!MillraceError.is(error)) throw error
  say({ refused: error.code })
}
clearInterval(keepAlive)
