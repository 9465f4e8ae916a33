import type { Json } from '../core/json.ts'
import { isPlainObject } from '../core/json.ts'
import type { RecordedArtifact } from './run-record.ts'
import { decodeStored, encodeStored } from './stored-json.ts'
import { numbersFromJson, numbersToJson } from './stored-numbers.ts'

const format = { format: 'millrace-cache-entry', formatVersion: 1, minReaderVersion: 1 } as const

/** A stage's output as it is stored in the cache. */
export interface CacheEntry {
  /** SHA-256 of the parts that it depends on. */
  readonly key: string
  readonly stage: string
  readonly version: string
  /** Name and version. */
  readonly codec: string
  readonly stored: Json
  /** SHA-256 of the output's content. */
  readonly digest: string
  /** SHA-256 names of the blobs that `stored` needs: known here, so that collecting needs no codec. */
  readonly blobs: readonly string[]
  readonly metrics: Readonly<Record<string, number>>
  readonly artifacts: readonly RecordedArtifact[]
  /** The run that made it. */
  readonly runId: string
  readonly createdAt: number
  /** When it was last taken, to about a day. */
  readonly usedAt: number
  /** Null where no random number was drawn, so that the output does not depend on it. */
  readonly seed: number | null
}

/** Entries lie at `cache/<xx>/<key>`. */
export const cacheFolder = 'cache'

export function cacheEntryKey(key: string): string {
  return `${cacheFolder}/${key.slice(0, 2)}/${key}`
}

/** The cache key of a storage key; undefined for what is no entry. */
export function keyOfCacheEntry(storageKey: string): string | undefined {
  return /^cache\/[0-9a-f]{2}\/([0-9a-f]{64})$/.exec(storageKey)?.[1]
}

export function encodeCacheEntry(entry: CacheEntry): Uint8Array {
  return encodeStored({ ...format, ...entry, metrics: numbersToJson(entry.metrics) })
}

/** @throws {@link MillraceError} `STORAGE_CORRUPT` or `FORMAT_UNSUPPORTED`. */
export function decodeCacheEntry(storageKey: string, bytes: Uint8Array): CacheEntry {
  const entry = decodeStored(storageKey, bytes, format.format, format.formatVersion)
  const { seed } = entry
  return {
    key: String(entry.key),
    stage: String(entry.stage),
    version: String(entry.version),
    codec: String(entry.codec),
    stored: (entry.stored ?? null) as Json,
    digest: String(entry.digest),
    blobs: Array.isArray(entry.blobs) ? entry.blobs.map(String) : [],
    metrics: isPlainObject(entry.metrics) ? numbersFromJson(entry.metrics) : {},
    artifacts: Array.isArray(entry.artifacts) ? (entry.artifacts as readonly RecordedArtifact[]) : [],
    runId: String(entry.runId),
    createdAt: Number(entry.createdAt),
    usedAt: Number(entry.usedAt),
    seed: typeof seed === 'number' ? seed : null,
  }
}
