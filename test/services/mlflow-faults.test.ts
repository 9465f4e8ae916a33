import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MillraceError } from 'millrace'
import { Secret } from 'millrace/log'
import { MlflowRegistry } from 'millrace/registry/mlflow'
import { samplePackage } from 'millrace/testing'
import { afterAll, describe, expect, test } from 'vitest'
import type { MlflowServer } from '../../scripts/services/mlflow.ts'
import { startMlflow } from '../../scripts/services/mlflow.ts'
import { freePorts } from '../../scripts/services/process.ts'
import { named, startOrReason } from '../../scripts/services/service.ts'
import { size } from '../proof/support/size.ts'
import type { Fault } from './support/faulty-fetch.ts'
import { faultyFetch } from './support/faulty-fetch.ts'
import { callServer, runsOfModel } from './support/mlflow.ts'

const [mlflow, unserved] = await Promise.all([startOrReason(startMlflow), startOrReason(() => startMlflow({ serveArtifacts: false }))])
afterAll(async () => {
  await Promise.all([mlflow.service?.stop(), unserved.service?.stop()])
})
const server = (): MlflowServer => mlflow.service as MlflowServer
const modelPackage = samplePackage('faults')

/** Pauses between attempts are not waited for. */
const impatientClock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms: number, signal?: AbortSignal) => pause(ms, signal),
}
function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms < 1000) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}

async function versionsOf(registry: MlflowRegistry, name: string): Promise<readonly number[]> {
  const found: number[] = []
  for await (const { version } of registry.versions(name)) found.push(version)
  return found
}

/** How many requests a registration takes, the first of a model. */
async function requestsOfRegistration(): Promise<number> {
  counted ??= (async () => {
    // The first of a server makes the experiment too.
    await new MlflowRegistry({ url: server().url }).register('first', modelPackage)
    const counting = faultyFetch(() => undefined)
    await new MlflowRegistry({ url: server().url, fetch: counting.fetch }).register('counted', modelPackage, { idempotencyKey: 'k' })
    return counting.count()
  })()
  return counted
}
let counted: Promise<number> | undefined

/** One registration a fault, several at a time; the fault comes at that request and, with `andAfter`, at every one from there on. */
async function sweep(
  fault: Fault,
  andAfter: boolean,
  check: (name: string, at: number, faulty: MlflowRegistry) => Promise<void>,
): Promise<number> {
  const total = await requestsOfRegistration()
  // In tests some of them, the first and the last among them; in a proof all.
  const count = size(4, total)
  const places = Array.from({ length: count }, (_, index) => 1 + Math.round((index * (total - 1)) / (count - 1)))
  const worker = async (): Promise<void> => {
    for (let at = places.shift(); at !== undefined; at = places.shift()) {
      const place = at
      const { fetch } = faultyFetch((request) => (request === place || (andAfter && request > place) ? fault : undefined))
      const attempts = andAfter ? 1 : 4
      const faulty = new MlflowRegistry({ url: server().url, fetch, attempts, clock: impatientClock })
      await check(`${fault}-${andAfter ? 'for-good' : 'once'}-${place}`, place, faulty)
    }
  }
  await Promise.all([worker(), worker(), worker()])
  return total
}

describe.skipIf(mlflow.service === undefined)(named('MLflow, with faults in a registration', mlflow), () => {
  test.each<Fault>(['busy', 'lost'])('a %s request is sent again, and makes one version with one run', async (fault) => {
    const total = await sweep(fault, false, async (name, _, faulty) => {
      const { version } = await faulty.register(name, modelPackage, { idempotencyKey: 'k' })
      expect([name, version, await versionsOf(faulty, name)]).toEqual([name, 1, [1]])
      expect([name, await runsOfModel(server().url, 'millrace', name)]).toEqual([name, ['FINISHED active']])
      expect((await faulty.load(name, 1)).manifestDigest).toBe(modelPackage.manifestDigest)
    })
    expect(total).toBeGreaterThan(12)
  })

  test('a server that goes away at any request leaves nothing half registered, and the same key makes one version when it is back', async () => {
    await sweep('refused', true, async (name, at, faulty) => {
      const failure = await faulty.register(name, modelPackage, { idempotencyKey: 'k' }).catch((error: unknown) => error)
      expect([at, MillraceError.is(failure, 'REGISTRY_UNAVAILABLE')]).toEqual([at, true])
      const registry = new MlflowRegistry({ url: server().url })
      const before = await versionsOf(registry, name)
      // Whatever can be seen is whole; with the answer of the last request the version itself was lost.
      for (const version of before) await registry.load(name, version)
      const { version } = await registry.register(name, modelPackage, { idempotencyKey: 'k' })
      expect([name, version, await versionsOf(registry, name)]).toEqual([name, 1, [1]])
    })
  })

  test('answers that get lost at any request, and all after it, leave one version at most, which the same key finds', async () => {
    await sweep('lost', true, async (name, at, faulty) => {
      const failure = await faulty.register(name, modelPackage, { idempotencyKey: 'k' }).catch((error: unknown) => error)
      expect([at, MillraceError.is(failure, 'REGISTRY_UNAVAILABLE')]).toEqual([at, true])
      const registry = new MlflowRegistry({ url: server().url })
      const before = await versionsOf(registry, name)
      expect([name, before.length <= 1]).toEqual([name, true])
      const { version } = await registry.register(name, modelPackage, { idempotencyKey: 'k' })
      expect([name, version, await versionsOf(registry, name)]).toEqual([name, 1, [1]])
      expect((await registry.load(name, 1)).manifestDigest).toBe(modelPackage.manifestDigest)
    })
  })

  test('a registration that is refused marks its run as failed and deletes it', async () => {
    const broken = { ...modelPackage, blob: async (): Promise<Uint8Array> => Uint8Array.of(1) }
    const registry = new MlflowRegistry({ url: server().url })
    await expect(registry.register('broken', broken)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
    expect(await versionsOf(registry, 'broken')).toEqual([])
    expect(await runsOfModel(server().url, 'millrace', 'broken')).toEqual(['FAILED deleted'])
    await expect(callServer(server().url, 'GET', 'registered-models/get', { name: 'broken' })).rejects.toThrow('404')
  })

  test('a registration that is aborted rejects with the reason and leaves no version', async () => {
    const total = await requestsOfRegistration()
    for (const at of [2, 5, Math.floor(total / 2), total - 3]) {
      const abort = new AbortController()
      const reason = new Error('enough')
      const { fetch } = faultyFetch((request) => {
        if (request === at) abort.abort(reason)
        return undefined
      })
      const registry = new MlflowRegistry({ url: server().url, fetch })
      const failure = await registry.register(`aborted-${at}`, modelPackage, { signal: abort.signal }).catch((error: unknown) => error)
      expect(failure).toBe(reason)
      expect(await versionsOf(registry, `aborted-${at}`)).toEqual([])
      const runs = await runsOfModel(server().url, 'millrace', `aborted-${at}`)
      expect(runs.filter((run) => !run.startsWith('FAILED'))).toEqual([])
    }
  })

  test('an artifact that changed on the server is not loaded', async () => {
    const registry = new MlflowRegistry({ url: server().url })
    await registry.register('changed', modelPackage)
    const { model_version } = (await callServer(server().url, 'GET', 'model-versions/get', { name: 'changed', version: '1' })) as {
      readonly model_version: { readonly source: string }
    }
    const folder = `${server().url}/api/2.0/mlflow-artifacts/artifacts/${model_version.source.replace('mlflow-artifacts:/', '')}`
    const digest = modelPackage.manifest.golden.digest
    const put = async (path: string, body: string | Uint8Array<ArrayBuffer>): Promise<void> => {
      expect((await fetch(`${folder}/${path}`, { method: 'PUT', body })).status).toBe(200)
    }
    const good = Uint8Array.from(await modelPackage.blob(digest))
    const flipped = good.slice()
    flipped[0] = (flipped[0] ?? 0) ^ 1
    for (const bytes of [flipped, good.slice(1), Uint8Array.of(...good, 0)]) {
      await put(`blobs/${digest}`, bytes)
      await expect(registry.load('changed', 1)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
    }
    expect((await fetch(`${folder}/blobs/${digest}`, { method: 'DELETE' })).status).toBe(200)
    await expect(registry.load('changed', 1)).rejects.toMatchObject({ code: 'STORAGE_NOT_FOUND', message: expect.stringContaining(digest) })
    await put(`blobs/${digest}`, good)
    expect((await registry.load('changed', 1)).manifestDigest).toBe(modelPackage.manifestDigest)
    await put('manifest.json', '{}')
    await expect(registry.load('changed', 1)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
  })
})

/** Passes on what comes with the right credentials, and counts the rest. */
async function guard(
  target: string,
  isAllowed: (authorization: string) => boolean,
): Promise<{ readonly url: string; readonly server: Server }> {
  const pass = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const { authorization = '' } = incoming.headers
    if (!isAllowed(authorization)) {
      // A careless server repeats what it was sent.
      outgoing.writeHead(authorization === '' ? 401 : 403).end(`${authorization} may not`)
      return
    }
    const { port } = new URL(target)
    const headers = { ...incoming.headers, host: `127.0.0.1:${port}` }
    const onward = request({ host: '127.0.0.1', port, path: incoming.url, method: incoming.method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(outgoing)
    })
    incoming.pipe(onward)
  }
  const guarded = createServer(pass).listen(0, '127.0.0.1')
  await once(guarded, 'listening')
  return { url: `http://127.0.0.1:${(guarded.address() as AddressInfo).port}`, server: guarded }
}

describe.skipIf(mlflow.service === undefined)(named('MLflow behind a login', mlflow), () => {
  const password = 'cörrect horse battery'
  const basic = `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`

  test('lets the right credentials in, as a login, as a token and from a function', async () => {
    const tokens = new Set<string>()
    const guarded = await guard(server().url, (authorization) => authorization === basic || tokens.has(authorization))
    try {
      const login = new MlflowRegistry({ url: guarded.url, credentials: { username: 'ann', password: new Secret(password) } })
      const { version } = await login.register('guarded', modelPackage)
      let issued = 0
      const rotating = new MlflowRegistry({
        url: guarded.url,
        credentials: async () => {
          issued += 1
          tokens.clear()
          tokens.add(`Bearer token-${issued}`)
          return { token: `token-${issued}` }
        },
      })
      expect((await rotating.load('guarded', version)).manifestDigest).toBe(modelPackage.manifestDigest)
      expect(issued).toBeGreaterThan(4)
    } finally {
      guarded.server.close()
    }
  })

  test('tells wrong ones from a fault of the server, makes nothing, and shows no secret', async () => {
    const guarded = await guard(server().url, (authorization) => authorization === basic)
    try {
      const none = new MlflowRegistry({ url: guarded.url })
      await expect(none.version('guarded', 1)).rejects.toMatchObject({ code: 'REGISTRY_DENIED', details: { status: 401 } })
      const wrong = new MlflowRegistry({ url: guarded.url, credentials: { username: 'ann', password: 'wrong-password' } })
      for (const work of [
        () => wrong.register('denied', modelPackage),
        () => wrong.setAlias('guarded', 'champion', 1),
        () => wrong.load('guarded', 1),
        () => wrong.alias('guarded', 'champion'),
      ]) {
        const failure: unknown = await work().catch((error: unknown) => error)
        expect(failure).toMatchObject({ code: 'REGISTRY_DENIED', details: { status: 403 } })
        const shown = `${JSON.stringify(failure)} ${String(failure)} ${String((failure as Error).stack)}`
        expect(shown).not.toContain('wrong-password')
        expect(shown).not.toContain(Buffer.from('ann:wrong-password').toString('base64'))
      }
      expect(await versionsOf(new MlflowRegistry({ url: server().url }), 'denied')).toEqual([])
      expect(await runsOfModel(server().url, 'millrace', 'denied')).toEqual([])
    } finally {
      guarded.server.close()
    }
  })
})

describe.skipIf(unserved.service === undefined)(named('MLflow without its artifact proxy', unserved), () => {
  test('is told apart before anything is made', async () => {
    const { url } = unserved.service as MlflowServer
    const registry = new MlflowRegistry({ url })
    await expect(registry.register('unserved', modelPackage)).rejects.toMatchObject({
      code: 'REGISTRY_UNSUPPORTED',
      details: { operation: 'artifacts', reason: expect.stringContaining('--serve-artifacts') },
    })
    await expect(callServer(url, 'GET', 'experiments/get-by-name', { experiment_name: 'millrace' })).rejects.toThrow('404')
    await expect(callServer(url, 'GET', 'registered-models/get', { name: 'unserved' })).rejects.toThrow('404')
    const runs = await callServer(url, 'POST', 'runs/search', { experiment_ids: ['0'], run_view_type: 'ALL' })
    expect(runs).toEqual({})
    // What needs no artifacts is there.
    expect(await registry.alias('unserved', 'champion')).toBeUndefined()
  })
})

describe.skipIf(mlflow.service === undefined)(named('MLflow that is not there', mlflow), () => {
  test('another server, or the wrong path of the right one, is told by its answer', async () => {
    const registry = new MlflowRegistry({ url: `${server().url}/elsewhere`, attempts: 1 })
    await expect(registry.register('m', modelPackage)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE', details: { status: 404 } })
    const page = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Welcome</p>')).listen(
      0,
      '127.0.0.1',
    )
    await once(page, 'listening')
    try {
      const welcome = new MlflowRegistry({ url: `http://127.0.0.1:${(page.address() as AddressInfo).port}` })
      await expect(welcome.version('m', 1)).rejects.toMatchObject({
        code: 'REGISTRY_UNAVAILABLE',
        message: expect.stringContaining('text/html'),
      })
    } finally {
      page.close()
    }
  })

  test('a port that nobody listens on, and a server that was stopped, are REGISTRY_UNAVAILABLE; a watch waits for it', async () => {
    const [port] = await freePorts(1)
    const nobody = new MlflowRegistry({ url: `http://127.0.0.1:${port}`, clock: impatientClock })
    await expect(nobody.register('m', modelPackage)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })

    const registry = new MlflowRegistry({ url: server().url, clock: impatientClock })
    await registry.register('stopped', modelPackage)
    const loaded = await registry.load('stopped', 1)
    const abort = new AbortController()
    const watched = registry.watch('stopped', 'champion', { intervalMs: 1000, signal: abort.signal })[Symbol.asyncIterator]().next()
    await server().stop()
    // Nothing of it is left, its workers included.
    if (process.platform !== 'win32') expect(() => process.kill(-server().pid, 0)).toThrow('ESRCH')
    for (const work of [
      () => registry.register('stopped', modelPackage),
      () => registry.version('stopped', 1),
      () => registry.load('stopped', 1),
      () => registry.setAlias('stopped', 'champion', 1),
      () => registry.deleteVersion('stopped', 1),
    ])
      await expect(work()).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
    // What was loaded stays.
    expect((await loaded.blob(modelPackage.manifest.golden.digest)).length).toBeGreaterThan(0)
    abort.abort('over')
    await expect(watched).rejects.toBe('over')
  })
})
