// Random files, read in random chunks, against csv-parse; and numbers against Number(), bit for bit.
import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NumberParser } from '../../src/ingest/csv/number-parser.ts'
import { isUtf8 } from '../../src/ingest/csv/utf-8.ts'
import { bytesOf, inChunks, readCsv } from '../unit/ingest/csv-reading.ts'
import { size } from './support/size.ts'

const character = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', '7', ' ', '.', '-') },
  { weight: 3, arbitrary: fc.constantFrom('"', '\n', '\r', '\r\n', ',', ';', '\t', '|') },
  { weight: 2, arbitrary: fc.constantFrom('é', '€', '𝄞', '\u{10ffff}', '\u07ff', '\ufffd', '\ufeff', '\0') },
)
const cell = fc.oneof(
  { weight: 5, arbitrary: fc.string({ unit: character, maxLength: 6 }) },
  { weight: 1, arbitrary: fc.string({ unit: character, maxLength: 80 }) },
)
const record = (columns: number) =>
  fc.record({
    cells: fc.array(fc.record({ text: cell, isQuoted: fc.boolean() }), { minLength: columns, maxLength: columns }),
    end: fc.constantFrom('\n', '\r\n', '\r'),
    blankLines: fc.constantFrom('', '', '', '\n', '\r\n\r\n', '\r'),
  })
const file = fc
  .record({ columns: fc.integer({ min: 1, max: 5 }), delimiter: fc.constantFrom(',', ';', '\t', '|') })
  .chain(({ columns, delimiter }) =>
    fc.record({
      columns: fc.constant(columns),
      delimiter: fc.constant(delimiter),
      records: fc.array(record(columns), { minLength: 1, maxLength: 20, size: 'max' }),
      bom: fc.boolean(),
      hasLastEnd: fc.boolean(),
      chunks: fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 }),
    }),
  )

/** A quote may stand unquoted inside a field, and not at its beginning. */
function fieldText(text: string, isQuoted: boolean, delimiter: string): string {
  const mustBeQuoted = text.startsWith('"') || /[\r\n]/.test(text) || text.includes(delimiter)
  return isQuoted || mustBeQuoted ? `"${text.replaceAll('"', '""')}"` : text
}

const textOf = ({ records, delimiter, bom, hasLastEnd }: typeof file extends fc.Arbitrary<infer File> ? File : never): string => {
  const lines = records.map(
    ({ cells, end, blankLines }, index) =>
      cells.map(({ text, isQuoted }) => fieldText(text, isQuoted, delimiter)).join(delimiter) +
      (index === records.length - 1 && !hasLastEnd ? '' : end + blankLines),
  )
  return (bom ? '\ufeff' : '') + lines.join('')
}

describe('random CSV files', () => {
  test('have the fields that csv-parse finds, whatever the chunks they come in', async () => {
    await fc.assert(
      fc.asyncProperty(file, async (one) => {
        const bytes = bytesOf(textOf(one))
        const expected: string[][] = parse(Buffer.from(bytes), {
          delimiter: one.delimiter,
          record_delimiter: ['\r\n', '\n', '\r'],
          bom: true,
          relax_quotes: true,
          skip_empty_lines: true,
        })
        const names = Array.from({ length: one.columns }, (_, column) => `column ${column}`)
        const { cells, rejected } = await readCsv(inChunks(bytes, one.chunks), {
          header: false,
          names,
          types: 'text',
          nullTokens: [],
          delimiter: one.delimiter,
        })
        expect(rejected).toEqual([])
        expect(names.map((name) => cells[name] ?? [])).toEqual(names.map((_, column) => expected.map((fields) => fields[column])))
      }),
      { numRuns: size(500, 10_000) },
    )
  })

  test('are read the same in one piece and in chunks when kinds are inferred, with what is broken in them', async () => {
    const soup = fc.array(fc.constantFrom('1', '2.5', '-', 'x', '"', '""', ',', '\n', '\r', '\r\n', 'true', '2001-01-01', 'é', ''), {
      maxLength: 120,
      size: 'max',
    })
    await fc.assert(
      fc.asyncProperty(soup, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 }), async (pieces, chunks) => {
        const bytes = bytesOf(`a,b,c\n${pieces.join('')}`)
        const whole = await readCsv(bytes, { inferRows: 2 })
        expect(await readCsv(inChunks(bytes, chunks), { inferRows: 2 })).toEqual(whole)
        const types = { a: 'number', b: 'text', c: 'boolean' } as const
        expect(await readCsv(inChunks(bytes, chunks), { types })).toEqual(await readCsv(bytes, { types }))
      }),
      { numRuns: size(500, 10_000) },
    )
  })
})

describe('numbers', () => {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 20 })
  const decimal = fc
    .tuple(fc.constantFrom('', '-'), digits, fc.option(digits), fc.option(fc.integer({ min: -330, max: 330 })))
    .map(([sign, whole, fraction, exponent]) => {
      const unpadded = whole.replace(/^0+(?=\d)/, '')
      return `${sign}${unpadded}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`
    })
  // Halves between two doubles, and what is just beside them: nobody writes these by chance.
  const nearHalf = fc
    .tuple(
      fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      fc.integer({ min: 0, max: 2 ** 21 }),
      fc.integer({ min: 0, max: 11 }),
      fc.constantFrom('', '0', '1', '9'),
    )
    .map(([low, high, shift, more]) => {
      const odd = ((BigInt(high) << 32n) | BigInt(low) | (1n << 53n)) * 2n + 1n
      const whole = String(odd << BigInt(Math.min(shift, 9)))
      return shift === 11
        ? `${whole}.${more}5`
        : shift === 10
          ? `${whole.slice(0, 3)}.${whole.slice(3)}${more}`
          : whole + (more === '' ? '' : `.${more}`)
    })
  const written = fc.oneof(
    decimal,
    nearHalf,
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.integer().map(String),
    fc.float({ noNaN: true, noDefaultInfinity: true }).map(String),
  )

  test('are those of Number(), bit for bit, one by one and as columns', async () => {
    const parser = new NumberParser()
    await fc.assert(
      fc.asyncProperty(fc.array(written, { minLength: 1, maxLength: 50 }), async (texts) => {
        const expected = texts.map(Number)
        const one = texts.map((text) => {
          const bytes = bytesOf(`,${text},`)
          expect(parser.parse(bytes, 1, bytes.length - 1, false)).toBe(true)
          return parser.value
        })
        expect(one.every((value, index) => Object.is(value, expected[index]))).toBe(true)
        const { cells } = await readCsv(bytesOf(`x\n${texts.join('\n')}\n`), { types: 'number' })
        expect((cells.x as number[]).every((value, index) => Object.is(value, expected[index]))).toBe(true)
      }),
      { numRuns: size(200, 5_000) },
    )
  })
})

describe('UTF-8', () => {
  test('is what a fatal TextDecoder takes', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true })
    const takes = (bytes: Uint8Array): boolean => {
      try {
        decoder.decode(bytes)
        return true
      } catch {
        return false
      }
    }
    const lead = fc.constantFrom(
      0x41,
      0x7f,
      0x80,
      0xbf,
      0xc0,
      0xc1,
      0xc2,
      0xdf,
      0xe0,
      0xe1,
      0xec,
      0xed,
      0xee,
      0xef,
      0xf0,
      0xf1,
      0xf3,
      0xf4,
      0xf5,
      0xff,
    )
    const next = fc.constantFrom(0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0)
    const anything = fc.array(fc.oneof(lead, next, next, fc.nat(255)), { maxLength: 8 }).map((list) => Uint8Array.from(list))
    fc.assert(
      fc.property(anything, (bytes) => {
        expect(isUtf8(bytes, 0, bytes.length)).toBe(takes(bytes))
      }),
      { numRuns: size(5_000, 100_000) },
    )
  })
})
