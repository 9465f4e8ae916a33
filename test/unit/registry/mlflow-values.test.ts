import fc from 'fast-check'
import { MillraceError } from 'millrace'
import type { PipelineEvent, RunRecord, StageRecord } from 'millrace/pipeline'
import { MlflowRegistry, trackRun } from 'millrace/registry/mlflow'
import { FakeClock, samplePackage } from 'millrace/testing'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../../src/core/json.ts'
import { artifactPath } from '../../../src/registry/mlflow/artifacts.ts'
import { logToRun, tagText } from '../../../src/registry/mlflow/batches.ts'
import { MlflowConnection } from '../../../src/registry/mlflow/connection.ts'
import { modelFileOf } from '../../../src/registry/mlflow/model-file.ts'
import { assertAlias, assertModelName, assertTags, isKey } from '../../../src/registry/mlflow/names.ts'
import { flattenParameters } from '../../../src/registry/mlflow/parameters.ts'
import { beginningOf } from '../../../src/registry/mlflow/record-notes.ts'
import { notesOf, recordText } from '../../../src/registry/mlflow/run-notes.ts'
import { experimentFrom, modelFrom, runFrom, versionFrom } from '../../../src/registry/mlflow/wire.ts'

const url = 'http://mlflow.test:5000'

describe('where artifacts are', () => {
  const connection = new MlflowConnection({ url })

  test('is read of locations that the server passes on', () => {
    expect(artifactPath(connection, 'mlflow-artifacts:/1/abc/artifacts')).toBe('1/abc/artifacts')
    expect(artifactPath(connection, 'mlflow-artifacts:///1/abc/artifacts/')).toBe('1/abc/artifacts')
    expect(artifactPath(connection, 'mlflow-artifacts://mlflow.test:5000/1/abc')).toBe('1/abc')
  })

  test.each([
    's3://bucket/1/abc',
    '/var/mlruns/1/abc',
    'file:///etc/passwd',
    'http://169.254.169.254/latest',
    'mlflow-artifacts://elsewhere.test/1/abc',
    'mlflow-artifacts:/1/../../2/secret',
    'mlflow-artifacts:/1/%2e%2e/2',
    'mlflow-artifacts:/1/a?b',
    'mlflow-artifacts:/1\\2',
    'mlflow-artifacts:/./1',
    'mlflow-artifacts:/',
    'mlflow-artifacts:',
    '',
  ])('is refused for "%s", and nothing is asked there', (location) => {
    expect(() => artifactPath(connection, location)).toThrow(expect.objectContaining({ code: 'REGISTRY_UNSUPPORTED' }))
  })
})

describe('names', () => {
  test('that MLflow takes are taken, others are ARGUMENT_INVALID', () => {
    for (const name of ['flight-delay', 'Fraud Model (EU) 2.1', 'Modèle', 'a'.repeat(256)]) expect(assertModelName(name)).toBe(name)
    for (const name of ['', ' ', ' a', 'a/b', 'a:b', "a'b", 'a"b', 'a`b', 'a\\b', '.', '..', 'a\nb', '__proto__', 'a'.repeat(257)])
      expect(() => assertModelName(name)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
    for (const alias of ['champion', 'Best_1', 'größte', 'version1', 'a'.repeat(255)]) expect(assertAlias(alias)).toBe(alias)
    for (const alias of ['', 'latest', 'LATEST', 'v1', 'V22', 'a.b', 'a b', 'a/b', 'constructor', 'a'.repeat(256)])
      expect(() => assertAlias(alias)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
  })

  test('of tags that are ours, that MLflow refuses, or values that it refuses, are ARGUMENT_INVALID', () => {
    assertTags({ stage: 'x'.repeat(100_000), 'team/of.two': '', gone: null })
    for (const tags of [
      { 'millrace.lineage': '{}' },
      { '': 'a' },
      { 'a(b)': 'a' },
      { 'a//b': 'a' },
      { '../a': 'a' },
      { long: 'x'.repeat(100_001) },
    ])
      expect(() => assertTags(tags)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
  })

  test('of any kind are taken or ARGUMENT_INVALID, and never get a quote into a search', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom("' or name != '", 'a%2Fb', '\u202e', 'a\u0000')),
        (name) => {
          try {
            expect(assertModelName(name)).not.toMatch(/['"`\\/:\p{C}]/u)
          } catch (error) {
            expect(MillraceError.is(error, 'ARGUMENT_INVALID')).toBe(true)
          }
        },
      ),
    )
  })

  test('are refused before anything is asked', async () => {
    const registry = new MlflowRegistry({ url, fetch: () => Promise.reject(new Error('asked')) })
    for (const work of [
      () => registry.register('a/b', samplePackage('a')),
      () => registry.version('a/b', 1),
      () => registry.alias('a', 'b c'),
      () => registry.setAlias('a', 'latest', 1),
      () => registry.removeAlias('a', 'v1'),
      () => registry.tag('a', 1, { 'millrace.metrics': '{}' }),
      () => registry.describe('a', 1, 'x'.repeat(100_000)),
    ])
      await expect(work()).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
  })
})

describe('parameters of a run', () => {
  test('are the leaves by their paths; lists are one value', () => {
    const { parameters, left } = flattenParameters({
      epochs: 5,
      units: [64, 32],
      optimizer: { kind: 'adam', rate: 0.001 },
      none: null,
      empty: {},
      off: false,
    })
    expect(Object.fromEntries(parameters)).toEqual({
      epochs: '5',
      units: '[64,32]',
      'optimizer.kind': 'adam',
      'optimizer.rate': '0.001',
      none: 'null',
      empty: '{}',
      off: 'false',
    })
    expect(left).toEqual([])
  })

  test('that do not fit are left out whole and named, and no other is', () => {
    const { parameters, left } = flattenParameters({
      fits: 'x'.repeat(6000),
      long: 'x'.repeat(6001),
      'a(b)': 1,
      'c.d': 1,
      c: { d: 2 },
      ['k'.repeat(251)]: 1,
    })
    expect([...parameters.keys()]).toEqual(['fits', 'c.d'])
    expect(parameters.get('c.d')).toBe('1')
    expect(left).toEqual(['long', 'a(b)', 'c.d', 'k'.repeat(251)])
  })

  test('of any value: each leaf is there within the limits, or named', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const { parameters, left } = flattenParameters(value as Json)
        for (const [key, text] of parameters) {
          expect(isKey(key)).toBe(true)
          expect(text.length).toBeLessThanOrEqual(6000)
        }
        const count = (at: unknown): number =>
          typeof at === 'object' && at !== null && !Array.isArray(at) && Object.keys(at).length > 0
            ? Object.values(at).reduce((sum: number, member) => sum + count(member), 0)
            : 1
        const isLeaf = typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).length === 0
        // A member without a name has the path of what it is in.
        if (!isLeaf && !JSON.stringify(value).includes('"":')) expect(parameters.size + left.length).toBe(count(value))
      }),
    )
  })
})

describe('batches', () => {
  test('keep the limits of the server, in order, with NaN as text and infinities as the largest number', async () => {
    const bodies: {
      readonly metrics?: readonly { readonly value: unknown }[]
      readonly params?: readonly unknown[]
      readonly tags?: readonly unknown[]
    }[] = []
    const connection = new MlflowConnection({
      url,
      fetch: async (_, init) => {
        bodies.push(JSON.parse(String(init?.body)))
        return new Response('{}')
      },
    })
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, ...Array.from({ length: 2000 }, (_, at) => at)]
    const metrics = values.map((value, step) => ({ key: 'loss', value, timestamp: 1, step }))
    const pairs = Array.from({ length: 250 }, (_, at) => [`p${at}`, String(at)] as const)
    await logToRun(connection, 'r', { metrics, parameters: pairs, tags: pairs }, {})
    expect(bodies.map(({ metrics = [], params = [], tags = [] }) => [metrics.length, params.length, tags.length])).toEqual([
      [0, 100, 0],
      [0, 100, 0],
      [0, 50, 0],
      [0, 0, 100],
      [0, 0, 100],
      [0, 0, 50],
      [1000, 0, 0],
      [1000, 0, 0],
      [3, 0, 0],
    ])
    expect(bodies.flatMap(({ metrics = [] }) => metrics.map(({ value }) => value)).slice(0, 4)).toEqual([
      'NaN',
      Number.MAX_VALUE,
      -Number.MAX_VALUE,
      0,
    ])
    await logToRun(connection, 'r', {}, {})
    expect(bodies).toHaveLength(9)
  })

  test('shorten a tag with a word about it', () => {
    expect(tagText('x'.repeat(8000))).toHaveLength(8000)
    const text = tagText('x'.repeat(8001))
    expect(text).toHaveLength(8000)
    expect(text).toMatch(/shortened\)$/)
  })
})

describe('the MLmodel file', () => {
  test('is JSON with flavors and a signature as MLflow keeps it', () => {
    const kinds = ['number', 'integer', 'boolean', 'text', 'time'] as const
    const { manifest, manifestDigest } = samplePackage('a', {
      inputs: kinds.map((kind) => ({ name: kind, kind, nullable: kind === 'text' })),
    })
    const file = JSON.parse(modelFileOf(manifest, { runId: 'r', manifestDigest, time: Date.UTC(2001, 1, 3, 4, 5, 6, 7) }))
    expect(file).toMatchObject({ artifact_path: 'model', run_id: 'r', utc_time_created: '2001-02-03 04:05:06.007000' })
    // Nothing runs a sample in TensorFlow.js.
    expect(Object.keys(file.flavors)).toEqual(['millrace'])
    expect(JSON.parse(file.signature.inputs)).toEqual([
      { type: 'double', name: 'number', required: true },
      { type: 'long', name: 'integer', required: true },
      { type: 'boolean', name: 'boolean', required: true },
      { type: 'string', name: 'text', required: false },
      { type: 'datetime', name: 'time', required: true },
    ])
    expect(JSON.parse(file.signature.outputs)).toEqual([
      { type: 'tensor', name: 'probability', 'tensor-spec': { dtype: 'float32', shape: [-1] } },
    ])
    const network = { ...manifest, model: { ...manifest.model, kind: 'dense-network' } }
    expect(Object.keys(JSON.parse(modelFileOf(network, { runId: 'r', manifestDigest, time: 0 })).flavors)).toEqual(['millrace', 'tfjs'])
  })
})

describe('answers that are none', () => {
  test('are REGISTRY_UNAVAILABLE or read, whatever they hold', () => {
    const names = fc.constantFrom(
      'name',
      'version',
      'tags',
      'aliases',
      'key',
      'value',
      'info',
      'data',
      'run_id',
      'artifact_uri',
      'metrics',
      'toString',
    )
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, '1', 1, 'a', true),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(names, tie('value')),
      ),
    }))
    fc.assert(
      fc.property(value, (answer) => {
        for (const readAnswer of [versionFrom, modelFrom, runFrom, experimentFrom]) {
          try {
            readAnswer(answer, url)
          } catch (error) {
            expect(MillraceError.is(error, 'REGISTRY_UNAVAILABLE')).toBe(true)
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('a run that is tracked', () => {
  const at = { runId: 'r', time: 5.5 }

  test('has its figures under stage and item, at their steps', () => {
    const event: PipelineEvent = {
      ...at,
      type: 'stage-metrics',
      stage: 'each',
      item: { index: 3, stage: 'train' },
      values: { loss: 0.5, 'a(b)': 1 },
      step: 2,
    }
    expect(notesOf(event)).toEqual({
      metrics: [{ key: 'each/3/train/loss', value: 0.5, timestamp: 5, step: 2 }],
      left: ['each/3/train/a(b)'],
    })
  })

  test('says of stages what became of them, and of items nothing', () => {
    const event: PipelineEvent = {
      ...at,
      type: 'stage-failed',
      stage: 'train',
      durationMs: 1,
      attempts: 1,
      error: { message: 'x'.repeat(9000) },
    }
    const text = notesOf(event).tags?.get('millrace.stage.train')
    expect(text).toMatch(/^failed: x/)
    expect(text).toHaveLength(8000)
    expect(notesOf({ ...event, item: { index: 1 } })).toEqual({})
  })

  const stageOf = (name: string, parameters: Json): StageRecord => ({
    ...{ name, outcome: 'unfinished', durationMs: 0, attempts: 0, version: '1', parameters },
  })
  const recordOf = (stages: readonly StageRecord[]): RunRecord => ({
    ...{
      format: 'millrace-run',
      formatVersion: 1,
      minReaderVersion: 1,
      id: 'r',
      pipeline: 'p',
      outcome: 'unfinished',
      startedAt: 1,
      epoch: 1,
    },
    ...{ resumptions: [], seed: 42, tags: { team: 'risk', 'a(b)': 'c' }, inputDigest: null, stages },
  })

  test('keeps its seed where a stage is called seed, and the parameters of that stage', () => {
    const { parameters } = beginningOf(recordOf([stageOf('seed', { rows: 5 }), stageOf('train', { epochs: 2 })]))
    expect(Object.fromEntries(parameters ?? [])).toEqual({ seed: '42', 'seed.rows': '5', 'train.epochs': '2' })
    expect(beginningOf(recordOf([stageOf('seed', 7)]))).toMatchObject({ parameters: new Map([['seed', '42']]), left: ['seed', 'a(b)'] })
  })

  test('says where only a digest is kept of the parameters of a stage, and names no place that has more', () => {
    const map: StageRecord = {
      ...stageOf('each', { fit: { $digest: 'def' }, split: { test: 0.2 } }),
      version: { fit: '1', split: '1' },
    }
    const { parameters, tags, left } = beginningOf(recordOf([stageOf('train', { small: 1, table: { $digest: 'abc' } }), map]))
    expect(Object.fromEntries(parameters ?? [])).toEqual({
      ...{ seed: '42', 'train.small': '1', 'train.table': 'sha256:abc', 'each/fit': 'sha256:def', 'each/split.test': '0.2' },
    })
    expect(tags?.get('millrace.only-digest')).toMatch(/only a digest is kept: train\.table, each\/fit$/)
    expect(left).toEqual(['a(b)'])
  })

  test('keeps what JSON has no sign for as text in its record', () => {
    expect(recordText({ metrics: { loss: Number.NaN } } as never)).toContain('"loss": "NaN"')
  })

  test('is nothing where the run did not begin, and never rejects', async () => {
    const fetched: unknown[] = []
    const handle = { id: 'r', result: Promise.reject(new Error('no such option')), on: () => () => {} }
    const tracking = trackRun({ url, clock: new FakeClock(), fetch: (input) => Promise.reject(fetched.push(input)) }, handle)
    expect(await tracking.finished).toEqual({ mlflowRunId: undefined, droppedMetrics: 0, error: new Error('no such option') })
    expect(fetched).toEqual([])
  })

  test.each([{ maxQueuedMetrics: 0 }, { flushIntervalMs: 0 }, { url: 'nowhere' }])('refuses options that make no sense: %j', (options) => {
    const handle = { id: 'r', result: new Promise<never>(() => {}), on: () => () => {} }
    expect(() => trackRun({ url, ...options }, handle)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
  })
})
