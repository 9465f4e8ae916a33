// CSV in a real page: a Blob, a file that is fetched as a stream, gzip by the browser.
import { MillraceError } from 'millrace'
import { ingest } from 'millrace/ingest'
import { csv } from 'millrace/ingest/csv'
import { Pipeline } from 'millrace/pipeline'
import { MemoryStorage } from 'millrace/storage'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { readCsv } from '../unit/ingest/csv-reading.ts'

const rows = 100_000
const text = `when,origin,distance\r\n${Array.from({ length: rows }, (_, row) => `2001-01-01T10:00:${String(row % 60).padStart(2, '0')}Z,"é ${row % 7}",${row}.5`).join('\r\n')}`
const blob = new Blob([text])
const sum = (values: readonly unknown[] | undefined): number => (values as number[]).reduce((total, value) => total + value, 0)
const expectedSum = (rows * (rows - 1)) / 2 + rows / 2

test('reads a Blob and a File, again and again', async () => {
  const file = new File([blob], 'flights.csv')
  expect(csv(file).label).toBe('flights.csv')
  for (const input of [blob, file, file]) {
    const { cells, sizes, kinds, rejected } = await readCsv(input)
    expect([sizes, rejected]).toEqual([[65_536, 34_464], []])
    expect(kinds[0]).toEqual({ when: 'time', origin: 'text', distance: 'number' })
    expect(sum(cells.distance)).toBe(expectedSum)
    expect(cells.origin?.[rows - 1]).toBe(`é ${(rows - 1) % 7}`)
    expect(cells.when?.[61]).toEqual(new Date('2001-01-01T10:00:01Z'))
  }
})

test('reads what is fetched, as it comes', async () => {
  const url = new URL('/test/fixtures/csv/ragged.csv', location.href)
  expect((await readCsv(url)).rejected).toHaveLength(3)
  expect((await readCsv(url.href, { onMalformed: 'skip' })).cells).toMatchObject({ a: [1, 10] })
  await expect(readCsv(new URL('/test/fixtures/csv/absent/', 'http://127.0.0.1:1'))).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' })
})

test('takes gzip off by DecompressionStream, whether it says so or not', async () => {
  const packed = (): ReadableStream<Uint8Array> => blob.stream().pipeThrough(new CompressionStream('gzip'))
  expect(sum((await readCsv(packed)).cells.distance)).toBe(expectedSum)
  expect(sum((await readCsv(await new Response(packed()).arrayBuffer(), { compression: 'gzip' })).cells.distance)).toBe(expectedSum)
  const bounded = readCsv(packed, { maxDecompressedBytes: 100_000 })
  await expect(bounded).rejects.toSatisfy((error) => MillraceError.is(error, 'SOURCE_UNREADABLE'))
  const cut = new Uint8Array(await new Response(packed()).arrayBuffer()).slice(0, 10_000)
  await expect(readCsv(cut)).rejects.toSatisfy((error) => MillraceError.is(error, 'SOURCE_UNREADABLE'))
})

test('says that brotli and paths are for Node', async () => {
  await expect(readCsv(blob, { compression: 'brotli' })).rejects.toSatisfy((error) => MillraceError.is(error))
  await expect(readCsv('flights.csv')).rejects.toSatisfy((error) => MillraceError.is(error, 'SOURCE_UNREADABLE'))
})

test('ends a fetch when its signal aborts, and goes through ingest', async () => {
  const controller = new AbortController()
  const reason = new Error('enough')
  const never = (): ReadableStream<Uint8Array> =>
    new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode('a\n1\n')) })
  setTimeout(() => controller.abort(reason), 20)
  await expect(readCsv(never, {}, { signal: controller.signal })).rejects.toBe(reason)
  const schema = z.object({ when: z.date(), origin: z.string(), distance: z.number().max(99_999) })
  const { output } = await new Pipeline('p').pipe(ingest({ source: csv(blob), schema })).run({ storage: new MemoryStorage() })
  expect([output.dataset.rowCount, output.rejected.count]).toEqual([rows - 1, 1])
})

test('reads under a content security policy that forbids eval', async () => {
  const frame = document.createElement('iframe')
  const policy = "default-src 'self'; script-src 'self' 'nonce-test'"
  frame.srcdoc = `<meta http-equiv="Content-Security-Policy" content="${policy}"><script type="module" nonce="test">
    import { csv } from '/src/ingest/csv.ts'
    let evaluated = true
    try { new Function('return 1')() } catch { evaluated = false }
    let rows = 0
    const text = new TextEncoder().encode('a,b,c,d\\n1,2.5,x,2001-01-01\\n2,"y",,\\n')
    for await (const batch of csv(text, { inferRows: 1 }).open({})) rows += batch.numRows
    parent.postMessage({ evaluated, rows }, '*')
  </script>`
  const answer = new Promise((resolve) =>
    addEventListener('message', ({ data, source }) => source === frame.contentWindow && resolve(data)),
  )
  document.body.append(frame)
  expect(await answer).toEqual({ evaluated: false, rows: 2 })
  frame.remove()
})
