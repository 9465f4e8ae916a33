import type { IncomingMessage, ServerResponse } from 'node:http'
import type { InferenceRequest, InferenceResponse } from './inference-message.ts'
import { createInferenceProtocol, type InferenceProtocolOptions, type ServedDeployment } from './inference-protocol.ts'

/**
 * A listener for a `node:http` server, and so for Express (before or after `express.json()`) and Fastify (`reply.hijack()`). It speaks what
 * `createInferenceProtocol` says. Binding is the host's: bind to loopback, or give `hosts` and `authorize`.
 *
 * @example
 * createServer(nodeHandler(deployment)).listen(8080, '127.0.0.1')
 */
export function nodeHandler(
  deployments: ServedDeployment | readonly ServedDeployment[],
  options: InferenceProtocolOptions = {},
): (request: IncomingMessage, response: ServerResponse) => void {
  const protocol = createInferenceProtocol(deployments, options)
  return (request, response) => {
    const gone = new AbortController()
    response.on('close', () => {
      if (!response.writableFinished) gone.abort(new Error('The client closed the connection.'))
    })
    response.on('error', () => {})
    void protocol.handle(inferenceRequest(request, gone.signal)).then((answer) => send(answer, request, response))
  }
}

function inferenceRequest(request: IncomingMessage, signal: AbortSignal): InferenceRequest {
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  )
  // A framework's body parser has consumed the stream and left its result here.
  const parsed: unknown = 'body' in request ? request.body : undefined
  return {
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    headers,
    body: parsed === undefined ? (limitBytes) => readBody(request, limitBytes) : { parsed },
    signal,
  }
}

/** Undefined when there is more than the limit: then it stops listening, and what still comes is not kept. */
function readBody(request: IncomingMessage, limitBytes: number): Promise<Uint8Array | undefined> {
  // Whoever stood before has read it, or the client has gone: nothing will come any more, not even an end.
  if (request.readableEnded) return Promise.resolve(new Uint8Array(0))
  if (request.destroyed) return Promise.reject(new Error('The client closed the connection.'))
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    let sizeBytes = 0
    const onData = (chunk: Uint8Array): void => {
      sizeBytes += chunk.byteLength
      if (sizeBytes <= limitBytes) {
        chunks.push(chunk)
        return
      }
      request.off('data', onData)
      request.pause()
      resolve(undefined)
    }
    request.on('data', onData)
    request.on('end', () => resolve(joined(chunks, sizeBytes)))
    request.on('error', reject)
    request.on('close', () => reject(new Error('The client closed the connection.')))
  })
}

function joined(chunks: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.byteLength
  }
  return bytes
}

function send(answer: InferenceResponse, request: IncomingMessage, response: ServerResponse): void {
  if (response.destroyed || response.headersSent) return
  // A body that nobody wants any more must not keep the connection: it is closed instead of read to its end.
  const isUnread = !request.complete && answer.status >= 400
  const bytes = new TextEncoder().encode(answer.body)
  response.writeHead(answer.status, { ...answer.headers, 'content-length': bytes.byteLength, ...(isUnread ? { connection: 'close' } : {}) })
  response.end(bytes)
}
