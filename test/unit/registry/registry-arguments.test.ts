import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../../src/core/error.ts'
import { decodeFiles, encodeFiles } from '../../../src/registry/export/file-stream.ts'
import { Registry } from '../../../src/registry/registry.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { collect, packageNamed } from './registry-fixtures.ts'

/** What a caller in plain JavaScript may give. */
const wrong = (value: unknown): never => value as never

async function withVersion(): Promise<Registry> {
  const registry = new Registry({ storage: new MemoryStorage() })
  await registry.register('m', packageNamed('a'))
  return registry
}

describe('a registry is not made of', () => {
  test.each([
    ['nothing', undefined],
    ['no storage', {}],
    ['no attempts', { storage: new MemoryStorage(), attempts: 0 }],
    ['less than none', { storage: new MemoryStorage(), attempts: -1 }],
    ['no number of attempts', { storage: new MemoryStorage(), attempts: Number.NaN }],
    ['a gate that is none', { storage: new MemoryStorage(), beforeAliasMove: true }],
  ])('%s', (_name, options) => {
    expect(() => new Registry(wrong(options))).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
  })
})

describe('an argument that cannot be worked with is ARGUMENT_INVALID, and nothing is done', () => {
  const calls: Record<string, (registry: Registry) => Promise<unknown>> = {
    'no package': (registry) => registry.register('m', wrong(null)),
    'a package without blobs': (registry) => registry.register('m', wrong({ ...packageNamed('a'), blob: undefined })),
    'options that are none': (registry) => registry.register('m', packageNamed('a'), wrong(null)),
    'a time that is none': (registry) => registry.aliasAt('m', 'champion', Number.NaN),
    'a time in words': (registry) => registry.aliasAt('m', 'champion', wrong('now')),
    'no query': (registry) => collect(registry.search(wrong(undefined))),
    'a bound that is a number': (registry) => collect(registry.search(wrong({ metrics: { auc: 0.2 } }))),
    'a bound of unknown kind': (registry) => collect(registry.search(wrong({ metrics: { auc: { min: 0.2 } } }))),
    'a bound in words': (registry) => collect(registry.search(wrong({ metrics: { auc: { atLeast: '0.2' } } }))),
    'a bound that is none': (registry) => collect(registry.search({ metrics: { auc: { atLeast: Number.NaN } } })),
    'an unknown condition': (registry) => collect(registry.search(wrong({ metric: { auc: { atLeast: 1 } } }))),
    'a tag that is a number': (registry) => collect(registry.search(wrong({ tags: { stage: 1 } }))),
    'a value of the lineage that is none': (registry) => collect(registry.search(wrong({ lineage: { dataDigest: undefined } }))),
    'a value of a lineage that no version has': (registry) => collect(registry.search(wrong({ lineage: { nothing: undefined } }))),
    'a value of the lineage that is no JSON': (registry) => collect(registry.search(wrong({ lineage: { dataDigest: new Date(0) } }))),
    'tags that are none': (registry) => registry.tag('m', 1, wrong(null)),
    'an age in words': (registry) => registry.collectGarbage({ olderThanMs: wrong('5') }),
    'an age that is none': (registry) => registry.collectGarbage({ olderThanMs: Number.NaN }),
    'a trial run in words': (registry) => registry.collectGarbage({ dryRun: wrong('no') }),
    'an expected version in words': (registry) => registry.setAlias('m', 'champion', 1, { expectedVersion: wrong('3') }),
    'an expected version below 0': (registry) => registry.removeAlias('m', 'champion', { expectedVersion: -1 }),
    'no deployment': (registry) => registry.recordDeployment('m', 1, wrong(undefined)),
    'files that are none': (registry) => registry.importModel(wrong(null)),
    'a file that is none': (registry) => registry.importModel([wrong(null)]),
    'a file without bytes': (registry) => registry.importModel([wrong({ path: 'index.json', bytes: '{}' })]),
    'aliases in words': (registry) => registry.importModel(registry.exportModel('m'), { aliases: wrong('yes'), name: 'm' }),
    'a name that is none': (registry) => registry.importModel(registry.exportModel('m'), { name: '../m' }),
    'no stream': () => collect(decodeFiles(wrong(null))),
    'a stream of text': () => collect(decodeFiles(wrong(['abc']))),
    'no files to encode': () => collect(encodeFiles(wrong(undefined))),
    'an alias that is none': (registry) => registry.load('m', ''),
  }
  test.each(Object.entries(calls))('%s', async (_name, call) => {
    const registry = await withVersion()
    await expect(call(registry)).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    expect(await collect(registry.history('m'))).toHaveLength(1)
  })
})

describe('a version is loaded', () => {
  test('by its number, or by an alias that is at it now', async () => {
    const registry = await withVersion()
    await registry.register('m', packageNamed('b'))
    await registry.setAlias('m', 'champion', 2)
    expect((await registry.load('m', 'champion')).manifestDigest).toBe(packageNamed('b').manifestDigest)
    expect((await registry.load('m', 1)).manifestDigest).toBe(packageNamed('a').manifestDigest)
    await registry.setAlias('m', 'champion', 1)
    expect((await registry.load('m', 'champion')).manifestDigest).toBe(packageNamed('a').manifestDigest)
    // A number in words is the name of an alias, of which there is none.
    await expect(registry.load('m', '1')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND', details: { name: 'm', alias: '1' } })
  })
})

describe('a gate that never answers', () => {
  test.each(['set', 'remove', 'rollback'] as const)('ends with the abort: %s', async (kind) => {
    const storage = new MemoryStorage()
    const open = new Registry({ storage })
    for (const name of ['a', 'b', 'c']) await open.register('m', packageNamed(name))
    for (const version of [1, 2]) await open.setAlias('m', 'champion', version)
    const abort = new AbortController()
    const reason = new Error('enough')
    const hung = new Registry({
      storage,
      beforeAliasMove: () => {
        setTimeout(() => abort.abort(reason), 0)
        return new Promise<void>(() => {})
      },
    })
    const io = { signal: abort.signal }
    const moves = {
      set: () => hung.setAlias('m', 'champion', 3, io),
      remove: () => hung.removeAlias('m', 'champion', io),
      rollback: () => hung.rollback('m', 'champion', io),
    }
    const error: unknown = await moves[kind]().catch((thrown: unknown) => thrown)
    expect(error).toBe(reason)
    expect(MillraceError.is(error)).toBe(false)
    expect(await open.aliases('m')).toEqual(new Map([['champion', 2]]))
  })
})
