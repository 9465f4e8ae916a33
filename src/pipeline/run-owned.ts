import { MillraceError } from '../core/error.ts'

/** `resumed`: another process has gone on with the run. `deleted`: one deletes it. `at work`: its owner shows that it lives. */
export function runOwned(runId: string, epoch: number, how: keyof typeof owners, cause?: unknown): MillraceError<'RUN_OWNED'> {
  return new MillraceError('RUN_OWNED', {
    message: `Expected run "${runId}" to be ours to go on with. Received another owner. ${owners[how](epoch)} This process changes nothing any more.`,
    details: { runId, epoch },
    cause,
  })
}

const owners = {
  resumed: (epoch: number) => `It was resumed by another process, which has it as epoch ${epoch}.`,
  deleted: (epoch: number) => `It was deleted by another process, which had it as epoch ${epoch}.`,
  'at work': (epoch: number) =>
    `Its owner of epoch ${epoch} is at work; wait until it ends, or give "takeOver" when you know that it must not go on.`,
}
