import { MillraceError } from '../core/error.ts'

/** `resumed`: another process has gone on with the run. `at work`: its owner shows that it lives. */
export function runOwned(runId: string, epoch: number, how: 'resumed' | 'at work', cause?: unknown): MillraceError<'RUN_OWNED'> {
  const received =
    how === 'resumed'
      ? `It was resumed by another process, which has it as epoch ${epoch}.`
      : `Its owner of epoch ${epoch} is at work; wait until it ends, or give "takeOver" when you know that it must not go on.`
  return new MillraceError('RUN_OWNED', {
    message: `Expected run "${runId}" to be ours to go on with. Received another owner. ${received} This process changes nothing any more.`,
    details: { runId, epoch },
    cause,
  })
}
