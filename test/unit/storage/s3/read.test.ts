import { MillraceError } from 'millrace'
import { describe, expect, test } from 'vitest'
import { broken, FakeS3, failed, openOn } from './fake-s3.ts'

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'success',
    (error) => (MillraceError.is(error) ? error.code : error),
  )

async function opened(): Promise<{ s3: FakeS3; storage: Awaited<ReturnType<typeof openOn>> }> {
  const s3 = new FakeS3()
  const storage = await openOn(s3)
  await storage.put('key', bytes('0123456789'))
  s3.asked.length = 0
  return { s3, storage }
}

describe('a read', () => {
  test('is one request, with a range too, also for an empty part or one behind the end', async () => {
    const { s3, storage } = await opened()
    for (const [start, end, text] of [
      [2, 5, '234'],
      [8, 99, '89'],
      [0, Number.POSITIVE_INFINITY, '0123456789'],
      [4, 4, ''],
      [10, 12, ''],
      [50, 60, ''],
    ] as const) {
      s3.asked.length = 0
      expect(await storage.get('key', { range: { start, end } })).toEqual({ bytes: bytes(text), sizeBytes: 10 })
      expect(s3.requests).toEqual(['GET key'])
    }
    expect(await storage.get('absent', { range: { start: 0, end: 4 } })).toBeUndefined()
    expect(await storage.get('absent', { range: { start: 0, end: 0 } })).toBeUndefined()
  })

  test('of a range of an empty object has its size', async () => {
    const { storage } = await opened()
    await storage.put('empty', new Uint8Array(0))
    for (const [start, end] of [
      [0, 0],
      [0, 5],
      [3, 3],
      [0, Number.POSITIVE_INFINITY],
    ] as const)
      expect(await storage.get('empty', { range: { start, end } })).toEqual({ bytes: new Uint8Array(0), sizeBytes: 0 })
  })

  test('asks for the size where the answer does not show it, as in a page whose bucket exposes no headers', async () => {
    const { s3, storage } = await opened()
    s3.intercept = ({ headers }, apply) => {
      const answer = apply()
      if (!headers.has('range')) return answer
      if (answer.status === 416) return failed(416, 'InvalidRange')
      answer.headers.delete('content-range')
      return answer
    }
    expect(await storage.get('key', { range: { start: 2, end: 5 } })).toEqual({ bytes: bytes('234'), sizeBytes: 10 })
    expect(await storage.get('key', { range: { start: 20, end: 25 } })).toEqual({ bytes: bytes(''), sizeBytes: 10 })
    expect(s3.requests).toEqual(['GET key', 'HEAD key', 'GET key', 'HEAD key'])
  })

  test('cuts the whole object where the server knows no ranges', async () => {
    const { s3, storage } = await opened()
    s3.intercept = () => new Response(bytes('0123456789'))
    expect(await storage.get('key', { range: { start: 2, end: 5 } })).toEqual({ bytes: bytes('234'), sizeBytes: 10 })
    expect(await storage.get('key', { range: { start: 50, end: 60 } })).toEqual({ bytes: bytes(''), sizeBytes: 10 })
  })

  test('refuses a part of another length', async () => {
    const { s3, storage } = await opened()
    s3.intercept = () => new Response(bytes('23'), { status: 206, headers: { 'content-range': 'bytes 2-4/10' } })
    expect(await codeOf(storage.get('key', { range: { start: 2, end: 5 } }))).toBe('STORAGE_UNAVAILABLE')
  })

  test('is tried again after a failure, and then the store cannot be reached', async () => {
    const { s3, storage } = await opened()
    let left = 3
    s3.intercept = () => (left-- > 0 ? (left === 1 ? broken() : failed(500, 'InternalError')) : undefined)
    expect((await storage.get('key'))?.bytes).toEqual(bytes('0123456789'))
    s3.intercept = () => broken()
    await expect(storage.get('key')).rejects.toThrow('ECONNRESET')
    expect(await codeOf(storage.get('key'))).toBe('STORAGE_UNAVAILABLE')
  })

  test('does not take the absence of a bucket, or of the whole service, for that of an object', async () => {
    const { s3, storage } = await opened()
    s3.intercept = () => failed(404, 'NoSuchBucket')
    expect(await codeOf(storage.get('key'))).toBe('STORAGE_UNAVAILABLE')
    s3.intercept = () => new Response('<html>Not Found</html>', { status: 404 })
    expect(await codeOf(storage.get('key'))).toBe('STORAGE_UNAVAILABLE')
    s3.intercept = () => failed(403, 'AccessDenied')
    expect(await codeOf(storage.get('key'))).toBe('STORAGE_DENIED')
  })
})
