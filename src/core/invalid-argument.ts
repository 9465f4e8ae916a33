import { MillraceError } from './error.ts'

const maxLength = 200

/** The fault of an argument that cannot be worked with. What was received is text already (`receivedText`), and is cut to 200 characters. */
export function invalidArgument(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  const shown = received.slice(0, maxLength)
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected the ${argument} to be ${expected}. Received ${shown}.`,
    details: { argument, expected, received: shown },
  })
}
