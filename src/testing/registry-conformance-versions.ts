import { toJson } from '../core/json.ts'
import type { ModelRegistry } from '../model/model-registry.ts'
import { expectCode, expectReason, expectSame, expectThat } from './conformance.ts'
import type { RegistryCase, RegistryConformanceOptions } from './registry-case.ts'
import { newModelName, registerSample, versionsOf, withVersions } from './registry-conformance-tools.ts'
import { samplePackage } from './sample-package.ts'

/** Versions: how they are made, numbered, read and loaded. */
export function versionCases(options: RegistryConformanceOptions): readonly RegistryCase[] {
  const { cannot = {}, writers = 8 } = options
  return [
    {
      name: 'numbers the versions of each model 1, 2, 3',
      async run(registry) {
        const [left, right] = [newModelName(), newModelName()]
        expectSame('first', (await registerSample(registry, left, 'a')).version, 1)
        expectSame('second', (await registerSample(registry, left, 'b')).version, 2)
        expectSame('first of another model', (await registerSample(registry, right, 'a')).version, 1)
        expectSame('third', (await registerSample(registry, left, 'a')).version, 3)
        expectSame('versions', await versionsOf(registry, left), [1, 2, 3])
      },
    },
    {
      name: 'tells of a version what its package says',
      async run(registry) {
        const name = newModelName()
        const modelPackage = samplePackage('a', { metrics: { auc: 0.8125, 'log-loss': 0.5 } })
        const made = await registry.register(name, modelPackage)
        const read = await registry.version(name, 1)
        for (const [subject, version] of Object.entries({ made, read })) {
          expectSame(`${subject}: name`, version.name, name)
          expectSame(`${subject}: version`, version.version, 1)
          expectSame(`${subject}: manifestDigest`, version.manifestDigest, modelPackage.manifestDigest)
          expectSame(`${subject}: lineage`, toJson(version.lineage), toJson(modelPackage.manifest.lineage))
          expectSame(`${subject}: metrics`, toJson(version.metrics), { auc: 0.8125, 'log-loss': 0.5 })
          expectSame(`${subject}: tags`, version.tags, {})
          expectSame(`${subject}: description`, version.description, '')
          expectThat(`${subject}: createdAt`, version.createdAt > 0, 'a time', String(version.createdAt))
        }
      },
    },
    {
      name: 'answers with MODEL_NOT_FOUND for a version or a model that is not there',
      async run(registry) {
        const name = await withVersions(registry, 1)
        const absent: readonly (readonly [string, number])[] = [
          [name, 2],
          [name, 0],
          [newModelName(), 1],
        ]
        for (const [model, version] of absent) {
          const work: Readonly<Record<string, () => Promise<unknown>>> = {
            version: () => registry.version(model, version),
            load: () => registry.load(model, version),
            modelCard: () => registry.modelCard(model, version),
            compare: () => registry.compare(model, version, 1),
            setAlias: () => registry.setAlias(model, 'champion', version),
            tag: () => registry.tag(model, version, { stage: 'review' }),
            describe: () => registry.describe(model, version, 'text'),
            deleteVersion: () => registry.deleteVersion(model, version),
          }
          for (const [method, call] of Object.entries(work)) await expectCode(`${method} of version ${version}`, call, 'MODEL_NOT_FOUND')
        }
        expectSame('versions', await versionsOf(registry, newModelName()), [])
      },
    },
    {
      name: 'gives the version again that an idempotency key has made',
      async run(registry) {
        const name = await withVersions(registry, 1)
        const made = await registry.register(name, samplePackage('k'), { idempotencyKey: 'run-7/register' })
        await registerSample(registry, name, 'later')
        const again = await registry.register(name, samplePackage('k'), { idempotencyKey: 'run-7/register' })
        expectSame('version', again.version, made.version)
        expectSame('digest', again.manifestDigest, made.manifestDigest)
        expectSame('versions', await versionsOf(registry, name), [1, 2, 3])
        expectSame('of another key', (await registry.register(name, samplePackage('k'), { idempotencyKey: 'run-8' })).version, 4)
        expectSame('without a key', (await registry.register(name, samplePackage('k'))).version, 5)
        const other = newModelName()
        expectSame(
          'of another model',
          (await registry.register(other, samplePackage('k'), { idempotencyKey: 'run-7/register' })).version,
          1,
        )
      },
    },
    {
      name: 'gives each of many writers a version of its own',
      skip: cannot.concurrentRegistrations,
      async run(registry) {
        const name = newModelName()
        const made = await Promise.all(Array.from({ length: writers }, (_, index) => registerSample(registry, name, `p${index}`)))
        const numbers = made.map(({ version }) => version).sort((a, b) => a - b)
        expectSame(
          'numbers',
          numbers,
          Array.from({ length: writers }, (_, index) => index + 1),
        )
        for (const { version, manifestDigest } of made)
          expectSame(`digest of version ${version}`, (await registry.version(name, version)).manifestDigest, manifestDigest)
      },
    },
    {
      name: 'makes one version when many race with one idempotency key',
      skip: cannot.concurrentKeys,
      async run(registry) {
        const name = newModelName()
        const made = await Promise.all(
          Array.from({ length: writers }, () => registry.register(name, samplePackage('k'), { idempotencyKey: 'key' })),
        )
        expectSame('numbers', [...new Set(made.map(({ version }) => version))], [1])
        expectSame('versions', await versionsOf(registry, name), [1])
      },
    },
    {
      name: 'loads a package as it was registered',
      async run(registry) {
        const name = newModelName()
        const modelPackage = samplePackage('a')
        await registry.register(name, modelPackage)
        const loaded = await registry.load(name, 1)
        expectSame('manifestDigest', loaded.manifestDigest, modelPackage.manifestDigest)
        expectSame('manifest', toJson(loaded.manifest), toJson(modelPackage.manifest))
        const { model, plan, profile, golden } = modelPackage.manifest
        for (const { digest } of [...Object.values(model.blobs), ...Object.values(plan.blobs), profile, golden])
          expectSame(`blob ${digest}`, await loaded.blob(digest), await modelPackage.blob(digest))
        await expectCode('a blob that it does not name', () => loaded.blob('0'.repeat(64)), 'STORAGE_NOT_FOUND')
      },
    },
    {
      name: 'makes no version of a package that is not what its digests say',
      async run(registry) {
        const name = newModelName()
        const good = samplePackage('a')
        const otherBytes = { ...good, blob: async (): Promise<Uint8Array> => new Uint8Array([1, 2, 3]) }
        await expectCode('a blob of other bytes', () => registry.register(name, otherBytes), 'STORAGE_CORRUPT')
        const otherManifest = { ...good, manifestDigest: '0'.repeat(64) }
        await expectCode('a manifest of another digest', () => registry.register(name, otherManifest), 'STORAGE_CORRUPT')
        expectSame('versions', await versionsOf(registry, name), [])
        expectSame('the next', (await registry.register(name, good)).version, 1)
      },
    },
    {
      name: 'refuses a name that is none',
      async run(registry) {
        for (const name of ['', '../a', 'a/b', '__proto__', 'constructor', 'prototype', 'a\u0000', 'x'.repeat(10_000)]) {
          await expectCode(`register ${JSON.stringify(name.slice(0, 20))}`, () => registerSample(registry, name, 'a'), 'ARGUMENT_INVALID')
          const model = newModelName()
          await expectCode('setAlias', () => registry.setAlias(model, name, 1), 'ARGUMENT_INVALID')
        }
      },
    },
    {
      name: 'keeps everything for another instance',
      skip: options.reopen === undefined ? 'the registry does not outlive its instance' : undefined,
      async run(registry) {
        const name = await withVersions(registry, 3)
        await registry.setAlias(name, 'champion', 2)
        await registry.tag(name, 2, { stage: 'approved' })
        await registry.describe(name, 2, 'the good one')
        await registry.deleteVersion(name, 1)
        const other = (await options.reopen?.(registry)) ?? registry
        expectSame('versions', await versionsOf(other, name), [2, 3])
        const { version, tags, description } = (await other.alias(name, 'champion')) ?? {}
        expectSame('champion', { version, tags, description }, { version: 2, tags: { stage: 'approved' }, description: 'the good one' })
        expectSame('next', (await registerSample(other, name, 'next')).version, 4)
        expectSame('seen by the first', (await registry.version(name, 4)).version, 4)
      },
    },
    {
      name: 'rejects with the reason of an abort',
      async run(registry) {
        const name = await withVersions(registry, 1)
        const reason = new Error('enough')
        const io = { signal: AbortSignal.abort(reason) }
        for (const [method, call] of Object.entries(abortable(registry, name, io))) await expectReason(method, call, reason)
        expectSame('versions', await versionsOf(registry, name), [1])
        expectSame('aliases', [...(await registry.aliases(name))], [])
      },
    },
  ]
}

function abortable(
  registry: ModelRegistry,
  name: string,
  io: { readonly signal: AbortSignal },
): Readonly<Record<string, () => Promise<unknown>>> {
  const first = <Item>(items: AsyncIterable<Item>): Promise<unknown> => items[Symbol.asyncIterator]().next()
  return {
    register: () => registry.register(name, samplePackage('b'), io),
    version: () => registry.version(name, 1, io),
    versions: () => first(registry.versions(name, io)),
    models: () => first(registry.models(io)),
    search: () => first(registry.search({ name, ...io })),
    compare: () => registry.compare(name, 1, 1, io),
    modelCard: () => registry.modelCard(name, 1, io),
    load: () => registry.load(name, 1, io),
    alias: () => registry.alias(name, 'champion', io),
    aliases: () => registry.aliases(name, io),
    setAlias: () => registry.setAlias(name, 'champion', 1, io),
    removeAlias: () => registry.removeAlias(name, 'champion', io),
    tag: () => registry.tag(name, 1, { a: 'b' }, io),
    describe: () => registry.describe(name, 1, 'text', io),
    deleteVersion: () => registry.deleteVersion(name, 1, io),
    watch: () => first(registry.watch(name, 'champion', io)),
  }
}
