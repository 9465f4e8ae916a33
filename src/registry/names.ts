import { MillraceError } from '../core/error.ts'
import { isKeySegment } from '../storage/key.ts'

/** Returns the name of a model or an alias if it is one segment of a storage key; nothing is repaired. @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function assertName(argument: 'name' | 'alias', name: string): string {
  if (typeof name === 'string' && isKeySegment(name)) return name
  const expected =
    '1 to 128 lower-case letters, digits, ".", "_" and "-", a letter or digit first and last, not "constructor" or "prototype"'
  throw new MillraceError('ARGUMENT_INVALID', {
    message: `Expected the ${argument} to be ${expected}. Received ${JSON.stringify(name) ?? typeof name}.`,
    details: { argument, expected, received: String(name) },
  })
}
