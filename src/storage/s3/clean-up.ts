import { isAbortOf } from '../../core/abort.ts'
import { MillraceError } from '../../core/error.ts'
import { unavailable } from '../faults.ts'
import type { S3Client } from './client.ts'

/** So long somebody who gave up, or whose server does not answer, is kept waiting for what is only tidy. */
const hasteMs = 1_000

/**
 * Does the work, then deletes the objects that it noted, which nobody else knows. When all went well a delete has all its attempts. When the work failed or
 * was aborted, also while it deletes, it is one try for all at once within a second: what a server does not delete then stays.
 *
 * @throws {@link MillraceError} `STORAGE_UNAVAILABLE` where the outcome of a write is unknown: to whom the object is none of theirs, it says no more.
 */
export async function thenCleanUp<Result>(
  client: S3Client,
  signal: AbortSignal | undefined,
  work: (noted: Set<string>) => Promise<Result>,
): Promise<Result> {
  const noted = new Set<string>()
  try {
    const result = await work(noted)
    for (const key of [...noted]) {
      // Again after a lost reply too: nobody else creates it.
      const isAnswered = await client.send({ method: 'DELETE', key }, signal).then(
        () => true,
        (error: unknown) => {
          if (isAbortOf(signal, error)) throw error
          return false
        },
      )
      // It would not answer for the others either.
      if (!isAnswered) break
      noted.delete(key)
    }
    return result
  } catch (error) {
    await Promise.all([...noted].map((key) => client.attemptWithin(hasteMs, { method: 'DELETE', key })))
    throw withoutKey(client, error)
  }
}

function withoutKey(client: S3Client, error: unknown): unknown {
  return MillraceError.is(error, 'STORAGE_OUTCOME_UNKNOWN') ? unavailable(client.settings.name, error.cause) : error
}
