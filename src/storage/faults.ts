import { MillraceError, messageOf } from '../core/error.ts'

/** The faults of storage with their one wording, for adapters. */

export function conflict(key: string, cause?: unknown): MillraceError<'STORAGE_CONFLICT'> {
  return new MillraceError('STORAGE_CONFLICT', {
    message: `Expected no object at "${key}". Received one that was there already.`,
    details: { key },
    cause,
  })
}

export function outcomeUnknown(key: string, cause: unknown): MillraceError<'STORAGE_OUTCOME_UNKNOWN'> {
  return new MillraceError('STORAGE_OUTCOME_UNKNOWN', {
    message: `Expected an answer about the write of "${key}". Received ${messageOf(cause)}: it may or may not have been written; read it back.`,
    details: { key },
    cause,
  })
}

export function noSpace(key: string, cause: unknown): MillraceError<'STORAGE_NO_SPACE'> {
  return new MillraceError('STORAGE_NO_SPACE', {
    message: `Expected room for "${key}". Received ${messageOf(cause)}.`,
    details: { key },
    cause,
  })
}

export function unavailable(storage: string, cause: unknown): MillraceError<'STORAGE_UNAVAILABLE'> {
  const reason = messageOf(cause)
  return new MillraceError('STORAGE_UNAVAILABLE', {
    message: `Expected an answer of the storage "${storage}". Received ${reason}.`,
    details: { storage, reason },
    cause,
  })
}

export function denied(storage: string, reason: string, cause?: unknown): MillraceError<'STORAGE_DENIED'> {
  return new MillraceError('STORAGE_DENIED', {
    message: `Expected the storage "${storage}" to let this be done. Received a refusal: ${reason}.`,
    details: { storage, reason },
    cause,
  })
}

export function corrupt(key: string, reason: string, offsetBytes?: number): MillraceError<'STORAGE_CORRUPT'> {
  const place = offsetBytes === undefined ? `"${key}"` : `byte ${offsetBytes} of "${key}"`
  return new MillraceError('STORAGE_CORRUPT', {
    message: `Expected the bytes that were written at ${place}. Received others: ${reason}.`,
    details: { key, reason, ...(offsetBytes === undefined ? {} : { offsetBytes }) },
  })
}
