import { AwsV4Signer } from 'aws4fetch'
import { MillraceError, Registry } from 'millrace'
import { getBlob, putBlob } from 'millrace/storage'
import { checkS3, S3Storage } from 'millrace/storage/s3'
import { describe, expect, test, vi } from 'vitest'
import type { Intercept } from './fake-s3.ts'
import { broken, credentials, FakeS3, failed, HastyClock, openOn } from './fake-s3.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'success',
    (error) => (MillraceError.is(error) ? error.code : error),
  )
const fixed = (s3: FakeS3) => ({
  endpoint: 'https://s3.example.test',
  bucket: 'bucket',
  credentials,
  fetch: s3.fetch,
  clock: new HastyClock(),
})

describe('opening', () => {
  test('probes once and leaves nothing behind', async () => {
    const s3 = new FakeS3()
    const storage = await S3Storage.open({ ...fixed(s3), prefix: 'team/a' })
    expect(storage.name).toBe('s3:bucket/team/a')
    expect(storage.capabilities).toEqual({ putIfAbsent: true, multiProcess: true, durability: 'device' })
    expect(s3.asked.map(({ method }) => method)).toEqual(['PUT', 'PUT', 'PUT', 'GET', 'DELETE', 'DELETE'])
    expect(s3.asked.every(({ key, url }) => key.startsWith('team/a/') || url.searchParams.get('prefix')?.startsWith('team/a/'))).toBe(true)
    expect(s3.objects.size).toBe(0)
  })

  test('asks less where it is told the order of listings', async () => {
    const s3 = new FakeS3()
    await S3Storage.open({ ...fixed(s3), listOrder: 'bytes' })
    expect(s3.asked.map(({ method }) => method)).toEqual(['PUT', 'PUT', 'DELETE'])
  })

  test('row 19: server ignores preconditions: refused at open', async () => {
    const s3 = new FakeS3()
    s3.ignoresConditions = true
    const error = await S3Storage.open(fixed(s3)).catch((caught: unknown) => caught)
    expect(MillraceError.is(error, 'STORAGE_CAPABILITY_MISSING') && error.details).toEqual({
      storage: 's3:bucket',
      capability: 'putIfAbsent',
    })
    expect(s3.objects.size).toBe(0)
  })

  test('row 19: a server that says it does not know the header is refused at open', async () => {
    const s3 = new FakeS3()
    s3.intercept = ({ headers }) => (headers.has('if-none-match') ? failed(501, 'NotImplemented') : undefined)
    expect(await codeOf(S3Storage.open(fixed(s3)))).toBe('STORAGE_CAPABILITY_MISSING')
  })

  test('row 19: such a server is good for blobs when asked for, and a registry refuses it', async () => {
    const s3 = new FakeS3()
    s3.ignoresConditions = true
    const storage = await S3Storage.open({ ...fixed(s3), withoutPutIfAbsent: true })
    expect(storage.capabilities.putIfAbsent).toBe(false)
    const digest = await putBlob(storage, bytes('some'))
    expect(await putBlob(storage, bytes('some'))).toBe(digest)
    expect(await getBlob(storage, digest)).toEqual(bytes('some'))
    await storage.putIfAbsent('key', bytes('one'))
    expect(await codeOf(storage.putIfAbsent('key', bytes('two')))).toBe('STORAGE_CONFLICT')
    const register = async (): Promise<unknown> => new Registry({ storage }).alias('model', 'champion')
    expect(await codeOf(register())).toBe('STORAGE_CAPABILITY_MISSING')
  })

  test.each([
    [403, 'SignatureDoesNotMatch', 'STORAGE_DENIED'],
    [404, 'NoSuchBucket', 'STORAGE_UNAVAILABLE'],
    [507, 'InsufficientStorage', 'STORAGE_NO_SPACE'],
  ])('a server that answers %i %s rejects with %s', async (status, code, expected) => {
    const s3 = new FakeS3()
    s3.intercept = () => failed(status, code)
    expect(await codeOf(S3Storage.open(fixed(s3)))).toBe(expected)
    expect(s3.requests).toHaveLength(1)
  })

  test('a listing that does not show what was written rejects', async () => {
    const s3 = new FakeS3()
    s3.intercept = ({ url }) => (url.searchParams.has('list-type') ? new Response('<ListBucketResult/>') : undefined)
    expect(await codeOf(S3Storage.open(fixed(s3)))).toBe('STORAGE_UNAVAILABLE')
    expect(s3.objects.size).toBe(0)
  })

  test('cleans up when it is aborted under way', async () => {
    const s3 = new FakeS3()
    const stop = new AbortController()
    s3.intercept = ({ method }, apply) => {
      const answer = apply()
      if (method === 'PUT') stop.abort(new Error('stopped'))
      return answer
    }
    await expect(S3Storage.open({ ...fixed(s3), signal: stop.signal })).rejects.toThrow('stopped')
    expect(s3.objects.size).toBe(0)
    await expect(S3Storage.open({ ...fixed(s3), signal: stop.signal })).rejects.toThrow('stopped')
  })

  test.each(['PUT', 'DELETE'])('settles when it is aborted at a %s of a server that answers nothing any more', async (method) => {
    const s3 = new FakeS3()
    const stop = new AbortController()
    const reason = new Error('stopped')
    s3.intercept = (asked) => {
      if (asked.method === method) stop.abort(reason)
      // Deaf to its signal too.
      return stop.signal.aborted ? new Promise<Response>(() => {}) : undefined
    }
    class LateClock extends HastyClock {
      readonly backgroundMs: number[] = []
      override async sleep(ms: number, signal?: AbortSignal, options: { readonly background?: boolean } = {}): Promise<void> {
        if (options.background !== true) return await super.sleep(ms, signal, options)
        this.backgroundMs.push(ms)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    const clock = new LateClock()
    await expect(S3Storage.open({ ...fixed(s3), clock, signal: stop.signal })).rejects.toBe(reason)
    // One try for each object that may be there, all at once.
    expect(clock.backgroundMs).toEqual(method === 'PUT' ? [1_000] : [1_000, 1_000])
    expect(s3.asked.filter((asked) => asked.method === 'DELETE').length).toBe(method === 'PUT' ? 1 : 3)
  })

  test('does not hold up who is told that it failed, and tries to clean up once', async () => {
    const s3 = new FakeS3()
    s3.intercept = ({ method }) => (method === 'GET' ? failed(403, 'AccessDenied') : method === 'DELETE' ? broken() : undefined)
    expect(await codeOf(S3Storage.open(fixed(s3)))).toBe('STORAGE_DENIED')
    expect(s3.asked.filter(({ method }) => method === 'DELETE')).toHaveLength(2)
  })

  test.each<[string, Intercept]>([
    ['drops connections', () => broken()],
    [
      'drops connections when it is done',
      (_, apply) => {
        apply()
        return broken()
      },
    ],
    ['answers 500', () => failed(500, 'InternalError')],
    ['answers 503', () => failed(503, 'ServiceUnavailable')],
    ['does not answer in time', () => new Promise(() => {})],
  ])('a server that %s cannot be reached, which is said plainly', async (_, intercept) => {
    const s3 = new FakeS3()
    s3.intercept = intercept
    class ImpatientClock extends HastyClock {
      override async sleep(ms: number): Promise<void> {
        if (ms === 70_000) await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    const clock = new ImpatientClock()
    for (const open of [S3Storage.open, checkS3]) {
      const error = await open({ ...fixed(s3), clock, attempts: 2, timeoutMs: 70_000 }).catch((caught: unknown) => caught)
      expect(MillraceError.is(error, 'STORAGE_UNAVAILABLE')).toBe(true)
      const { message } = error as Error
      expect(message.match(/Expected|Received/g)).toEqual(['Expected', 'Received'])
      expect(message).not.toMatch(/millrace-probe|read it back/)
      expect(message).toMatch(/ECONNRESET|500 InternalError|503 ServiceUnavailable|no answer within 70000 ms/)
    }
  })

  test('is not misled by lost replies of a server that honours the header', async () => {
    for (let lost = 1; lost <= 6; lost++) {
      const s3 = new FakeS3()
      let count = 0
      s3.intercept = (_, apply) => {
        if (++count !== lost) return undefined
        apply()
        return broken()
      }
      const storage = await S3Storage.open(fixed(s3))
      expect(storage.capabilities.putIfAbsent).toBe(true)
      expect(s3.objects.size).toBe(0)
    }
  })

  test.each([
    [{ endpoint: 'ftp://s3.test' }],
    [{ endpoint: 'nonsense' }],
    [{ endpoint: 'https://user:password@s3.test' }],
    [{ endpoint: 'https://s3.test?x=1' }],
    [{ bucket: '' }],
    [{ bucket: 'a/b' }],
    [{ region: 'eu west' }],
    [{ attempts: 0 }],
    [{ timeoutMs: 0 }],
    [{ timeoutMs: Number.NaN }],
    [{ addressing: 'other' as 'path' }],
    [{ credentials: { accessKeyId: '', secretAccessKey: 'x' } }],
    [{ credentials: { accessKeyId: 'x', secretAccessKey: 'line\nbreak' } }],
    [{ credentials: { accessKeyId: 'x', secretAccessKey: 'y', sessionToken: 'tok en' } }],
  ])('refuses %j before it asks anything, and does not show it', async (wrong) => {
    const s3 = new FakeS3()
    const error = await S3Storage.open({ ...fixed(s3), ...wrong }).catch((caught: unknown) => caught)
    expect(MillraceError.is(error, 'ARGUMENT_INVALID')).toBe(true)
    expect(String(error)).not.toMatch(/password|line|tok en/)
    expect(s3.asked).toEqual([])
  })

  test('refuses a prefix that is none', async () => {
    expect(await codeOf(S3Storage.open({ ...fixed(new FakeS3()), prefix: '../other' }))).toBe('STORAGE_INVALID_KEY')
  })

  test('says how to install what is missing', async () => {
    vi.resetModules()
    vi.doMock('aws4fetch', () => {
      throw new Error('Cannot find package')
    })
    try {
      const fresh = await import('../../../../src/storage/s3.ts')
      const error = await fresh.S3Storage.open(fixed(new FakeS3())).catch((caught: unknown) => caught)
      expect(MillraceError.is(error, 'DEPENDENCY_MISSING') && error.details).toEqual({
        package: 'aws4fetch',
        install: 'npm install aws4fetch',
      })
      // An injected one comes first.
      await fresh.S3Storage.open({ ...fixed(new FakeS3()), aws4fetch: { AwsV4Signer } })
    } finally {
      vi.doUnmock('aws4fetch')
      vi.resetModules()
    }
  })
})

describe('requests', () => {
  test('are signed with their body, their conditions and the session token', async () => {
    const s3 = new FakeS3()
    const clock = new HastyClock({ now: Date.UTC(2013, 4, 24) })
    const session = { ...credentials, sessionToken: 'a-token' }
    const storage = await openOn(s3, { credentials: session, clock, region: 'eu-central-1' })
    await storage.putIfAbsent('key', bytes('one'))
    const { headers, url } = s3.asked[0] as (typeof s3.asked)[0]
    expect(headers.get('x-amz-security-token')).toBe('a-token')
    expect(headers.get('x-amz-date')).toBe('20130524T000000Z')
    // SHA-256 of "one".
    expect(headers.get('x-amz-content-sha256')).toBe('7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed')
    const authorization = headers.get('authorization') ?? ''
    expect(authorization).toContain(`Credential=${credentials.accessKeyId}/20130524/eu-central-1/s3/aws4_request`)
    const signed = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';') ?? []
    expect(signed).toEqual([
      'host',
      'if-none-match',
      'x-amz-content-sha256',
      'x-amz-date',
      'x-amz-meta-millrace-write',
      'x-amz-security-token',
    ])
    // The host that is signed is the one that is asked.
    const again = new AwsV4Signer({
      method: 'PUT',
      url: url.href,
      headers: Object.fromEntries([...headers].filter(([name]) => name.startsWith('x-amz-') || name === 'if-none-match')),
      ...session,
      service: 's3',
      region: 'eu-central-1',
      datetime: '20130524T000000Z',
    })
    expect((await again.sign()).headers.get('authorization')).toBe(authorization)
  })

  test('go to the path or the host of the bucket', async () => {
    const seen: string[] = []
    const fetch = (url: string, init: RequestInit): Promise<Response> => {
      seen.push(url.replace(/\?.*|\.millrace-probe.*/, ''))
      return s3.fetch(url.replace('://bucket.s3', '://s3').replace('.test/', '.test/bucket/').replace('/base', ''), init)
    }
    const s3 = new FakeS3()
    await S3Storage.open({ ...fixed(s3), fetch, addressing: 'virtual-host', prefix: 'p', listOrder: 'bytes' })
    expect(new Set(seen)).toEqual(new Set(['https://bucket.s3.example.test/p/']))
    seen.length = 0
    const direct = (url: string, init: RequestInit): Promise<Response> => {
      seen.push(url.replace(/\.millrace-probe.*/, ''))
      return s3.fetch(url.replace('/base/', '/'), init)
    }
    await S3Storage.open({ ...fixed(s3), endpoint: 'http://s3.example.test:9000/base/', fetch: direct, listOrder: 'bytes' })
    expect(new Set(seen)).toEqual(new Set(['http://s3.example.test:9000/base/bucket/']))
  })

  test('ask for credentials each time, so that they can rotate', async () => {
    const s3 = new FakeS3()
    let turn = 0
    const storage = await openOn(s3, { credentials: async () => ({ ...credentials, sessionToken: `token-${++turn}` }) })
    turn = 0
    await storage.put('a', bytes('a'))
    await storage.put('b', bytes('b'))
    expect(s3.asked.map(({ headers }) => headers.get('x-amz-security-token'))).toEqual(['token-1', 'token-2'])
  })

  test('that find their token expired ask for another, if there may be one', async () => {
    const s3 = new FakeS3()
    let token = 'old'
    const storage = await openOn(s3, { credentials: () => ({ ...credentials, sessionToken: token }) })
    s3.intercept = ({ headers }) => {
      if (headers.get('x-amz-security-token') === 'new') return undefined
      token = 'new'
      return failed(400, 'ExpiredToken')
    }
    await storage.putIfAbsent('key', bytes('one'))
    expect(s3.requests).toEqual(['PUT key', 'PUT key'])
  })

  test('without credentials fail typed, and show none', async () => {
    const s3 = new FakeS3()
    let give = (): typeof credentials => credentials
    const storage = await openOn(s3, { credentials: () => give() })
    give = () => {
      throw new Error('the secret store is down')
    }
    expect(await codeOf(storage.put('key', bytes('x')))).toBe('STORAGE_UNAVAILABLE')
    give = () => ({ accessKeyId: 'x', secretAccessKey: 'not\nprintable' })
    const error = await storage.put('key', bytes('x')).catch((caught: unknown) => caught)
    expect(MillraceError.is(error, 'ARGUMENT_INVALID')).toBe(true)
    expect(String(error)).not.toContain('printable\n')
    expect(String(error)).not.toContain('not\nprintable')
  })
})

describe('keys that are folders', () => {
  test('are looked for when asked, and only then', async () => {
    const s3 = new FakeS3()
    const lax = await openOn(s3)
    await lax.putIfAbsent('q/child', bytes('child'))
    expect(s3.requests).toEqual(['PUT q/child'])
    const strict = await openOn(s3, { refuseFolderKeys: true })
    expect(await codeOf(strict.putIfAbsent('q', bytes('q')))).toBe('STORAGE_INVALID_KEY')
    expect(await codeOf(strict.put('q/child/deeper', bytes('q')))).toBe('STORAGE_INVALID_KEY')
    expect([...s3.objects.keys()]).toEqual(['q/child'])
    s3.asked.length = 0
    await strict.putIfAbsent('a/b/c', bytes('x'))
    expect([...s3.requests].sort()).toEqual(['GET ?prefix=a/b/c/', 'HEAD a', 'HEAD a/b', 'PUT a/b/c'])
  })
})
