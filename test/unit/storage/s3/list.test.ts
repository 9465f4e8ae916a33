import fc from 'fast-check'
import { MillraceError } from 'millrace'
import type { S3Storage } from 'millrace/storage/s3'
import { describe, expect, test } from 'vitest'
import { FakeS3, failed, openOn } from './fake-s3.ts'

async function keysOf(storage: S3Storage, prefix = '', options: { after?: string; limit?: number } = {}): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of storage.list(prefix, options)) keys.push(key)
  return keys
}

function fill(s3: FakeS3, keys: Iterable<string>): void {
  for (const key of keys) s3.objects.set(key, { bytes: new Uint8Array(key.length), headers: {}, modifiedAt: Date.UTC(2024, 4, 5) })
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'success',
    (error) => (MillraceError.is(error) ? error.code : error),
  )

/** Names whose order by segments and by bytes differ: few characters, so that one is often the beginning of another. */
const segment = fc.stringMatching(/^[ab0](?:[ab0.-]{0,3}[ab0])?$/)
const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'))

describe.each(['bytes', 'segments'] as const)('a listing on a server that sorts by %s', (order) => {
  test('is sorted by bytes and cut as asked, for whatever keys', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { maxLength: 30 }),
        fc.constantFrom('', 'a', 'a/b', '0', 'a-b'),
        fc.option(key, { nil: undefined }),
        fc.option(fc.nat(12), { nil: undefined }),
        fc.integer({ min: 1, max: 7 }),
        async (keys, prefix, after, limit, pageSize) => {
          const s3 = new FakeS3()
          s3.order = order
          const storage = await openOn(s3, { prefix: 'p' })
          expect(storage.listOrder).toBe(order)
          fill(
            s3,
            keys.map((one) => `p/${one}`),
          )
          s3.pageSize = pageSize
          const expected = [...keys]
            .sort()
            .filter((one) => (prefix === '' || one.startsWith(`${prefix}/`)) && (after === undefined || one > after))
            .slice(0, limit)
          const options = { ...(after === undefined ? {} : { after }), ...(limit === undefined ? {} : { limit }) }
          expect(await keysOf(storage, prefix, options)).toEqual(expected)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('leaves out what is none of ours', async () => {
    const s3 = new FakeS3()
    s3.order = order
    const storage = await openOn(s3)
    fill(s3, ['a/b', 'a/', 'Upper', 'a/Upper/c', 'with space', 'a/b%20c', '.hidden/a', 'é', 'b/c'])
    expect(await keysOf(storage)).toEqual(['a/b', 'b/c'])
  })
})

describe('a listing', () => {
  test('tells sizes and times', async () => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    fill(s3, ['a/b'])
    for await (const entry of storage.list('')) expect(entry).toEqual({ key: 'a/b', sizeBytes: 3, modifiedAt: Date.UTC(2024, 4, 5) })
  })

  test('asks for no more than it gives', async () => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    fill(
      s3,
      Array.from({ length: 50 }, (_, index) => `a/${index + 10}`),
    )
    expect(await keysOf(storage, 'a', { limit: 0 })).toEqual([])
    expect(await keysOf(storage, 'a', { after: 'b' })).toEqual([])
    expect(s3.requests).toEqual([])
    expect(await keysOf(storage, 'a', { limit: 3, after: 'a/20' })).toEqual(['a/21', 'a/22', 'a/23'])
    expect(s3.asked.map(({ url }) => url.searchParams.get('max-keys'))).toEqual(['3'])
  })

  test.each([
    ['no XML', 'a page of text'],
    ['another document', '<Other/>'],
    ['an end that is missing', '<ListBucketResult><Contents>'],
    [
      'an object without a size',
      '<ListBucketResult><Contents><Key>a</Key><LastModified>2024-01-01T00:00:00Z</LastModified></Contents></ListBucketResult>',
    ],
    ['no time', '<ListBucketResult><Contents><Key>a</Key><Size>1</Size><LastModified>today</LastModified></Contents></ListBucketResult>'],
    ['no way on', '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>'],
    [
      'no order',
      `<ListBucketResult>${['b', 'a'].map((name) => `<Contents><Key>${name}</Key><Size>1</Size><LastModified>2024-01-01T00:00:00Z</LastModified></Contents>`).join('')}</ListBucketResult>`,
    ],
  ])('that has %s is a store that cannot be reached, not an empty one', async (_, xml) => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    s3.intercept = () => new Response(xml)
    expect(await codeOf(keysOf(storage))).toBe('STORAGE_UNAVAILABLE')
  })

  test('that goes round in circles ends', async () => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    s3.intercept = () =>
      new Response('<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>')
    expect(await codeOf(keysOf(storage))).toBe('STORAGE_UNAVAILABLE')
  })

  test('that is denied says so', async () => {
    const s3 = new FakeS3()
    const storage = await openOn(s3)
    s3.intercept = () => failed(403, 'AccessDenied')
    expect(await codeOf(keysOf(storage))).toBe('STORAGE_DENIED')
  })
})
