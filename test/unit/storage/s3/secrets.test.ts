// Whatever quotes a secret, however it is written there and wherever it stands: it is in no error.
import { inspect } from 'node:util'
import fc from 'fast-check'
import { MillraceError } from 'millrace'
import type { S3Credentials, S3StorageOptions } from 'millrace/storage/s3'
import { S3Storage } from 'millrace/storage/s3'
import { describe, expect, test } from 'vitest'
import { withoutSecrets } from '../../../../src/storage/s3/secrets.ts'
import { collect } from '../../registry/registry-fixtures.ts'
import { FakeS3, HastyClock, openOn } from './fake-s3.ts'

const hex = (character: string): string => character.charCodeAt(0).toString(16).padStart(2, '0')
const each = (write: (character: string) => string) => (text: string) => [...text].map(write).join('')
const xmlNames: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }
const xml = each((character) => xmlNames[character] ?? character)

/** How programs write a secret when they quote it. */
const encodings: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  'in an address': encodeURIComponent,
  'in an address, in small letters': (text) => encodeURIComponent(text).replace(/%../g, (part) => part.toLowerCase()),
  'in an address within an address': (text) => encodeURIComponent(encodeURIComponent(text)),
  'each character as in an address': each((character) => `%${hex(character)}`),
  'in a form': (text) => new URLSearchParams([['', text]]).toString().slice(1),
  'read as a form': (text) => text.replaceAll('+', ' '),
  'in XML': xml,
  'in XML within XML': (text) => xml(xml(text)),
  'as code points': each((character) => `&#${character.charCodeAt(0)};`),
  'as hexadecimal code points': each((character) => `&#x${hex(character).toUpperCase()};`),
  'in JSON': (text) => JSON.stringify(text).slice(1, -1),
  'in JSON within JSON': (text) => JSON.stringify(JSON.stringify(text)).slice(3, -3),
  'in JSON with escapes': each((character) => `\\u00${hex(character)}`),
  'in JSON with slashes': (text) => text.replaceAll('/', '\\/'),
}
const characters = [...'abcXYZ0189+/=&<>"\'%\\-_.~!*()']
const secret = fc.string({ unit: fc.constantFrom(...characters), minLength: 16, maxLength: 60 })
const credentialsOf = fc.record({ accessKeyId: secret, secretAccessKey: secret, sessionToken: secret })
/** No character of it can be one of a secret. */
const padding = fc.nat(420).map((length) => '·'.repeat(length))

const asXml = (text: string): string => `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`
const error = (element: string, text: string, status: number): Response =>
  new Response(`<Error><Code>${element === 'Code' ? asXml(text) : 'Odd'}</Code><${element}>${asXml(text)}</${element}></Error>`, { status })

/** Where it is quoted. */
const quoters: Readonly<Record<string, (text: string, status: number) => Response>> = {
  'the message of the server': (text, status) => error('Message', text, status),
  'the code of the server': (text, status) => error('Code', text, status),
  'the region of the server': (text) => error('Region', text, 307),
  'what fetch throws': (text) => {
    throw new TypeError(text)
  },
  'the cause of what fetch throws': (text) => {
    throw new TypeError('fetch failed', { cause: Object.assign(new Error(text), { headers: { authorization: text } }) })
  },
  'the code of that cause': (text) => {
    throw Object.assign(new TypeError('fetch failed'), { cause: { code: text, message: text } })
  },
  'what fetch throws that is no error': (text) => {
    throw text
  },
}

/** All that somebody could print of an error. */
function allOf(thrown: unknown): string {
  const seen: string[] = []
  for (let one: unknown = thrown; one !== undefined; one = (one as Error).cause) {
    seen.push(String(one), inspect(one, { depth: 10, showHidden: true }))
    if (one instanceof Error)
      seen.push(one.message, String(one.stack), ...Object.values((one as { details?: object }).details ?? {}).map(String))
  }
  return seen.join('\n')
}

function expectNone(thrown: unknown, secrets: S3Credentials, write: (text: string) => string): void {
  expect(MillraceError.is(thrown)).toBe(true)
  const all = allOf(thrown)
  // Its beginning too, which is what a text that is cut shows, and its end.
  for (const one of Object.values(secrets) as string[])
    for (const part of [one, one.slice(0, 8), one.slice(-8)]) {
      expect(all).not.toContain(part)
      expect(all).not.toContain(write(part))
    }
}

const settings = (s3: FakeS3, credentials: S3StorageOptions['credentials']): S3StorageOptions => ({
  endpoint: 'https://s3.example.test',
  bucket: 'bucket',
  credentials,
  fetch: s3.fetch,
  clock: new HastyClock(),
})

describe('a secret is in no error', () => {
  test.each(Object.entries(quoters))('whatever the encoding and the place: %s', async (_, quote) => {
    await fc.assert(
      fc.asyncProperty(
        credentialsOf,
        fc.constantFrom(...Object.keys(encodings)),
        padding,
        fc.constantFrom(400, 403, 404, 409, 412, 500, 503, 507),
        fc.constantFrom<keyof S3Credentials>('accessKeyId', 'secretAccessKey', 'sessionToken'),
        async (secrets, encoding, before, status, which) => {
          const write = encodings[encoding] as (text: string) => string
          const s3 = new FakeS3()
          const storage = await openOn(s3, { credentials: secrets })
          s3.intercept = () => quote(`${before}${write(secrets[which] as string)}·`, status)
          const works = [
            () => storage.get('key'),
            () => storage.put('key', new Uint8Array(1)),
            () => storage.putIfAbsent('key', new Uint8Array(1)),
            () => storage.delete('key'),
            () => collect(storage.list('')),
            () => S3Storage.open(settings(s3, secrets)),
          ]
          for (const work of works) {
            const thrown = await work().then(
              () => undefined,
              (caught: unknown) => caught,
            )
            expectNone(thrown, secrets, write)
          }
        },
      ),
      { numRuns: 40 },
    )
  })

  test('of a listing that cannot be read', async () => {
    const secrets = { accessKeyId: 'AKIDSECRETID', secretAccessKey: 'SecretSecretSecret', sessionToken: 'TokenTokenToken' }
    const s3 = new FakeS3()
    const storage = await openOn(s3, { credentials: secrets })
    for (const text of Object.values(secrets)) {
      for (const body of [`<${text}/>`, `<a><${text}></a>`, `<${'x'.repeat(190)}${text}/>`]) {
        s3.intercept = () => new Response(body)
        const thrown = await collect(storage.list('')).catch((caught: unknown) => caught)
        expectNone(thrown, secrets, (part) => part)
        expect(MillraceError.is(thrown, 'STORAGE_UNAVAILABLE')).toBe(true)
      }
    }
  })

  test('of the function that gives the credentials', async () => {
    const secrets = { accessKeyId: 'AKIDSECRETID', secretAccessKey: 'SecretSecretSecret' }
    const s3 = new FakeS3()
    let isDown = false
    const storage = await openOn(s3, {
      credentials: () => {
        if (isDown) throw Object.assign(new Error(`no session for ${secrets.secretAccessKey}`), { request: secrets })
        return secrets
      },
    })
    isDown = true
    const thrown = await storage.put('key', new Uint8Array(1)).catch((caught: unknown) => caught)
    expectNone(thrown, secrets, (part) => part)
    expect(String(thrown)).toContain('the function that gives the credentials')
  })
})

test('a text without a secret stays as it is, also one that has the beginning of one', () => {
  const credentials = { accessKeyId: 'AKID%25', secretAccessKey: 'Secret&amp' }
  for (const text of ['', 'Secret&am', 'AKID%2', 'Access Denied: 100% of <b>&amp;</b> \\u0041', '%', '&', '\\'])
    expect(withoutSecrets(text, credentials)).toBe(text)
  expect(withoutSecrets('of AKID%25 and Secret&amp; it is', credentials)).toBe('of [redacted] and [redacted]; it is')
})
