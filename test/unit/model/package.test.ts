import { beforeAll, describe, expect, it } from 'vitest'
import { digestOfJson } from '../../../src/core/digest.ts'
import { createProfile } from '../../../src/data/profile-record.ts'
import type { Tensor } from '../../../src/features/tensors.ts'
import { denseNetworkLoader } from '../../../src/model/dense-network.ts'
import { loadModelPackage } from '../../../src/model/load-package.ts'
import { blobsOfManifest, digestOfManifest } from '../../../src/model/manifest.ts'
import type { ModelLoader } from '../../../src/model/model.ts'
import type { Manifest, ModelPackage } from '../../../src/model/model-package.ts'
import { packageModel } from '../../../src/model/package-model.ts'
import { openModelPackage, storeModelPackage } from '../../../src/model/store-package.ts'
import { blobKey } from '../../../src/storage/blobs.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { flightDataset, flightPackage, networkOf, packageOptions } from '../../fixtures/model/flights.ts'

const models = [denseNetworkLoader]

describe('packaging a model', () => {
  let modelPackage: ModelPackage
  beforeAll(async () => {
    modelPackage = await flightPackage(new MemoryStorage())
  })

  it('writes a manifest of names and digests that says what the model takes, answers and comes from', () => {
    const { manifest, manifestDigest } = modelPackage
    expect(manifest).toMatchObject({ format: 'millrace-model', formatVersion: 1, minReaderVersion: 1, target: 'late', task: 'binary' })
    expect(manifest.signature).toEqual({
      inputs: [
        { name: 'cancelled', kind: 'boolean', nullable: false },
        { name: 'date', kind: 'time', nullable: false },
        { name: 'distance', kind: 'number', nullable: true },
        { name: 'origin', kind: 'text', nullable: false },
      ],
      outputs: [{ name: 'probability', type: 'float32', shape: [1] }],
    })
    expect(manifest.lineage).toMatchObject({ runId: 'run-1', learner: 'mlp', parameters: { units: [8] }, details: { backend: 'none' } })
    expect(manifestDigest).toBe(digestOfJson(manifest))
  })

  it('leaves out a metric that is not a number', () => {
    expect(modelPackage.manifest.metrics).toEqual({ auc: 0.7, 'log-loss': 0.5 })
  })

  it('makes the same manifest again, wherever, but for the run', async () => {
    const again = await flightPackage(new MemoryStorage())
    expect(again.manifestDigest).toBe(modelPackage.manifestDigest)
    const other = await flightPackage(new MemoryStorage(), { runId: 'run-2' })
    expect(other.manifestDigest).not.toBe(modelPackage.manifestDigest)
    expect({ ...other.manifest, lineage: { ...other.manifest.lineage, runId: 'run-1' } }).toEqual(modelPackage.manifest)
  })

  it('gives only blobs that the manifest names', async () => {
    await expect(modelPackage.blob('0'.repeat(64))).rejects.toMatchObject({ code: 'STORAGE_NOT_FOUND' })
    await expect(modelPackage.blob('../../etc/passwd')).rejects.toMatchObject({ code: 'STORAGE_NOT_FOUND' })
  })

  it('refuses a model whose answer is not finite', async () => {
    const storage = new MemoryStorage()
    const loader: ModelLoader = {
      kind: 'dense-network',
      load: async () => ({
        kind: 'dense-network',
        predict: (inputs) => {
          const rows = inputs.features?.shape[0] as number
          return { probability: { shape: [rows, 1], data: new Float32Array(rows).fill(Number.NaN) } }
        },
        dispose: () => {},
      }),
    }
    await expect(flightPackage(storage, { loader })).rejects.toMatchObject({ code: 'MODEL_INVALID' })
  })

  it('refuses a test part without a row', async () => {
    const storage = new MemoryStorage()
    const options = await packageOptions(storage)
    await expect(packageModel({ ...options, test: await flightDataset(storage, 0) })).rejects.toMatchObject({ code: 'SPLIT_EMPTY' })
  })

  it('disposes the model that it opened, also when it fails', async () => {
    let open = 0
    const counting: ModelLoader = {
      kind: 'dense-network',
      async load(stored) {
        const model = await denseNetworkLoader.load(stored)
        open++
        return {
          kind: model.kind,
          predict: (inputs) => model.predict(inputs),
          dispose: () => {
            open--
          },
        }
      },
    }
    const storage = new MemoryStorage()
    const options = await packageOptions(storage, { loader: counting })
    await packageModel(options)
    await expect(packageModel({ ...options, test: await flightDataset(storage, 0) })).rejects.toThrow()
    expect(open).toBe(0)
  })
})

describe('a stored package', () => {
  it('is the same from another storage, to the last blob', async () => {
    const source = await flightPackage(new MemoryStorage())
    const storage = new MemoryStorage()
    const digest = await storeModelPackage(storage, source)
    expect(digest).toBe(source.manifestDigest)
    const opened = await openModelPackage(storage, digest)
    expect(opened.manifest).toEqual(source.manifest)
    for (const reference of blobsOfManifest(source.manifest)) {
      expect(await opened.blob(reference.digest)).toEqual(await source.blob(reference.digest))
    }
  })

  it('is written once: again writes nothing', async () => {
    const source = await flightPackage(new MemoryStorage())
    const storage = new MemoryStorage()
    await storeModelPackage(storage, source)
    const put = storage.put.bind(storage)
    let writes = 0
    storage.put = async (...args) => {
      writes++
      await put(...args)
    }
    expect(await storeModelPackage(storage, source)).toBe(source.manifestDigest)
    expect(writes).toBe(0)
  })

  it('mends a damaged blob when it is stored again', async () => {
    const source = await flightPackage(new MemoryStorage())
    const storage = new MemoryStorage()
    await storeModelPackage(storage, source)
    const key = blobKey(source.manifest.golden.digest)
    await storage.put(key, new Uint8Array(1))
    await storeModelPackage(storage, source)
    const loaded = await loadModelPackage(await openModelPackage(storage, source.manifestDigest), { models })
    expect(loaded.goldenRows).toBe(16)
  })

  it('has no manifest before all its blobs are there', async () => {
    const source = await flightPackage(new MemoryStorage())
    const storage = new MemoryStorage()
    const lost = source.manifest.golden.digest
    const broken: ModelPackage = {
      ...source,
      blob: (digest) => (digest === lost ? Promise.reject(new Error('lost')) : source.blob(digest)),
    }
    await expect(storeModelPackage(storage, broken)).rejects.toThrow('lost')
    await expect(openModelPackage(storage, source.manifestDigest)).rejects.toMatchObject({ code: 'STORAGE_NOT_FOUND' })
  })

  it('is not made of blobs or a manifest with another digest', async () => {
    const source = await flightPackage(new MemoryStorage())
    const lying: ModelPackage = { ...source, blob: async () => new Uint8Array(5) }
    await expect(storeModelPackage(new MemoryStorage(), lying)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
    const changed: ModelPackage = { ...source, manifest: { ...source.manifest, target: 'other' } }
    await expect(storeModelPackage(new MemoryStorage(), changed)).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
  })

  it('stops at an abort, with its reason', async () => {
    const source = await flightPackage(new MemoryStorage())
    const reason = new Error('enough')
    await expect(storeModelPackage(new MemoryStorage(), source, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await expect(loadModelPackage(source, { models, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it('is refused when its manifest cannot be one', async () => {
    const storage = new MemoryStorage()
    const source = await flightPackage(storage)
    const { manifest } = source
    const put = async (value: unknown): Promise<string> => {
      const bytes = new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
      const { putBlob } = await import('../../../src/storage/blobs.ts')
      return putBlob(storage, bytes)
    }
    const cases: [unknown, string][] = [
      ['not json', 'MODEL_INVALID'],
      [{ ...manifest, format: 'other' }, 'FORMAT_UNSUPPORTED'],
      [{ ...manifest, minReaderVersion: 2 }, 'FORMAT_UNSUPPORTED'],
      [{ ...manifest, golden: { digest: '../x', sizeBytes: 1 } }, 'MODEL_INVALID'],
      [{ ...manifest, profile: undefined }, 'MODEL_INVALID'],
      [{ ...manifest, model: { ...manifest.model, blobs: { weights: 'x' } } }, 'MODEL_INVALID'],
      [{ ...manifest, plan: null }, 'MODEL_INVALID'],
      [{ ...manifest, metrics: { auc: 'high' } }, 'MODEL_INVALID'],
      [{ ...manifest, signature: { inputs: [{ name: 'x', kind: 'list', nullable: true }], outputs: [] } }, 'MODEL_INVALID'],
    ]
    for (const [value, code] of cases) {
      await expect(openModelPackage(storage, await put(value)), JSON.stringify(value).slice(0, 60)).rejects.toMatchObject({ code })
    }
    await expect(openModelPackage(storage, '../../etc/passwd')).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
  })
})

describe('loading a package', () => {
  it('brings back plan, model and profile, and asks the golden questions', async () => {
    const storage = new MemoryStorage()
    const options = await packageOptions(storage)
    const loaded = await loadModelPackage(await packageModel(options), { models })
    expect(loaded.goldenRows).toBe(16)
    expect(loaded.profile.toJSON()).toEqual(options.trainingProfile.toJSON())
    const model = await options.model.open()
    for await (const batch of options.test.batches()) {
      expect(await loaded.model.predict(loaded.plan.apply(batch))).toEqual(await model.predict(options.plan.apply(batch)))
    }
  })

  it('refuses a model that answers otherwise than when it was packaged', async () => {
    const source = await flightPackage(new MemoryStorage())
    const swapping: ModelLoader = { kind: 'dense-network', load: () => denseNetworkLoader.load(networkOf(9, 99)) }
    await expect(loadModelPackage(source, { models: [swapping] })).rejects.toMatchObject({ code: 'GOLDEN_MISMATCH', details: { row: 0 } })
  })

  it('refuses a model that answers otherwise to one row than to many', async () => {
    const source = await flightPackage(new MemoryStorage())
    const uneven: ModelLoader = {
      kind: 'dense-network',
      async load(stored) {
        const model = await denseNetworkLoader.load(stored)
        return {
          kind: model.kind,
          dispose: () => model.dispose(),
          predict: async (inputs) =>
            inputs.features?.shape[0] === 1 ? { probability: { shape: [1, 1], data: Float32Array.of(0.123) } } : model.predict(inputs),
        }
      },
    }
    await expect(loadModelPackage(source, { models: [uneven] })).rejects.toMatchObject({ code: 'GOLDEN_MISMATCH' })
  })

  it('takes the small differences that another backend makes', async () => {
    const source = await flightPackage(new MemoryStorage())
    const rounding: ModelLoader = {
      kind: 'dense-network',
      async load(stored) {
        const model = await denseNetworkLoader.load(stored)
        return {
          kind: model.kind,
          dispose: () => model.dispose(),
          predict: async (inputs) => {
            const { shape, data } = (await model.predict(inputs)).probability as Tensor
            return { probability: { shape, data: data.map((value) => value + 1e-6) } }
          },
        }
      },
    }
    expect((await loadModelPackage(source, { models: [rounding] })).goldenRows).toBe(16)
  })

  it('disposes the model when the golden questions go wrong', async () => {
    const source = await flightPackage(new MemoryStorage())
    let disposed = 0
    const empty: ModelLoader = {
      kind: 'dense-network',
      load: async () => ({
        kind: 'dense-network',
        predict: () => ({}),
        dispose: () => {
          disposed++
        },
      }),
    }
    await expect(loadModelPackage(source, { models: [empty] })).rejects.toMatchObject({ code: 'GOLDEN_MISMATCH' })
    expect(disposed).toBe(1)
  })

  it('names the kind that nobody opens', async () => {
    const source = await flightPackage(new MemoryStorage())
    await expect(loadModelPackage(source, { models: [] })).rejects.toMatchObject({ code: 'MODEL_KIND_UNKNOWN' })
  })

  it('refuses parts that do not belong together', async () => {
    const storage = new MemoryStorage()
    const source = await flightPackage(storage)
    const changed = (change: Partial<Manifest>): ModelPackage => {
      const manifest = { ...source.manifest, ...change }
      return { ...source, manifest, manifestDigest: digestOfManifest(manifest) }
    }
    const { model, signature, profile } = source.manifest
    const cases = [
      { ...changed({ metrics: { auc: 1 } }), manifestDigest: source.manifestDigest },
      changed({ signature: { ...signature, outputs: [{ name: 'other', type: 'float32', shape: [1] }] } }),
      changed({ model: { ...model, digest: '0'.repeat(64) } }),
      changed({ signature: { ...signature, inputs: signature.inputs.slice(1) } }),
      changed({ golden: profile }),
    ]
    for (const broken of cases) {
      await expect(loadModelPackage(broken, { models })).rejects.toMatchObject({
        code: expect.stringMatching(/MODEL_INVALID|FORMAT_UNSUPPORTED/),
      })
    }
  })

  it('never opens with a byte of the manifest or of a blob changed, or with one too few or too many', async () => {
    const storage = new MemoryStorage()
    const source = await flightPackage(new MemoryStorage())
    const digest = await storeModelPackage(storage, source)
    const open = async () => loadModelPackage(await openModelPackage(storage, digest), { models })
    for (const damaged of [digest, ...blobsOfManifest(source.manifest).map((blob) => blob.digest)]) {
      const key = blobKey(damaged)
      const bytes = (await storage.get(key))?.bytes as Uint8Array
      const step = Math.ceil(bytes.length / 40)
      const variants = Array.from({ length: Math.floor(bytes.length / step) }, (_, index) => {
        const changed = bytes.slice()
        changed[index * step] = (changed[index * step] as number) ^ (1 << (index % 8))
        return changed
      })
      for (const variant of [...variants, bytes.slice(1), bytes.slice(0, -1), new Uint8Array([...bytes, 0]), new Uint8Array(0)]) {
        await storage.put(key, variant)
        await expect(open()).rejects.toMatchObject({ code: 'STORAGE_CORRUPT' })
      }
      await storage.put(key, bytes)
    }
    expect((await open()).goldenRows).toBe(16)
  })

  it('names the blob that is missing', async () => {
    const storage = new MemoryStorage()
    const source = await flightPackage(storage)
    await storage.delete(blobKey(source.manifest.golden.digest))
    await expect(loadModelPackage(source, { models })).rejects.toMatchObject({
      code: 'STORAGE_NOT_FOUND',
      message: expect.stringContaining(source.manifest.golden.digest),
    })
  })

  it('keeps golden rows with NaN and null, and moments', async () => {
    const { decodeGolden, encodeGolden } = await import('../../../src/model/golden.ts')
    const golden = {
      columns: [
        { name: 'n', kind: 'number' as const, nullable: true },
        { name: 't', kind: 'time' as const, nullable: false },
      ],
      rows: { n: [Number.NaN, null, Number.NEGATIVE_INFINITY, 0.1], t: [-1, 0, 1, 2] },
      answers: { value: [1, 2, 3, 4] },
    }
    expect(decodeGolden(JSON.parse(JSON.stringify(encodeGolden(golden))))).toEqual(golden)
    for (const change of [{ rows: {} }, { answers: {} }, { answers: { value: [1, 2, 3] } }, { columns: 'x' }]) {
      const stored = { ...(encodeGolden(golden) as object), ...change }
      expect(() => decodeGolden(stored)).toThrow(expect.objectContaining({ code: 'MODEL_INVALID' }))
    }
  })

  it('reads profiles that merge, since drift is measured against them', async () => {
    const loaded = await loadModelPackage(await flightPackage(new MemoryStorage()), { models })
    expect(loaded.profile.merge(loaded.profile).rowCount).toBe(4_000)
    expect(createProfile(loaded.profile.rowCount, loaded.profile.columns).toJSON()).toEqual(loaded.profile.toJSON())
  })
})
