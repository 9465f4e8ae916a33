import { MillraceError } from '../../core/error.ts'

/** What this registry writes for itself; nobody else's labels begin like it. */
export const ownPrefix = 'millrace.'
const longestName = 256
const longestKey = 250
const longestVersionTag = 100_000
/** Letters and digits of any script, as `\w` has them in Python. */
const keyPattern = /^[\p{L}\p{N}_.\- /]+$/u
const aliasPattern = /^[\p{L}\p{N}_-]{1,255}$/u
const prototypeNames: readonly string[] = ['__proto__', 'constructor', 'prototype']

/**
 * The name of a model as MLflow takes it, upper case and spaces included. Quotes and backslashes are refused although it would take them: its searches cannot
 * name them all.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID`.
 */
export function assertModelName(name: string): string {
  const isName =
    typeof name === 'string' && name.length <= longestName && name.trim() === name && isPath(name) && !/["'`\\/:\p{C}]/u.test(name)
  if (isName && !prototypeNames.includes(name)) return name
  throw invalid(
    'name',
    `the name of a model: 1 to ${longestName} characters without "/", ":", quotes, backslashes and control characters`,
    name,
  )
}

/** @throws {@link MillraceError} `ARGUMENT_INVALID` for what MLflow refuses or reserves. */
export function assertAlias(alias: string): string {
  const isAlias = typeof alias === 'string' && aliasPattern.test(alias) && !/^(?:latest|v\d+)$/i.test(alias)
  if (isAlias && !prototypeNames.includes(alias)) return alias
  throw invalid('alias', '1 to 255 letters, digits, "_" and "-", and neither "latest" nor "v" with a number, as MLflow wants it', alias)
}

/** Labels that are cut or refused by the server would be lost in part: they are refused as a whole. @throws {@link MillraceError} `ARGUMENT_INVALID`. */
export function assertTags(tags: Readonly<Record<string, string | null>>): void {
  for (const [tag, value] of Object.entries(tags)) {
    if (!isKey(tag) || tag.startsWith(ownPrefix))
      throw invalid(
        'tags',
        `labels of 1 to ${longestKey} letters, digits, "_", ".", "-", "/" and spaces that do not begin with "${ownPrefix}"`,
        tag,
      )
    if (value !== null && value.length > longestVersionTag)
      throw invalid('tags', `values of at most ${longestVersionTag} characters`, `one of ${value.length} for ${tag}`)
  }
}

/** True for the name of a parameter, a metric or a label that every MLflow server takes; one on Windows takes no colon. */
export function isKey(key: string): boolean {
  return key.length <= longestKey && keyPattern.test(key) && isPath(key)
}

/** Names may become files there, so they must not mean another one. */
function isPath(name: string): boolean {
  return name.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..')
}

function invalid(argument: string, expected: string, received: unknown): MillraceError<'ARGUMENT_INVALID'> {
  const shown = String(received).slice(0, longestName)
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected the ${argument} to be ${expected}. Received ${JSON.stringify(shown)}.`,
    details: { argument, expected, received: shown },
  })
}
