import { raceAbort, throwIfAborted } from '../../core/abort.ts'
import type { Clock } from '../../core/clock.ts'
import { systemClock } from '../../core/clock.ts'
import { MillraceError, messageOf } from '../../core/error.ts'
import type { Random } from '../../core/random.ts'
import { systemRandom } from '../../core/random.ts'
import type { Authorization, MlflowCredentials } from './credentials.ts'
import { assertCredentials, authorize, loginOf } from './credentials.ts'
import type { Reply } from './reply.ts'
import { faultOf, isTransient, isTransientStatus, jsonOf, readReply, unavailable } from './reply.ts'

/** Where an MLflow server is and how it is asked. */
export interface MlflowConnectionOptions {
  /** Such as `http://127.0.0.1:5000`, with the path where the server is not at the root. */
  readonly url: string
  readonly credentials?: MlflowCredentials
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>
  /** Default: the platform's. */
  readonly fetch?: typeof fetch
  readonly clock?: Clock
  /** For the jitter between attempts and for identifiers. */
  readonly random?: Random
  /** For one request, the function that gives its credentials and its answer, and a second more for each megabyte that is sent or expected; default 30,000. */
  readonly timeoutMs?: number
  /** How often a request that is safe to repeat is sent at most; default 4. */
  readonly attempts?: number
}

export interface SignalOption {
  readonly signal?: AbortSignal
}

export interface MlflowRequest extends SignalOption {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT'
  /** Below `/api/2.0`, its segments encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  /** JSON, or bytes as they are. */
  readonly body?: Readonly<Record<string, unknown>> | Uint8Array
  /** Sending it twice is sending it once. */
  readonly repeatable: boolean
  /** Answers of these error codes are no fault: they give undefined. */
  readonly absent?: readonly string[]
  /** Of the answer, where it is known: it is given time for it, and a longer one is a fault. */
  readonly sizeBytes?: number
}

/** Of an answer whose size is not known: a page of versions or runs, a manifest. */
const maxAnswerBytes = 64 << 20
const longestPauseMs = 30_000
const firstPauseMs = 200
const bytesASecond = 1_000_000

/**
 * Requests to one server: authorized, timed out, sent again where that is safe, their failures told as {@link MillraceError}s in which no secret is.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID` for an address that is none, or that holds a password, and for credentials that are none.
 */
export class MlflowConnection {
  /** The server in messages: its address, which holds no secret. */
  readonly label: string
  readonly clock: Clock
  readonly random: Random
  readonly #base: string
  readonly #options: MlflowConnectionOptions
  readonly #attempts: number
  readonly #timeoutMs: number
  /** How long the server asked to be left alone, by the fault that said so. */
  readonly #waits = new WeakMap<object, number>()

  constructor(options: MlflowConnectionOptions) {
    const { attempts = 4, timeoutMs = 30_000 } = options
    this.#base = baseOf(options.url)
    this.label = this.#base
    if (!(Number.isInteger(attempts) && attempts >= 1)) throw invalid('attempts', '1 or more', String(attempts))
    if (!(timeoutMs > 0)) throw invalid('timeoutMs', 'more than 0', String(timeoutMs))
    assertCredentials(options.credentials)
    this.#options = options
    this.#attempts = attempts
    this.#timeoutMs = timeoutMs
    this.clock = options.clock ?? systemClock
    this.random = options.random ?? systemRandom
  }

  /** For tidying up after a failure: one attempt, and not a long one, since whoever waits for it waits for bad news. */
  impatient(): MlflowConnection {
    return new MlflowConnection({ ...this.#options, attempts: 1, timeoutMs: Math.min(this.#timeoutMs, 5000) })
  }

  /** The JSON that is answered; undefined for an error code among `absent`. */
  async json(request: MlflowRequest): Promise<Readonly<Record<string, unknown>> | undefined> {
    const reply = await this.send(request)
    return reply === undefined ? undefined : jsonOf(reply, this.label)
  }

  /** @throws {@link MillraceError} `REGISTRY_DENIED`, `REGISTRY_UNAVAILABLE`, `REGISTRY_UNSUPPORTED` for an artifact on a server that passes none on. */
  async send(request: MlflowRequest): Promise<Reply | undefined> {
    return this.persist(() => this.#attempt(request), request.repeatable ? this.#attempts : 1, request.signal)
  }

  /** Does the work again while it fails in a way that may pass: the work must be safe to do twice. */
  async persist<Result>(work: () => Promise<Result>, attempts: number = this.#attempts, signal?: AbortSignal): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      throwIfAborted(signal)
      try {
        return await work()
      } catch (error) {
        if (attempt >= attempts || signal?.aborted || !isTransient(error)) throw error
        const pauseMs = this.#waits.get(error) ?? this.#pauseMs(attempt)
        await this.clock.sleep(Math.min(pauseMs, longestPauseMs), signal)
      }
    }
  }

  async #attempt(request: MlflowRequest): Promise<Reply | undefined> {
    const { absent = [] } = request
    const { reply, scrub } = await this.#inTime(request, async (limit) => {
      // Neither the host's function nor its fetch may heed the signal.
      const login = await raceAbort(loginOf(this.#options.credentials, this.label), limit)
      const authorization = authorize(login, this.#options.headers ?? {})
      return { reply: await this.#exchange(request, authorization, limit), scrub: authorization.scrub }
    })
    if (reply.status >= 200 && reply.status < 300) return reply
    const { fault, errorCode } = faultOf(reply, this.label, scrub)
    if (errorCode !== undefined && absent.includes(errorCode)) return undefined
    const wait = isTransientStatus(reply.status) ? retryAfterMs(reply.retryAfter, this.clock.now()) : undefined
    if (wait !== undefined) this.#waits.set(fault, wait)
    throw fault
  }

  /** Rejects when the caller aborts and when the time for the request is over, whatever the work waits for. */
  async #inTime<Result>(request: MlflowRequest, work: (limit: AbortSignal) => Promise<Result>): Promise<Result> {
    const { body, signal } = request
    throwIfAborted(signal)
    const sizeBytes = (body instanceof Uint8Array ? body.length : 0) + (request.sizeBytes ?? 0)
    const timeoutMs = this.#timeoutMs + (sizeBytes / bytesASecond) * 1000
    const limit = new AbortController()
    const over = new AbortController()
    const onAbort = (): void => limit.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    this.clock.sleep(timeoutMs, over.signal).then(
      () => limit.abort(unavailable(this.label, `no answer within ${timeoutMs} ms`)),
      () => {},
    )
    try {
      return await work(limit.signal)
    } finally {
      signal?.removeEventListener('abort', onAbort)
      over.abort()
    }
  }

  async #exchange(request: MlflowRequest, authorization: Authorization, limit: AbortSignal): Promise<Reply> {
    const { method, body } = request
    const isBytes = body instanceof Uint8Array
    const ask = async (): Promise<Reply> => {
      const response = await (this.#options.fetch ?? fetch)(this.#addressOf(request), {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' }),
          ...authorization.headers,
        },
        ...(body === undefined ? {} : { body: isBytes ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
        // A login page is no answer, and another host is not to be told who asks.
        redirect: 'error',
        signal: limit,
      })
      return await readReply(response, request.sizeBytes ?? maxAnswerBytes, limit)
    }
    try {
      return await raceAbort(ask(), limit)
    } catch (error) {
      throwIfAborted(limit)
      if (MillraceError.is(error)) throw error
      throw unavailable(this.label, authorization.scrub(messageOf(causeOf(error))))
    }
  }

  #addressOf({ path, query = {} }: MlflowRequest): string {
    const parameters = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.append(name, String(value))
    const text = parameters.toString()
    return `${this.#base}/api/2.0${path}${text === '' ? '' : `?${text}`}`
  }

  /** Doubles, and up to half of it is chance, so that many that failed at once do not come back at once. */
  #pauseMs(attempt: number): number {
    const longest = firstPauseMs * 2 ** (attempt - 1)
    return longest * (0.5 + this.random.next() / 2)
  }
}

/** Seconds or a date, as RFC 9110 has it. */
function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}

/** What a platform's fetch says is "fetch failed"; why is in its cause. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error && error.cause.message !== '' ? error.cause : error
}

function baseOf(url: string): string {
  const expected = 'the http or https address of a server, without a user, a query or a fragment'
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    throw invalid('url', expected, 'one that cannot be read')
  }
  const { protocol, username, password, search, hash } = parsed
  if (protocol !== 'http:' && protocol !== 'https:') throw invalid('url', expected, `one of "${protocol}"`)
  // Not printed: there may be a password in it.
  if (username !== '' || password !== '') throw invalid('url', `${expected}; give \`credentials\``, 'one with a user')
  if (search !== '' || hash !== '') throw invalid('url', expected, 'one with a query or a fragment')
  return `${parsed.origin}${parsed.pathname.replace(/\/+$/, '')}`
}

function invalid(argument: string, expected: string, received: string): MillraceError<'ARGUMENT_INVALID'> {
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected "${argument}" to be ${expected}. Received ${received}.`,
    details: { argument, expected, received },
  })
}
