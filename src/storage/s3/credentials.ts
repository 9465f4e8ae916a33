import { MillraceError } from '../../core/error.ts'

/** Who asks. A session token comes with credentials that expire. */
export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** The message never shows them: what does not fit a header is told by its place only. @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function assertCredentials(credentials: S3Credentials): void {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials ?? {}
  const fits = (value: unknown): boolean => typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)
  const expected = 'printable characters without spaces'
  const received = (value: unknown): string =>
    typeof value === 'string' ? (value === '' ? 'an empty text' : 'other characters') : typeof value
  if (!fits(accessKeyId)) throw invalid('credentials.accessKeyId', expected, received(accessKeyId))
  if (!fits(secretAccessKey)) throw invalid('credentials.secretAccessKey', expected, received(secretAccessKey))
  if (sessionToken !== undefined && !fits(sessionToken)) throw invalid('credentials.sessionToken', expected, received(sessionToken))
}

/** For options. */
export function invalid(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected ${argument} to be ${expected}. Received ${received}.`,
    details: { argument, expected, received },
  })
}
