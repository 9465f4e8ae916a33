/** An error as plain data. */
export interface SerializedError {
  readonly name: string
  readonly message: string
  /** Of a `MillraceError`, or a system's such as `ENOENT`. */
  readonly code?: string
  readonly details?: unknown
  readonly stack?: string
  readonly cause?: unknown
  /** Of an `AggregateError`. */
  readonly errors?: readonly unknown[]
}

const longestChain = 8

/**
 * An error, its code and details, and the chain of its causes as plain data. What is not an error stays as it is.
 *
 * @example
 * const { name, message } = serializeError(new RangeError('out of range'))
 * name // 'RangeError'
 * message // 'out of range'
 */
export function serializeError(error: Error): SerializedError {
  return serialize(error, 0) as SerializedError
}

function serialize(error: unknown, depth: number): unknown {
  if (!(error instanceof Error)) return error
  if (depth >= longestChain) return '[further causes]'
  const { code, details, cause, errors } = error as Error & {
    readonly code?: unknown
    readonly details?: unknown
    readonly errors?: unknown
  }
  return {
    name: error.name,
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(details === undefined ? {} : { details }),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(cause === undefined ? {} : { cause: serialize(cause, depth + 1) }),
    ...(Array.isArray(errors) ? { errors: errors.map((one) => serialize(one, depth + 1)) } : {}),
  }
}
