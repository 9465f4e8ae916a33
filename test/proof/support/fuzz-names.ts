import fc from 'fast-check'

/** Names of objects' prototypes, which must be nobody's keys. */
export const prototypeNames = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__', 'valueOf']

const segment = fc.stringMatching(/^[a-z0-9]([a-z0-9._-]{0,8}[a-z0-9])?$/)

/** What is a key, so that refusing all is no way to pass. */
export const goodKey: fc.Arbitrary<string> = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'))
export const goodName: fc.Arbitrary<string> = segment

function percentEncoded(text: string): string {
  return [...new TextEncoder().encode(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
}

/** Text that has led other programs out of their folder, onto another's key, or into an object's prototype. */
const crafted: readonly string[] = [
  ...prototypeNames,
  ...prototypeNames.map((name) => `a/${name}`),
  ...[
    '..',
    '.',
    '../outside',
    '../../outside',
    'a/../../outside',
    'a/./b',
    './a',
    'a/..',
    '/outside',
    '//outside',
    '/etc/passwd',
    '~/outside',
  ],
  ...['..\\outside', 'a\\..\\..\\outside', 'C:\\outside', 'C:outside', '\\\\server\\share', 'a\\b', 'file:///tmp/outside'],
  ...['a\0', 'a\0.json', '\0', 'a/\0/b', 'a\nb', 'a\rb', 'a\tb', 'a\u007f', 'a\u0080', '\u0000../outside'],
  ...['', ' ', 'a ', ' a', 'a/', '/a', 'a//b', '/', 'a.', '.a', '.tmp-1-x', '.object', 'a/.object', '-a', 'a-', '_a'],
  ...['CON', 'con ', 'NUL', 'aux.', 'LPT1:', 'a:b', 'a::$DATA', 'a*', 'a?', 'a|b', '<a>', '"a"'],
  // Names that some file systems take for one: composed and decomposed, case and width, ligatures, long s, dotless i, the Kelvin sign.
  ...['caf\u00e9', 'cafe\u0301', 'A', 'Churn', '\uff41', '\ufb01', '\u017f', '\u0131', '\u212a', 'stra\u00dfe', 'STRASSE'],
  // Written from right to left, of no width, of half a character.
  ...[
    '\u202egpj.exe',
    'a\u202eb',
    '\u05d0\u05d1',
    '\u200b',
    'a\u200db',
    '\ufeffa',
    '\ud800',
    'a\udfff',
    '\u{1f600}',
    'a\u2044b',
    '\u2215',
    '\uff0e\uff0e\uff0foutside',
  ],
  ...[
    '%2e%2e/outside',
    '%2e%2e%2foutside',
    '..%2foutside',
    '%252e%252e%252foutside',
    '..%c0%afoutside',
    '..%5coutside',
    'a%00b',
    '%61',
    'a%2fb',
  ],
  ...[
    'a'.repeat(129),
    'a/'.repeat(300).concat('a'),
    'x'.repeat(10_000),
    '../'.repeat(3_000),
    '\u{1f600}'.repeat(2_500),
    `${'a'.repeat(127)}.`,
  ],
  ...['$(touch outside)', '`touch outside`', '; touch outside', "' or 1=1 --", '{{7*7}}', '%s%n'],
]

/** Strings of all kinds, most of which are no key. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...crafted),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  goodKey.map(percentEncoded),
  goodKey.map((key) => percentEncoded(percentEncoded(key))),
  goodKey.map((key) => key.toUpperCase()),
  fc.tuple(goodKey, fc.constantFrom(...crafted)).map(([key, text]) => `${key}/${text}`),
  fc.tuple(fc.constantFrom(...crafted), goodKey).map(([text, key]) => `${text}/${key}`),
  fc.tuple(goodKey, fc.string({ unit: 'binary', minLength: 1, maxLength: 3 })).map(([key, text]) => key + text),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).map((text) => text.normalize('NFD')),
)

/** What a caller in plain JavaScript may give where text is expected. */
export const notText: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    true,
    0,
    -1,
    Number.NaN,
    7n,
    Symbol('a'),
    () => 'a',
    Object.create(null),
    [],
    ['a'],
    [['a']],
    new Date(0),
    /a/,
  ),
  fc.constant({ toString: () => 'a' }),
  fc.constant(new String('a')),
  fc.uint8Array({ maxLength: 4 }),
)

/** What a storage key is, written anew from its description: the oracle must not be the code that it judges. */
export function isKey(text: unknown): boolean {
  if (typeof text !== 'string' || text.length > 512) return false
  return text.split('/').every(isSegment)
}

export function isSegment(text: unknown): boolean {
  if (typeof text !== 'string' || text.length < 1 || text.length > 128) return false
  if (text === 'constructor' || text === 'prototype') return false
  const inner = 'abcdefghijklmnopqrstuvwxyz0123456789'
  const isInner = (character: string): boolean => inner.includes(character)
  if (!isInner(text[0] ?? '') || !isInner(text.at(-1) ?? '')) return false
  return Array.from({ length: text.length }, (_, index) => text[index] ?? '').every(
    (character) => isInner(character) || '._-'.includes(character),
  )
}
