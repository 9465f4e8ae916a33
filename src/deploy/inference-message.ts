/** A request as the protocol sees it, whatever server it came through. */
export interface InferenceRequest {
  readonly method: string
  /** With or without a query, which is not read. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /**
   * What was sent: bytes, text, what the host has parsed already, or a function that reads it, called only once the request is known to be
   * allowed; it gives undefined when there are more than `limitBytes`.
   */
  readonly body?: Uint8Array | string | { readonly parsed: unknown } | ((limitBytes: number) => Promise<Uint8Array | undefined>)
  /** Aborts when the client has gone. */
  readonly signal?: AbortSignal
}

export interface InferenceResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Ends a request with a status: what the protocol's own code throws, and never lets out. */
export class HttpFault extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

const commonHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const

export function jsonResponse(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): InferenceResponse {
  return { status, headers: { 'content-type': 'application/json', ...commonHeaders, ...headers }, body: JSON.stringify(value) }
}

export function textResponse(contentType: string, body: string): InferenceResponse {
  return { status: 200, headers: { 'content-type': contentType, ...commonHeaders }, body }
}
