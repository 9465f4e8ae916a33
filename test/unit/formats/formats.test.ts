import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../../src/core/json.ts'
import { Catalog } from '../../../src/data/catalog.ts'
import { profileDataset } from '../../../src/data/profile-dataset.ts'
import { profileFromJson } from '../../../src/data/profile-record.ts'
import { featurePlanFromPackage } from '../../../src/features/plan-package.ts'
import { decodePredictionRecord } from '../../../src/log/prediction-record.ts'
import { denseNetworkLoader } from '../../../src/model/dense-network.ts'
import { checkGolden, decodeGolden } from '../../../src/model/golden.ts'
import type { StoredModel } from '../../../src/model/model.ts'
import { modelReferencePortable, storeModel } from '../../../src/model/model-reference.ts'
import { ActionMonitor, DriftMonitor, OperationsMonitor, PerformanceMonitor } from '../../../src/monitor/index.ts'
import { blobKey, getBlob, putBlob } from '../../../src/storage/blobs.ts'
import { decodeChunkList } from '../../../src/storage/chunk-list.ts'
import { collectionLog, wasEverCollected } from '../../../src/storage/collection-log.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { objectSegments } from '../../../src/storage/object-segments.ts'
import { readSegments } from '../../../src/storage/read-segments.ts'
import { partKey } from '../../../src/storage/segment-parts.ts'
import { flightDataset, flightPlan, networkOf } from '../../fixtures/model/flights.ts'
import { abcDigest, exactFiles, formatFiles, network, partsWriter, text } from './format-files.ts'

/** Files of each version that was released; they stay. */
const folder = fileURLToPath(new URL('../../fixtures/formats/v1/', import.meta.url))
const read = (name: string): Uint8Array => new Uint8Array(readFileSync(`${folder}${name}`))
const readJson = <Value = Json>(name: string): Value => JSON.parse(readFileSync(`${folder}${name}`, 'utf8')) as Value

interface Packed {
  readonly kind?: string
  readonly json: Json
  readonly blobs: Readonly<Record<string, string>>
}
const unpacked = (packed: Packed): StoredModel => ({
  kind: packed.kind ?? '',
  json: packed.json,
  blobs: Object.fromEntries(Object.entries(packed.blobs).map(([name, base64]) => [name, fromBase64(base64)])),
})
const fromBase64 = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'))

describe('what version 1 stored', () => {
  test('is a list of the chunks of a large blob', () => {
    expect(decodeChunkList(read('storage-chunk-list.bin'))).toEqual({
      sizeBytes: 10,
      chunkBytes: 8,
      chunks: [abcDigest, abcDigest],
    })
  })

  test('is a marker and a log of collections: a marked copy is not relied on again', async () => {
    const storage = new MemoryStorage()
    const log = collectionLog(storage)
    await putBlob(storage, text('abc'))
    await storage.put(log.keyOf(1), read('storage-collections-entry.json'))
    await storage.put(`collected/ba/${abcDigest}`, read('storage-collection-marker.json'))
    expect(await wasEverCollected(storage)).toBe(true)
    expect((await log.head())?.state).toEqual({ passes: 1, condemned: 0 })
    await storage.delete(blobKey(abcDigest))
    expect(await putBlob(storage, text('abc'))).toBe(abcDigest)
    expect(await storage.get(blobKey(abcDigest))).toBeUndefined()
    expect(await getBlob(storage, abcDigest)).toEqual(text('abc'))
  })

  test('is a segment of records, with a gap that it tells of', async () => {
    const storage = new MemoryStorage()
    await storage.put('log/01hzzzzzzzzzzzzzzzzzzzzzzz-00000001', read('storage-segment.bin'))
    const [records, issues]: [string[], unknown[]] = [[], []]
    for await (const payload of readSegments(storage, 'log', { onIssue: (issue) => issues.push(issue) })) {
      records.push(new TextDecoder().decode(payload))
    }
    expect(records).toEqual(['first', 'second'])
    expect(issues).toMatchObject([{ type: 'gap', records: 1, sizeBytes: 90, reason: 'queue-full' }])
  })

  test('is a segment in parts', async () => {
    const storage = new MemoryStorage()
    await storage.put('log/one', read('storage-segment-parts.bin'))
    await storage.put(partKey('log/one', partsWriter, 1), text('one '))
    await storage.put(partKey('log/one', partsWriter, 2), text('two'))
    expect((await objectSegments(storage).get('log/one'))?.bytes).toEqual(text('one two'))
  })

  test('is a catalog of datasets, with their manifests and chunks', async () => {
    const storage = new MemoryStorage()
    for (const [key, base64] of Object.entries(readJson<Record<string, string>>('data-storage.json')))
      await storage.put(key, fromBase64(base64))
    const catalog = new Catalog({ storage })
    expect(await catalog.names()).toEqual(['flights'])
    expect(await catalog.version('flights', 1)).toMatchObject({ tag: 'june', note: 'the first', rowCount: 20, time: Date.UTC(2001, 0, 1) })
    expect((await storage.get('catalog/flights/log/0000000000000001'))?.bytes).toEqual(read('data-catalog-entry.json'))
    const here = new MemoryStorage()
    const today = await flightDataset(here, 20)
    const all = await catalog.open('flights', 'june')
    expect(all.digest).toBe(today.digest)
    const rowsOf = async (dataset: Pick<typeof all, 'batches'>): Promise<unknown[]> => {
      const rows: unknown[] = []
      for await (const batch of dataset.batches()) rows.push(...batch.toArray().map((row) => (row as { toJSON(): unknown }).toJSON()))
      return rows
    }
    const rows = await rowsOf(today as unknown as typeof all)
    expect(await rowsOf(all)).toEqual(rows)
    // A view of rows 5 to 8.
    expect(await rowsOf(await catalog.open('flights', 'some'))).toEqual(rows.slice(5, 9))
  })

  test('is a profile', async () => {
    const profile = profileFromJson(readJson('data-profile.json'))
    expect(profile.rowCount).toBe(20)
    expect(Object.keys(profile.columns).sort()).toEqual(['cancelled', 'date', 'distance', 'late', 'origin'])
    expect(profile.columns.origin).toEqual((await profileDataset(await flightDataset(new MemoryStorage(), 20))).columns.origin)
  })

  test('is a record of predictions', () => {
    const { kind, batch } = decodePredictionRecord(read('log-prediction-record.bin'))
    expect(kind).toBe('prediction')
    expect(batch.toArray().map((row) => (row as { toJSON(): unknown }).toJSON())).toEqual([
      { id: 'a.0', score: 0.25 },
      { id: 'a.1', score: 0.75 },
    ])
  })

  test('is a model reference, and the network that it stands for', async () => {
    const stored = unpacked(readJson<Packed>('model-network.json'))
    expect(stored).toEqual(network)
    const storage = new MemoryStorage()
    for (const bytes of Object.values(stored.blobs)) await putBlob(storage, bytes)
    const reference = await modelReferencePortable([denseNetworkLoader]).decode(readJson('model-reference.json'), { storage })
    expect(reference.digest).toBe((await storeModel(new MemoryStorage(), network, denseNetworkLoader)).digest)
    const inputs = { features: { shape: [1, 2], data: Float32Array.of(1, -1) } }
    expect(await (await reference.open()).predict(inputs)).toEqual(await (await denseNetworkLoader.load(network)).predict(inputs))
  })

  test('is a feature plan, and golden predictions that are answered as they were', async () => {
    const plan = featurePlanFromPackage(unpacked(readJson<Packed>('features-plan.json')))
    const today = await flightPlan(await flightDataset(new MemoryStorage(), 50))
    const row = { date: Date.UTC(2001, 5, 1, 7), distance: null, origin: 'SEA', cancelled: false }
    expect(plan.applyRow(row)).toEqual(today.applyRow(row))
    const { golden, model } = readJson<{ golden: Json; model: Packed }>('model-golden.json')
    expect(unpacked(model)).toEqual(networkOf(plan.inputs.features?.shape[0] as number))
    await checkGolden(decodeGolden(golden), { plan, model: await denseNetworkLoader.load(unpacked(model)) })
  })

  test('is the state of each monitor, which goes on from it', () => {
    const monitors = {
      'monitor-drift.json': DriftMonitor.fromJSON(readJson('monitor-drift.json')),
      'monitor-operations.json': OperationsMonitor.fromJSON(readJson('monitor-operations.json')),
      'monitor-performance.json': PerformanceMonitor.fromJSON(readJson('monitor-performance.json')),
      'monitor-action.json': ActionMonitor.fromJSON(readJson('monitor-action.json')),
    }
    for (const [name, monitor] of Object.entries(monitors))
      expect(JSON.parse(JSON.stringify(monitor.toJSON())), name).toEqual(readJson(name))
  })
})

describe('what is stored today', () => {
  test('is, to the byte where the bytes are ours, what version 1 stored: other bytes are another version', async () => {
    const today = await formatFiles()
    for (const name of exactFiles)
      expect(Buffer.from(today.get(name) ?? []).toString('latin1'), name).toBe(Buffer.from(read(name)).toString('latin1'))
  })

  test('has the members that version 1 had: another set is another version', async () => {
    for (const [name, bytes] of await formatFiles()) {
      if (!name.endsWith('.json') || name === 'data-storage.json' || name === 'data-catalog-entry.json') continue
      expect(membersOf(JSON.parse(new TextDecoder().decode(bytes))), name).toEqual(membersOf(readJson(name)))
    }
  })

  test('has a file of each format that the code names', () => {
    const source = fileURLToPath(new URL('../../../src/', import.meta.url))
    const formats = new Set<string>()
    for (const name of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue
      for (const [, format] of readFileSync(`${source}${name}`, 'utf8').matchAll(/\bformat(?:: | = )'(millrace-[a-z-]+)'/g))
        formats.add(format as string)
    }
    const stored = readdirSync(folder).map((name) => {
      const bytes = readFileSync(`${folder}${name}`, 'latin1')
      // Whole storages are in base64.
      return `${bytes}${[...bytes.matchAll(/"([A-Za-z0-9+/=]{16,})"/g)].map(([, base64]) => Buffer.from(base64 as string, 'base64').toString('latin1')).join(' ')}`
    })
    const all = stored.join(' ')
    // A record of predictions says its version in its first byte.
    const withoutName = new Set(['millrace-prediction-record'])
    expect([...formats].filter((format) => !withoutName.has(format) && !all.includes(`"${format}"`))).toEqual([])
    expect(formats.size).toBeGreaterThan(20)
  })
})

/** The paths of all members, sorted. */
function membersOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path]
  if (Array.isArray(value)) return [...new Set(value.flatMap((item) => membersOf(item, `${path}[]`)))].sort()
  return Object.entries(value)
    .flatMap(([key, member]) => membersOf(member, `${path}.${key}`))
    .sort()
}
