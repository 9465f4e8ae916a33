// Registers versions of one model over an object store and moves an alias to each, while other processes do the same.
import { Registry } from '../../../src/registry/registry.ts'
import type { S3StorageOptions } from '../../../src/storage/s3.ts'
import { S3Storage } from '../../../src/storage/s3.ts'
import { say, waitForStart } from '../../proof/support/workers.ts'
import { packageNamed } from '../../unit/registry/registry-fixtures.ts'

export interface RegistrarOptions {
  readonly connection: S3StorageOptions
  readonly name: string
  readonly count: number
}
export interface RegistrarLine {
  readonly key: string
  readonly version: number
  readonly manifestDigest: string
}

const { connection, name, count } = JSON.parse(process.argv[2] ?? '') as RegistrarOptions
const registry = new Registry({ storage: await S3Storage.open(connection) })
await waitForStart()
for (let index = 0; index < count; index++) {
  const key = `${name}-${index}`
  const { version, manifestDigest } = await registry.register('churn', packageNamed(key), { idempotencyKey: key })
  await registry.setAlias('churn', 'champion', version)
  const line: RegistrarLine = { key, version, manifestDigest }
  say(line)
}
