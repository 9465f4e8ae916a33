import { MillraceError } from 'millrace'
import { exportModel, importModel, Registry } from 'millrace/registry'
import type { MlflowRegistryOptions } from 'millrace/registry/mlflow'
import { MlflowRegistry, trackRun } from 'millrace/registry/mlflow'
import { MemoryStorage } from 'millrace/storage'
import { FakeClock, samplePackage } from 'millrace/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { yieldToEventLoop } from '../../../src/core/abort.ts'
import type { RegistryEvent } from '../../../src/model/model-registry.ts'

const url = 'http://mlflow.test:5000'

interface Scripted {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
}

const refusal = (status: number, error_code: string): Response => new Response(JSON.stringify({ error_code, message: 'no' }), { status })

/** A registry whose requests are answered by a function: an object is the JSON of it. */
function answeredBy(answer: (request: Scripted) => object | Response, options: Partial<MlflowRegistryOptions> = {}) {
  const requests: Scripted[] = []
  const registry = new MlflowRegistry({
    url,
    attempts: 1,
    fetch: async (input, init) => {
      const { pathname, searchParams: query } = new URL(String(input))
      const request = { method: init?.method ?? 'GET', path: pathname.replace('/api/2.0/mlflow/', ''), query }
      requests.push(request)
      const given = answer(request)
      return given instanceof Response ? given : new Response(JSON.stringify(given))
    },
    ...options,
  })
  return { registry, requests }
}

const aborts: AbortController[] = []
afterEach(() => {
  for (const abort of aborts.splice(0)) abort.abort(new Error('the test is over'))
})

describe('watching a model', () => {
  /** A server with one model, of which others may make versions at any moment. */
  async function watched() {
    const model = {
      createdAt: 1,
      versions: [1],
      aliases: {} as Record<string, number>,
      isThere: true,
      /** Called after the model was read, before its versions are. */
      onModel: () => {},
      searches: 0,
      failedSearches: [] as number[],
    }
    const version = (number: number): object => ({ name: 'm', version: String(number), creation_timestamp: number })
    const clock = new FakeClock()
    const { registry } = answeredBy(
      ({ path, query }) => {
        if (path === 'registered-models/get') {
          if (!model.isThere) return refusal(404, 'RESOURCE_DOES_NOT_EXIST')
          const aliases = Object.entries(model.aliases).map(([alias, at]) => ({ alias, version: String(at) }))
          const latest = model.versions.slice(-1).map(version)
          const answer = { registered_model: { name: 'm', creation_timestamp: model.createdAt, latest_versions: latest, aliases } }
          model.onModel()
          return answer
        }
        if (model.failedSearches.includes(++model.searches)) return new Response('oops', { status: 500 })
        const after = Number(/> (\d+)$/.exec(query.get('filter') ?? '')?.[1])
        const page = model.versions.filter((number) => number > after).slice(0, Number(query.get('max_results')))
        return { model_versions: page.map(version) }
      },
      { clock },
    )
    const abort = new AbortController()
    aborts.push(abort)
    const events: RegistryEvent[] = []
    const ended = (async () => {
      for await (const event of registry.watch('m', 'champion', { signal: abort.signal, intervalMs: 1_000 })) events.push(event)
    })()
    ended.catch(() => {})
    const look = async (): Promise<void> => {
      await clock.advance(1_000)
      for (let turn = 0; turn < 20; turn++) await yieldToEventLoop()
    }
    for (let turn = 0; turn < 5; turn++) await yieldToEventLoop()
    return {
      model,
      look,
      clock,
      numbers: () => events.flatMap((event) => (event.type === 'version-registered' ? [event.version] : [])),
      events,
    }
  }

  test('tells of a version once that is made while the versions are read, and of the next ones', async () => {
    const { model, look, numbers } = await watched()
    model.versions.push(2)
    model.onModel = () => {
      if (!model.versions.includes(3)) model.versions.push(3)
    }
    await look()
    expect(numbers()).toEqual([2, 3])
    await look()
    await look()
    expect(numbers()).toEqual([2, 3])
    model.versions.push(4)
    await look()
    expect(numbers()).toEqual([2, 3, 4])
  })

  test('tells of each version once, whatever is made between any two requests', async () => {
    const { model, look, numbers } = await watched()
    model.onModel = () => model.versions.push((model.versions.at(-1) ?? 0) + 1)
    for (let count = 0; count < 20; count++) await look()
    const told = numbers()
    // Of the first look, which was made before others made any.
    expect(told).toEqual(told.map((_, index) => index + 2))
    expect(told.length).toBeGreaterThanOrEqual(20)
  })

  test('tells of each once when the server fails between two pages', async () => {
    const { model, look, clock, numbers } = await watched()
    model.versions = Array.from({ length: 500 }, (_, index) => index + 1)
    model.failedSearches = [2, 4]
    for (let count = 0; count < 4; count++) {
      await look()
      await clock.advance(30_000)
    }
    expect(numbers()).toEqual(Array.from({ length: 499 }, (_, index) => index + 2))
  })

  test('tells no version again when the newest is deleted, and none is lost that comes after it', async () => {
    const { model, look, numbers } = await watched()
    model.versions.push(2, 3)
    await look()
    model.versions = [1, 2]
    await look()
    model.versions.push(4)
    await look()
    expect(numbers()).toEqual([2, 3, 4])
  })

  test.each([true, false])('tells of the versions of a model that was deleted and made again; a look came between: %s', async (isSeen) => {
    const { model, look, numbers } = await watched()
    model.versions.push(2, 3)
    await look()
    if (isSeen) {
      model.isThere = false
      await look()
      model.isThere = true
    }
    Object.assign(model, { createdAt: 2, versions: [1] })
    await look()
    model.versions.push(2)
    await look()
    expect(numbers()).toEqual([2, 3, 1, 2])
  })

  test('tells a move of the alias once, after the version that it moves to', async () => {
    const { model, look, events } = await watched()
    model.versions.push(2)
    model.aliases = { champion: 2, shadow: 1 }
    await look()
    await look()
    model.aliases = {}
    await look()
    expect(events).toMatchObject([
      { type: 'version-registered', version: 2 },
      { type: 'alias-moved', from: null, to: 2 },
      { type: 'alias-moved', from: 2, to: null },
    ])
    expect(events).toHaveLength(3)
  })
})

describe('a first registration that fails', () => {
  test('leaves a model without versions alone, which models() leaves out', async () => {
    let isMade = false
    const { registry, requests } = answeredBy(({ path }) => {
      if (path === 'experiments/get-by-name')
        return { experiment: { experiment_id: '1', artifact_location: 'mlflow-artifacts:/1', lifecycle_stage: 'active' } }
      if (path === 'runs/create') return { run: { info: { run_id: 'r', artifact_uri: 'mlflow-artifacts:/1/r/artifacts' }, data: {} } }
      if (path === 'model-versions/create')
        return isMade ? refusal(400, 'INVALID_PARAMETER_VALUE') : refusal(404, 'RESOURCE_DOES_NOT_EXIST')
      if (path === 'registered-models/create') {
        isMade = true
        return { registered_model: { name: 'm' } }
      }
      if (path === 'registered-models/search')
        return { registered_models: [{ name: 'm' }, { name: 'n', latest_versions: [{ name: 'n', version: '1' }] }] }
      return {}
    })
    await expect(registry.register('m', samplePackage('a'))).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
    expect(isMade).toBe(true)
    expect(requests.filter(({ path }) => path.startsWith('registered-models/')).map(({ path }) => path)).toEqual([
      'registered-models/create',
    ])
    const names: string[] = []
    for await (const name of registry.models()) names.push(name)
    expect(names).toEqual(['n'])
  })
})

describe('credentials that are none', () => {
  test.each([
    ['no password', { username: 'a' }],
    ['a password that is undefined', { username: 'a', password: undefined }],
    ['a token that is undefined', { token: undefined }],
    ['a password that is a number', { username: 'a', password: 1 }],
    ['no username', { password: 'hunter2' }],
    ['a text', 'hunter2'],
    ['null', null],
  ])('are ARGUMENT_INVALID when the registry is made, and nothing of them is told: %s', (_name, credentials) => {
    const options = { url, credentials: credentials as never }
    const handle = { id: 'r', result: new Promise<never>(() => {}), on: () => () => {} }
    for (const work of [() => new MlflowRegistry(options), () => trackRun(options, handle)]) {
      let thrown: unknown
      try {
        work()
      } catch (error) {
        thrown = error
      }
      expect(thrown).toMatchObject({ code: 'ARGUMENT_INVALID', details: { argument: 'credentials' } })
      expect(JSON.stringify([String(thrown), MillraceError.is(thrown) && thrown.details])).not.toContain('hunter2')
    }
  })
})

describe('an import into it', () => {
  test('of a tag that MLflow does not take is EXPORT_INVALID before anything is asked', async () => {
    const from = new Registry({ storage: new MemoryStorage() })
    await from.register('m', samplePackage('a'))
    await from.tag('m', 1, { 'a(b)': 'x' })
    const { registry, requests } = answeredBy(() => ({}))
    const error: unknown = await importModel(registry, exportModel(from, 'm')).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'EXPORT_INVALID', details: { path: 'index.json' } })
    expect(String(error)).toContain('in version 1, tags: expected labels')
    expect(requests).toEqual([])
  })
})
