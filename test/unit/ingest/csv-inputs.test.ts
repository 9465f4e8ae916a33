import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { MillraceError } from 'millrace'
import { type CsvInput, type CsvOptions, csv } from 'millrace/ingest/csv'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bytesOf, inChunks, readCsv } from './csv-reading.ts'

const text = `origin,distance\n${Array.from({ length: 20_000 }, (_, row) => `é${row % 7},${row}`).join('\n')}\n`
const bytes = bytesOf(text)
const sumOf = async (input: CsvInput, options: CsvOptions = {}): Promise<number> => {
  const { cells } = await readCsv(input, options)
  return (cells.distance as number[]).reduce((sum, value) => sum + value, 0)
}
const sum = 199_990_000
async function faultOf(work: Promise<unknown>): Promise<MillraceError> {
  try {
    await work
  } catch (error) {
    if (MillraceError.is(error)) return error
    throw error
  }
  throw new Error('Expected a fault')
}

let folder = ''
let url = ''
const requests: string[] = []
const server = createServer((request, response) => {
  requests.push(`${request.method} ${request.url}`)
  const path = request.url ?? ''
  if (path === '/absent.csv') response.writeHead(404).end()
  else if (path === '/etag.csv') response.writeHead(200, { etag: '"one"' }).end(bytes)
  else if (path === '/dated.csv') response.writeHead(200, { 'last-modified': 'Mon, 01 Jan 2001 00:00:00 GMT' }).end(bytes)
  else if (path.startsWith('/encoded.csv.br')) response.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync(bytes))
  else if (path.startsWith('/file.csv.br')) response.writeHead(200).end(brotliCompressSync(bytes))
  else if (path === '/file.csv.gz') response.writeHead(200).end(gzipSync(bytes))
  else if (path === '/cut.csv') {
    response.writeHead(200, { 'content-length': String(bytes.length) })
    response.write(bytes.subarray(0, 1_000))
    setTimeout(() => response.destroy(), 20)
  } else if (path === '/never.csv') {
    response.writeHead(200)
    response.write('a,b\n1,2\n')
  } else response.writeHead(200).end(bytes)
})

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-csv-'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

describe('csv: inputs', () => {
  it('reads a path, bytes, a buffer, a Blob, a File, a stream, chunks and a URL alike', async () => {
    const path = join(folder, 'file.csv')
    writeFileSync(path, bytes)
    const blob = new Blob([text])
    const inputs: readonly CsvInput[] = [
      path,
      bytes,
      bytes.buffer as ArrayBuffer,
      blob,
      new File([text], 'file.csv'),
      blob.stream() as ReadableStream<Uint8Array>,
      () => blob.stream() as ReadableStream<Uint8Array>,
      inChunks(bytes, [1_000, 1])(),
      inChunks(bytes, [1_000_000]),
      `${url}/file.csv`,
      new URL(`${url}/file.csv`),
    ]
    for (const input of inputs) expect(await sumOf(input)).toBe(sum)
  })

  it('names itself after its path, URL or file, unless it is given a label', () => {
    expect(csv('data/flights.csv').label).toBe('data/flights.csv')
    expect(csv(new URL('https://example.org/flights.csv')).label).toBe('https://example.org/flights.csv')
    expect(csv(new File([], 'flights.csv')).label).toBe('flights.csv')
    expect(csv(new Uint8Array()).label).toBe('csv')
    expect(csv('data/flights.csv', { label: 'flights' }).label).toBe('flights')
    expect([csv('x.csv').kind, csv('x.csv').rowCount]).toEqual(['csv', undefined])
  })

  it('reads a source again, except a stream, which says so', async () => {
    const source = csv(bytes)
    for (let turn = 0; turn < 2; turn++) {
      let rows = 0
      for await (const batch of source.open({})) rows += batch.numRows
      expect(rows).toBe(20_000)
    }
    const spent = csv(new Blob([text]).stream() as ReadableStream<Uint8Array>)
    const read = async (): Promise<void> => {
      for await (const batch of spent.open({})) batch.numRows
    }
    await read()
    expect((await faultOf(read())).code).toBe('ARGUMENT_INVALID')
  })

  it('says what cannot be read', async () => {
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 100)
      throw new Error('the disk is gone')
    }
    const cases: readonly [CsvInput, string][] = [
      [join(folder, 'absent.csv'), 'ENOENT'],
      [folder, 'EISDIR'],
      [`${url}/absent.csv`, 'status 404'],
      [`${url}/cut.csv`, 'terminated'],
      ['http://127.0.0.1:1/', 'fetch failed'],
      [broken, 'the disk is gone'],
      [() => Promise.reject(new Error('no such thing')), 'no such thing'],
      [(() => new Blob([text]).stream().pipeThrough(new TextDecoderStream())) as () => never, 'no Uint8Array (string)'],
    ]
    for (const [input, message] of cases) {
      const fault = await faultOf(readCsv(input))
      expect([fault.code, fault.message]).toEqual(['SOURCE_UNREADABLE', expect.stringContaining(message)])
    }
  })

  it('uses the fetch that it is given', async () => {
    const fetch = async (): Promise<Response> => new Response(text)
    expect(await sumOf('https://nowhere.invalid/x.csv', { fetch })).toBe(sum)
  })

  it('takes no more than is asked for, and lets go of what it reads when nobody reads on', async () => {
    let [given, isClosed] = [0, false]
    const supply = async function* (): AsyncGenerator<Uint8Array> {
      try {
        yield bytesOf('a\n')
        for (;;) {
          given++
          yield bytesOf('1\n'.repeat(10_000))
        }
      } finally {
        isClosed = true
      }
    }
    for await (const batch of csv(supply, { types: 'integer' }).open({})) {
      expect(batch.numRows).toBe(65_536)
      break
    }
    expect([given, isClosed]).toEqual([7, true])
    let isCancelled = false
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(bytesOf('1\n'.repeat(10_000))),
      cancel: () => {
        isCancelled = true
      },
    })
    for await (const _batch of csv(stream, { header: false, names: ['a'] }).open({})) break
    expect(isCancelled).toBe(true)
  })

  it('ends with the reason of the signal, also while it waits', async () => {
    const reason = new Error('enough')
    const before = new AbortController()
    before.abort(reason)
    const path = join(folder, 'file.csv')
    writeFileSync(path, bytes)
    for (const input of [bytes, path, new Blob([text]), `${url}/file.csv`] as const)
      await expect(readCsv(input, {}, { signal: before.signal })).rejects.toBe(reason)
    const waiting = new AbortController()
    const work = readCsv(`${url}/never.csv`, {}, { signal: waiting.signal })
    setTimeout(() => waiting.abort(reason), 30)
    await expect(work).rejects.toBe(reason)
    const silent = new AbortController()
    const never = (): ReadableStream<Uint8Array> => new ReadableStream({ start: () => {} })
    setTimeout(() => silent.abort(reason), 10)
    await expect(readCsv(never, {}, { signal: silent.signal })).rejects.toBe(reason)
  })
})

describe('csv: compression', () => {
  it('sees gzip by its first bytes, brotli by its name, and takes the rest by option', async () => {
    writeFileSync(join(folder, 'named.csv.br'), brotliCompressSync(bytes))
    writeFileSync(join(folder, 'named.csv.gz'), gzipSync(bytes))
    writeFileSync(join(folder, 'plain.csv.gz'), bytes)
    expect(await sumOf(join(folder, 'named.csv.br'))).toBe(sum)
    expect(await sumOf(join(folder, 'named.csv.gz'))).toBe(sum)
    expect(await sumOf(join(folder, 'plain.csv.gz'))).toBe(sum)
    expect(await sumOf(inChunks(new Uint8Array(gzipSync(bytes)), [1, 7]))).toBe(sum)
    expect(await sumOf(deflateSync(bytes), { compression: 'deflate' })).toBe(sum)
    expect(await sumOf(deflateRawSync(bytes), { compression: 'deflate-raw' })).toBe(sum)
    expect(await sumOf(brotliCompressSync(bytes), { compression: 'brotli' })).toBe(sum)
    expect(await sumOf(bytes, { compression: 'none' })).toBe(sum)
  })

  it('leaves to the server what the server took off', async () => {
    expect(await sumOf(`${url}/encoded.csv.br?version=1`)).toBe(sum)
    expect(await sumOf(`${url}/file.csv.br?version=1`)).toBe(sum)
    expect(await sumOf(`${url}/file.csv.gz`)).toBe(sum)
  })

  it('refuses more than it may become, before it takes the memory', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000, 'a,b\n1,2\n'))
    for (const [input, compression] of [
      [bomb, 'gzip'],
      [brotliCompressSync(Buffer.alloc(5_000_000, 'a,b\n1,2\n')), 'brotli'],
    ] as const) {
      const fault = await faultOf(readCsv(input, { compression, maxDecompressedBytes: 1_000_000 }))
      expect([fault.code, fault.message]).toEqual(['SOURCE_UNREADABLE', expect.stringContaining('more than 1000000 bytes')])
    }
  })

  it('refuses what is damaged or cut off', async () => {
    const whole = gzipSync(bytes)
    const damaged = Uint8Array.from(whole)
    for (let position = 1_000; position < 1_100; position++) damaged[position] = 0
    const cases: readonly [Uint8Array, CsvOptions][] = [
      [damaged, {}],
      [whole.subarray(0, whole.length - 500), {}],
      [bytes, { compression: 'gzip' }],
      [bytes, { compression: 'brotli' }],
      [brotliCompressSync(bytes).subarray(0, 1_000), { compression: 'brotli' }],
    ]
    for (const [input, options] of cases) expect((await faultOf(readCsv(input, options))).code).toBe('SOURCE_UNREADABLE')
  })

  it('tells a fault of the input from one of the compression', async () => {
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield gzipSync(bytes).subarray(0, 1_000)
      throw new Error('the disk is gone')
    }
    expect((await faultOf(readCsv(broken))).message).toContain('the disk is gone')
    expect((await faultOf(readCsv(broken, { compression: 'brotli' }))).code).toBe('SOURCE_UNREADABLE')
  })

  it('ends with the reason of the signal', async () => {
    const reason = new Error('enough')
    for (const compression of ['gzip', 'brotli'] as const) {
      const controller = new AbortController()
      const never = (): ReadableStream<Uint8Array> =>
        new ReadableStream({
          start: (stream) =>
            stream.enqueue(compression === 'gzip' ? gzipSync(bytes).subarray(0, 1_000) : brotliCompressSync(bytes).subarray(0, 10)),
        })
      setTimeout(() => controller.abort(reason), 20)
      await expect(readCsv(never, { compression }, { signal: controller.signal })).rejects.toBe(reason)
    }
  })

  it('can be left before its end', async () => {
    for (const compression of ['gzip', 'brotli'] as const) {
      const many = bytesOf(`a\n${'1\n'.repeat(500_000)}`)
      const packed = compression === 'gzip' ? gzipSync(many) : brotliCompressSync(many)
      for await (const batch of csv(packed, { compression }).open({})) {
        expect(batch.numRows).toBe(65_536)
        break
      }
    }
  })
})

describe('csv: fingerprint', () => {
  const print = (input: CsvInput, options?: CsvOptions) => csv(input, options).fingerprint?.({})

  it('changes with the content of a path and of bytes, and with options that change what is read', async () => {
    const path = join(folder, 'print.csv')
    writeFileSync(path, 'a\n1\n')
    const first = await print(path)
    expect(await print(path)).toBe(first)
    expect(await print(path, { label: 'another', types: undefined as never })).toBe(first)
    expect(await print(path, { delimiter: ';' })).not.toBe(first)
    writeFileSync(path, 'a\n12\n')
    expect(await print(path)).not.toBe(first)
    expect(await print(bytesOf('a\n1\n'))).toBe(await print(bytesOf('a\n1\n')))
    expect(await print(bytesOf('a\n1\n'))).not.toBe(await print(bytesOf('a\n2\n')))
    expect((await faultOf(csv(join(folder, 'absent.csv')).fingerprint?.({}) as Promise<unknown>)).code).toBe('SOURCE_UNREADABLE')
  })

  it('is what a server says of the content, asked for without it', async () => {
    requests.length = 0
    expect(await print(`${url}/etag.csv`)).toContain('"one"')
    expect(await print(new URL(`${url}/dated.csv`))).toContain('2001')
    expect(await print(`${url}/file.csv`)).toBeUndefined()
    expect(await print(`${url}/absent.csv`)).toBeUndefined()
    expect(requests.every((request) => request.startsWith('HEAD '))).toBe(true)
  })

  it('is not there for what cannot be known before it is read', async () => {
    expect(await print(new Blob([text]))).toBeUndefined()
    expect(await print(() => new Blob([text]).stream() as ReadableStream<Uint8Array>)).toBeUndefined()
  })
})
