import type { SegmentIssue, SegmentStore, SegmentWriter, StorageAdapter } from 'millrace/storage'
import { MemoryStorage, openSegmentLog, readSegments } from 'millrace/storage'
import type { Clock } from '../../../src/core/clock.ts'
import { decodeFrame } from '../../../src/storage/frame.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)

export interface Reading {
  readonly records: string[]
  readonly issues: SegmentIssue[]
}

export async function readAll(storage: StorageAdapter, prefix = 'log'): Promise<Reading> {
  const [records, issues]: [string[], SegmentIssue[]] = [[], []]
  for await (const payload of readSegments(storage, prefix, { onIssue: (issue) => issues.push(issue) })) {
    records.push(new TextDecoder().decode(payload))
  }
  return { records, issues }
}

/** One segment of these records, as a process leaves it that closed its log, or was killed. */
export async function oneSegment(records: readonly string[], sealed: boolean): Promise<{ key: string; bytes: Uint8Array }> {
  const storage = new MemoryStorage()
  const log = await openSegmentLog(storage, 'log', { clock: new FakeClock() })
  for (const record of records) {
    await log.append(text(record))
    await log.flush()
  }
  if (sealed) await log.close()
  for await (const { key } of storage.list('log')) return { key, bytes: (await storage.get(key))?.bytes as Uint8Array }
  throw new Error('no segment')
}

/** A storage that holds one object, and counts how often it is read. */
export class OneObject extends MemoryStorage {
  reads = 0

  static async of(key: string, bytes: Uint8Array): Promise<OneObject> {
    const storage = new OneObject()
    await storage.put(key, bytes)
    return storage
  }

  override get(...[key, options]: Parameters<MemoryStorage['get']>): ReturnType<MemoryStorage['get']> {
    this.reads++
    return super.get(key, options)
  }
}

/** Where the frames of a sound segment begin. */
export function frameStarts(bytes: Uint8Array): readonly number[] {
  const starts: number[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const frame = decodeFrame(bytes, offset)
    if ('fault' in frame) throw new Error(`no frame at ${offset}`)
    starts.push(offset)
    offset += frame.sizeBytes
  }
  return starts
}

/** In order, each once, nothing else. */
export function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0
  for (const record of part) {
    at = whole.indexOf(record, at) + 1
    if (at === 0) return false
  }
  return true
}

/** A disk whose writes take as long as it is told, from when it is told. */
export class StallingStore implements SegmentStore {
  stallMs = 0
  /** Of all that is written and of what is being written. */
  writtenBytes = 0
  readonly #storage: MemoryStorage
  readonly #clock: Clock

  constructor(storage: MemoryStorage, clock: Clock) {
    this.#storage = storage
    this.#clock = clock
  }

  async createSegment(key: string): Promise<SegmentWriter> {
    const writer = await this.#storage.createSegment(key)
    return {
      key,
      get sizeBytes() {
        return writer.sizeBytes
      },
      append: async (bytes) => {
        const { stallMs } = this
        this.stallMs = 0
        if (stallMs > 0) await this.#clock.sleep(stallMs)
        await writer.append(bytes)
        this.writtenBytes += bytes.length
      },
      sync: () => writer.sync(),
      seal: () => writer.seal(),
    }
  }
}
