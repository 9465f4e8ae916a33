import type { ErrorCode, ErrorDetails } from './error-codes.ts'

/**
 * The one error class of the library. `code` comes from the closed table {@link ErrorDetails}, the message says what was expected and
 * what was received, `details` is typed by the code, `cause` is what was caught. Cancellation is not among them: an aborted call
 * rejects with `signal.reason`.
 *
 * @example
 * try {
 *   await storage.putIfAbsent('models/churn/log/0000000000000001', bytes)
 * } catch (error) {
 *   if (MillraceError.is(error, 'STORAGE_CONFLICT')) console.warn(`somebody else wrote ${error.details.key}`)
 *   else throw error
 * }
 */
export class MillraceError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name: string = 'MillraceError'
  readonly code: Code
  readonly details: ErrorDetails[Code]
  /** Tells our errors from others across duplicate installs, where `instanceof` fails. */
  readonly isMillraceError: true = true

  constructor(code: Code, options: { message: string; details: ErrorDetails[Code]; cause?: unknown }) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details
  }

  /** Narrows by code; holds for errors of another installed copy of the library too. */
  static is<Code extends ErrorCode>(error: unknown, code: Code): error is MillraceError<Code>
  static is(error: unknown): error is AnyMillraceError
  static is(error: unknown, code?: ErrorCode): boolean {
    return (
      typeof error === 'object' &&
      error !== null &&
      (error as { readonly isMillraceError?: unknown }).isMillraceError === true &&
      (code === undefined || (error as { readonly code?: unknown }).code === code)
    )
  }
}

/** A union over `code`, so that checking the code narrows the details. */
export type AnyMillraceError = { [Code in ErrorCode]: MillraceError<Code> }[ErrorCode]

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
