import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MillraceError } from '../../src/core/error.ts'
import { Catalog } from '../../src/data/catalog.ts'
import type { Dataset } from '../../src/data/dataset.ts'
import { listRuns, Pipeline, readRun, Stage } from '../../src/pipeline/index.ts'
import { Registry } from '../../src/registry/registry.ts'
import type { SegmentStore, StorageAdapter } from '../../src/storage/adapter.ts'
import { getBlob, hasBlob } from '../../src/storage/blobs.ts'
import { FileStorage } from '../../src/storage/file.ts'
import { MemoryStorage } from '../../src/storage/memory.ts'
import { flightDataset } from '../fixtures/model/flights.ts'
import { collect, packageNamed } from '../unit/registry/registry-fixtures.ts'
import { goodKey, goodName, hostileText, isKey, isSegment, notText } from './support/fuzz-names.ts'
import { size } from './support/size.ts'

let parent = ''
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'millrace-fuzz-'))
  await mkdir(join(parent, 'outside'))
  await writeFile(join(parent, 'outside', 'secret'), 'secret')
})
afterAll(() => rm(parent, { recursive: true, force: true }))

// Divisible by all that it is divided by: fast-check does not come to the end of a part of a run.
const numRuns = size(300, 9000)
const anything = fc.oneof({ weight: 5, arbitrary: hostileText }, { weight: 1, arbitrary: notText }, { weight: 2, arbitrary: goodKey })
const bytes = new Uint8Array([1, 2, 3])

/** `done`, or the code; whatever is no fault of ours fails the test. */
async function outcomeOf(work: () => unknown): Promise<string> {
  try {
    await work()
    return 'done'
  } catch (error) {
    if (MillraceError.is(error)) return error.code
    throw error
  }
}

async function keysOf(storage: StorageAdapter): Promise<string[]> {
  return (await collect(storage.list(''))).map(({ key }) => key)
}

describe('keys that a storage is given', () => {
  const adapters: Readonly<Record<string, () => Promise<StorageAdapter & SegmentStore>>> = {
    MemoryStorage: async () => new MemoryStorage(),
    FileStorage: () => FileStorage.open(join(parent, 'store'), { durability: 'process' }),
  }

  test.each(Object.keys(adapters))(
    '%s: what is no key is STORAGE_INVALID_KEY, and nothing is read or written anywhere; what is one is kept as it is',
    async (name) => {
      const storage = await (adapters[name] as () => Promise<StorageAdapter & SegmentStore>)()
      const property = fc.asyncProperty(anything, async (given) => {
        const key = given as string
        const works: readonly (() => unknown)[] = [
          () => storage.get(key),
          () => storage.get(key, { range: { start: 0, end: 1 } }),
          () => storage.putIfAbsent(key, bytes),
          () => storage.put(key, bytes),
          () => collect(storage.list('', { after: key, limit: 1 })),
          () => storage.delete(key),
          () => storage.createSegment(key).then((segment) => segment.seal()),
        ]
        if (isKey(key)) {
          for (const work of works) {
            expect(await outcomeOf(work)).toBe('done')
            if (work === works[3]) expect(await keysOf(storage)).toEqual([key])
          }
          await storage.delete(key)
          // So that a listing has not all the folders to go through that were ever made.
          if (name === 'FileStorage') await rm(join(parent, 'store', key.split('/')[0] ?? ''), { recursive: true, force: true })
        } else {
          for (const work of works) if (given !== undefined || work !== works[4]) expect(await outcomeOf(work)).toBe('STORAGE_INVALID_KEY')
        }
        if (key !== '' && given !== undefined) {
          expect(await outcomeOf(() => collect(storage.list(key)))).toBe(isKey(key) ? 'done' : 'STORAGE_INVALID_KEY')
        }
        expect(await keysOf(storage)).toEqual([])
      })
      await fc.assert(property, { numRuns: name === 'FileStorage' ? numRuns / 5 : numRuns })
      if (name !== 'FileStorage') return
      // Folders of keys that were good may stay; no file does, and nothing at all outside.
      expect((await readdir(parent)).sort()).toEqual(['outside', 'store'])
      expect(await readdir(join(parent, 'outside'))).toEqual(['secret'])
      // The mark of the last sweep is the store's own.
      const left = (await readdir(join(parent, 'store'), { recursive: true, withFileTypes: true })).filter(({ name }) => name !== '.swept')
      expect(left.filter((entry) => !entry.isDirectory()).map((entry) => entry.name)).toEqual([])
      for (const entry of left) expect(isSegment(entry.name), entry.name).toBe(true)
    },
  )

  test('two texts that a file system may take for one never meet in one object', async () => {
    const storage = await FileStorage.open(join(parent, 'pairs'), { durability: 'process' })
    const pairs = [
      ['caf\u00e9', 'cafe\u0301'],
      ['churn', 'Churn'],
      ['churn', 'churn.'],
      ['churn', 'churn '],
      ['k', '\u212a'],
      ['a/b', 'a%2fb'],
      ['a/b', 'a\\b'],
    ] as const
    for (const [left, right] of pairs) {
      const outcomes = [await outcomeOf(() => storage.putIfAbsent(left, bytes)), await outcomeOf(() => storage.putIfAbsent(right, bytes))]
      expect(outcomes).toContain('STORAGE_INVALID_KEY')
      for (const key of await keysOf(storage)) await storage.delete(key)
    }
  })

  test('a digest that is none never becomes a part of a key', async () => {
    const storage = new MemoryStorage()
    const property = fc.asyncProperty(fc.oneof(hostileText, goodKey), async (digest) => {
      for (const work of [() => getBlob(storage, digest), () => hasBlob(storage, digest)]) {
        expect(['done', 'STORAGE_INVALID_KEY', 'STORAGE_NOT_FOUND', 'ARGUMENT_INVALID']).toContain(await outcomeOf(work))
      }
    })
    await fc.assert(property, { numRuns: numRuns / 2 })
    expect(await keysOf(storage)).toEqual([])
  })
})

describe('names that a registry is given', () => {
  const refusals = ['ARGUMENT_INVALID', 'STORAGE_INVALID_KEY']

  test('of a model or an alias: typed, and nothing is made of what is refused', async () => {
    const modelPackage = packageNamed('a')
    const property = fc.asyncProperty(anything, fc.boolean(), async (given, isAlias) => {
      const text = given as string
      const storage = new MemoryStorage()
      const registry = new Registry({ storage })
      await registry.register('churn', modelPackage)
      const before = await keysOf(storage)
      const works: readonly (() => unknown)[] = isAlias
        ? [
            () => registry.setAlias('churn', text, 1),
            () => registry.alias('churn', text),
            () => registry.removeAlias('churn', text),
            () => registry.rollback('churn', text),
            () => registry.championOf('churn', text).champion(),
          ]
        : [
            () => registry.register(text, modelPackage),
            () => collect(registry.versions(text)),
            () => registry.version(text, 1),
            () => registry.load(text, 1),
            () => registry.setAlias(text, 'champion', 1),
            () => registry.alias(text, 'champion'),
            () => registry.aliases(text),
            () => registry.tag(text, 1, { a: 'b' }),
            () => registry.describe(text, 1, 'a'),
            () => collect(registry.history(text)),
            () => registry.deleteVersion(text, 1),
          ]
      for (const work of works) {
        const outcome = await outcomeOf(work)
        if (isSegment(text))
          expect(['done', 'MODEL_NOT_FOUND', 'ALIAS_NOTHING_BEFORE', 'VERSION_IN_USE', 'VERSION_DELETED']).toContain(outcome)
        // The default stands for what is left out.
        else if (given !== undefined || outcome !== 'done') expect(refusals).toContain(outcome)
      }
      if (!isSegment(text) && given !== undefined) expect(await keysOf(storage)).toEqual(before)
      // Only what was asked for is there.
      const expected = isAlias || !isSegment(text) ? ['churn'] : [...new Set(['churn', text])].sort()
      expect(await collect(registry.models())).toEqual(expected)
    })
    await fc.assert(property, { numRuns: numRuns / 3 })
  })

  test('as idempotency keys, reasons, tags and descriptions: kept as they are or refused, and no two of them are one', async () => {
    const property = fc.asyncProperty(anything, anything, async (one, other) => {
      const [left, right] = [one as string, other as string]
      const registry = new Registry({ storage: new MemoryStorage() })
      const first = await outcomeOf(() => registry.register('churn', packageNamed('a'), { idempotencyKey: left }))
      const second = await outcomeOf(() => registry.register('churn', packageNamed('a'), { idempotencyKey: right }))
      for (const outcome of [first, second]) expect(['done', ...refusals]).toContain(outcome)
      const count = (await collect(registry.versions('churn'))).length
      const made = [first, second].filter((outcome) => outcome === 'done').length
      expect(count).toBe(made === 2 && left === right && left !== undefined ? 1 : made)
      if (count === 0) return
      const reason = await outcomeOf(() => registry.setAlias('churn', 'champion', 1, { reason: left, by: right }))
      expect(['done', ...refusals]).toContain(reason)
      const tagged = await outcomeOf(() => registry.tag('churn', 1, { [String(typeof left === 'string' ? left : 'tag')]: right }))
      expect(['done', ...refusals]).toContain(tagged)
      const described = await outcomeOf(() => registry.describe('churn', 1, left))
      expect(['done', ...refusals]).toContain(described)
      const { tags, description } = await registry.version('churn', 1)
      if (tagged === 'done' && typeof left === 'string' && typeof right === 'string') expect(Object.entries(tags)).toEqual([[left, right]])
      if (described === 'done' && typeof left === 'string') expect(description).toBe(left)
    })
    await fc.assert(property, { numRuns: numRuns / 3 })
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  test('as idempotency keys that look alike: each makes a version of its own', async () => {
    const registry = new Registry({ storage: new MemoryStorage() })
    const keys = ['\ud800', '\ud801', '\ufffd', 'caf\u00e9', 'cafe\u0301', 'K', '\u212a', 'k', ' k', 'k\0', '__proto__', '%6b']
    for (const [index, idempotencyKey] of keys.entries()) {
      expect((await registry.register('churn', packageNamed('a'), { idempotencyKey })).version).toBe(index + 1)
    }
  })

  test('as versions: whatever is no version is a fault', async () => {
    const registry = new Registry({ storage: new MemoryStorage() })
    await registry.register('churn', packageNamed('a'))
    const property = fc.asyncProperty(fc.oneof(notText, fc.double(), fc.integer(), hostileText), async (given) => {
      const version = given as number
      for (const work of [
        () => registry.version('churn', version),
        () => registry.load('churn', version),
        () => registry.setAlias('churn', 'champion', version),
        () => registry.tag('churn', version, { a: 'b' }),
        () => registry.compare('churn', 1, version),
      ]) {
        const outcome = await outcomeOf(work)
        expect(version === 1 ? ['done'] : ['MODEL_NOT_FOUND', 'VERSION_DELETED', ...refusals]).toContain(outcome)
      }
    })
    await fc.assert(property, { numRuns: numRuns / 3 })
  })
})

describe('names that a catalog is given', () => {
  test('typed, kept as they are, and nothing is made of what is refused', async () => {
    const dataset: Dataset = await flightDataset(new MemoryStorage(), 5)
    const property = fc.asyncProperty(anything, anything, async (one, other) => {
      const [name, tag] = [one as string, other as string]
      const storage = new MemoryStorage()
      const catalog = new Catalog({ storage })
      const tagged = await outcomeOf(() => catalog.tag(name, dataset, tag))
      const refusals = ['STORAGE_INVALID_KEY', 'ARGUMENT_INVALID', 'VALUE_NOT_JSON']
      if (!isSegment(name)) expect(refusals).toContain(tagged)
      else expect(['done', ...refusals]).toContain(tagged)
      for (const work of [() => catalog.version(name, tag), () => catalog.open(name, tag), () => catalog.revert(name, tag)]) {
        const outcome = await outcomeOf(work)
        expect(['done', 'DATASET_NOT_FOUND', ...refusals]).toContain(outcome)
        if (tagged === 'done') expect(outcome).toBe('done')
        if (!isSegment(name)) expect(outcome).not.toBe('done')
      }
      const names = await catalog.names()
      expect(names).toEqual(tagged === 'done' ? [name] : [])
    })
    await fc.assert(property, { numRuns: numRuns / 3 })
  })
})

test('a catalog keeps names apart that begin or end alike', async () => {
  const storage = new MemoryStorage()
  const catalog = new Catalog({ storage })
  const names = ['flights', 'flights-hint', 'flights.log', 'log', 'log-hint']
  for (const [index, name] of names.entries()) {
    await catalog.tag(name, await flightDataset(storage, 5 + index))
    await catalog.tag(name, await flightDataset(storage, 50 + index))
  }
  expect(await catalog.names()).toEqual([...names].sort())
  for (const [index, name] of names.entries()) {
    expect((await catalog.list(name)).map(({ rowCount }) => rowCount)).toEqual([5 + index, 50 + index])
  }
})

describe('names that a pipeline is given', () => {
  const refusals = ['ARGUMENT_INVALID', 'RUN_NOT_FOUND', 'STAGE_INVALID', 'PIPELINE_INVALID', 'VALUE_NOT_JSON']

  test('of stages and pipelines: refused when they are made', async () => {
    const property = fc.asyncProperty(anything, async (given) => {
      const name = given as string
      const isName = typeof name === 'string' && isSegment(name) && name.length <= 100 && !/[._]/.test(name)
      const outcome = await outcomeOf(() => new Stage({ name, version: '1', run: () => 1 }))
      if (isName) expect(outcome).toBe('done')
      else expect(refusals).toContain(outcome)
      expect(['done', ...refusals]).toContain(await outcomeOf(() => new Pipeline(name)))
    })
    await fc.assert(property, { numRuns })
  })

  test('of runs: refused, and nothing is written under another name', async () => {
    const pipeline = new Pipeline('one').pipe(new Stage({ name: 'one', version: '1', run: () => 1 }))
    const property = fc.asyncProperty(anything, async (given) => {
      const id = given as string
      const isId = typeof id === 'string' && isSegment(id) && id.length <= 100 && !/[._]/.test(id)
      const storage = new MemoryStorage()
      const read = await outcomeOf(() => readRun(storage, id))
      expect(refusals).toContain(read)
      if (given !== undefined) expect(refusals).toContain(await outcomeOf(() => pipeline.run({ storage, resume: id })))
      expect(await keysOf(storage)).toEqual([])
      const outcome = await outcomeOf(() => pipeline.run({ storage, id }))
      if (given === undefined) {
        expect(outcome).toBe('done')
        return
      }
      if (!isId) {
        expect(refusals).toContain(outcome)
        expect(await keysOf(storage)).toEqual([])
        return
      }
      expect(outcome).toBe('done')
      expect((await collect(listRuns(storage))).map((record) => record.id)).toEqual([id])
    })
    await fc.assert(property, { numRuns: numRuns / 3 })
  })

  test('as tags, seeds and stages to force: kept as they are or refused', async () => {
    const pipeline = new Pipeline('one').pipe(new Stage({ name: 'one', version: '1', run: () => 1 }))
    const property = fc.asyncProperty(anything, anything, goodName, async (one, other, id) => {
      const storage = new MemoryStorage()
      const tag = typeof one === 'string' ? one : 'tag'
      const tags = Object.fromEntries([[tag, other as string]])
      const outcome = await outcomeOf(() => pipeline.run({ storage, tags }))
      expect(['done', ...refusals]).toContain(outcome)
      if (outcome === 'done' && typeof other === 'string')
        expect(Object.entries((await collect(listRuns(storage)))[0]?.tags ?? {})).toEqual([[tag, other]])
      for (const options of [
        { force: [one as string] },
        { seed: one as number },
        { concurrency: one as number },
        { codeVersion: one as string },
      ]) {
        expect(['done', ...refusals], Object.keys(options).join()).toContain(
          await outcomeOf(() => pipeline.run({ storage: new MemoryStorage(), ...options })),
        )
      }
      expect(id).toBeTruthy()
    })
    await fc.assert(property, { numRuns: numRuns / 3 })
  })
})
