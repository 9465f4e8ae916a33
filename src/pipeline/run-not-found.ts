import { MillraceError } from '../core/error.ts'
import { receivedText } from '../core/received.ts'
import type { StorageAdapter } from '../storage/adapter.ts'

/** @param purpose - what the run was wanted for, such as ` to resume`. */
export function runNotFound(storage: StorageAdapter, runId: unknown, purpose = ''): MillraceError<'RUN_NOT_FOUND'> {
  return new MillraceError('RUN_NOT_FOUND', {
    message: `Expected a run in storage "${storage.name}"${purpose}. Received ${receivedText(runId)}, which has no journal there.`,
    details: { runId: typeof runId === 'string' ? runId : receivedText(runId) },
  })
}

/** Undefined where the work finds no run. */
export async function unlessNotFound<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work
  } catch (error) {
    if (MillraceError.is(error, 'RUN_NOT_FOUND')) return undefined
    throw error
  }
}
