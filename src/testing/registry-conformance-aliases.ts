import { MillraceError } from '../core/error.ts'
import { expectCode, expectSame, expectThat } from './conformance.ts'
import type { RegistryCase, RegistryConformanceOptions } from './registry-case.ts'
import { newModelName, registerSample, versionsOf, withVersions } from './registry-conformance-tools.ts'
import { samplePackage } from './sample-package.ts'

/** Aliases, and the deletion of versions, which they prevent. */
export function aliasCases(options: RegistryConformanceOptions): readonly RegistryCase[] {
  const { cannot = {}, writers = 8 } = options
  return [
    {
      name: 'points aliases at versions, moves them and takes them away',
      async run(registry) {
        const name = await withVersions(registry, 3)
        expectSame('before', await registry.alias(name, 'champion'), undefined)
        await registry.setAlias(name, 'champion', 2, { reason: 'AUC 0.8', by: 'nightly' })
        await registry.setAlias(name, 'shadow', 3)
        expectSame('set', (await registry.alias(name, 'champion'))?.version, 2)
        await registry.setAlias(name, 'champion', 3)
        expectSame('moved', (await registry.alias(name, 'champion'))?.version, 3)
        await registry.setAlias(name, 'champion', 3)
        const all = [...(await registry.aliases(name))].sort(([left], [right]) => (left < right ? -1 : 1))
        expectSame('all', all, [
          ['champion', 3],
          ['shadow', 3],
        ])
        await registry.removeAlias(name, 'champion')
        await registry.removeAlias(name, 'champion')
        expectSame('removed', await registry.alias(name, 'champion'), undefined)
        expectSame('the other', (await registry.alias(name, 'shadow'))?.version, 3)
      },
    },
    {
      name: 'has no aliases of a model that is not there',
      async run(registry) {
        const name = newModelName()
        expectSame('alias', await registry.alias(name, 'champion'), undefined)
        expectSame('aliases', [...(await registry.aliases(name))], [])
      },
    },
    {
      name: 'moves an alias only from where it is expected',
      async run(registry) {
        const name = await withVersions(registry, 3)
        await registry.setAlias(name, 'champion', 1, { expectedVersion: 0 })
        await expectCode('none expected', () => registry.setAlias(name, 'champion', 2, { expectedVersion: 0 }), 'ALIAS_MOVED')
        await expectCode('another expected', () => registry.setAlias(name, 'champion', 3, { expectedVersion: 2 }), 'ALIAS_MOVED')
        await expectCode('one where there is none', () => registry.setAlias(name, 'shadow', 1, { expectedVersion: 2 }), 'ALIAS_MOVED')
        await expectCode('removed from another', () => registry.removeAlias(name, 'champion', { expectedVersion: 3 }), 'ALIAS_MOVED')
        expectSame('unmoved', (await registry.alias(name, 'champion'))?.version, 1)
        await registry.setAlias(name, 'champion', 2, { expectedVersion: 1 })
        expectSame('moved', (await registry.alias(name, 'champion'))?.version, 2)
        await registry.removeAlias(name, 'champion', { expectedVersion: 2 })
        expectSame('removed', await registry.alias(name, 'champion'), undefined)
      },
    },
    {
      name: 'lets one of many move an alias from one expected version',
      skip: cannot.linearizableAliases,
      async run(registry) {
        const name = await withVersions(registry, writers + 1)
        await registry.setAlias(name, 'champion', 1)
        const outcomes = await Promise.allSettled(
          Array.from({ length: writers }, (_, index) => registry.setAlias(name, 'champion', index + 2, { expectedVersion: 1 })),
        )
        const moved = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [index + 2] : []))
        expectSame('how many moved it', moved.length, 1)
        const others = outcomes.filter((outcome) => outcome.status === 'rejected')
        for (const { reason } of others)
          expectThat('each other', MillraceError.is(reason, 'ALIAS_MOVED'), 'a rejection with ALIAS_MOVED', String(reason))
        expectSame('where it is', (await registry.alias(name, 'champion'))?.version, moved[0])
      },
    },
    {
      name: 'leaves a deleted version out, and says of it that it was deleted',
      skip: cannot.tombstones,
      async run(registry) {
        const name = await withVersions(registry, 3)
        await registry.deleteVersion(name, 2, { reason: 'trained on the wrong data', by: 'ann' })
        expectSame('versions', await versionsOf(registry, name), [1, 3])
        const work: Readonly<Record<string, () => Promise<unknown>>> = {
          version: () => registry.version(name, 2),
          load: () => registry.load(name, 2),
          modelCard: () => registry.modelCard(name, 2),
          compare: () => registry.compare(name, 1, 2),
          setAlias: () => registry.setAlias(name, 'champion', 2),
          tag: () => registry.tag(name, 2, { stage: 'review' }),
          describe: () => registry.describe(name, 2, 'text'),
        }
        for (const [method, call] of Object.entries(work)) await expectCode(method, call, 'VERSION_DELETED')
        await registry.deleteVersion(name, 2)
        const found: number[] = []
        for await (const { version } of registry.search({ name })) found.push(version)
        expectSame('found', found, [1, 3])
      },
    },
    {
      name: 'never uses the number of a deleted version again',
      skip: cannot.tombstones,
      async run(registry) {
        const name = await withVersions(registry, 2)
        await registry.deleteVersion(name, 2)
        expectSame('next', (await registerSample(registry, name, 'next')).version, 3)
        await registry.deleteVersion(name, 1)
        await registry.deleteVersion(name, 3)
        expectSame('versions', await versionsOf(registry, name), [])
        expectSame('next', (await registerSample(registry, name, 'next')).version, 4)
      },
    },
    {
      name: 'deletes no version that an alias points at',
      skip: cannot.versionsInUse,
      async run(registry) {
        const name = await withVersions(registry, 2)
        await registry.setAlias(name, 'champion', 1)
        await expectCode('deleteVersion', () => registry.deleteVersion(name, 1), 'VERSION_IN_USE')
        expectSame('still there', (await registry.alias(name, 'champion'))?.version, 1)
        await registry.setAlias(name, 'champion', 2)
        await registry.deleteVersion(name, 1)
        expectSame('versions', await versionsOf(registry, name), [2])
      },
    },
    {
      name: 'makes another version with the key of a deleted one',
      skip: cannot.tombstones,
      async run(registry) {
        const name = newModelName()
        await registry.register(name, samplePackage('k'), { idempotencyKey: 'key' })
        await registry.deleteVersion(name, 1)
        expectSame('another', (await registry.register(name, samplePackage('k'), { idempotencyKey: 'key' })).version, 2)
        expectSame('and again', (await registry.register(name, samplePackage('k'), { idempotencyKey: 'key' })).version, 2)
      },
    },
  ]
}
