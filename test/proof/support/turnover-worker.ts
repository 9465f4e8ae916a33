// Registers versions and deletes them again, until it is killed; loads each before it deletes it. Tells each step when it begins and when it is acknowledged.
import { MillraceError } from '../../../src/core/error.ts'
import { createRandom } from '../../../src/core/random.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { BlobWriter } from '../../../src/storage/blob-writer.ts'
import { FileStorage } from '../../../src/storage/file.ts'
import { turnoverOf } from './turnover-package.ts'
import { say, waitForStart } from './workers.ts'

export interface HeldVersion {
  /** What it is made of and its idempotency key. */
  readonly key: string
  readonly version: number
}

export interface TurnoverWorkerOptions {
  readonly root: string
  /** Of its packages, which are numbered from 0. */
  readonly name: string
  /** What one that was killed has left: versions to go on with, and a registration whose end it did not live to see. */
  readonly held: readonly HeldVersion[]
  readonly unfinished: string | null
  /** False, which is a mistake: that a version is made is said without looking whether somebody is collecting its blobs. */
  readonly confirms: boolean
}

export type TurnoverWorkerLine =
  | { readonly step: 'registering' | 'deleting' | 'deleted'; readonly key: string }
  | { readonly step: 'registered'; readonly key: string; readonly version: number }
  | { readonly step: 'lost'; readonly key: string; readonly reason: string }

const maxHeld = 4
const { root, name, held: inherited, unfinished, confirms } = JSON.parse(process.argv[2] ?? '') as TurnoverWorkerOptions
const tell = (line: TurnoverWorkerLine): void => say(line)
if (!confirms) BlobWriter.prototype.confirm = async () => {}
const random = createRandom(name)
const held = [...inherited]
const registry = new Registry({ storage: await FileStorage.open(root) })
await waitForStart()
if (unfinished !== null) await register(unfinished)
for (let index = 0; ; index++) {
  await register(`${name}-${index}`)
  for (const left = random.int(maxHeld + 1); held.length > left; ) {
    const [{ key, version }] = held.splice(random.int(held.length), 1) as [HeldVersion]
    await loadAndDelete(key, version)
  }
}

async function register(key: string): Promise<void> {
  const { model, modelPackage } = turnoverOf(key)
  tell({ step: 'registering', key })
  const { version } = await registry.register(model, modelPackage, { idempotencyKey: key })
  tell({ step: 'registered', key, version })
  held.push({ key, version })
}

async function loadAndDelete(key: string, version: number): Promise<void> {
  const { model } = turnoverOf(key)
  try {
    await registry.load(model, version)
  } catch (error) {
    return tell({ step: 'lost', key, reason: MillraceError.is(error) ? `${error.code} ${error.message}` : String(error) })
  }
  tell({ step: 'deleting', key })
  await registry.deleteVersion(model, version)
  tell({ step: 'deleted', key })
}
