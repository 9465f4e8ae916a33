import { createRandom } from '../../../src/core/random.ts'
import { batchOf } from '../../../src/data/build-batch.ts'
import { Catalog } from '../../../src/data/catalog.ts'
import { sliceDataset } from '../../../src/data/dataset-views.ts'
import { profileDataset } from '../../../src/data/profile-dataset.ts'
import { encodePredictionRecord } from '../../../src/log/prediction-record.ts'
import { denseNetworkLoader } from '../../../src/model/dense-network.ts'
import { encodeGolden, makeGolden } from '../../../src/model/golden.ts'
import type { StoredModel } from '../../../src/model/model.ts'
import { modelReferencePortable, storeModel } from '../../../src/model/model-reference.ts'
import { ActionMonitor, DriftMonitor, OperationsMonitor, PerformanceMonitor } from '../../../src/monitor/index.ts'
import { encodeChunkList } from '../../../src/storage/chunk-list.ts'
import { collectionLog } from '../../../src/storage/collection-log.ts'
import { markCopy } from '../../../src/storage/collection-marker.ts'
import { MemoryStorage } from '../../../src/storage/memory.ts'
import { openSegmentLog } from '../../../src/storage/segment-log.ts'
import { encodePartsNote } from '../../../src/storage/segment-parts.ts'
import { storageTime } from '../../../src/storage/storage-time.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { flightDataset, flightPlan, networkOf } from '../../fixtures/model/flights.ts'

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)
/** The SHA-256 of `abc`. */
export const abcDigest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
export const partsWriter = '0123456789abcdef'
export const network: StoredModel = networkOf(2, 1, [2])

/**
 * Files of this version whose bytes are its own, by name: the same clock and random numbers, the same bytes. The others hold what a codec, Arrow or the
 * platform's `Math.exp` made, which may change without another version.
 */
export const exactFiles: readonly string[] = [
  'storage-chunk-list.bin',
  'storage-collection-marker.json',
  'storage-collections-entry.json',
  'storage-probe.json',
  'storage-segment.bin',
  'storage-segment-parts.bin',
  'model-reference.json',
  'model-network.json',
]

/** One file of each stored format below the pipeline and the registry, which have files of their own. */
export async function formatFiles(): Promise<ReadonlyMap<string, Uint8Array>> {
  return new Map([...(await storageFiles()), ...(await dataFiles()), ...(await modelFiles()), ...(await monitorFiles())])
}

async function storageFiles(): Promise<[string, Uint8Array][]> {
  const clock = new FakeClock()
  const storage = new MemoryStorage({ clock })
  await markCopy(storage, { digest: abcDigest, copy: 0 }, { kind: 'pass', time: clock.now() })
  const [marker] = await objectsOf(storage)
  const log = collectionLog(storage, { clock, random: createRandom(1) })
  await log.append(() => ({ operation: { kind: 'pass', marked: 1 } }))
  const probed = new MemoryStorage({ clock })
  await storageTime(probed, clock, {})
  return [
    ['storage-chunk-list.bin', encodeChunkList({ sizeBytes: 10, chunkBytes: 8, chunks: [abcDigest, abcDigest] })],
    ['storage-collection-marker.json', marker?.[1] ?? new Uint8Array(0)],
    ['storage-collections-entry.json', (await storage.get(log.keyOf(1)))?.bytes ?? new Uint8Array(0)],
    ['storage-probe.json', (await objectsOf(probed))[0]?.[1] ?? new Uint8Array(0)],
    ['storage-segment.bin', await segment()],
    ['storage-segment-parts.bin', encodePartsNote(partsWriter)],
  ]
}

/** A header, two records with a gap between them, a footer. */
async function segment(): Promise<Uint8Array> {
  const clock = new FakeClock()
  const storage = new MemoryStorage({ clock })
  const queue = { policy: 'drop-newest', maxBytes: 100 } as const
  const log = await openSegmentLog(storage, 'log', { clock, random: createRandom(1), fsync: 'never', queue })
  await log.append(text('first'))
  await log.append(new Uint8Array(90))
  await log.flush()
  await log.append(text('second'))
  await log.close()
  return (await objectsOf(storage))[0]?.[1] ?? new Uint8Array(0)
}

async function dataFiles(): Promise<[string, Uint8Array][]> {
  const clock = new FakeClock()
  const storage = new MemoryStorage({ clock })
  const catalog = new Catalog({ storage, clock, random: createRandom(1) })
  const dataset = await flightDataset(storage, 20)
  await catalog.tag('flights', dataset, 'june', { note: 'the first' })
  await catalog.tag('flights', await sliceDataset(dataset, 5, 9), 'some')
  const id = { kind: 'text', length: 2, codes: Int32Array.of(0, 1), dictionary: ['a.0', 'a.1'] } as const
  const score = { kind: 'number', length: 2, values: Float64Array.of(0.25, 0.75) } as const
  return [
    ['data-storage.json', json(Object.fromEntries((await objectsOf(storage)).map(([key, bytes]) => [key, base64(bytes)])))],
    ['data-catalog-entry.json', (await storage.get('catalog/flights/log/0000000000000001'))?.bytes ?? new Uint8Array(0)],
    ['data-profile.json', json((await profileDataset(dataset)).toJSON())],
    ['log-prediction-record.bin', encodePredictionRecord('prediction', batchOf({ id, score }))],
  ]
}

async function modelFiles(): Promise<[string, Uint8Array][]> {
  const storage = new MemoryStorage()
  const reference = await storeModel(storage, network, denseNetworkLoader)
  const { stored } = await modelReferencePortable([denseNetworkLoader]).encode(reference, { storage })
  const rows = await flightDataset(storage, 50)
  const plan = await flightPlan(rows)
  const packed = plan.toPackage()
  const model = networkOf(plan.inputs.features?.shape[0] as number)
  const { golden } = await makeGolden({ plan, model: await denseNetworkLoader.load(model), rows })
  return [
    ['model-reference.json', json(stored)],
    ['model-network.json', json(withBlobs(network))],
    ['features-plan.json', json(withBlobs(packed))],
    // With the network that it was asked of.
    ['model-golden.json', json({ golden: encodeGolden(golden), model: withBlobs(model) })],
  ]
}

async function monitorFiles(): Promise<[string, Uint8Array][]> {
  const clock = new FakeClock()
  const reference = await profileDataset(await flightDataset(new MemoryStorage(), 50), { columns: ['distance', 'origin'] })
  return [
    ['monitor-drift.json', json(new DriftMonitor({ reference, clock }).toJSON())],
    ['monitor-operations.json', json(new OperationsMonitor({ clock }).toJSON())],
    ['monitor-performance.json', json(new PerformanceMonitor({ clock }).toJSON())],
    ['monitor-action.json', json(new ActionMonitor({ threshold: 0.5, clock }).toJSON())],
  ]
}

export function withBlobs(value: {
  readonly kind?: string
  readonly json: unknown
  readonly blobs: Readonly<Record<string, Uint8Array>>
}): object {
  return { ...value, blobs: Object.fromEntries(Object.entries(value.blobs).map(([name, bytes]) => [name, base64(bytes)])) }
}

function json(value: unknown): Uint8Array {
  return text(`${JSON.stringify(value, undefined, 1)}\n`)
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

async function objectsOf(storage: MemoryStorage): Promise<[string, Uint8Array][]> {
  const found: [string, Uint8Array][] = []
  for await (const { key } of storage.list('')) found.push([key, (await storage.get(key))?.bytes ?? new Uint8Array(0)])
  return found
}
