import { readFileSync } from 'node:fs'
import { Table, tableFromIPC, tableToIPC } from 'apache-arrow'
import { MillraceError } from 'millrace'
import { type CsvInput, type CsvOptions, csv } from 'millrace/ingest/csv'
import { describe, expect, it } from 'vitest'
import { kindOfField } from '../../../src/ingest/csv/infer.ts'
import { bytesOf, inChunks, readCsv } from './csv-reading.ts'

const read = (text: string, options: CsvOptions = {}) => readCsv(bytesOf(text), options)
async function faultOf(work: Promise<unknown> | (() => unknown)): Promise<MillraceError> {
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (error) {
    if (MillraceError.is(error)) return error
    throw error
  }
  throw new Error('Expected a fault')
}

describe('csv: records', () => {
  it('reads quotes, doubled quotes, and delimiters and ends of lines inside quotes', async () => {
    const { cells, rejected } = await read('a,b,c\n"x,y","say ""so""","two\r\nlines"\n"","""","\n"\n')
    expect(cells).toEqual({ a: ['x,y', ''], b: ['say "so"', '"'], c: ['two\r\nlines', '\n'] })
    expect(rejected).toEqual([])
  })

  it('takes every end of a line, alone or mixed, skips blank lines, and needs none at the end', async () => {
    const expected = { a: ['x', 'y', 'z'], b: ['1', '2', '3'] }
    for (const text of [
      'a,b\nx,1\ny,2\nz,3',
      'a,b\r\nx,1\r\ny,2\r\nz,3\r\n',
      'a,b\rx,1\ry,2\rz,3\r',
      '\n\r\na,b\r\nx,1\n\n\r\ry,2\r\r\nz,3',
    ])
      expect((await read(text, { types: 'text' })).cells).toEqual(expected)
  })

  it('takes a byte order mark off the file, and off nothing else', async () => {
    expect((await read('\ufeffa\n\ufeffx\n')).cells).toEqual({ a: ['\ufeffx'] })
    expect((await read('\ufeff1\n', { header: false, names: ['a'] })).cells).toEqual({ a: [1] })
  })

  it('takes a quote inside an unquoted field as it is', async () => {
    expect((await read('a,b\n5" pipe,x "y" z\n')).cells).toEqual({ a: ['5" pipe'], b: ['x "y" z'] })
  })

  it('reads a last record that ends with a delimiter, and a file of names only', async () => {
    expect((await read('a,b\n1,')).cells).toEqual({ a: [1], b: [null] })
    expect(await read('a,b')).toEqual({ cells: {}, kinds: [], sizes: [], rejected: [] })
  })

  it('reads the same in chunks of any size', async () => {
    const bytes = bytesOf('\ufeffname,n,when\r\n"é€𝄞 ""q""\r\n",-12.5,2001-01-01T10:00Z\r\n"x",7,2001-01-02\r\n,,\r\n')
    const whole = await readCsv(bytes)
    expect(whole.cells.n).toEqual([-12.5, 7, null])
    for (let chunk = 1; chunk < 90; chunk++) {
      expect(await readCsv(inChunks(bytes, [chunk]))).toEqual(whole)
      expect(await readCsv(inChunks(bytes, [chunk]), { types: { name: 'text', n: 'number', when: 'time' } })).toEqual(whole)
    }
  })

  it('gives batches of 65,536 rows that share a dictionary while no text is new', async () => {
    const lines = Array.from({ length: 140_000 }, (_, row) => `${row},${row % 3 === 0 ? 'SEA' : 'LAX'}`)
    const { sizes, cells } = await read(`n,origin\n${lines.join('\n')}\n`)
    expect(sizes).toEqual([65_536, 65_536, 8_928])
    expect(cells.n?.[139_999]).toBe(139_999)
    const dictionaries = new Set()
    for await (const batch of csv(bytesOf(`n,origin\n${lines.join('\n')}\n`)).open({}))
      dictionaries.add(batch.getChild('origin')?.data[0]?.dictionary?.data[0])
    expect(dictionaries.size).toBe(1)
  })

  it('keeps texts apart that are all distinct, batch by batch, without a dictionary that grows for ever', async () => {
    const lines = Array.from({ length: 200_000 }, (_, row) => `id-${row}-é`)
    const sizes: number[] = []
    const { cells } = await read(`id\n${lines.join('\n')}\n`)
    expect(cells.id).toEqual(lines)
    for await (const batch of csv(bytesOf(`id\n${lines.join('\n')}\n`)).open({}))
      sizes.push(batch.getChild('id')?.data[0]?.dictionary?.length ?? 0)
    expect(Math.max(...sizes)).toBe(65_536)
  })

  it('ends a batch early when its texts are heavy', async () => {
    const heavy = 'x'.repeat(1_000_000)
    const { sizes } = await read(`t\n${Array.from({ length: 50 }, (_, row) => `${row}${heavy}`).join('\n')}\n`)
    expect(sizes).toEqual([34, 16])
  })

  it('gives batches that Arrow itself can write and read, with dictionaries that grow', async () => {
    const lines = Array.from({ length: 70_000 }, (_, row) => `${row % 3 === 0 ? '' : `é${row >> 8}`},${row}`)
    let first = 0
    for await (const batch of csv(bytesOf(`t,n\n${lines.join('\n')}\n`)).open({})) {
      const copy = tableFromIPC(tableToIPC(new Table([batch])))
      const texts = copy.getChild('t')?.toArray() as readonly (string | null)[]
      expect([...texts].map((text, row) => `${text ?? ''},${row + first}`)).toEqual(lines.slice(first, first + batch.numRows))
      first += batch.numRows
    }
    expect(first).toBe(70_000)
  })

  it('reads columns called like what objects have, and like numbers, in their order', async () => {
    const names: string[] = []
    for await (const batch of csv(bytesOf('b,__proto__,1,0\nx,2,3,4\n')).open({}))
      names.push(...batch.schema.fields.map(({ name }) => name))
    expect(names).toEqual(['b', '__proto__', '1', '0'])
  })
})

describe('csv: options', () => {
  it('takes other delimiters, quotes, and none', async () => {
    expect((await read('a;b\n"1;2";3\n', { delimiter: ';' })).cells).toEqual({ a: ['1;2'], b: [3] })
    expect((await read("a\tb\n'1\t2'\t3\n", { delimiter: '\t', quote: "'" })).cells).toEqual({ a: ['1\t2'], b: [3] })
    expect((await read('a,b\n"x","y""\n', { quote: null })).cells).toEqual({ a: ['"x"'], b: ['"y""'] })
  })

  it('reads moments where a space or a colon is the delimiter', async () => {
    const types = { t: 'time', x: 'text' } as const
    expect((await read('t x\n2001-01-01 10:00\n', { delimiter: ' ', types })).cells).toEqual({ t: [new Date('2001-01-01')], x: ['10:00'] })
    expect((await read('t x\n2001-01-01 10:00\n', { delimiter: ' ' })).cells).toEqual({ t: [new Date('2001-01-01')], x: ['10:00'] })
  })

  it('takes names in place of the header, or where there is none', async () => {
    expect((await read('a,b\n1,2\n', { names: ['x', 'y'] })).cells).toEqual({ x: [1], y: [2] })
    expect((await read('a,a\n1,2\n', { names: ['x', 'y'] })).cells).toEqual({ x: [1], y: [2] })
    expect((await read('1,2\n', { names: ['x', 'y'], header: false })).cells).toEqual({ x: [1], y: [2] })
    expect((await faultOf(read('a,b\n1,2\n', { names: ['x'] }))).message).toContain('2 columns where 1 names are given')
  })

  it('reads only the columns that are chosen and needed, in that order, and does not look into others', async () => {
    const text = 'a,b,c\n1,x,2\n2,"y\n""z""",3\n'
    const options = { columns: ['c', 'a'] }
    expect(Object.entries((await read(text, options)).cells)).toEqual([
      ['c', [2, 3]],
      ['a', [1, 2]],
    ])
    expect((await readCsv(bytesOf(text), options, { columns: ['a', 'nothing'] })).cells).toEqual({ a: [1, 2] })
    expect((await readCsv(bytesOf(text), options, { columns: ['nothing'] })).cells).toEqual({ c: [2, 3], a: [1, 2] })
    const invalid = Uint8Array.of(...bytesOf('a,b\n1,'), 0xff, 10)
    expect(await readCsv(invalid, { columns: ['a'] })).toMatchObject({ cells: { a: [1] }, rejected: [] })
  })

  it('names a column that is not there', async () => {
    const text = 'origin,n\nx,1\n'
    for (const [options, request] of [
      [{ columns: ['orgin'] }, {}],
      [{ types: { orgin: 'text' } }, {}],
    ] as const) {
      const fault = await faultOf(readCsv(bytesOf(text), options, request))
      expect([fault.code, fault.message]).toEqual(['COLUMN_NOT_FOUND', expect.stringContaining('Did you mean "origin"?')])
    }
  })

  it('takes unquoted null tokens as null in columns of every kind, and quoted ones as what they are', async () => {
    const text = 'i,n,t,b,w\n1,1.5,x,true,2001-01-01\n-9,NA,NA,NA,NA\n,,,,\n2,2.5,"NA",false,2001-01-02\n3,3,"",true,2001-01-03\n'
    const { cells } = await read(text, { nullTokens: ['', 'NA', '-9'] })
    expect(cells.i).toEqual([1, null, null, 2, 3])
    expect(cells.n).toEqual([1.5, null, null, 2.5, 3])
    expect(cells.t).toEqual(['x', null, null, 'NA', ''])
    expect(cells.b).toEqual([true, null, null, false, true])
    expect(cells.w?.[1]).toBe(null)
    expect((await read('t,u\n,x\n', { nullTokens: [] })).cells).toEqual({ t: [''], u: ['x'] })
    const long = 'there is no value here, whatsoever you do'
    expect((await read(`t,u\n"${long}",x\n${long.replace(',', '')},x\n`, { nullTokens: [long.replace(',', '')] })).cells.t).toEqual([
      long,
      null,
    ])
  })

  const wrong: readonly [string, CsvOptions][] = [
    ['delimiter', { delimiter: ',,' }],
    ['delimiter', { delimiter: '\n' }],
    ['delimiter', { delimiter: 'é' }],
    ['delimiter', { delimiter: '1' }],
    ['quote', { quote: ',' }],
    ['quote', { quote: '\n' }],
    ['names', { header: false }],
    ['names', { names: ['a', 'a'] }],
    ['columns', { columns: [] }],
    ['inferRows', { inferRows: 0 }],
    ['maxFieldBytes', { maxFieldBytes: 1.5 }],
    ['maxRecordBytes', { maxRecordBytes: -1 }],
    ['maxColumns', { maxColumns: Number.NaN }],
    ['maxDecompressedBytes', { maxDecompressedBytes: 0 }],
    ['compression', { compression: 'zip' as 'gzip' }],
    ['onMalformed', { onMalformed: 'ignore' as 'skip' }],
    ['types.a', { types: { a: 'date' as 'time' } }],
    ['format', { types: { a: { kind: 'time', format: 'dd/MM' } } }],
    ['format', { types: { a: { kind: 'time', format: 'yyyy-MM-ddTHH' } } }],
    ['format', { types: { a: { kind: 'time', format: 'yyyy-MM-dd hh:mm' } } }],
  ]
  it.each(wrong)('refuses a %s that makes no sense, at once', async (argument, options) => {
    const fault = await faultOf(() => csv(new Uint8Array(), options))
    expect([fault.code, fault.details]).toEqual(['ARGUMENT_INVALID', expect.objectContaining({ argument })])
  })
})

describe('csv: kinds', () => {
  it.each([
    ['0', 'integer'],
    ['-12', 'integer'],
    ['2147483647', 'integer'],
    ['2147483648', 'number'],
    ['-2147483649', 'number'],
    ['9007199254740991', 'number'],
    ['9007199254740992', 'text'],
    ['12345678901234567890', 'text'],
    ['-0', 'number'],
    ['1.5', 'number'],
    ['.5', 'number'],
    ['-1e-7', 'number'],
    ['1E5', 'number'],
    ['1e400', 'text'],
    ['5.', 'text'],
    ['007', 'text'],
    ['-01.5', 'text'],
    ['+5', 'text'],
    ['1,5', 'text'],
    ['1e', 'text'],
    ['-', 'text'],
    ['.', 'text'],
    ['', 'text'],
    [' 1', 'text'],
    ['0x10', 'text'],
    ['NaN', 'text'],
    ['Infinity', 'text'],
    ['true', 'boolean'],
    ['FALSE', 'boolean'],
    ['True', 'boolean'],
    ['tRUE', 'text'],
    ['yes', 'text'],
    ['2001-02-28', 'time'],
    ['2000-02-29', 'time'],
    ['1900-02-29', 'text'],
    ['2001-13-01', 'text'],
    ['2001-01-01T10:00', 'time'],
    ['2001-01-01 10:00:59.123456789+05:30', 'time'],
    ['2001-01-01T24:00', 'text'],
    ['2001-01-01T10', 'text'],
    ['2001-01-01T10:00:60Z', 'text'],
    ['2001-01-01T10:00x', 'text'],
    ['2001-1-1', 'text'],
  ])('infers of "%s": %s', (text, kind) => {
    const bytes = bytesOf(text)
    expect(kindOfField(bytes, 0, bytes.length)).toBe(kind)
  })

  it('infers each column from its first records', async () => {
    const { kinds, cells } = await read('i,n,b,w,t,z\n1,1,true,2001-01-01,x,\n2,1.5,FALSE,2001-01-02T03:04:05.678-01:00,1,\n,,,,,\n')
    expect(kinds).toEqual([{ i: 'integer', n: 'number', b: 'boolean', w: 'time', t: 'text', z: 'text' }])
    expect(cells.w).toEqual([new Date('2001-01-01'), new Date('2001-01-02T04:04:05.678Z'), null])
    expect(cells.z).toEqual([null, null, null])
  })

  it('lets integers become numbers within a batch', async () => {
    const { kinds, cells } = await read('x\n1\n2\n3.5\n4\n3000000000\n-0\n', { inferRows: 2 })
    expect(kinds).toEqual([{ x: 'number' }])
    expect(cells.x).toEqual([1, 2, 3.5, 4, 3_000_000_000, -0])
  })

  it('begins a new batch where a column becomes text, so that nothing that was given changes, and nothing is lost', async () => {
    const { kinds, cells } = await read('x,b,w\n1,true,2001-01-01\n2.50,True,2001-01-02\n007,no,2001-13-01\n8,true,\n', { inferRows: 1 })
    expect(kinds).toEqual(
      [
        { x: 'number', b: 'boolean', w: 'time' },
        { x: 'text', b: 'boolean', w: 'time' },
        { x: 'text', b: 'text', w: 'time' },
        { x: 'text', b: 'text', w: 'text' },
      ].filter((_, index) => index === 0 || index === 3),
    )
    expect(cells.x).toEqual([1, 2.5, '007', '8'])
    expect(cells.b).toEqual([true, true, 'no', 'true'])
  })

  it('keeps whole numbers that no double holds as text', async () => {
    expect((await read('x\n1\n9007199254740993\n', { inferRows: 1 })).cells.x).toEqual([1, '9007199254740993'])
    expect((await read('x\n1.5\n9007199254740993\n', { inferRows: 1 })).cells.x).toEqual([1.5, '9007199254740993'])
    expect((await read('x\n9007199254740993\n', { types: { x: 'number' } })).cells.x).toEqual([9_007_199_254_740_992])
  })

  it('decides of a column that begins with nulls when it has a value', async () => {
    const nulls = '\n,'.repeat(5)
    for (const [value, expected] of [
      ['7', 7],
      ['7.5', 7.5],
      ['true', true],
      ['x', 'x'],
    ] as const) {
      const { cells, kinds } = await read(`a,b${nulls}\n1,${value}\n,\n`, { inferRows: 2 })
      expect(cells.b).toEqual([null, null, null, null, null, expected, null])
      expect(kinds).toHaveLength(1)
    }
  })

  it('makes nothing wider for the sake of a record that is broken', async () => {
    const { kinds, rejected } = await read('a,b\n1,2\nx\nx,2,3\nx,"2"3\n4,5\n', { inferRows: 1 })
    expect(kinds).toEqual([{ a: 'integer', b: 'integer' }])
    expect(rejected.map(({ reason }) => reason)).toEqual(['too-few-fields', 'too-many-fields', 'stray-quote'])
  })

  it('reads declared kinds laxly, and refuses what is none of them', async () => {
    const text = 'i,n,b\n007,+1.50,yes\n"-5",NaN,F\n1.5,1,1\n1,x,0\n1,1,maybe\n3000000000,1,t\n'
    const { cells, rejected } = await read(text, { types: { i: 'integer', n: 'number', b: 'boolean' } })
    expect(cells).toEqual({ i: [7, -5], n: [1.5, Number.NaN], b: [true, false] })
    expect(rejected).toEqual([
      { line: 4, column: 'i', reason: 'not-an-integer', value: '1.5', leftOut: 'row' },
      { line: 5, column: 'n', reason: 'not-a-number', value: 'x', leftOut: 'row' },
      { line: 6, column: 'b', reason: 'not-a-boolean', value: 'maybe', leftOut: 'row' },
      { line: 7, column: 'i', reason: 'not-an-integer', value: '3000000000', leftOut: 'row' },
    ])
  })

  it('reads what the caller expects, where no type says otherwise, and makes null of what is none when asked', async () => {
    const { cells, rejected } = await readCsv(
      bytesOf('a,b,c\n1,1,1\nx,y,z\n"two\nlines",2,2\n3,3,3\n'),
      { types: { b: 'text' } },
      {
        expected: [
          { name: 'a', kind: 'number', onUnreadable: 'null' },
          { name: 'b', kind: 'number', onUnreadable: 'reject' },
          { name: 'c', kind: 'text', onUnreadable: 'reject' },
        ],
      },
    )
    expect(cells).toEqual({ a: [1, null, null, 3], b: ['1', 'y', '2', '3'], c: ['1', 'z', '2', '3'] })
    expect(rejected).toEqual([
      { line: 3, column: 'a', reason: 'not-a-number', value: 'x', leftOut: 'value' },
      { line: 4, column: 'a', reason: 'not-a-number', value: 'two\nlines', leftOut: 'value' },
    ])
  })

  it('says once what became null, also when the record is read again or left out', async () => {
    const text = 'a,b,c\n1,1,1\nx,y,1\nx,1,bad\n2,2,2\n'
    const expected = [
      { name: 'a', kind: 'number', onUnreadable: 'null' },
      { name: 'c', kind: 'number', onUnreadable: 'reject' },
    ] as const
    const { rejected, cells } = await readCsv(bytesOf(text), { inferRows: 1 }, { expected })
    expect(cells).toEqual({ a: [1, null, 2], b: [1, 'y', '2'], c: [1, 1, 2] })
    expect(rejected.map(({ line, leftOut }) => [line, leftOut])).toEqual([
      [3, 'value'],
      [4, 'row'],
    ])
  })
})

describe('csv: times', () => {
  const times = async (format: string, values: readonly string[]): Promise<unknown> => {
    const { cells, rejected } = await read(`t\n${values.map((value) => `"${value}"`).join('\n')}\n`, {
      types: { t: { kind: 'time', format } },
    })
    return [...(cells.t ?? []).map((value) => (value as Date).toISOString()), ...rejected.map(({ value }) => value)]
  }
  it('reads ISO 8601 as Date does, in UTC where there is no offset', async () => {
    const texts = ['1969-12-31T23:59:59.999Z', '0000-03-01', '9999-12-31T23:59:59+23:59', '2000-02-29T12:30-0800', '2001-01-01t00:00:00.1z']
    const expected = [
      '1969-12-31T23:59:59.999Z',
      '0000-03-01T00:00:00.000Z',
      '9999-12-31T00:00:59.000Z',
      '2000-02-29T20:30:00.000Z',
      '2001-01-01T00:00:00.100Z',
    ]
    expect(await times('iso', texts)).toEqual(expected)
    expect(await times('iso', ['2001-01-01T00:00:00+02', '1960-01-01T00:00:00.0009Z'])).toEqual([
      '2000-12-31T22:00:00.000Z',
      '1960-01-01T00:00:00.000Z',
    ])
  })
  it('reads days of four hundred years as Date does', async () => {
    const days = Array.from({ length: 3_000 }, (_, day) => new Date(Date.UTC(1850, 0, 1) + day * 49 * 86_400_000).toISOString())
    expect(await times('iso', days)).toEqual(days)
  })
  it('reads epochs and patterns', async () => {
    expect(await times('epoch-s', ['0', '978307200.5', 'x'])).toEqual(['1970-01-01T00:00:00.000Z', '2001-01-01T00:00:00.500Z', 'x'])
    expect(await times('epoch-ms', ['-1', '9e99'])).toEqual(['1969-12-31T23:59:59.999Z', '9e99'])
    expect(
      await times('dd/MM/yyyy HH:mm', ['31/12/2001 23:59', '31/11/2001 00:00', '1/1/2001 00:00', '01/01/2001 24:00', '01/01/2001 00:00 ']),
    ).toEqual(['2001-12-31T23:59:00.000Z', '31/11/2001 00:00', '1/1/2001 00:00', '01/01/2001 24:00', '01/01/2001 00:00 '])
    expect(
      await times("M/d/yyyy h:mm:ss.SSS a 'o''clock'", ["1/2/2001 12:00:00.007 AM o'clock", "11/22/2001 1:02:03.004 pm o'clock"]),
    ).toEqual(['2001-01-02T00:00:00.007Z', '2001-11-22T13:02:03.004Z'])
    expect(await times('yyyyMMdd', ['20010203', '2001020'])).toEqual(['2001-02-03T00:00:00.000Z', '2001020'])
  })
})

describe('csv: broken records', () => {
  const corpus: Readonly<Record<string, { options?: CsvOptions; rows: number; rejected: readonly (readonly [number, string])[] }>> =
    JSON.parse(readFileSync(new URL('../../fixtures/csv/malformed.json', import.meta.url), 'utf8'))
  for (const [name, { options, rows, rejected }] of Object.entries(corpus)) {
    const bytes = new Uint8Array(readFileSync(new URL(`../../fixtures/csv/${name}`, import.meta.url)))
    it(`${name}: leaves out what is broken, and goes on`, async () => {
      for (const input of [bytes, inChunks(bytes, [1]), inChunks(bytes, [7, 3])]) {
        const reading = await readCsv(input, options)
        expect(reading.rejected.map(({ line, reason }) => [line, reason])).toEqual(rejected)
        expect(reading.sizes.reduce((sum, size) => sum + size, 0)).toBe(rows)
      }
    })
    it(`${name}: fails where it is to fail`, async () => {
      const fault = await faultOf(readCsv(bytes, { ...options, onMalformed: 'fail' }))
      expect(fault.code).toBe('SOURCE_MALFORMED')
      expect(fault.details).toMatchObject({ line: rejected[0]?.[0], reason: rejected[0]?.[1] })
    })
  }

  it('names the column, shows the value, and no more than 200 characters of it', async () => {
    const { rejected } = await read(`a,b\n1,"x"${'y'.repeat(500)}\n${'z'.repeat(500)}\n`)
    expect(rejected[0]).toEqual({ line: 2, column: 'b', reason: 'stray-quote', value: 'x', leftOut: 'row' })
    expect(rejected[1]).toEqual({ line: 3, reason: 'too-few-fields', value: 'z'.repeat(200), leftOut: 'row' })
  })

  it('never reads over a limit, whatever the chunks, and holds no more of the record', async () => {
    const text = `a,b\n1,${'x'.repeat(50)}\n2,ok\n3,"${'y'.repeat(50)}"\n4,ok\n`
    for (const chunk of [1, 13, 1_000]) {
      const { cells, rejected } = await readCsv(inChunks(bytesOf(text), [chunk]), { maxFieldBytes: 20 })
      expect(cells).toEqual({ a: [2, 4], b: ['ok', 'ok'] })
      expect(rejected.map(({ line, column, reason }) => [line, column, reason])).toEqual([
        [2, 'b', 'field-too-long'],
        [4, 'b', 'field-too-long'],
      ])
      const longRecord = await readCsv(inChunks(bytesOf(text), [chunk]), { maxRecordBytes: 20 })
      expect(longRecord.cells).toEqual({ a: [2, 4], b: ['ok', 'ok'] })
      expect(longRecord.rejected.map(({ reason }) => reason)).toEqual(['record-too-long', 'record-too-long'])
    }
    expect((await read('a,b\n1,12345678901234567890123\n', { maxFieldBytes: 20, columns: ['a'] })).rejected[0]?.reason).toBe(
      'field-too-long',
    )
  })

  it('lets what onRejected throws end the reading', async () => {
    const stop = new Error('enough')
    const reading = readCsv(
      bytesOf('a,b\n1\n'),
      {},
      {
        onRejected: () => {
          throw stop
        },
      },
    )
    await expect(reading).rejects.toBe(stop)
  })
})

describe('csv: names', () => {
  it.each([
    ['a,b,a,b\n', 'repeated-name', 'a, b'],
    ['a,,c\n', 'empty-name', 'column 2 of 3'],
    ['a,"b\n', 'unterminated-quote', 'b\n'],
    ['a,"b"c\n', 'stray-quote', 'b'],
  ])('refuses %j: %s', async (text, reason, value) => {
    const fault = await faultOf(read(text))
    expect([fault.code, fault.details]).toEqual(['SOURCE_MALFORMED', { source: 'csv', line: 1, column: null, reason, value }])
  })

  it('refuses a file that is empty, not UTF-8, or has too many of them', async () => {
    const cases: readonly [CsvInput, CsvOptions, string][] = [
      [new Uint8Array(), {}, 'it is empty'],
      [bytesOf('\n\n'), {}, 'it is empty'],
      [Uint8Array.of(0xff, 0xfe, 97, 0, 10, 0), {}, 'not UTF-8'],
      [bytesOf('a,b,c\n'), { maxColumns: 2 }, 'more than 2 columns'],
    ]
    for (const [input, options, message] of cases) {
      const fault = await faultOf(readCsv(input, options))
      expect([fault.code, fault.message]).toEqual(['SOURCE_UNREADABLE', expect.stringContaining(message)])
    }
  })

  it('counts lines from the first of the file, those before and in the header included', async () => {
    expect((await read('\n\n"a\nb",c\n1\n1,2\n')).rejected).toMatchObject([{ line: 5, reason: 'too-few-fields' }])
  })
})
