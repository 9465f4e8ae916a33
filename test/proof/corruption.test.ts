import { expect, test } from 'vitest'
import { sha256Hex } from '../../src/core/digest.ts'
import { Catalog } from '../../src/data/catalog.ts'
import { denseNetworkLoader } from '../../src/model/dense-network.ts'
import { loadModelPackage } from '../../src/model/load-package.ts'
import { blobsOfManifest } from '../../src/model/manifest.ts'
import { openModelPackage, storeModelPackage } from '../../src/model/store-package.ts'
import { listRuns, Pipeline, readRun } from '../../src/pipeline/index.ts'
import { Registry } from '../../src/registry/registry.ts'
import type { StorageAdapter } from '../../src/storage/adapter.ts'
import { listKey } from '../../src/storage/blob-copies.ts'
import { chunkBytes, getBlob, hasBlob, putBlob } from '../../src/storage/blobs.ts'
import { MemoryStorage } from '../../src/storage/memory.ts'
import { flightDataset, flightPackage } from '../fixtures/model/flights.ts'
import { stage } from '../unit/pipeline/support/stages.ts'
import { collect, packageNamed } from '../unit/registry/registry-fixtures.ts'
import type { FlipReport, Readers } from './support/bit-flips.ts'
import { flipEachByte, objectsOf } from './support/bit-flips.ts'
import { size } from './support/size.ts'

/** Segments of a log have rows of their own, 13 to 15. */
const row14 = 'row 14: bit flip in every byte: Corrupt; never wrong data or a hang'
const faults = ['STORAGE_CORRUPT', 'FORMAT_UNSUPPORTED', 'MODEL_INVALID']

function expectRight(report: FlipReport, moreThan: number): void {
  expect(report.wrong.slice(0, 5)).toEqual([])
  expect(report.wrong.length).toBe(0)
  expect(report.flips).toBeGreaterThan(moreThan)
  expect(report.faults.get('STORAGE_CORRUPT') ?? 0).toBeGreaterThan(moreThan / 2)
}

test(`${row14}: of a registry (entries, claims, manifests, artifacts, tags and notes)`, async () => {
  const storage = new MemoryStorage()
  const registry = new Registry({ storage })
  for (const name of ['first', 'second', 'third']) await registry.register('churn', packageNamed(name), { idempotencyKey: name })
  await registry.setAlias('churn', 'champion', 1, { reason: 'the first', by: 'somebody' })
  await registry.setAlias('churn', 'champion', 2, { reason: 'better' })
  await registry.tag('churn', 1, { stage: 'checked', team: 'growth' })
  await registry.describe('churn', 2, 'The one that serves.')
  await registry.deleteVersion('churn', 3, { reason: 'by mistake' })
  const of = (make: (registry: Registry) => Promise<unknown>) => (from: StorageAdapter) => make(new Registry({ storage: from }))
  const readers: Readers = {
    versions: of((each) => collect(each.versions('churn'))),
    'the first version': of((each) => each.version('churn', 1)),
    'the second version': of((each) => each.version('churn', 2)),
    alias: of((each) => each.alias('churn', 'champion')),
    aliases: of(async (each) => [...(await each.aliases('churn'))]),
    history: of((each) => collect(each.history('churn'))),
    models: of((each) => collect(each.models())),
    search: of((each) => collect(each.search({ metrics: { auc: { atLeast: 0.5 } }, tags: { stage: null } }))),
    load: of(async (each) => {
      const { manifest, blob } = await each.load('churn', 1)
      const blobs: string[] = []
      for (const { digest } of blobsOfManifest(manifest)) blobs.push(sha256Hex(await blob(digest)))
      return { manifest, blobs }
    }),
    'the same key again': of(async (each) => (await each.register('churn', packageNamed('second'), { idempotencyKey: 'second' })).version),
    'the next version': of(async (each) => (await each.register('churn', packageNamed('fourth'), { idempotencyKey: 'fourth' })).version),
    rollback: of(async (each) => (await each.rollback('churn', 'champion')).version),
    'a tag more': of(async (each) => (await each.tag('churn', 1, { stage: null, more: 'yes' })).tags),
  }
  const report = await flipEachByte({ storage, readers, faults, step: size(41, 1) })
  expectRight(report, size(100, 5000))
  const kinds = new Set([...(await objectsOf(storage)).keys()].map((key) => key.split('/')[key.startsWith('models/') ? 2 : 0]))
  expect(kinds.size, [...kinds].join()).toBeGreaterThan(2)
})

test(`${row14}: of a model package, which is loaded and asked`, async () => {
  const storage = new MemoryStorage()
  const digest = await storeModelPackage(storage, await flightPackage(new MemoryStorage()))
  const readers: Readers = {
    package: async (from) => {
      const loaded = await loadModelPackage(await openModelPackage(from, digest), { models: [denseNetworkLoader] })
      const answer = await loaded.model.predict(loaded.plan.applyRow({ date: 1e12, distance: 300, origin: 'SEA', cancelled: false }))
      loaded.model.dispose()
      return { digest: loaded.manifestDigest, columns: loaded.profile.toJSON(), answer: Array.from(answer.probability?.data ?? []) }
    },
  }
  const report = await flipEachByte({ storage, readers, faults, step: size(29, 1) })
  expectRight(report, size(100, 3000))
})

test(`${row14}: of a blob in chunks, its list and its chunks`, async () => {
  const storage = new MemoryStorage()
  const bytes = new Uint8Array(chunkBytes + 100).map((_, index) => index % 251)
  const digest = await putBlob(storage, bytes)
  const list = listKey(digest, 0)
  const blob = async (from: StorageAdapter): Promise<string> => sha256Hex(await getBlob(from, digest))
  const inList = await flipEachByte({
    storage,
    readers: { blob },
    faults: ['STORAGE_CORRUPT'],
    step: size(11, 1),
    keys: (key) => key === list,
  })
  expect(inList.wrong).toEqual([])
  expect(inList.flips).toBeGreaterThan(size(10, 200))
  const step = size(4_000_000, 100_000)
  expectRight(await flipEachByte({ storage, readers: { blob }, faults, step, keys: (key) => key !== list }), 2)
  const there = (from: StorageAdapter): Promise<boolean> => hasBlob(from, digest)
  const asked = await flipEachByte({
    storage,
    readers: { there },
    faults: ['false'],
    step: size(31, 1),
    keys: (key) => key === list,
  })
  expect(asked.wrong).toEqual([])
})

test(`${row14}: of a pipeline run (journal, cache, stored outputs)`, async () => {
  const storage = new MemoryStorage()
  const pipeline = new Pipeline('sums')
    .pipe(stage('make', () => ({ values: Float64Array.from([1, 2, 3]), made: new Date(0), label: 'three numbers' })))
    .pipe(stage('add', ({ values }: { values: Float64Array }) => ({ sum: values.reduce((sum, value) => sum + value, 0) })))
    .pipe(stage('double', ({ sum }: { sum: number }) => [sum * 2, 'doubled']))
  await pipeline.run({ storage, id: 'run-1', tags: { host: 'trainer' }, leaseMs: 20 })
  const readers: Readers = {
    record: (from) => readRun(from, 'run-1'),
    runs: (from) => collect(listRuns(from)),
    // What is damaged is made again.
    output: async (from) => (await pipeline.run({ storage: from, id: 'run-2' })).output,
    resumed: async (from) => (await pipeline.run({ storage: from, resume: 'run-1', leaseMs: 20 })).output,
  }
  const report = await flipEachByte({ storage, readers, faults, step: size(23, 1) })
  expectRight(report, size(100, 2000))
})

test(`${row14}: of a catalog and its data`, async () => {
  const storage = new MemoryStorage()
  const catalog = new Catalog({ storage })
  await catalog.tag('flights', await flightDataset(storage, 30, 1), 'may', { note: 'thirty' })
  await catalog.tag('flights', await flightDataset(storage, 40, 2), 'june')
  const readers: Readers = {
    list: (from) => new Catalog({ storage: from }).list('flights'),
    version: (from) => new Catalog({ storage: from }).version('flights', 'may'),
    names: (from) => new Catalog({ storage: from }).names(),
    rows: async (from) => {
      const dataset = await new Catalog({ storage: from }).open('flights', 'may')
      const rows: unknown[] = []
      for await (const batch of dataset.batches()) for (const row of batch) rows.push(row.toJSON())
      return rows
    },
  }
  const report = await flipEachByte({ storage, readers, faults, step: size(37, 1) })
  expectRight(report, size(100, 3000))
})
