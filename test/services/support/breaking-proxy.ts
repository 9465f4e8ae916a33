import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface BreakingProxy {
  readonly port: number
  /** Breaks the connection to whoever asked, once the server has answered; told of each request. */
  breaks: (asked: { readonly method: string; readonly url: string }) => boolean
  /** How many replies were lost. */
  readonly lost: () => number
  readonly stop: () => Promise<void>
}

/** A proxy on loopback that loses replies. It keeps the name of the host, since that is signed. */
export async function startBreakingProxy(endpoint: string): Promise<BreakingProxy> {
  const target = new URL(endpoint)
  let lost = 0
  const server = createServer((asked, answer) => {
    const onward = request(
      { hostname: target.hostname, port: target.port, path: asked.url, method: asked.method, headers: asked.headers },
      (reply: IncomingMessage) => {
        if (proxy.breaks({ method: asked.method ?? '', url: asked.url ?? '' })) {
          lost++
          // Not before the server is done.
          reply.on('end', () => asked.socket.destroy()).resume()
          return
        }
        answer.writeHead(reply.statusCode ?? 502, reply.headers)
        reply.pipe(answer)
      },
    )
    onward.on('error', () => asked.socket.destroy())
    asked.pipe(onward)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: BreakingProxy = {
    port: (server.address() as AddressInfo).port,
    breaks: () => false,
    lost: () => lost,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}
