import { MillraceError } from 'millrace'
import { createRandom } from 'millrace/core'
import { Secret } from 'millrace/log'
import type { MlflowConnectionOptions } from 'millrace/registry/mlflow'
import { describe, expect, test } from 'vitest'
import type { MlflowRequest } from '../../../src/registry/mlflow/connection.ts'
import { MlflowConnection } from '../../../src/registry/mlflow/connection.ts'

const url = 'http://mlflow.test:5000'
const read: MlflowRequest = { method: 'GET', path: '/mlflow/runs/get', query: { run_id: 'r 1' }, repeatable: true }
const make: MlflowRequest = { method: 'POST', path: '/mlflow/runs/create', body: { experiment_id: '1' }, repeatable: false }

const json = (value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json', ...headers } })
const refusal = (status: number, error_code: string, message = 'no'): Response => json({ error_code, message }, status)

/** A connection to a script: each request is answered by the next of it, the last of them again and again. */
function scripted(answers: readonly (() => Response | Promise<Response>)[], options: Partial<MlflowConnectionOptions> = {}) {
  const requests: { readonly url: string; readonly init: RequestInit }[] = []
  const pauses: number[] = []
  const connection = new MlflowConnection({
    url,
    random: createRandom(1),
    clock: {
      now: () => Date.UTC(2001, 0, 1),
      monotonicMs: () => 0,
      // Time-outs, which are longer than every pause here, are never over.
      sleep: (ms) => {
        if (ms >= 30_000) return new Promise(() => {})
        pauses.push(ms)
        return Promise.resolve()
      },
    },
    fetch: async (input, init) => {
      const answer = answers[Math.min(requests.length, answers.length - 1)]
      requests.push({ url: String(input), init: init ?? {} })
      return (answer as () => Response)()
    },
    ...options,
  })
  return { connection, requests, pauses }
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no failure',
    (error: unknown) => error,
  )
}

describe('what an MLflow server answers', () => {
  test.each([
    ['a login that is missing', refusal(401, 'UNAUTHENTICATED'), 'REGISTRY_DENIED', 401],
    ['a login that may not', new Response('no', { status: 403 }), 'REGISTRY_DENIED', 403],
    [
      'a page where JSON was expected',
      new Response('<p>Log in</p>', { headers: { 'content-type': 'text/html' } }),
      'REGISTRY_UNAVAILABLE',
      200,
    ],
    ['JSON that is no object', json([1]), 'REGISTRY_UNAVAILABLE', 200],
    ['nothing', new Response(''), 'REGISTRY_UNAVAILABLE', 200],
    ['a route that is not there', new Response('<h1>Not Found</h1>', { status: 404 }), 'REGISTRY_UNAVAILABLE', 404],
    ['a resource that is not there', refusal(404, 'RESOURCE_DOES_NOT_EXIST'), 'REGISTRY_UNAVAILABLE', 404],
    ['a parameter that it does not take', refusal(400, 'INVALID_PARAMETER_VALUE'), 'REGISTRY_UNAVAILABLE', 400],
    ['a fault of its own', new Response('oops', { status: 500 }), 'REGISTRY_UNAVAILABLE', 500],
    [
      'that artifacts are not served',
      new Response('... running with `--no-serve-artifacts`', { status: 503 }),
      'REGISTRY_UNSUPPORTED',
      undefined,
    ],
  ])('%s is a typed error', async (_, answer, code, status) => {
    const { connection } = scripted([() => answer], { attempts: 1 })
    const failure = await failureOf(connection.json(read))
    expect(failure).toMatchObject({ code })
    expect((failure as { details: { status?: number } }).details.status).toBe(status)
  })

  test('an error code that the caller knows is undefined, not a failure', async () => {
    const { connection } = scripted([() => refusal(404, 'RESOURCE_DOES_NOT_EXIST')])
    expect(await connection.json({ ...read, absent: ['RESOURCE_DOES_NOT_EXIST'] })).toBeUndefined()
    expect(await failureOf(connection.json({ ...read, absent: ['OTHER'] }))).toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
  })

  test('sends JSON as JSON, bytes as they are, and queries encoded, and follows no redirect', async () => {
    const { connection, requests } = scripted([() => json({ a: 1 })], { url: `${url}/behind/`, headers: { 'x-team': 'risk' } })
    expect(await connection.json({ ...read, query: { filter: "name = 'a b'", page_token: undefined } })).toEqual({ a: 1 })
    await connection.json(make)
    await connection.send({ method: 'PUT', path: '/mlflow-artifacts/artifacts/a', body: Uint8Array.of(1, 2), repeatable: true })
    expect(requests[0]?.url).toBe(`${url}/behind/api/2.0/mlflow/runs/get?filter=name+%3D+%27a+b%27`)
    expect(requests[1]?.init).toMatchObject({ method: 'POST', body: '{"experiment_id":"1"}', redirect: 'error' })
    expect(requests[1]?.init.headers).toEqual({ 'content-type': 'application/json', 'x-team': 'risk' })
    expect(requests[2]?.init).toMatchObject({ body: Uint8Array.of(1, 2), headers: { 'content-type': 'application/octet-stream' } })
  })
})

describe('what is sent again', () => {
  const answer = (status: number) => () => new Response('', { status })

  test.each([408, 429, 500, 502, 503, 504])('a request that is safe to repeat, after status %i, with pauses that grow', async (status) => {
    const { connection, requests, pauses } = scripted([answer(status), answer(status), answer(status), () => json({})])
    expect(await connection.json(read)).toEqual({})
    expect(requests).toHaveLength(4)
    expect(pauses).toHaveLength(3)
    for (const [at, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(100 * 2 ** at)
      expect(pause).toBeLessThanOrEqual(200 * 2 ** at)
    }
  })

  test('as long as the server asks, in seconds or by a date, but not longer than half a minute', async () => {
    const headers = ['3', 'Mon, 01 Jan 2001 00:00:07 GMT', '0', '86400'].map((wait) => ({ 'retry-after': wait }))
    const waits: number[] = []
    const { connection } = scripted(
      [...headers.map((header) => () => new Response('', { status: 503, headers: header })), () => json({})],
      {
        attempts: 5,
        timeoutMs: 40_000,
        clock: {
          now: () => Date.UTC(2001, 0, 1),
          monotonicMs: () => 0,
          sleep: async (ms) => {
            if (ms < 40_000) waits.push(ms)
            else await new Promise(() => {})
          },
        },
      },
    )
    await connection.json(read)
    expect(waits).toEqual([3000, 7000, 0, 30_000])
  })

  test('not a refusal, not one that is not safe to repeat, and not more often than allowed', async () => {
    for (const status of [400, 401, 403, 404, 409]) {
      const { connection, requests } = scripted([answer(status)])
      await failureOf(connection.json(read))
      expect([status, requests.length]).toEqual([status, 1])
    }
    const once = scripted([answer(503)])
    await failureOf(once.connection.json(make))
    expect(once.requests).toHaveLength(1)
    const often = scripted([answer(503)], { attempts: 7 })
    expect(await failureOf(often.connection.json(read))).toMatchObject({ code: 'REGISTRY_UNAVAILABLE', details: { status: 503 } })
    expect(often.requests).toHaveLength(7)
  })

  test('not after an abort, which rejects with its reason', async () => {
    const abort = new AbortController()
    const reason = new Error('enough')
    const { connection, requests } = scripted([
      () => {
        abort.abort(reason)
        throw new TypeError('fetch failed')
      },
    ])
    expect(await failureOf(connection.json({ ...read, signal: abort.signal }))).toBe(reason)
    expect(requests).toHaveLength(1)
    expect(await failureOf(connection.json({ ...read, signal: abort.signal }))).toBe(reason)
    expect(requests).toHaveLength(1)
  })
})

describe('a server that does not answer', () => {
  test('is given up after the time-out, which is longer for bytes', async () => {
    const waited: number[] = []
    const connection = new MlflowConnection({
      url,
      attempts: 1,
      timeoutMs: 1000,
      clock: { now: () => 0, monotonicMs: () => 0, sleep: async (ms) => void waited.push(ms) },
      fetch: (_, init) => new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))),
    })
    const failure = await failureOf(connection.json(read))
    expect(failure).toMatchObject({ code: 'REGISTRY_UNAVAILABLE', details: { reason: 'no answer within 1000 ms' } })
    await failureOf(connection.send({ ...make, body: new Uint8Array(3_000_000) }))
    expect(waited).toEqual([1000, 4000])
  })

  test('is told with what the platform says of it', async () => {
    const { connection } = scripted(
      [
        () => {
          throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 127.0.0.1:5000') })
        },
      ],
      { attempts: 1 },
    )
    expect(await failureOf(connection.json(read))).toMatchObject({ details: { reason: 'connect ECONNREFUSED 127.0.0.1:5000' } })
  })

  test('cannot make us read more than was asked for', async () => {
    let sent = 0
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent += 1024
        controller.enqueue(new Uint8Array(1024))
      },
    })
    const { connection } = scripted([() => new Response(endless)])
    const reply = await connection.send({ ...read, sizeBytes: 5000 })
    expect(reply).toMatchObject({ isCut: true })
    expect(reply?.bytes).toHaveLength(5000)
    expect(sent).toBeLessThan(20_000)
  })
})

describe('what a host gives that heeds no signal', () => {
  const never = (): Promise<never> => new Promise(() => {})
  const endless = async (): Promise<Response> =>
    new Response(new ReadableStream({ pull: (controller) => controller.enqueue(Uint8Array.of(0)) }))
  const stuck: readonly (readonly [string, Partial<MlflowConnectionOptions>])[] = [
    ['a credential function', { credentials: never, fetch: async () => json({}) }],
    ['a fetch', { fetch: never }],
    ['a fetch whose answer does not end', { fetch: endless }],
  ]

  test.each(stuck)('%s that never answers is given up when the caller aborts, with the reason', async (_, options) => {
    const { connection } = scripted([], options)
    const abort = new AbortController()
    const reason = new Error('enough')
    const failure = failureOf(connection.send({ ...read, sizeBytes: 1 << 30, signal: abort.signal }))
    abort.abort(reason)
    expect(await failure).toBe(reason)
  })

  test.each(stuck)('%s that never answers is given up after the time-out', async (_, options) => {
    const clock = { now: () => 0, monotonicMs: () => 0, sleep: async () => {} }
    const connection = new MlflowConnection({ url, attempts: 1, timeoutMs: 1000, clock, ...options })
    expect(await failureOf(connection.json(read))).toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
      details: { reason: 'no answer within 1000 ms' },
    })
  })

  test.each([
    ['throws', () => Promise.reject(new Error('cannot refresh hunter2-hunter2', { cause: 'hunter2-hunter2' }))],
    [
      'throws at once',
      () => {
        throw new Error('hunter2-hunter2')
      },
    ],
    ['gives null', () => null],
    ['gives nothing', () => undefined],
    ['gives half a login', () => ({ username: 'hunter2-hunter2' })],
    ['gives a token that is no text', () => ({ token: { value: 'hunter2-hunter2' } })],
  ])('a credential function that %s is REGISTRY_UNAVAILABLE, and nothing of it is shown', async (_, credentials) => {
    const { connection, requests } = scripted([() => json({})], { credentials: credentials as never })
    const failure = await failureOf(connection.json(read))
    expect(failure).toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
      details: { reason: expect.stringContaining('function that gives the credentials') },
    })
    const { message, stack, details, cause } = failure as MillraceError
    expect(`${message} ${stack} ${JSON.stringify(details)} ${String(cause)}`).not.toContain('hunter2')
    expect(requests).toEqual([])
  })
})

describe('secrets', () => {
  const secrets = ['hunter2-hunter2', 'a-token-of-access', 'key-in-a-header']
  const encoded = btoa('ann:hunter2-hunter2')
  const shown = (failure: unknown): string =>
    `${String(failure)} ${JSON.stringify(failure)} ${JSON.stringify((failure as MillraceError).details)} ${(failure as Error).stack} ${String((failure as Error).cause)}`

  test.each([
    ['a password', { username: 'ann', password: 'hunter2-hunter2' }],
    ['a password in a Secret', { username: 'ann', password: new Secret('hunter2-hunter2') }],
    ['a token', { token: new Secret('a-token-of-access') }],
    ['a function', async () => ({ token: 'a-token-of-access' })],
  ] as const)('as %s are sent, and never shown, whatever the server or the platform repeats', async (_, credentials) => {
    const echo = (init: RequestInit | undefined): string => JSON.stringify(init?.headers)
    for (const answer of [
      (init?: RequestInit) => new Response(JSON.stringify({ error_code: 'BAD', message: echo(init) }), { status: 400 }),
      (init?: RequestInit) => new Response(echo(init), { status: 500 }),
      (init?: RequestInit) => new Response(echo(init), { status: 403 }),
      (init?: RequestInit): Response => {
        throw new TypeError(echo(init), { cause: new Error(echo(init)) })
      },
    ]) {
      let authorization: unknown
      const connection = new MlflowConnection({
        url,
        attempts: 1,
        credentials,
        headers: { 'x-api-key': 'key-in-a-header' },
        fetch: async (_input, init) => {
          authorization = new Headers(init?.headers).get('authorization')
          return answer(init)
        },
      })
      const failure = await failureOf(connection.json(read))
      expect(MillraceError.is(failure)).toBe(true)
      expect([`Basic ${encoded}`, 'Bearer a-token-of-access']).toContain(authorization)
      for (const secret of [...secrets, encoded]) expect(shown(failure)).not.toContain(secret)
    }
  })

  test('in an address are refused, and not printed', () => {
    for (const address of [
      `http://ann:hunter2-hunter2@mlflow.test`,
      `http://mlflow.test/?token=hunter2-hunter2`,
      'hunter2-hunter2',
      'ftp://hunter2-hunter2',
    ]) {
      let failure: unknown
      try {
        new MlflowConnection({ url: address })
      } catch (error) {
        failure = error
      }
      expect(failure).toMatchObject({ code: 'ARGUMENT_INVALID' })
      expect(shown(failure)).not.toContain('hunter2')
    }
  })

  test.each([{ attempts: 0 }, { attempts: 1.5 }, { timeoutMs: 0 }, { timeoutMs: Number.NaN }])(
    'limits that make no sense are refused: %j',
    (options) => {
      expect(() => new MlflowConnection({ url, ...options })).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
    },
  )
})
