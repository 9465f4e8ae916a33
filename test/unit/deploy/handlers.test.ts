import { createServer, request as httpRequest, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Deployment } from '../../../src/deploy/deployment.ts'
import { fetchHandler } from '../../../src/deploy/fetch-handler.ts'
import { nodeHandler } from '../../../src/deploy/node-handler.ts'
import { name, registryOf, TamperedLoader } from '../../fixtures/deploy/serving.ts'

const infer = `/v2/models/${name}/infer`
const body = JSON.stringify({
  id: '7',
  inputs: [
    { name: 'cancelled', datatype: 'BOOL', shape: [1], data: [false] },
    { name: 'date', datatype: 'BYTES', shape: [1], data: ['2001-06-01T17:00:00Z'] },
    { name: 'distance', datatype: 'FP64', shape: [1], data: [954] },
    { name: 'origin', datatype: 'BYTES', shape: [1], data: ['SEA'] },
  ],
})
const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body }

let deployment: Deployment
let loader: TamperedLoader
const servers: Server[] = []
beforeAll(async () => {
  loader = new TamperedLoader()
  deployment = await Deployment.open({ registry: await registryOf(), model: name, alias: 'champion', models: [loader] })
})
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

describe('the node:http handler', () => {
  it('answers over a real connection, many at a time', async () => {
    const port = await listen(nodeHandler(deployment))
    const expected = (await deployment.predict([{ cancelled: false, date: '2001-06-01T17:00:00Z', distance: 954, origin: 'SEA' }]))
      .predictions
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const response = await fetch(`http://127.0.0.1:${port}${infer}`, post)
        expect(response.status).toBe(200)
        return (await response.json()) as { id: string; outputs: { data: number[] }[] }
      }),
    )
    for (const answer of answers) expect([answer.id, answer.outputs[0]?.data]).toEqual(['7', expected])
    expect((await fetch(`http://localhost:${port}/v2/health/ready`)).status).toBe(200)
    expect((await fetch(`http://127.0.0.1:${port}/nowhere`)).status).toBe(404)
  })

  it('refuses a foreign Host header, as DNS rebinding sends it', async () => {
    const port = await listen(nodeHandler(deployment))
    const status = await new Promise((resolve, reject) => {
      httpRequest({ port, host: '127.0.0.1', path: '/v2', headers: { host: 'evil.example' } }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
        .on('error', reject)
        .end()
    })
    expect(status).toBe(403)
  })

  it('stops reading at the limit, whether or not the length was told', async () => {
    const port = await listen(nodeHandler(deployment, { bodyLimitBytes: 1_000 }))
    const told = await rawRequest(port, [`POST ${infer} HTTP/1.1`, 'host: localhost', 'content-length: 100000000', '', 'x'])
    expect(told).toContain('HTTP/1.1 413')
    const chunk = `${(800).toString(16)}\r\n${'x'.repeat(800)}\r\n`
    const untold = await rawRequest(port, [`POST ${infer} HTTP/1.1`, 'host: localhost', 'transfer-encoding: chunked', '', chunk.repeat(3)])
    expect(untold).toContain('HTTP/1.1 413')
    expect(untold.toLowerCase()).toContain('connection: close')
    expect((await fetch(`http://127.0.0.1:${port}${infer}`, post)).status).toBe(200)
  })

  it('takes a body that a framework has parsed already', async () => {
    const handler = nodeHandler(deployment)
    const port = await listen(async (request, response) => {
      const chunks: Uint8Array[] = []
      for await (const chunk of request) chunks.push(chunk)
      handler(Object.assign(request, { body: JSON.parse(Buffer.concat(chunks).toString()) }), response)
    })
    expect((await fetch(`http://127.0.0.1:${port}${infer}`, post)).status).toBe(200)
  })

  it('does not wait for a body that somebody has read and kept', async () => {
    const handler = nodeHandler(deployment)
    const port = await listen(async (request, response) => {
      for await (const _ of request);
      handler(request, response)
    })
    expect((await fetch(`http://127.0.0.1:${port}${infer}`, post)).status).toBe(400)
    expect((await fetch(`http://127.0.0.1:${port}/healthz`, { method: 'HEAD' })).status).toBe(200)
  })

  it('stops working for a client that has gone', async () => {
    const port = await listen(nodeHandler(deployment))
    let begun = (): void => {}
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve
    })
    loader.tamper = () => {
      begun()
      return new Promise(() => {})
    }
    const controller = new AbortController()
    const answer = fetch(`http://127.0.0.1:${port}${infer}`, { ...post, signal: controller.signal }).catch((error: Error) => error.name)
    await hasBegun
    expect(deployment.stats().inFlight).toBe(1)
    controller.abort()
    expect(await answer).toBe('AbortError')
    while (deployment.stats().inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    loader.tamper = undefined
    expect(deployment.stats().errors).toBe(0)
  })

  it('survives a client that hangs up in the middle of its body', async () => {
    const port = await listen(nodeHandler(deployment))
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(`POST ${infer} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n\r\n{"inputs`)
        setTimeout(() => socket.destroy(), 10)
      })
      socket.on('close', () => resolve())
    })
    expect((await fetch(`http://127.0.0.1:${port}${infer}`, post)).status).toBe(200)
  })
})

describe('the fetch handler', () => {
  it('answers as the protocol does', async () => {
    const handler = fetchHandler(deployment)
    const response = await handler(new Request(`http://localhost${infer}`, post))
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toMatchObject({ id: '7', model_name: name })
    expect((await handler(new Request('http://localhost/v2'))).status).toBe(200)
  })

  it('checks the host by header, or else by address', async () => {
    const handler = fetchHandler(deployment)
    expect((await handler(new Request('http://evil.example/v2'))).status).toBe(403)
    expect((await fetchHandler(deployment, { hosts: ['evil.example'] })(new Request('http://evil.example/v2'))).status).toBe(200)
  })

  it('stops reading at the limit', async () => {
    let pulled = 0
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++
        controller.enqueue(new Uint8Array(600))
      },
    })
    const request = new Request(`http://localhost${infer}`, { method: 'POST', body: stream, duplex: 'half' } as RequestInit)
    expect((await fetchHandler(deployment, { bodyLimitBytes: 1_000 })(request)).status).toBe(413)
    expect(pulled).toBeLessThan(5)
  })

  it('reads a body that comes in pieces', async () => {
    const pieces = body.match(/.{1,7}/g) ?? []
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        const piece = pieces.shift()
        if (piece === undefined) controller.close()
        else controller.enqueue(new TextEncoder().encode(piece))
      },
    })
    const request = new Request(`http://localhost${infer}`, { method: 'POST', body: stream, duplex: 'half' } as RequestInit)
    expect((await fetchHandler(deployment)(request)).status).toBe(200)
  })
})

/** Sends lines as they are and gives all that came until the server closed. */
function rawRequest(port: number, lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(lines.join('\r\n')))
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      received += chunk
    })
    socket.on('close', () => resolve(received))
    socket.on('error', reject)
  })
}
