import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError } from 'millrace'
import type { S3CheckOptions } from 'millrace/storage/s3'
import { checkS3, S3Storage } from 'millrace/storage/s3'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { checkS3Command } from '../../../../src/storage/s3/check-command.ts'
import { broken, credentials, FakeS3, failed, HastyClock } from './fake-s3.ts'

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

/** The fake on a socket. `gapMs` is between its check and its write, as in servers that hold no lock. */
async function serve(s3: FakeS3, gapMs: number | undefined): Promise<string> {
  const server = createServer(async (asked, answer) => {
    const chunks: Buffer[] = []
    for await (const chunk of asked) chunks.push(chunk as Buffer)
    const url = `http://fake${asked.url}`
    const headers = Object.entries(asked.headers).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value] as [string, string]] : [],
    )
    const init: RequestInit = { method: asked.method ?? 'GET', headers }
    if (chunks.length > 0) init.body = Buffer.concat(chunks)
    const isCreate = asked.headers['if-none-match'] === '*'
    let reply: Response
    if (isCreate && gapMs !== undefined && !s3.objects.has(new URL(url).pathname.slice('/bucket/'.length))) {
      await sleep(gapMs)
      reply = await s3.fetch(url, { ...init, headers: headers.filter(([name]) => name !== 'if-none-match') })
    } else reply = await s3.fetch(url, init)
    answer.writeHead(reply.status, Object.fromEntries(reply.headers))
    answer.end(Buffer.from(await reply.arrayBuffer()))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  stops.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const connection = (endpoint: string): S3CheckOptions => ({ endpoint, bucket: 'bucket', credentials, keys: 20, writers: 8 })
const onFake = (s3: FakeS3): S3CheckOptions => ({ ...connection('https://s3.example.test'), fetch: s3.fetch, clock: new HastyClock() })

describe('the check of a server', () => {
  test('finds by its race the server that checks first and writes later, which opening does not', async () => {
    const s3 = new FakeS3()
    const endpoint = await serve(s3, 3)
    // One after the other, all is well.
    expect((await S3Storage.open(connection(endpoint))).capabilities.putIfAbsent).toBe(true)
    const report = await checkS3(connection(endpoint))
    expect(report).toMatchObject({ passed: false, ifNoneMatch: true, ifMatch: true, listOrder: 'bytes' })
    expect(report.race?.createdTwice).toBeGreaterThan(0)
    expect(report.problems.join(' ')).toContain('checks first and writes later')
    expect(s3.objects.size).toBe(0)
  })

  test('lets a server pass whose check and write are one step', async () => {
    const s3 = new FakeS3()
    const report = await checkS3(connection(await serve(s3, undefined)))
    expect(report).toEqual({
      passed: true,
      ifNoneMatch: true,
      ifMatch: true,
      listOrder: 'bytes',
      race: { keys: 20, writers: 8, createdTwice: 0, createdByNone: 0, heldOther: 0, unanswered: 0 },
      problems: [],
    })
    expect(s3.objects.size).toBe(0)
  })

  test('races for nothing on a server that ignores the header', async () => {
    const s3 = new FakeS3()
    s3.ignoresConditions = true
    const report = await checkS3(onFake(s3))
    expect(report).toMatchObject({ passed: false, ifNoneMatch: false, ifMatch: false })
    expect(report.race).toBeUndefined()
    expect(s3.objects.size).toBe(0)
  })

  test('finds the server that acknowledges a create and keeps another, and one that refuses everybody', async () => {
    const other = new FakeS3()
    other.intercept = ({ method, key }, apply) => {
      const answer = apply()
      const stored = other.objects.get(key)
      if (method === 'PUT' && key.includes('/race-') && stored !== undefined)
        other.objects.set(key, { ...stored, bytes: new Uint8Array(3) })
      return answer
    }
    expect((await checkS3(onFake(other))).race).toMatchObject({ createdTwice: 0, heldOther: 20 })
    const refusing = new FakeS3()
    refusing.intercept = ({ method, key }) => (method === 'PUT' && key.includes('/race-') ? failed(412, 'PreconditionFailed') : undefined)
    expect(await checkS3(onFake(refusing))).toMatchObject({ passed: false, race: { createdByNone: 20 } })
  })

  test('counts who is not answered, and rejects where nobody is', async () => {
    const s3 = new FakeS3()
    let count = 0
    s3.intercept = ({ key, method }) =>
      method === 'PUT' && key.includes('/race-') && count++ % 8 === 7 ? failed(400, 'InvalidRequest') : undefined
    expect(await checkS3(onFake(s3))).toMatchObject({ passed: false, race: { unanswered: 20, createdTwice: 0 } })
    const gone = new FakeS3()
    gone.intercept = ({ key }) => (key.includes('/race-') ? broken() : undefined)
    const error = await checkS3(onFake(gone)).catch((caught: unknown) => caught)
    expect(MillraceError.is(error)).toBe(true)
  })

  test('stops when it is aborted, and cleans up', async () => {
    const s3 = new FakeS3()
    const stop = new AbortController()
    const seen: number[] = []
    const onProgress = (done: number): void => {
      seen.push(done)
      if (done === 3) stop.abort(new Error('stopped'))
    }
    await expect(checkS3({ ...onFake(s3), onProgress, signal: stop.signal })).rejects.toThrow('stopped')
    expect(seen).toEqual([1, 2, 3])
    expect(s3.objects.size).toBe(0)
  })

  test.each([{ keys: 0 }, { keys: 1.5 }, { writers: 1 }])('refuses %j', async (wrong) => {
    const error = await checkS3({ ...onFake(new FakeS3()), ...wrong }).catch((caught: unknown) => caught)
    expect(MillraceError.is(error, 'ARGUMENT_INVALID')).toBe(true)
  })
})

describe('the command', () => {
  const env = { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey }
  const args = ['--endpoint', 'https://s3.example.test', '--bucket=bucket', '--keys', '3', '--writers', '2', '--prefix', 'p']
  async function run(
    given: readonly string[],
    s3 = new FakeS3(),
    inEnv: Record<string, string> = env,
  ): Promise<{ code: number; text: string }> {
    const lines: string[] = []
    const code = await checkS3Command(given, { env: inEnv, print: (line) => lines.push(line), fetch: s3.fetch })
    return { code, text: lines.join('\n') }
  }

  test('answers 0 where the server passes, 1 where it does not, and says what was found', async () => {
    const passed = await run(args)
    expect(passed.text).toContain('PASSED')
    expect(passed.text).toContain('3 keys x 2 writers: 0 created more than once')
    expect(passed.code).toBe(0)
    const s3 = new FakeS3()
    s3.ignoresConditions = true
    const refused = await run(args, s3)
    expect(refused.text).toMatch(/IGNORED[\s\S]*not run[\s\S]*FAILED/)
    expect(refused.code).toBe(1)
    expect(s3.asked.every(({ key, url }) => `${key}${url.searchParams.get('prefix')}`.startsWith('p/'))).toBe(true)
  })

  test('signs with the session token', async () => {
    const s3 = new FakeS3()
    await run(args, s3, { ...env, AWS_SESSION_TOKEN: 'a-token' })
    expect(s3.asked.every(({ headers }) => headers.get('x-amz-security-token') === 'a-token')).toBe(true)
  })

  test.each([
    [['--endpont', 'x'], 'Did you mean --endpoint?'],
    [['--bucket'], 'Expected a value behind --bucket'],
    [['--bucket', '--keys', '3'], 'Expected a value behind --bucket'],
    [['stray'], 'Received "stray"'],
    [['--bucket', 'b'], 'Expected --endpoint and --bucket'],
    [[...args, '--keys=many'], 'Expected a whole number behind --keys'],
    [[...args, '--path-style', '--virtual-host'], 'Received both'],
  ])('answers 2 to %j', async (given, message) => {
    const { code, text } = await run(given)
    expect(text).toContain(message)
    expect(text).toContain('Usage:')
    expect(code).toBe(2)
  })

  test('says how it is run where aws4fetch is not installed, and does not print the value of an option that it does not know', async () => {
    vi.resetModules()
    vi.doMock('aws4fetch', () => {
      throw new Error('Cannot find package')
    })
    const lines: string[] = []
    try {
      const fresh = await import('../../../../src/storage/s3/check-command.ts')
      const env = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }
      expect(await fresh.checkS3Command(args, { env, print: (line) => lines.push(line), fetch: new FakeS3().fetch })).toBe(1)
    } finally {
      vi.doUnmock('aws4fetch')
      vi.resetModules()
    }
    expect(lines.join('\n')).toContain('DEPENDENCY_MISSING')
    expect(lines.join('\n')).toContain('npx -p millrace -p aws4fetch millrace check-s3')
    const { text } = await run(['--secret=TheSecret'])
    expect(text).toContain('--secret')
    expect(text).not.toContain('TheSecret')
  })

  test('needs credentials, and shows its usage when asked', async () => {
    expect(await run(args, new FakeS3(), {})).toMatchObject({ code: 2 })
    expect(await run(['--help'])).toMatchObject({ code: 0 })
  })
})
