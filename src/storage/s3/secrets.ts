import type { S3Credentials } from './credentials.ts'

const namedEntities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** How a character is written in other texts: what begins it, what stands behind that where one program quotes another that quotes it, and the rest. */
const forms: Readonly<Record<string, { readonly again: string; readonly rest: RegExp }>> = {
  '%': { again: '25', rest: /([0-9a-f]{2})/iy },
  '&': { again: 'amp;', rest: /(?:#x0*([0-9a-f]{1,4})|#0*(\d{1,5})|([a-z]{2,4}));/iy },
  '\\': { again: '\\', rest: /u00([0-9a-f]{2})|x([0-9a-f]{2})|(.)/iy },
}
const longestNesting = 16

/**
 * A server, a proxy or a failing `fetch` may quote what it was sent, and not as it was sent: as it stands in an address, in XML or in JSON. So each
 * character of a secret is looked for as itself and in each of these forms. To be called before a text is cut: half a secret is not found.
 */
export function withoutSecrets(text: string, credentials: S3Credentials | undefined): string {
  if (credentials === undefined) return text
  const { secretAccessKey, sessionToken, accessKeyId } = credentials
  const secrets = [secretAccessKey, sessionToken, accessKeyId].filter((secret) => secret !== undefined).filter((secret) => secret !== '')
  // One may be a part of another.
  secrets.sort((left, right) => right.length - left.length)
  let clean = ''
  for (let at = 0; at < text.length; ) {
    const end = endOfAny(text, at, secrets)
    clean += end === undefined ? text[at] : '[redacted]'
    at = end ?? at + 1
  }
  return clean
}

function endOfAny(text: string, start: number, secrets: readonly string[]): number | undefined {
  for (const secret of secrets) {
    const end = endOfSecret(text, start, secret)
    if (end !== undefined) return end
  }
  return undefined
}

/** Where the secret that begins there ends. A `%` may be itself or begin an encoded character: all readings are followed. */
function endOfSecret(text: string, start: number, secret: string): number | undefined {
  let ends: readonly number[] = [start]
  for (const character of secret) {
    ends = [...new Set(ends.flatMap((end) => endsOfCharacter(text, end, character)))]
    if (ends.length === 0) return undefined
  }
  return Math.max(...ends)
}

function endsOfCharacter(text: string, at: number, character: string): readonly number[] {
  const first = text[at]
  const ends: number[] = []
  // A form in an address has a space for it.
  if (first === character || (first === ' ' && character === '+')) ends.push(at + 1)
  const form = forms[first ?? '']
  if (form === undefined) return ends
  // Each number of repetitions is a reading of its own: `%25aa` is an encoded `%` before two letters too.
  for (let times = 0, rest = at + 1; times <= longestNesting; times++, rest += form.again.length) {
    form.rest.lastIndex = rest
    const match = form.rest.exec(text)
    if (match !== null && characterOf(form === forms['&'], match) === character) ends.push(rest + match[0].length)
    if (!text.startsWith(form.again, rest)) break
  }
  return ends
}

function characterOf(isEntity: boolean, [, first, second, third]: RegExpExecArray): string | undefined {
  if (first !== undefined) return String.fromCharCode(Number.parseInt(first, 16))
  if (second !== undefined) return String.fromCharCode(Number.parseInt(second, isEntity ? 10 : 16))
  return isEntity ? namedEntities[third?.toLowerCase() ?? ''] : third
}
