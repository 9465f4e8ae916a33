import { throwIfAborted } from '../../core/abort.ts'
import { MillraceError, messageOf } from '../../core/error.ts'
import { createIdentifierSource } from '../../core/identifiers.ts'
import { thenCleanUp } from './clean-up.ts'
import { S3Client } from './client.ts'
import { createObject, getObject } from './objects.ts'
import type { S3ConnectionOptions, S3ListOrder } from './options.ts'
import { s3Settings } from './options.ts'
import { probe } from './probe.ts'
import { loadSigner, Signer } from './signer.ts'

export interface S3CheckOptions extends S3ConnectionOptions {
  /** How many keys are raced for; default 200. */
  readonly keys?: number
  /** How many writers race for each, on a connection each; default 8. */
  readonly writers?: number
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/** What was found. */
export interface S3CheckReport {
  /** The server can be trusted with a registry, so far as this race shows. */
  readonly passed: boolean
  /** A second create with `If-None-Match: *` is refused, one after the other. */
  readonly ifNoneMatch: boolean
  /** A replacement with `If-Match` of another version is refused. Nothing here needs it: a server that ignores it is one to be wary of. */
  readonly ifMatch: boolean
  readonly listOrder: S3ListOrder
  /** Undefined when there was no sense in it. */
  readonly race?: S3RaceReport
  /** In words, what keeps it from passing; empty when it passed. */
  readonly problems: readonly string[]
}

export interface S3RaceReport {
  readonly keys: number
  readonly writers: number
  /** Keys that more than one writer was told to have created: acknowledged writes that were lost. */
  readonly createdTwice: number
  /** Keys that nobody was told to have created. */
  readonly createdByNone: number
  /** Keys that do not hold what their one creator wrote. */
  readonly heldOther: number
  /** Writers that were told neither. */
  readonly unanswered: number
}

const encoder = new TextEncoder()

/**
 * Finds out whether a server can be trusted with a registry: first one request after the other, then by a race of writers for the same keys. Only the race shows
 * a server that checks first and writes later without a lock. What it writes it deletes. It proves nothing about a server that passes, but that so many
 * keys were raced for without a loss.
 *
 * @throws {@link MillraceError} `STORAGE_UNAVAILABLE`, `STORAGE_DENIED`, `STORAGE_NO_SPACE`, `DEPENDENCY_MISSING`, `ARGUMENT_INVALID`.
 * @example
 * const report = await checkS3({
 *   endpoint: 'http://127.0.0.1:9000',
 *   bucket: 'models',
 *   credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'from a secret store' },
 * })
 * if (!report.passed) throw new Error(report.problems.join(' '))
 */
export async function checkS3(options: S3CheckOptions): Promise<S3CheckReport> {
  const { keys = 200, writers = 8, signal } = options
  throwIfAborted(signal)
  const settings = s3Settings(options)
  assertCount('keys', keys, 1)
  assertCount('writers', writers, 2)
  const client = new S3Client(settings, new Signer(await loadSigner(options.aws4fetch), settings.region))
  const newId = createIdentifierSource(settings)
  const answers = await probe(client, { ifNoneMatch: true, ifMatch: true, listOrder: true }, { newId, signal })
  const found = { ifNoneMatch: answers.ifNoneMatch === true, ifMatch: answers.ifMatch === true, listOrder: answers.listOrder ?? 'bytes' }
  if (!found.ifNoneMatch) {
    const problems = ['The server ignores If-None-Match: a second create of the same key succeeded.']
    return { passed: false, ...found, problems }
  }
  const outcomes = await race(client, { keys, writers, newId, signal, onProgress: options.onProgress })
  const problems = problemsOf(outcomes)
  return { passed: problems.length === 0, ...found, race: outcomes, problems }
}

interface RaceOptions {
  readonly keys: number
  readonly writers: number
  readonly newId: () => string
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((done: number, total: number) => void) | undefined
}

/** All writers start on a key at once; the next key begins when the last of them is answered. */
async function race(client: S3Client, options: RaceOptions): Promise<S3RaceReport> {
  const { keys, writers, newId, signal, onProgress } = options
  const folder = `${client.settings.prefix}.millrace-probe/race-${newId()}`
  const report = { keys, writers, createdTwice: 0, createdByNone: 0, heldOther: 0, unanswered: 0 }
  for (let index = 0; index < keys; index++) {
    throwIfAborted(signal)
    const key = `${folder}-${index}`
    const values = Array.from({ length: writers }, (_, writer) => new Uint8Array(encoder.encode(`writer ${writer} of key ${index}`)))
    await thenCleanUp(client, signal, async (written) => {
      written.add(key)
      const outcomes = await Promise.allSettled(values.map((value) => createObject(client, key, value, { newId, signal })))
      throwIfAborted(signal)
      const created = outcomes.flatMap(({ status }, writer) => (status === 'fulfilled' ? [writer] : []))
      const unanswered = outcomes.flatMap((outcome) =>
        outcome.status === 'rejected' && !MillraceError.is(outcome.reason, 'STORAGE_CONFLICT') ? [outcome.reason] : [],
      )
      // Not one of them was told anything: this is no race.
      if (unanswered.length === writers) throw unanswered[0]
      report.unanswered += unanswered.length
      if (created.length > 1) report.createdTwice++
      if (created.length === 0 && unanswered.length === 0) report.createdByNone++
      if (created.length === 1) {
        const held = await getObject(client, key, undefined, signal)
        const text = held === undefined ? '' : new TextDecoder().decode(held.bytes)
        if (text !== `writer ${created[0]} of key ${index}`) report.heldOther++
      }
    })
    onProgress?.(index + 1, keys)
  }
  return report
}

function problemsOf({ keys, createdTwice, createdByNone, heldOther, unanswered }: S3RaceReport): readonly string[] {
  const problems: string[] = []
  const of = (count: number): string => `${count} of ${keys} keys`
  if (createdTwice > 0)
    problems.push(`More than one writer was told to have created ${of(createdTwice)}: the server checks first and writes later.`)
  if (createdByNone > 0) problems.push(`Nobody was told to have created ${of(createdByNone)}.`)
  if (heldOther > 0) problems.push(`${of(heldOther)} did not hold what their one creator wrote.`)
  if (unanswered > 0) problems.push(`${unanswered} writes got no clear answer.`)
  return problems
}

function assertCount(argument: string, value: number, min: number): void {
  if (Number.isSafeInteger(value) && value >= min) return
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be a whole number from ${min} on. Received ${messageOf(value)}.`,
    details: { argument, expected: `a whole number from ${min} on`, received: String(value) },
  })
}
