import { MillraceError } from '../../core/error.ts'
import { isPlainObject } from '../../core/json.ts'
import { redactText } from '../../log/redact.ts'

/** An answer, read to its end. */
export interface Reply {
  readonly status: number
  readonly contentType: string
  readonly retryAfter: string | null
  readonly bytes: Uint8Array
  /** More came than was asked for; the rest was not read. */
  readonly isCut: boolean
}

const longestReason = 300

/** @param signal - once it has aborted nothing more is read, whether or not the response heeds it. */
export async function readReply(response: Response, maxBytes: number, signal: AbortSignal): Promise<Reply> {
  const { headers, status } = response
  const isSuccess = status >= 200 && status < 300
  const { bytes, isCut } = await readAtMost(response, isSuccess ? maxBytes : 64 << 10, signal)
  return { status, contentType: headers.get('content-type') ?? '', retryAfter: headers.get('retry-after'), bytes, isCut }
}

async function readAtMost(
  response: Response,
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ readonly bytes: Uint8Array; readonly isCut: boolean }> {
  const reader = response.body?.getReader()
  if (reader === undefined) return { bytes: new Uint8Array(0), isCut: false }
  const pieces: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    if (signal.aborted) {
      await reader.cancel()
      throw signal.reason
    }
    pieces.push(value)
    length += value.length
    if (length > maxBytes) {
      await reader.cancel()
      break
    }
  }
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const piece of pieces) {
    bytes.set(piece, offset)
    offset += piece.length
  }
  return { bytes: bytes.subarray(0, maxBytes), isCut: length > maxBytes }
}

/** The JSON object of an answer. @throws {@link MillraceError} `REGISTRY_UNAVAILABLE` where it is none: whatever answers there is no MLflow server. */
export function jsonOf(reply: Reply, registry: string): Readonly<Record<string, unknown>> {
  const value = reply.isCut ? undefined : parsed(reply.bytes)
  if (isPlainObject(value)) return value
  const kind = reply.isCut ? 'more than can be read' : reply.contentType === '' ? 'nothing' : reply.contentType
  throw unavailable(registry, `the answer is ${kind} where JSON was expected: is this an MLflow server?`, reply.status)
}

/** What a refusal means, and the server's own code for it. `scrub` takes secrets out of what the server says: it may repeat what it was sent. */
export function faultOf(
  reply: Reply,
  registry: string,
  scrub: (text: string) => string,
): { readonly fault: MillraceError; readonly errorCode?: string } {
  const { status } = reply
  if (status === 401 || status === 403) return { fault: denied(registry, status) }
  const body = parsed(reply.bytes)
  if (isPlainObject(body) && typeof body.error_code === 'string') {
    const said = typeof body.message === 'string' ? `: ${body.message}` : ''
    const reason = redactText(scrub(`${body.error_code}${said}`)).slice(0, longestReason)
    return { fault: unavailable(registry, reason, status), errorCode: body.error_code }
  }
  const text = new TextDecoder().decode(reply.bytes)
  if (text.includes('--no-serve-artifacts')) return { fault: noProxy(registry, 'it runs with --no-serve-artifacts') }
  if (status === 404) return { fault: unavailable(registry, 'there is no such route: is this an MLflow server?', status) }
  return { fault: unavailable(registry, `it answers with status ${status}`, status) }
}

/** Failures that may pass: no answer, or one that says so. */
export function isTransient(error: unknown): error is MillraceError<'REGISTRY_UNAVAILABLE'> {
  return MillraceError.is(error, 'REGISTRY_UNAVAILABLE') && (error.details.status === undefined || isTransientStatus(error.details.status))
}

export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 429 || status >= 500
}

export function unavailable(registry: string, reason: string, status?: number): MillraceError<'REGISTRY_UNAVAILABLE'> {
  return new MillraceError('REGISTRY_UNAVAILABLE', {
    message: `Expected an answer of the MLflow server at ${registry}. Received none that can be used: ${reason}.`,
    details: { registry, reason, ...(status === undefined ? {} : { status }) },
  })
}

/** @param why - what shows that artifacts do not go through the server. */
export function noProxy(registry: string, why: string): MillraceError<'REGISTRY_UNSUPPORTED'> {
  const reason = `artifacts must go through the server (mlflow server --serve-artifacts), and ${why}`
  return new MillraceError('REGISTRY_UNSUPPORTED', {
    message: `Expected an MLflow server at ${registry} that passes artifacts on. Received one that does not: ${why}.`,
    details: { registry, operation: 'artifacts', reason },
  })
}

function denied(registry: string, status: number): MillraceError<'REGISTRY_DENIED'> {
  return new MillraceError('REGISTRY_DENIED', {
    message: `Expected the MLflow server at ${registry} to let these credentials in. Received status ${status}.`,
    details: { registry, status },
  })
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}
