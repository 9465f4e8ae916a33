import { request } from 'node:http'

/** A `fetch` that asks another address for what is asked of any, with the host's name kept: as DNS would lead there. */
export function fetchThrough(endpoint: string): (url: string, init: RequestInit) => Promise<Response> {
  const { hostname, port } = new URL(endpoint)
  return async (url, init) => {
    const { host, pathname, search } = new URL(url)
    const body = init.body === undefined || init.body === null ? undefined : new Uint8Array(await new Response(init.body).arrayBuffer())
    const headers = {
      ...Object.fromEntries(new Headers(init.headers)),
      host,
      ...(body === undefined ? {} : { 'content-length': String(body.length) }),
    }
    return await new Promise((resolve, reject) => {
      const asked = request({ hostname, port, path: pathname + search, method: init.method, headers }, (answer) => {
        const chunks: Buffer[] = []
        answer.on('error', reject)
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('end', () => {
          const { statusCode: status = 0 } = answer
          const plain = Object.entries(answer.headers).flatMap(([name, value]) =>
            typeof value === 'string' ? [[name, value] as [string, string]] : [],
          )
          const hasBody = status !== 204 && init.method !== 'HEAD'
          resolve(new Response(hasBody ? Buffer.concat(chunks) : null, { status, headers: plain }))
        })
      })
      asked.on('error', reject)
      asked.end(body)
    })
  }
}
