import { HttpFault, type InferenceRequest } from './inference-message.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })

/** The JSON that was sent. Throws an {@link HttpFault} of 415 for another type or encoding, 413 past the limit, 400 for what is not JSON. */
export async function readJsonBody(request: InferenceRequest, limitBytes: number): Promise<unknown> {
  const { body, headers } = request
  if (headers['inference-header-content-length'] !== undefined) {
    throw new HttpFault(415, 'Binary tensor data is not supported: send tensors as JSON.')
  }
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type !== undefined && type !== '' && type !== 'application/json') throw new HttpFault(415, 'Expected application/json.')
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (encoding !== 'identity') throw new HttpFault(415, 'Expected a body without content encoding.')
  if (Number(headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes)
  if (body === undefined) throw new HttpFault(400, 'Expected a JSON body. Received none.')
  if (typeof body === 'object' && 'parsed' in body) return body.parsed
  const content = typeof body === 'function' ? await body(limitBytes) : body
  if (content === undefined || content.length > limitBytes) throw tooLarge(limitBytes)
  try {
    return JSON.parse(typeof content === 'string' ? content : decoder.decode(content))
  } catch {
    throw new HttpFault(400, 'Expected a JSON body. Received something else.')
  }
}

function tooLarge(limitBytes: number): HttpFault {
  return new HttpFault(413, `Expected at most ${limitBytes} bytes.`)
}
