import { MillraceError } from '../core/error.ts'
import type { ErrorCode } from '../core/error-codes.ts'

/**
 * One behaviour that an implementation must show. Framework-agnostic: hand them to whatever runs your tests.
 *
 * @example
 * const [first] = storageConformance({ open: async () => new MemoryStorage() })
 * await first?.run()
 */
export interface ConformanceCase {
  /** A behaviour, such as 'rejects a second create of the same key'. */
  readonly name: string
  /** Rejects with `CONFORMANCE_FAILED` when the implementation does not show it. */
  run(): Promise<void>
  /** Why the case does not apply. */
  readonly skip?: string
  /** Why the implementation is known not to show it. `run` then resolves for as long as it does not, and rejects once it does. */
  readonly expectedFailure?: string
}

/** @throws {@link MillraceError} `CONFORMANCE_FAILED` unless both print the same; bytes are compared as bytes. */
export function expectSame(subject: string, received: unknown, expected: unknown): void {
  const [left, right] = [print(received), print(expected)]
  if (left !== right) throw failure(subject, right, left)
}

/** @throws {@link MillraceError} `CONFORMANCE_FAILED`. */
export function expectThat(subject: string, holds: boolean, expected: string, received: string): void {
  if (!holds) throw failure(subject, expected, received)
}

/** Resolves when the work rejects with the code. @throws {@link MillraceError} `CONFORMANCE_FAILED` when it does anything else. */
export async function expectCode(subject: string, work: () => Promise<unknown>, code: ErrorCode): Promise<void> {
  let received = 'success'
  try {
    await work()
  } catch (error) {
    if (MillraceError.is(error, code)) return
    received = print(error)
  }
  throw failure(subject, `a rejection with ${code}`, received)
}

/** Resolves when the work rejects with exactly this reason. @throws {@link MillraceError} `CONFORMANCE_FAILED` when it does anything else. */
export async function expectReason(subject: string, work: () => Promise<unknown>, reason: unknown): Promise<void> {
  let received = 'success'
  try {
    await work()
  } catch (error) {
    if (error === reason) return
    received = print(error)
  }
  throw failure(subject, `a rejection with the signal's reason`, received)
}

export function failure(subject: string, expected: string, received: string): MillraceError<'CONFORMANCE_FAILED'> {
  return new MillraceError('CONFORMANCE_FAILED', {
    message: `Expected ${subject}: ${expected}. Received ${received}.`,
    details: { subject, expected, received },
  })
}

function print(value: unknown): string {
  if (value instanceof Uint8Array)
    return `${value.length} bytes ${[...value.subarray(0, 32)].join(' ')}${value.length > 32 ? ` ... sum ${sum(value)}` : ''}`
  if (MillraceError.is(value)) return `${value.code}: ${value.message}`
  if (value instanceof Error) return `${value.name}: ${value.message}`
  if (value === undefined) return 'undefined'
  return JSON.stringify(value) ?? String(value)
}

/** Adler-32 tells apart what the first bytes do not. */
function sum(bytes: Uint8Array): number {
  let [low, high] = [1, 0]
  for (const byte of bytes) {
    low = (low + byte) % 65_521
    high = (high + low) % 65_521
  }
  return high * 65_536 + low
}
