import { invalidArgument } from '../core/invalid-argument.ts'
import { receivedText } from '../core/received.ts'
import { isKeySegment } from '../storage/key.ts'

/** What is kept of a reason, of a name of who did something, and of what people write about a version: entries must stay small. */
export const maxReasonLength = 4_096
const maxByLength = 256
const maxDescriptionLength = 16_384

/** Returns the name of a model or an alias if it is one segment of a storage key; nothing is repaired. @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function assertName(argument: 'name' | 'alias', name: string): string {
  if (typeof name === 'string' && isKeySegment(name)) return name
  const expected =
    '1 to 128 lower-case letters, digits, ".", "_" and "-", a letter or digit first and last, not "constructor" or "prototype"'
  throw invalidArgument(argument, expected, receivedText(name))
}

/** Why and by whom, as it is recorded. @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function accountOf(options: { readonly reason?: string; readonly by?: string }): {
  readonly reason: string | null
  readonly by: string | null
} {
  return { reason: shortText('reason', options.reason, maxReasonLength), by: shortText('by', options.by, maxByLength) }
}

/** @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function assertDescription(description: string): string {
  return shortText('description', description, maxDescriptionLength) ?? ''
}

/** @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function assertWholeNumber(argument: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw invalidArgument(argument, `a whole number of at least ${least}`, receivedText(value))
}

/** A word is no truth value: "no" would mean yes. @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function assertBoolean(argument: string, value: unknown): void {
  if (typeof value !== 'boolean') throw invalidArgument(argument, 'true or false', receivedText(value))
}

/** Of what comes from plain JavaScript the kind is not known. @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function assertObject(argument: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidArgument(argument, 'an object', receivedText(value))
}

function shortText(argument: string, text: unknown, maxLength: number): string | null {
  if (text === undefined || text === null) return null
  if (typeof text === 'string' && text.length <= maxLength) return text
  throw invalidArgument(
    argument,
    `text of at most ${maxLength} characters`,
    typeof text === 'string' ? `${text.length} characters` : typeof text,
  )
}
