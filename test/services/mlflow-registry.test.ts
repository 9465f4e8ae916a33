import { createHash } from 'node:crypto'
import { denseNetworkLoader, loadModelPackage } from 'millrace/model'
import { exportModel, importModel, Registry } from 'millrace/registry'
import { MlflowRegistry } from 'millrace/registry/mlflow'
import { MemoryStorage } from 'millrace/storage'
import { registryConformance, samplePackage } from 'millrace/testing'
import { afterAll, describe, expect, test } from 'vitest'
import type { MlflowServer } from '../../scripts/services/mlflow.ts'
import { startMlflow } from '../../scripts/services/mlflow.ts'
import { named, startOrReason } from '../../scripts/services/service.ts'
import { createFixtures } from '../docs/prelude.ts'
import type { ClientRun, MlflowClient } from './support/mlflow.ts'
import { startClient } from './support/mlflow.ts'

const mlflow = await startOrReason(startMlflow)
const python = mlflow.service === undefined ? undefined : startClient(mlflow.service)
const client = (): MlflowClient => python as MlflowClient
afterAll(async () => {
  await python?.stop()
  await mlflow.service?.stop()
})
const server = (): MlflowServer => mlflow.service as MlflowServer
const open = async (): Promise<MlflowRegistry> => new MlflowRegistry({ url: server().url })

describe.skipIf(mlflow.service === undefined)(named('the registry suite on MLflow', mlflow), () => {
  const cases = registryConformance({
    open,
    reopen: open,
    cannot: {
      linearizableAliases: 'MLflow has no conditional change: of two who move an alias at once, the last wins',
      orderedEvents: 'MLflow keeps no history: between two looks only the last move of an alias can be seen',
    },
  })
  for (const { name, run, skip } of cases) test.skipIf(skip !== undefined)(skip === undefined ? name : `${name} (${skip})`, run)
})

interface ClientVersion {
  readonly version: string
  readonly status: string
  readonly description: string
  readonly aliases: readonly string[]
  readonly tags: Readonly<Record<string, string>>
  readonly byAlias: string
  readonly run: ClientRun
  readonly flavors: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly inputs: readonly unknown[]
  readonly outputs: readonly unknown[]
  readonly listed: readonly string[]
  readonly files: Readonly<Record<string, string>>
}

describe.skipIf(mlflow.service === undefined)(named("beside MLflow's own client", mlflow), () => {
  test('it shows what we registered: version, alias, tags, run, figures, parameters, flavors, signature and files to the byte', async () => {
    const registry = await open()
    const modelPackage = await createFixtures().modelPackage()
    const { manifest, manifestDigest } = modelPackage
    const { version } = await registry.register('flight-delay', modelPackage)
    await registry.setAlias('flight-delay', 'champion', version, { reason: 'better', by: 'nightly' })
    await registry.tag('flight-delay', version, { stage: 'approved' })
    await registry.describe('flight-delay', version, 'Late flights, by logistic regression.')

    const shown = await client().ask<ClientVersion>('read_version', { name: 'flight-delay', version: '1', alias: 'champion' })
    expect(shown).toMatchObject({ version: '1', status: 'READY', byAlias: '1', aliases: ['champion'] })
    expect(shown.description).toBe('Late flights, by logistic regression.')
    expect(shown.tags).toMatchObject({ stage: 'approved', 'millrace.manifest-digest': manifestDigest })
    expect(shown.run).toMatchObject({ status: 'FINISHED', lifecycle: 'active', name: 'flight-delay' })
    const figures = Object.fromEntries(Object.entries(shown.run.metrics).map(([name, text]) => [name, Number(text)]))
    expect(figures).toEqual(manifest.metrics)
    expect(Object.keys(figures)).toContain('auc')
    const { parameters } = manifest.lineage as { readonly parameters: Readonly<Record<string, unknown>> }
    expect(shown.run.params).toEqual(Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)])))
    expect(shown.run.tags).toMatchObject({ 'millrace.learner': 'logistic-regression', 'millrace.data-digest': manifest.lineage.dataDigest })
    expect(shown.flavors).toMatchObject({
      tfjs: { model_kind: 'dense-network', manifest: 'manifest.json' },
      millrace: { manifest_digest: manifestDigest },
    })
    const types = { number: 'double', integer: 'long', boolean: 'boolean', text: 'string', time: 'datetime' }
    expect(shown.inputs).toEqual(
      manifest.signature.inputs.map(({ name, kind, nullable }) => ({ name, type: types[kind], required: !nullable })),
    )
    expect(shown.inputs.length).toBeGreaterThan(2)
    expect(shown.outputs).toEqual([{ name: 'probability', type: 'tensor', 'tensor-spec': { dtype: 'float32', shape: [-1, 1] } }])
    expect(shown.listed).toEqual(['model/MLmodel', 'model/blobs', 'model/manifest.json'])
    expect(shown.files['manifest.json']).toBe(manifestDigest)
    const blobs = Object.entries(shown.files).filter(([path]) => path.startsWith('blobs/'))
    for (const [path, digest] of blobs) {
      expect(path).toBe(`blobs/${digest}`)
      expect(
        createHash('sha256')
          .update(await modelPackage.blob(digest))
          .digest('hex'),
      ).toBe(digest)
    }
    expect(blobs.length).toBeGreaterThanOrEqual(3)

    const loaded = await loadModelPackage(await registry.load('flight-delay', version), { models: [denseNetworkLoader] })
    expect(loaded.goldenRows).toBeGreaterThan(0)
    loaded.model.dispose()
    expect(await registry.championOf('flight-delay').champion()).toMatchObject({ version: 1, metrics: manifest.metrics, manifestDigest })
  })

  test('it makes versions that are read here: record, alias, tags, and the figures and parameters of their run; but no package', async () => {
    const registry = await open()
    const made = await client().ask<{ readonly runId: string }>('make_version', { name: 'Fraud Model', alias: 'Best-1' })
    const version = await registry.version('Fraud Model', 1)
    expect(version).toMatchObject({
      name: 'Fraud Model',
      version: 1,
      manifestDigest: '',
      metrics: { auc: 0.81 },
      tags: { team: 'risk' },
      description: 'made by hand',
      lineage: { runId: made.runId, parameters: { depth: '7' } },
    })
    expect(version.metrics).not.toHaveProperty('broken')
    expect(await registry.alias('Fraud Model', 'Best-1')).toEqual(version)
    expect(await registry.aliases('Fraud Model')).toEqual(new Map([['Best-1', 1]]))
    const found: number[] = []
    for await (const { version } of registry.search({
      name: 'Fraud Model',
      metrics: { auc: { atLeast: 0.8 } },
      lineage: { 'parameters.depth': '7' },
    }))
      found.push(version)
    expect(found).toEqual([1])
    for (const work of [
      () => registry.load('Fraud Model', 1),
      () => registry.modelCard('Fraud Model', 1),
      () => registry.compare('Fraud Model', 1, 1),
      () => registry.championOf('Fraud Model', 'Best-1').champion(),
    ])
      await expect(work()).rejects.toMatchObject({ code: 'MODEL_INVALID', message: expect.stringContaining('another client') })
    // The next version of their model may be ours.
    expect((await registry.register('Fraud Model', samplePackage('ours'))).version).toBe(2)
    expect((await registry.load('Fraud Model', 2)).manifestDigest).toBe(samplePackage('ours').manifestDigest)
  })

  test('keeps what a run cannot hold in the manifest, and says so in a tag', async () => {
    const registry = await open()
    const long = 'x'.repeat(6001)
    const parameters = {
      fits: 'x'.repeat(6000),
      long,
      'no such name (there)': 1,
      many: Object.fromEntries(Array.from({ length: 150 }, (_, at) => [`p${at}`, at])),
    }
    const metrics = Object.fromEntries(Array.from({ length: 1100 }, (_, at) => [`figure-${at}`, at / 8]))
    const modelPackage = samplePackage('large', { parameters, metrics: { ...metrics, 'auc (test)': 0.5 } })
    await registry.register('large', modelPackage)
    await registry.setAlias('large', 'champion', 1)
    const { run } = await client().ask<ClientVersion>('read_version', { name: 'large', version: '1', alias: 'champion' })
    expect(Object.keys(run.params)).toHaveLength(151)
    expect(run.params.fits).toBe(parameters.fits)
    expect(run.params).not.toHaveProperty('long')
    expect(Object.keys(run.metrics)).toHaveLength(1100)
    expect(run.tags['millrace.only-in-manifest']).toBe('long, no such name (there), auc (test)')
    // Too long for the version's own tags: read from the manifest.
    const version = await registry.version('large', 1)
    expect(version.metrics).toEqual(modelPackage.manifest.metrics)
    expect(version.lineage).toMatchObject({ parameters: { long } })
  })
})

describe.skipIf(mlflow.service === undefined)(named('what is moved from and to MLflow', mlflow), () => {
  test('a model goes to plain storage and back with its versions, tags, descriptions, aliases and bytes; the same files again change nothing', async () => {
    const registry = await open()
    const packages = [samplePackage('moved 1'), samplePackage('moved 2')]
    for (const modelPackage of packages) await registry.register('moved', modelPackage)
    await registry.tag('moved', 1, { stage: 'approved' })
    await registry.describe('moved', 2, 'the second')
    await registry.setAlias('moved', 'champion', 2)

    const plain = new Registry({ storage: new MemoryStorage() })
    const there = await importModel(plain, exportModel(registry, 'moved'), { aliases: true })
    const numbers = [1, 2].map((version) => ({ from: version, to: version }))
    expect(there).toEqual({ name: 'moved', versions: numbers, unmovedAliases: [] })
    for (let again = 1; again <= 2; again++) {
      const back = await importModel(registry, exportModel(plain, 'moved'), { name: 'moved back', aliases: true })
      expect(back).toEqual({ name: 'moved back', versions: numbers, unmovedAliases: [] })
    }
    for (const [at, { manifestDigest, manifest }] of packages.entries()) {
      const loaded = await registry.load('moved back', at + 1)
      expect(loaded.manifestDigest).toBe(manifestDigest)
      expect((await loaded.blob(manifest.golden.digest)).length).toBeGreaterThan(0)
    }
    expect((await registry.version('moved back', 1)).tags).toEqual({ stage: 'approved' })
    expect((await registry.version('moved back', 2)).description).toBe('the second')
    expect(await registry.aliases('moved back')).toEqual(new Map([['champion', 2]]))
    const listed: number[] = []
    for await (const { version } of registry.versions('moved back')) listed.push(version)
    expect(listed.sort()).toEqual([1, 2])
  })
})

describe.skipIf(mlflow.service === undefined)(named('MLflow with several writers', mlflow), () => {
  test('gives 8 registrations at once 8 numbers, and each loads', async () => {
    const registry = await open()
    const made = await Promise.all(Array.from({ length: 8 }, (_, at) => registry.register('busy', samplePackage(`of ${at}`))))
    expect(made.map(({ version }) => version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    for (const { version, manifestDigest } of made) expect((await registry.load('busy', version)).manifestDigest).toBe(manifestDigest)
  })

  test('makes one version of one key, whatever instance comes with it at once', async () => {
    const instances = await Promise.all(Array.from({ length: 4 }, open))
    const all = await Promise.all(instances.map((registry) => registry.register('one-key', samplePackage('k'), { idempotencyKey: 'k' })))
    expect(new Set(all.map(({ version }) => version)).size).toBe(1)
    const [registry] = instances as [MlflowRegistry]
    const left: number[] = []
    for await (const { version } of registry.versions('one-key')) left.push(version)
    expect(left).toEqual([all[0]?.version])
    expect((await registry.register('one-key', samplePackage('k'), { idempotencyKey: 'k' })).version).toBe(left[0])
  })
})
