// One process of a race on an object store: says that it is ready, and for each key that it is told creates it over several connections at once.
import { createInterface } from 'node:readline'
import { MillraceError } from '../../../src/core/error.ts'
import type { S3StorageOptions } from '../../../src/storage/s3.ts'
import { S3Storage } from '../../../src/storage/s3.ts'
import { say } from '../../proof/support/workers.ts'

export interface RacerOptions {
  readonly connection: S3StorageOptions
  readonly name: string
  readonly connections: number
}
export interface RacerLine {
  readonly key: string
  /** What the winners of this process wrote. */
  readonly won: readonly string[]
  /** What was neither a success nor a conflict. */
  readonly other: readonly string[]
}

const { connection, name, connections } = JSON.parse(process.argv[2] ?? '') as RacerOptions
const storage = await S3Storage.open(connection)
say('ready')
for await (const key of createInterface({ input: process.stdin })) {
  const values = Array.from({ length: connections }, (_, index) => `${name}-${index} of ${key}`)
  const outcomes = await Promise.allSettled(values.map((value) => storage.putIfAbsent(key, new TextEncoder().encode(value))))
  const won = values.filter((_, index) => outcomes[index]?.status === 'fulfilled')
  const other = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' && !MillraceError.is(outcome.reason, 'STORAGE_CONFLICT') ? [String(outcome.reason)] : [],
  )
  const line: RacerLine = { key, won, other }
  say(line)
}
