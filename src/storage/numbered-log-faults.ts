import { MillraceError } from '../core/error.ts'

export function contended(prefix: string, key: string, attempts: number): MillraceError<'STORAGE_CONFLICT'> {
  return new MillraceError('STORAGE_CONFLICT', {
    message: `Expected to append to the log at "${prefix}" within ${attempts} attempts. Received another writer's entry each time, the last at "${key}".`,
    details: { key },
  })
}

export function unsettled(key: string, cause: unknown): MillraceError<'STORAGE_OUTCOME_UNKNOWN'> {
  return new MillraceError('STORAGE_OUTCOME_UNKNOWN', {
    message: `Expected to read "${key}" back after the reply to its write was lost. Received a failure: it may have been written.`,
    details: { key },
    cause,
  })
}

export function brokenLog(key: string, reason: string): MillraceError<'STORAGE_CORRUPT'> {
  return new MillraceError('STORAGE_CORRUPT', {
    message: `Expected entries without a gap, each after the one before. Received a broken log at "${key}": ${reason}.`,
    details: { key, reason },
  })
}
