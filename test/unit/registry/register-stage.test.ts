import { describe, expect, test } from 'vitest'
import { sha256Hex } from '../../../src/core/digest.ts'
import { createRandom } from '../../../src/core/random.ts'
import { batchOf } from '../../../src/data/build-batch.ts'
import type { Dataset } from '../../../src/data/dataset.ts'
import type { Profile } from '../../../src/data/profile.ts'
import { columnOf } from '../../../src/data/read-column.ts'
import type { FeaturePlan } from '../../../src/features/feature-plan.ts'
import { Logger } from '../../../src/log/logger.ts'
import { memorySink } from '../../../src/log/sinks.ts'
import type { Verdict } from '../../../src/model/flow.ts'
import type { Model, ModelReference } from '../../../src/model/model.ts'
import type { StageContext } from '../../../src/pipeline/stage-definition.ts'
import { register } from '../../../src/registry/register-stage.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { collect } from './registry-fixtures.ts'

function datasetNamed(name: string): Dataset {
  const batch = batchOf({ x: { kind: 'number', length: 3, values: Float64Array.of(1, 2, 3) } })
  const dataset: Pick<Dataset, 'digest' | 'rowCount' | 'columns' | 'batches'> = {
    digest: sha256Hex(name),
    rowCount: 3,
    columns: [{ name: 'x', kind: 'number', nullable: false }],
    async *batches() {
      yield batch
    },
  }
  return dataset as Dataset
}

const apply: FeaturePlan['apply'] = (batch) => {
  const column = columnOf(batch, 'x')
  return { features: { shape: [batch.numRows, 1], data: Float32Array.from((column as { values: Float64Array }).values) } }
}
const plan: FeaturePlan = {
  columns: [{ name: 'x', kind: 'number', nullable: false }],
  inputs: {},
  apply,
  applyTraining: (batch) => apply(batch),
  applyRow: () => ({}),
  toPackage: () => ({ json: { format: 'test' }, blobs: {} }),
}

let opened = 0
function modelScaling(by: number): ModelReference {
  const model: Model = {
    kind: 'test',
    predict: ({ features }) => ({
      probability: { shape: [features?.shape[0] ?? 0, 1], data: Float32Array.from(features?.data ?? [], (x) => x * by) },
    }),
    dispose: () => {
      opened--
    },
  }
  return {
    digest: sha256Hex(`${by}`),
    kind: 'test',
    stored: async () => ({ kind: 'test', json: { by }, blobs: {} }),
    open: async () => {
      opened++
      return model
    },
  }
}

const passed: Verdict = { passed: true, gates: [{ name: 'auc at least 0.7', outcome: 'passed', reason: '0.79' }] }
const failed: Verdict = {
  passed: false,
  gates: [
    { name: 'auc at least 0.7', outcome: 'failed', reason: '0.61' },
    { name: 'other', outcome: 'passed', reason: 'fine' },
  ],
}

function flowWith(options: { verdict?: Verdict; scale?: number } = {}) {
  return {
    dataset: datasetNamed('all'),
    train: datasetNamed('train'),
    validation: datasetNamed('validation'),
    test: datasetNamed('test'),
    holdout: datasetNamed('holdout'),
    plan,
    target: 'late',
    task: 'binary',
    trainingProfile: { toJSON: () => ({ rows: 3 }) } as unknown as Profile,
    model: modelScaling(options.scale ?? 0.1),
    history: [],
    training: {
      learner: 'mlp',
      parameters: { units: [4] },
      details: { backend: 'wasm', packages: { '@tensorflow/tfjs': '4.22.0', odd: 3 } },
    },
    evaluation: { rows: 3, metrics: { auc: { value: 0.79 } }, baselines: {}, slices: [], calibration: [], roc: [] },
    verdict: options.verdict ?? passed,
    ofAPlugin: 'kept',
  } as const
}

function contextIn(storage: MemoryStorage, options: { key?: string; runId?: string; codeVersion?: string; signal?: AbortSignal } = {}) {
  const sink = memorySink()
  const context: StageContext = {
    signal: options.signal ?? new AbortController().signal,
    logger: new Logger({ sinks: [sink] }),
    random: createRandom(1),
    clock: { now: () => 5, monotonicMs: () => 0, sleep: async () => {} },
    storage,
    runId: options.runId ?? 'run-1',
    codeVersion: options.codeVersion,
    idempotencyKey: options.key ?? 'key-1',
    progress: () => {},
    metrics: () => {},
    artifact: () => {},
  }
  return { context, sink }
}

describe('the register stage', () => {
  test('registers the model with its lineage, moves the alias, and keeps what flowed', async () => {
    const [runStorage, registryStorage] = [new MemoryStorage(), new MemoryStorage()]
    const registry = new Registry({ storage: registryStorage })
    const stage = register<ReturnType<typeof flowWith>>({ registry, name: 'delay', alias: 'champion', packages: { millrace: '0.1.0' } })
    expect(stage.definition.effect).toBe(true)
    const { context } = contextIn(runStorage, { codeVersion: 'abc' })
    const input = flowWith()
    const output = await stage.definition.run(input, context)
    expect(output).toMatchObject({ promoted: true, version: { name: 'delay', version: 1 }, ofAPlugin: 'kept' })
    expect(output.dataset).toBe(input.dataset)
    const loaded = await new Registry({ storage: registryStorage }).load('delay', 1)
    expect(loaded.manifest).toMatchObject({ target: 'late', task: 'binary', metrics: { auc: 0.79 } })
    expect(loaded.manifest.lineage).toEqual({
      runId: 'run-1',
      dataDigest: sha256Hex('all'),
      trainDigest: sha256Hex('train'),
      testDigest: sha256Hex('test'),
      codeVersion: 'abc',
      packages: { '@tensorflow/tfjs': '4.22.0', millrace: '0.1.0' },
      learner: 'mlp',
      parameters: { units: [4] },
      details: input.training.details,
    })
    const history = await collect(registry.history('delay'))
    expect(history.at(-1)?.operation).toMatchObject({ type: 'set-alias', version: 1, reason: 'auc at least 0.7: 0.79', by: 'run run-1' })
    expect(opened).toBe(0)
  })

  test('does it once for one key, however often and in whichever run', async () => {
    const storage = new MemoryStorage()
    const registry = new Registry({ storage })
    const stage = register<ReturnType<typeof flowWith>>({ registry, name: 'delay', alias: 'champion' })
    await stage.definition.run(flowWith(), contextIn(storage).context)
    const again = await stage.definition.run(flowWith(), contextIn(storage, { runId: 'run-2' }).context)
    expect(again).toMatchObject({ promoted: true, version: { version: 1, lineage: { runId: 'run-1' } } })
    expect(await collect(registry.history('delay'))).toHaveLength(2)
    const other = await stage.definition.run(flowWith({ scale: 0.2 }), contextIn(storage, { key: 'key-2' }).context)
    expect(other).toMatchObject({ promoted: true, version: { version: 2 } })
  })

  test('registers what did not pass and leaves the alias where it is, saying which gates failed', async () => {
    const storage = new MemoryStorage()
    const registry = new Registry({ storage })
    const stage = register<ReturnType<typeof flowWith>>({ registry, name: 'delay', alias: 'champion' })
    const { context, sink } = contextIn(storage)
    expect(await stage.definition.run(flowWith({ verdict: failed }), context)).toMatchObject({ promoted: false, version: { version: 1 } })
    expect(await registry.alias('delay', 'champion')).toBeUndefined()
    expect(sink.records).toMatchObject([{ level: 'warn', fields: { gates: ['auc at least 0.7: 0.61'] } }])
  })

  test('moves the alias also when the gates have more to say than an entry keeps', async () => {
    const storage = new MemoryStorage()
    const registry = new Registry({ storage })
    const gates = Array.from({ length: 200 }, (_, index) => ({
      name: `gate ${index}`,
      outcome: 'passed' as const,
      reason: 'x'.repeat(100),
    }))
    const stage = register<ReturnType<typeof flowWith>>({ registry, name: 'delay', alias: 'champion' })
    expect(await stage.definition.run(flowWith({ verdict: { passed: true, gates } }), contextIn(storage).context)).toMatchObject({
      promoted: true,
    })
    expect((await collect(registry.history('delay')))[1]?.operation).toMatchObject({ reason: expect.stringMatching(/^gate 0: x/) })
  })

  test('does not overwrite a champion that somebody else chose meanwhile', async () => {
    const storage = new MemoryStorage()
    const registry = new Registry({ storage })
    const rival = register<ReturnType<typeof flowWith>>({ registry, name: 'delay', alias: 'champion' })
    const slow = new (class extends Registry {
      override async register(...args: Parameters<Registry['register']>) {
        await rival.definition.run(flowWith({ scale: 0.3 }), contextIn(storage, { key: 'rival' }).context)
        return super.register(...args)
      }
    })({ storage })
    const stage = register<ReturnType<typeof flowWith>>({ registry: slow, name: 'delay', alias: 'champion' })
    const { context, sink } = contextIn(storage)
    expect(await stage.definition.run(flowWith(), context)).toMatchObject({ promoted: false, version: { version: 2 } })
    expect((await registry.alias('delay', 'champion'))?.version).toBe(1)
    expect(sink.records).toMatchObject([{ level: 'warn', fields: { error: { code: 'ALIAS_MOVED' } } }])
  })

  test('without an alias only registers', async () => {
    const storage = new MemoryStorage()
    const registry = new Registry({ storage })
    const stage = register<ReturnType<typeof flowWith>>({ registry, name: 'delay' })
    expect(await stage.definition.run(flowWith(), contextIn(storage).context)).toMatchObject({ promoted: false, version: { version: 1 } })
    expect(await registry.aliases('delay')).toEqual(new Map())
  })

  test('refuses a name that does not fit when it is made, and stops when aborted', async () => {
    const storage = new MemoryStorage()
    const registry = new Registry({ storage })
    expect(() => register({ registry, name: 'Delay' })).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
    expect(() => register({ registry, name: 'delay', alias: 'a/b' })).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
    const reason = new Error('enough')
    const stage = register<ReturnType<typeof flowWith>>({ registry, name: 'delay', alias: 'champion' })
    await expect(stage.definition.run(flowWith(), contextIn(storage, { signal: AbortSignal.abort(reason) }).context)).rejects.toBe(reason)
    expect(await collect(registry.history('delay'))).toEqual([])
  })
})
