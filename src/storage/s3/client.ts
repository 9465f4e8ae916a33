import { isAbortOf, raceAbort, throwIfAborted } from '../../core/abort.ts'
import { sha256HexAsync } from '../../core/digest.ts'
import { MillraceError, messageOf } from '../../core/error.ts'
import { outcomeUnknown, unavailable } from '../faults.ts'
import type { S3Credentials } from './credentials.ts'
import { assertCredentials } from './credentials.ts'
import type { S3Settings } from './options.ts'
import type { S3Reply } from './reply.ts'
import { faultOf, quotation, readReply, verdictOf } from './reply.ts'
import { retryAfterMs } from './retry-after.ts'
import type { Signer } from './signer.ts'

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  /** As it is in the bucket, prefix included; none for the bucket itself. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Must not change while it is under way. */
  readonly body?: Uint8Array<ArrayBuffer>
}

/** What was answered, to which credentials. */
export interface S3Answer {
  readonly reply: S3Reply
  /** An earlier try may have been applied, so that this answer is not the whole truth. */
  readonly mayHaveBeenApplied: boolean
  readonly credentials: S3Credentials
}

/** One try. What it fails with is made when it is asked for: most are tried again. */
type Try =
  | {
      readonly reply: S3Reply
      readonly credentials: S3Credentials
      readonly retry: 'no' | 'again' | 'unclear'
      readonly fault: () => unknown
    }
  | { readonly reply?: never; readonly retry: 'again' | 'unclear'; readonly fault: () => unknown }

const firstDelayMs = 100
const longestDelayMs = 5_000
/** A server that asks for more is not waited for. */
const longestAskedMs = 60_000
const emptyDigest = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
/** The connection was never there, so nothing was sent. */
const notConnected: ReadonlySet<unknown> = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Signs, sends, times out and tries again; knows what may have been applied and what was not. */
export class S3Client {
  readonly settings: S3Settings
  readonly #signer: Signer

  constructor(settings: S3Settings, signer: Signer) {
    this.settings = settings
    this.#signer = signer
  }

  /**
   * Answers that ask for another try get one, with growing delays.
   *
   * @throws {@link MillraceError} `STORAGE_UNAVAILABLE` when there is no answer that stands; for a request that changes something and may have been
   * applied `STORAGE_OUTCOME_UNKNOWN`. `signal.reason` when aborted.
   */
  async send(request: S3Request, signal: AbortSignal | undefined): Promise<S3Answer> {
    return (await this.sendOrSettle(request, async () => undefined, signal)) as S3Answer
  }

  /** As `send`; after a try that may have been applied, `settle` looks whether it was. Undefined: it was not, so far as can be seen. */
  async sendOrSettle<Settled extends string>(
    request: S3Request,
    settle: () => Promise<Settled | undefined>,
    signal: AbortSignal | undefined,
  ): Promise<S3Answer | Settled> {
    const { attempts } = this.settings
    const changes = request.method === 'PUT' || request.method === 'DELETE'
    let unclear: unknown
    for (let attempt = 1; ; attempt++) {
      const tried = await this.#try(request, signal, unclear)
      if (tried.retry === 'no') {
        const { reply, credentials } = tried
        return { reply, credentials, mayHaveBeenApplied: unclear !== undefined }
      }
      if (tried.retry === 'unclear' && changes) {
        unclear = tried.fault()
        const settled = await this.#settle(settle, signal, request, unclear)
        if (settled !== undefined) return settled
      }
      const askedMs = tried.reply === undefined ? 0 : retryAfterMs(tried.reply.headers, this.settings.clock.now())
      if (attempt >= attempts || askedMs > longestAskedMs) throw this.giveUp(request, tried.fault(), unclear)
      await this.settings.clock.sleep(Math.max(askedMs, this.#delayMs(attempt)), signal)
    }
  }

  /** What a request fails with: after a try that may have been applied, nobody knows. */
  giveUp(request: S3Request, fault: unknown, unclear: unknown): unknown {
    return unclear === undefined ? fault : outcomeUnknown(this.ownKey(request.key ?? ''), plain(unclear))
  }

  /** The fault of an answer that is none of those that are expected. */
  fault(request: S3Request, { reply, credentials, mayHaveBeenApplied }: S3Answer): unknown {
    const fault = faultOf(reply, this.settings.name, this.ownKey(request.key ?? ''), credentials)
    return this.giveUp(request, fault, mayHaveBeenApplied ? fault : undefined)
  }

  /** The fault of an answer that cannot be read, for a reason that may quote it. */
  unreadable({ credentials }: S3Answer, error: unknown): unknown {
    return unavailable(this.settings.name, new Error(quotation(messageOf(error), credentials)))
  }

  /** One try that takes no longer, whatever comes of it: for what nobody should have to wait for. Never rejects. */
  async attemptWithin(ms: number, request: S3Request): Promise<void> {
    const [late, timer] = [new AbortController(), new AbortController()]
    const isLate = (): void => late.abort(new Error(`no answer within ${ms} ms`))
    this.settings.clock.sleep(ms, timer.signal, { background: true }).then(isLate, () => {})
    await this.#try(request, late.signal, undefined).catch(() => {})
    timer.abort()
  }

  /** A key without the prefix in the bucket. */
  ownKey(key: string): string {
    return key.startsWith(this.settings.prefix) ? key.slice(this.settings.prefix.length) : key
  }

  async #settle<Settled>(
    settle: () => Promise<Settled | undefined>,
    signal: AbortSignal | undefined,
    request: S3Request,
    unclear: unknown,
  ): Promise<Settled | undefined> {
    try {
      return await settle()
    } catch (error) {
      if (isAbortOf(signal, error)) throw error
      throw this.giveUp(request, error, unclear)
    }
  }

  async #try(request: S3Request, signal: AbortSignal | undefined, unclear: unknown): Promise<Try> {
    throwIfAborted(signal)
    const { name, credentialsMayChange } = this.settings
    const credentials = await raceAbort(this.#credentials(), signal).catch((error: unknown) => {
      throw isAbortOf(signal, error) ? error : this.giveUp(request, error, unclear)
    })
    let isSent = false
    try {
      const reply = await this.#exchange(request, credentials, signal, () => {
        isSent = true
      })
      const verdict = verdictOf(reply)
      const fault = (): unknown => faultOf(reply, name, this.ownKey(request.key ?? ''), credentials)
      const retry =
        verdict === 'done' || (verdict === 'expired' && !credentialsMayChange) ? 'no' : verdict === 'unclear' ? 'unclear' : 'again'
      return { reply, credentials, retry, fault }
    } catch (error) {
      if (isAbortOf(signal, error)) throw error
      // Told, not kept as the cause: it may quote the headers that it was given.
      const fault = unavailable(name, new Error(quotation(describeFailure(error), credentials)))
      if (!isSent) throw this.giveUp(request, fault, unclear)
      return { retry: neverConnected(error) ? 'again' : 'unclear', fault: () => fault }
    }
  }

  async #exchange(request: S3Request, credentials: S3Credentials, signal: AbortSignal | undefined, onSent: () => void): Promise<S3Reply> {
    const { timeoutMs, clock } = this.settings
    const stop = new AbortController()
    const timer = new AbortController()
    const onAbort = (): void => stop.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    if (Number.isFinite(timeoutMs)) {
      const isLate = (): void => stop.abort(new Error(`no answer within ${timeoutMs} ms`))
      clock.sleep(timeoutMs, timer.signal).then(isLate, () => {})
    }
    try {
      const { url, headers } = await raceAbort(this.#signed(request, credentials), stop.signal)
      onSent()
      const work = async (): Promise<S3Reply> => {
        const init: RequestInit = { method: request.method, headers, signal: stop.signal, redirect: 'manual', cache: 'no-store' }
        if (request.body !== undefined) init.body = request.body
        return await readReply(await this.settings.fetch(url, init))
      }
      return await raceAbort(work(), stop.signal)
    } finally {
      timer.abort()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async #credentials(): Promise<S3Credentials> {
    let credentials: S3Credentials
    try {
      credentials = await this.settings.credentials()
    } catch {
      // What it says may quote them, and there are none yet to look for.
      throw unavailable(this.settings.name, new Error('a failure of the function that gives the credentials, which is not shown'))
    }
    assertCredentials(credentials)
    return credentials
  }

  async #signed(request: S3Request, credentials: S3Credentials): Promise<{ readonly url: string; readonly headers: Headers }> {
    const url = urlOf(this.settings, request)
    const bodyDigest = request.body === undefined ? emptyDigest : await sha256HexAsync(request.body)
    const unsigned = { method: request.method, url, headers: request.headers ?? {}, bodyDigest }
    try {
      return { url, headers: await this.#signer.sign(unsigned, credentials, this.settings.clock.now()) }
    } catch {
      // What it says may quote what it was given. The one likely cause is a page that is not secure.
      throw new Error(
        crypto.subtle === undefined ? 'this platform has no WebCrypto: a page must come over HTTPS' : 'the request cannot be signed',
      )
    }
  }

  /** Anywhere between nothing and a bound that doubles, so that writers that collided once do not collide again. */
  #delayMs(attempt: number): number {
    return this.settings.random.next() * Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(attempt - 1, 16))
  }
}

/** Where a request goes. */
export function urlOf(settings: S3Settings, request: Pick<S3Request, 'key' | 'query'>): string {
  const { endpoint, bucket, addressing } = settings
  const host = addressing === 'virtual-host' ? `${bucket}.${endpoint.host}` : endpoint.host
  const base = endpoint.pathname.replace(/\/+$/, '')
  const inBucket = addressing === 'virtual-host' ? '' : `/${bucket}`
  const path = request.key === undefined ? '' : `/${request.key.split('/').map(encodeURIComponent).join('/')}`
  const query = new URLSearchParams(request.query).toString()
  // Spaces must be %20 where they are signed.
  return `${endpoint.protocol}//${host}${base}${inBucket}${path === '' && inBucket === '' ? '/' : path}${query === '' ? '' : `?${query.replaceAll('+', '%20')}`}`
}

/** The reason of a fault without its sentence, which would stand within another. */
function plain(fault: unknown): unknown {
  return MillraceError.is(fault, 'STORAGE_UNAVAILABLE') ? new Error(fault.details.reason) : fault
}

function neverConnected(error: unknown): boolean {
  const cause = (error as { readonly cause?: unknown } | null)?.cause as { readonly code?: unknown } | undefined
  return notConnected.has(cause?.code)
}

/** What `fetch` throws says little; its cause says more. */
function describeFailure(error: unknown): string {
  const cause = (error as { readonly cause?: unknown } | null)?.cause as { readonly code?: unknown; readonly message?: unknown } | undefined
  const more = [cause?.code, cause?.message].filter((part) => typeof part === 'string' && part !== '').join(' ')
  return more === '' ? messageOf(error) : `${messageOf(error)} (${more})`
}
