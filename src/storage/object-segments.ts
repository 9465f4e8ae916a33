import { MillraceError } from '../core/error.ts'
import type { Random } from '../core/random.ts'
import { systemRandom } from '../core/random.ts'
import type { SegmentStore, SegmentWriter, StorageAdapter, StorageChangeOptions } from './adapter.ts'
import { assertChangeArguments } from './arguments.ts'
import { ObjectSegmentWriter } from './object-segment-writer.ts'
import { PartedStorage } from './parted-storage.ts'
import { encodePartsNote, partKey } from './segment-parts.ts'
import { setSyncInterval } from './sync-interval.ts'

export interface ObjectSegmentsOptions {
  /** How often a log over it writes a part, unless the log's `fsync` says otherwise; default 5,000. */
  readonly syncMs?: number
  /** Appended bytes are kept in memory up to this, then written as a part; default 8 MB. */
  readonly maxPartBytes?: number
  /** A sealed segment above this stays in parts, since to make one object of them takes as much memory; default 256 MB. */
  readonly maxCompactedBytes?: number
  readonly random?: Random
}

/**
 * Gives any storage the means to append, for stores that have none (S3): what is appended gathers in memory, each sync writes it as one object, and a sealed
 * segment becomes one object in place of its parts. Whatever moment its writer dies at, what was synced is read, and once. The storage that comes back shows
 * segments as single objects, sealed or not, and is to be read through; `readSegments` and `pruneSegments` find parts by themselves.
 *
 * What was appended and not synced is lost with the process, not only with the power: with the defaults the last 5 seconds of a log. For each sync there are two
 * requests, for each segment about four for each part and four more.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID`.
 * @example
 * const log = await openSegmentLog(objectSegments(storage), 'predictions/churn')
 * await log.append(new TextEncoder().encode('{"id":1}\n'))
 * await log.close()
 */
export function objectSegments(storage: StorageAdapter, options: ObjectSegmentsOptions = {}): StorageAdapter & SegmentStore {
  const { syncMs = 5_000, maxPartBytes = 8 * 1024 * 1024, maxCompactedBytes = 256 * 1024 * 1024, random = systemRandom } = options
  for (const [argument, value] of Object.entries({ syncMs, maxPartBytes, maxCompactedBytes })) {
    if (value > 0) continue
    throw new MillraceError('ARGUMENT_INVALID', {
      message: `Expected ${argument} above 0. Received ${value}.`,
      details: { argument, expected: 'a number above 0', received: String(value) },
    })
  }
  return new ObjectSegmentStore(storage, { syncMs, maxPartBytes, maxCompactedBytes, random })
}

class ObjectSegmentStore extends PartedStorage implements SegmentStore {
  readonly #options: Required<ObjectSegmentsOptions>

  constructor(storage: StorageAdapter, options: Required<ObjectSegmentsOptions>) {
    super(storage)
    this.#options = options
    setSyncInterval(this, { ms: options.syncMs, records: Number.POSITIVE_INFINITY })
  }

  async createSegment(key: string, options: StorageChangeOptions = {}): Promise<SegmentWriter> {
    assertChangeArguments(key, options)
    const { maxPartBytes, maxCompactedBytes, random } = this.#options
    const writer = Array.from({ length: 4 }, () => random.int(0x1_0000).toString(16).padStart(4, '0')).join('')
    assertChangeArguments(partKey(key, writer, 1))
    await this.storage.putIfAbsent(key, encodePartsNote(writer), options)
    return new ObjectSegmentWriter({ key, storage: this.storage, writer, maxPartBytes, maxCompactedBytes })
  }
}
