import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { Deployment } from '../../../src/deploy/deployment.ts'
import type { InferenceRequest, InferenceResponse } from '../../../src/deploy/inference-message.ts'
import { createInferenceProtocol, type InferenceProtocol } from '../../../src/deploy/inference-protocol.ts'
import { Logger } from '../../../src/log/logger.ts'
import { memorySink } from '../../../src/log/sinks.ts'
import { name, registryOf, TamperedLoader } from '../../fixtures/deploy/serving.ts'

const host = { host: 'localhost:8080' }
const base = `/v2/models/${name}`
const time = Date.UTC(2001, 5, 1, 17)
const inputs = [
  { name: 'cancelled', datatype: 'BOOL', shape: [2], data: [false, true] },
  { name: 'date', datatype: 'INT64', shape: [2, 1], data: [time, time] },
  { name: 'distance', datatype: 'FP64', shape: [2, 1], data: [[954], [null]] },
  { name: 'origin', datatype: 'BYTES', shape: [2], data: ['SEA', 'SFO'] },
]
const rows = [
  { cancelled: false, date: time, distance: 954, origin: 'SEA' },
  { cancelled: true, date: time, distance: null, origin: 'SFO' },
]

let deployment: Deployment
let loader: TamperedLoader
let protocol: InferenceProtocol
beforeAll(async () => {
  loader = new TamperedLoader()
  deployment = await Deployment.open({
    registry: await registryOf(),
    model: name,
    alias: 'champion',
    models: [loader],
    identifiers: () => 'b',
  })
  protocol = createInferenceProtocol(deployment)
})

const get = (path: string, headers: Record<string, string> = host) => protocol.handle({ method: 'GET', path, headers })
const post = (body: unknown, change: Partial<InferenceRequest> = {}) =>
  protocol.handle({
    method: 'POST',
    path: `${base}/infer`,
    headers: { ...host, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...change,
  })
const json = (response: InferenceResponse): Record<string, unknown> => JSON.parse(response.body)
/** Replaces a field of one input. */
const changed = (input: string, change: object) => ({ inputs: inputs.map((one) => (one.name === input ? { ...one, ...change } : one)) })

describe('the Open Inference Protocol', () => {
  it('names the server and its health', async () => {
    for (const path of ['/v2', '/v2/', '/v2?x=1']) expect(json(await get(path))).toEqual({ name: 'millrace', version: '2', extensions: [] })
    expect(json(await get('/v2/health/live'))).toEqual({ live: true })
    expect(json(await get('/v2/health/ready'))).toEqual({ ready: true })
    expect((await get('/healthz')).status).toBe(200)
    expect((await get('/readyz')).status).toBe(200)
  })

  it('says what the model takes and answers', async () => {
    for (const path of [base, `${base}/versions/1`]) {
      expect(json(await get(path))).toEqual({
        name,
        versions: ['1'],
        platform: 'millrace',
        inputs: [
          { name: 'cancelled', datatype: 'BOOL', shape: [-1, 1] },
          { name: 'date', datatype: 'INT64', shape: [-1, 1] },
          { name: 'distance', datatype: 'FP64', shape: [-1, 1] },
          { name: 'origin', datatype: 'BYTES', shape: [-1, 1] },
        ],
        outputs: [{ name: 'probability', datatype: 'FP32', shape: [-1, 1] }],
      })
    }
    expect(json(await get(`${base}/ready`))).toEqual({ name, ready: true })
  })

  it('answers what the deployment answers, with id, version and batch', async () => {
    const { predictions } = await deployment.predict(rows)
    const response = await post({ id: 'request-7', inputs, outputs: [{ name: 'probability' }] })
    expect(response.status).toBe(200)
    expect(response.headers['content-type']).toBe('application/json')
    expect(json(response)).toEqual({
      model_name: name,
      model_version: '1',
      id: 'request-7',
      parameters: { batch_id: 'b' },
      outputs: [{ name: 'probability', datatype: 'FP32', shape: [2, 1], data: predictions }],
    })
    expect(json(await post({ inputs }, { path: `${base}/versions/1/infer` }))).not.toHaveProperty('id')
  })

  it('takes data flat or nested, moments as text, and leaves out what may be null', async () => {
    const answers = new Set<string>()
    for (const body of [
      { inputs },
      changed('date', { datatype: 'BYTES', data: ['2001-06-01T17:00:00Z', '2001-06-01T19:00:00+02:00'] }),
      changed('origin', { data: [['SEA'], ['SFO']], shape: [2, 1] }),
      changed('distance', { datatype: 'FP32', data: [954, null] }),
      changed('distance', { datatype: 'INT32', data: [[[954]], [[null]]] }),
    ]) {
      const response = await post(body)
      expect(response.status, response.body).toBe(200)
      answers.add(JSON.stringify(json(response).outputs))
    }
    expect(answers.size).toBe(1)
    const without = await post({ inputs: inputs.filter((input) => input.name !== 'distance') })
    expect(without.status).toBe(200)
    const parsed = await post('', { body: { parsed: { inputs } } })
    expect(parsed.status).toBe(200)
    expect((await post('', { body: new TextEncoder().encode(JSON.stringify({ inputs })) })).status).toBe(200)
  })

  it.each([
    ['no JSON', '{', 'JSON'],
    ['no object', '[]', 'object'],
    ['no inputs', {}, 'inputs'],
    ['an input without a name', { inputs: [{}] }, 'name'],
    ['an unknown input', { inputs: [...inputs.slice(1), { ...inputs[3], name: 'orgin' }] }, 'Did you mean "origin"?'],
    ['an input twice', { inputs: [inputs[3], inputs[3]] }, 'once'],
    ['too many inputs', { inputs: [...inputs, inputs[0]] }, 'at most 4'],
    ['a missing input', { inputs: inputs.slice(1) }, '"cancelled"'],
    ['a wrong datatype', changed('origin', { datatype: 'FP32' }), 'BYTES'],
    ['a wrong shape', changed('origin', { shape: [2, 2] }), 'shape'],
    ['a negative shape', changed('origin', { shape: [-1] }), 'shape'],
    ['too few elements', changed('origin', { data: ['SEA'] }), '2 elements'],
    ['other rows than the rest', changed('origin', { data: ['SEA'], shape: [1] }), '2 rows'],
    ['a wrong element', changed('distance', { data: [954, 'far'] }), 'element 1 of "distance"'],
    ['a null that must not be', changed('origin', { data: ['SEA', null] }), 'element 1 of "origin"'],
    ['data nested too deep', changed('origin', { data: [[[[['SEA']]]], ['SFO']] }), 'nested'],
    ['an unknown output', { inputs, outputs: [{ name: 'logits' }] }, 'probability'],
    ['a binary output', { inputs, outputs: [{ name: 'probability', parameters: { binary_data: true } }] }, 'Binary'],
    ['a binary input', changed('origin', { parameters: { binary_data_size: 8 } }), 'Binary'],
  ])('refuses %s with 400 and the reason', async (_, body, reason) => {
    const response = await post(body)
    expect(response.status, response.body).toBe(400)
    expect(json(response).error).toContain(reason)
  })

  it('knows its paths, methods and versions', async () => {
    for (const path of [
      '/',
      '/v1',
      '/v2/models',
      '/v2/models/other',
      `${base}/versions/2`,
      `${base}/infer/more`,
      `${base}/other`,
      '/v2/health',
      '/v2x',
    ]) {
      expect((await get(path)).status, path).toBe(404)
    }
    expect((await get('/v2/%zz')).status).toBe(400)
    expect((await get(`/v2/models/..%2f..%2fetc`)).status).toBe(404)
    for (const [method, path, allow] of [
      ['GET', `${base}/infer`, 'POST'],
      ['POST', base, 'GET, HEAD'],
      ['DELETE', '/v2', 'GET, HEAD'],
    ] as const) {
      expect(await protocol.handle({ method, path, headers: host })).toMatchObject({ status: 405, headers: { allow } })
    }
  })

  it('answers HEAD as GET, and not where there is no GET', async () => {
    for (const path of ['/healthz', '/v2/health/live', base])
      expect((await protocol.handle({ method: 'HEAD', path, headers: host })).status).toBe(200)
    expect((await protocol.handle({ method: 'HEAD', path: `${base}/infer`, headers: host })).status).toBe(405)
  })

  it('answers by no other version than the one that was asked for, whatever is swapped while the body comes', async () => {
    const registry = await registryOf(2)
    const moving = await Deployment.open({ registry, model: name, alias: 'champion' })
    const served = createInferenceProtocol(moving)
    const body = async () => {
      await registry.setAlias(name, 'champion', 2)
      await moving.refresh()
      return new TextEncoder().encode(JSON.stringify({ inputs }))
    }
    const request = { method: 'POST', headers: host, body }
    expect((await served.handle({ ...request, path: `${base}/versions/1/infer` })).status).toBe(404)
    expect((await served.handle({ ...request, path: `${base}/versions/2/infer` })).status).toBe(200)
  })

  it('takes plain JSON only', async () => {
    const withHeaders = (headers: Record<string, string>) => post({ inputs }, { headers: { ...host, ...headers } })
    expect((await withHeaders({ 'content-type': 'application/json; charset=utf-8' })).status).toBe(200)
    expect((await withHeaders({})).status).toBe(200)
    for (const headers of [
      { 'content-type': 'text/plain' },
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-encoding': 'gzip' },
      { 'inference-header-content-length': '20' },
    ]) {
      expect((await withHeaders(headers as Record<string, string>)).status).toBe(415)
    }
    expect((await post('', { body: Uint8Array.of(0xff, 0xfe) })).status).toBe(400)
  })

  it('limits bytes and rows', async () => {
    const limited = createInferenceProtocol(deployment, { bodyLimitBytes: 700, rowLimit: 1 })
    const request = { method: 'POST', path: `${base}/infer`, headers: host }
    expect((await limited.handle({ ...request, body: 'x'.repeat(701) })).status).toBe(413)
    expect((await limited.handle({ ...request, headers: { ...host, 'content-length': '701' }, body: '{}' })).status).toBe(413)
    expect((await limited.handle({ ...request, body: async () => undefined })).status).toBe(413)
    expect((await limited.handle({ ...request, body: JSON.stringify({ inputs }) })).status).toBe(413)
    const one = { inputs: inputs.map((input) => ({ ...input, shape: [1], data: input.data.slice(0, 1) })) }
    expect((await limited.handle({ ...request, body: JSON.stringify(one) })).status).toBe(200)
  })

  it('lets in hosts that it knows, and no page of another name', async () => {
    for (const known of ['localhost', 'LOCALHOST:1', '127.0.0.1:8080', '[::1]:80'])
      expect((await get('/v2', { host: known })).status).toBe(200)
    for (const other of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:80', '']) {
      expect((await get('/v2', { host: other })).status, other).toBe(403)
    }
    expect((await get('/healthz', {})).status).toBe(403)
    const named = createInferenceProtocol(deployment, { hosts: ['ml.example.org'] })
    expect((await named.handle({ method: 'GET', path: '/v2', headers: { host: 'ML.example.org:443' } })).status).toBe(200)
    expect((await named.handle({ method: 'GET', path: '/v2', headers: host })).status).toBe(403)
    const any = createInferenceProtocol(deployment, { hosts: 'any' })
    expect((await any.handle({ method: 'GET', path: '/v2', headers: {} })).status).toBe(200)
  })

  it('asks the host who may, on every path and before it reads a body', async () => {
    let read = 0
    const guarded = createInferenceProtocol(deployment, {
      authorize: ({ headers }) => {
        if (headers.authorization === 'broken') throw new Error('no database')
        return headers.authorization === 'Bearer secret'
      },
    })
    const body = async (): Promise<Uint8Array> => {
      read++
      return new TextEncoder().encode(JSON.stringify({ inputs }))
    }
    const ask = (path: string, authorization?: string) =>
      guarded.handle({ method: path.endsWith('infer') ? 'POST' : 'GET', path, headers: { ...host, authorization }, body })
    for (const path of ['/v2', base, `${base}/infer`, '/metrics', '/healthz', '/nowhere']) expect((await ask(path)).status, path).toBe(401)
    expect((await ask(`${base}/infer`, 'broken')).status).toBe(401)
    expect(read).toBe(0)
    expect((await ask(`${base}/infer`, 'Bearer secret')).status).toBe(200)
    expect(read).toBe(1)
  })

  it('stands below a base path', async () => {
    const below = createInferenceProtocol(deployment, { basePath: '/ml' })
    expect((await below.handle({ method: 'GET', path: '/ml/v2', headers: host })).status).toBe(200)
    for (const path of ['/v2', '/mlv2', '/ml']) expect((await below.handle({ method: 'GET', path, headers: host })).status).toBe(404)
  })

  it('serves several models, each under its name', async () => {
    const other = await Deployment.open({ registry: await registryOf(), model: name, version: 1 })
    Object.defineProperty(other, 'metadata', { value: { ...other.metadata, model: 'other' } })
    const both = createInferenceProtocol([deployment, other])
    for (const model of [name, 'other']) {
      const response = await both.handle({ method: 'GET', path: `/v2/models/${model}`, headers: host })
      expect(JSON.parse(response.body).name).toBe(model)
    }
  })

  it('keeps the reason of its own faults to itself and the log', async () => {
    const sink = memorySink()
    const logged = createInferenceProtocol(deployment, { logger: new Logger({ sinks: [sink] }) })
    loader.tamper = () => {
      throw new Error('password is hunter2')
    }
    const response = await logged.handle({ method: 'POST', path: `${base}/infer`, headers: host, body: JSON.stringify({ inputs }) })
    loader.tamper = undefined
    expect(response.status).toBe(500)
    expect(response.body).toBe('{"error":"The model could not answer."}')
    expect(sink.records).toHaveLength(1)
  })

  it('gives up at the deadline with 504', async () => {
    const hasty = createInferenceProtocol(deployment, { deadlineMs: 10 })
    loader.tamper = (answer) => new Promise((resolve) => setTimeout(() => resolve(answer()), 40))
    const response = await hasty.handle({ method: 'POST', path: `${base}/infer`, headers: host, body: JSON.stringify({ inputs }) })
    loader.tamper = undefined
    expect(response.status).toBe(504)
  })

  it('is not ready once the deployment is closed', async () => {
    const closed = await Deployment.open({ registry: await registryOf(), model: name, alias: 'champion' })
    await closed.close()
    const handler = createInferenceProtocol(closed)
    for (const path of ['/v2/health/ready', '/readyz', `${base}/ready`]) {
      expect((await handler.handle({ method: 'GET', path, headers: host })).status).toBe(503)
    }
    expect((await handler.handle({ method: 'GET', path: '/healthz', headers: host })).status).toBe(200)
    const response = await handler.handle({ method: 'POST', path: `${base}/infer`, headers: host, body: JSON.stringify({ inputs }) })
    expect(response).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
  })

  it('publishes its counts for Prometheus', async () => {
    const response = await get('/metrics')
    expect(response.headers['content-type']).toContain('text/plain; version=0.0.4')
    const { requests, rows: counted } = deployment.stats()
    expect(response.body).toContain(`millrace_requests_total{model="${name}"} ${requests}\n`)
    expect(response.body).toContain(`millrace_rows_total{model="${name}"} ${counted}\n`)
    expect(response.body).toMatch(/millrace_latency_seconds\{model="flight-delay",quantile="0.99"\} \d/)
    expect(response.body).toContain(`millrace_model_version{model="${name}"} 1\n`)
  })

  it('is not held up by what is nested deep or named long', async () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000)
    const wrongShape = JSON.stringify(changed('origin', { shape: 0 })).replace('"shape":0', `"shape":${deep}`)
    const response = await post(wrongShape)
    expect(response.status).toBe(400)
    expect(response.body.length).toBeLessThan(300)
    expect((await post(JSON.stringify({ inputs, more: 0 }).replace('"more":0', `"more":${deep}`))).status).toBe(200)
    const long = await post({ inputs: [{ ...inputs[0], name: 'n'.repeat(4_000_000) }] })
    expect([long.status, long.body.length < 300]).toEqual([400, true])
  })

  it('answers whatever is sent, and never with 500', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc
            .record({
              inputs: fc.array(
                fc.record({
                  name: fc.constantFrom('origin', 'date', '__proto__'),
                  datatype: fc.constantFrom('BYTES', 'INT64'),
                  shape: fc.array(fc.integer()),
                  data: fc.anything(),
                }),
              ),
            })
            .map((value) => JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? 1 : one))),
        ),
        async (body) => {
          const { status } = await post(body)
          expect([400, 413]).toContain(status)
        },
      ),
      { numRuns: 300 },
    )
  })
})
