// Registers versions of one model, one after the other, until it has made `count` or is killed; tells each when it begins and when it is acknowledged.
import { Registry } from '../../../src/registry/registry.ts'
import { FileStorage } from '../../../src/storage/file.ts'
import { packageNamed } from '../../unit/registry/registry-fixtures.ts'
import { say, waitForStart } from './workers.ts'

export interface RegisterWorkerOptions {
  readonly root: string
  readonly model: string
  /** Of its packages, which are numbered from 0; each is its own idempotency key. */
  readonly name: string
  readonly count: number
}
export type RegisterWorkerLine =
  | { readonly begun: string; readonly version?: undefined }
  | { readonly made: string; readonly version: number; readonly manifestDigest: string }

const { root, model, name, count } = JSON.parse(process.argv[2] ?? '') as RegisterWorkerOptions
const registry = new Registry({ storage: await FileStorage.open(root) })
await waitForStart()
for (let index = 0; index < count; index++) {
  const key = `${name}-${index}`
  say({ begun: key })
  const { version, manifestDigest } = await registry.register(model, packageNamed(key), { idempotencyKey: key })
  say({ made: key, version, manifestDigest })
}
