import type { InferenceRequest } from './inference-message.ts'
import { createInferenceProtocol, type InferenceProtocolOptions, type ServedDeployment } from './inference-protocol.ts'

/**
 * The protocol as a fetch handler: for Bun, Deno, workers, service workers, Hono and Next.js. It speaks what `createInferenceProtocol` says.
 *
 * @example
 * const authorize = ({ headers }: InferenceRequest): boolean => headers.authorization === 'Bearer of the secret'
 * export default { fetch: fetchHandler(deployment, { hosts: ['ml.example.org'], authorize }) }
 */
export function fetchHandler(
  deployments: ServedDeployment | readonly ServedDeployment[],
  options: InferenceProtocolOptions = {},
): (request: Request) => Promise<Response> {
  const protocol = createInferenceProtocol(deployments, options)
  return async (request) => {
    const { body, headers, status } = await protocol.handle(inferenceRequest(request))
    return new Response(request.method === 'HEAD' ? null : body, { status, headers })
  }
}

function inferenceRequest(request: Request): InferenceRequest {
  const url = new URL(request.url)
  const { body } = request
  return {
    method: request.method,
    path: url.pathname,
    // Where the platform keeps the Host header to itself, the address says the same.
    headers: { host: url.host, ...Object.fromEntries(request.headers) },
    ...(body === null ? {} : { body: (limitBytes) => readBody(body, limitBytes) }),
    signal: request.signal,
  }
}

/** Undefined when there is more than the limit; the rest is not read. */
async function readBody(body: ReadableStream<Uint8Array>, limitBytes: number): Promise<Uint8Array | undefined> {
  const reader = body.getReader()
  let bytes = new Uint8Array(0)
  let sizeBytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return bytes.subarray(0, sizeBytes)
    if (sizeBytes + value.byteLength > limitBytes) {
      await reader.cancel()
      return undefined
    }
    if (sizeBytes + value.byteLength > bytes.byteLength) {
      const larger = new Uint8Array(Math.max(2 * bytes.byteLength, sizeBytes + value.byteLength))
      larger.set(bytes.subarray(0, sizeBytes))
      bytes = larger
    }
    bytes.set(value, sizeBytes)
    sizeBytes += value.byteLength
  }
}
