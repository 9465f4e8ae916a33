import type { Clock } from '../core/clock.ts'
import { digestOfJson } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { BlobWriter } from '../storage/blob-collection.ts'
import { getBlob } from '../storage/blobs.ts'
import { BlobVerifier } from './blob-verifier.ts'
import { collectionKey } from './cache-collected.ts'
import type { CacheEntry } from './cache-entry.ts'
import { cacheEntryKey, decodeCacheEntry, encodeCacheEntry } from './cache-entry.ts'
import type { KeyParts } from './cache-key.ts'
import { cacheKeyOf, differenceOf, rememberParts } from './cache-key.ts'
import type { MissReason } from './cache-reason.ts'
import { retireBlobs } from './retired-blobs.ts'
import type { RecordedArtifact } from './run-record.ts'
import type { Codec, CodecOptions } from './stage-definition.ts'
import { decodeStored, encodeStored } from './stored-json.ts'

const lastFormat = { format: 'millrace-cache-last', formatVersion: 1, minReaderVersion: 1 } as const
const dayMs = 86_400_000

export interface CacheRequest {
  /** Of the graph: what changed is told against the last time at this place. */
  readonly node: string
  readonly parts: KeyParts
  readonly codec: Codec<unknown>
  readonly codecOptions: CodecOptions
  /** Counts only where the stage drew random numbers. */
  readonly seed: number
  /** One of many inputs at the same place: each has a key of its own, but the place remembers no input. */
  readonly isItem: boolean
}
export interface CacheHit {
  readonly value: unknown
  readonly digest: string
  /** The run that made it. */
  readonly from: string
  readonly metrics: Readonly<Record<string, number>>
  readonly artifacts: readonly RecordedArtifact[]
}
export interface CacheMiss {
  readonly reason: MissReason
  readonly detail?: string
}
export interface CacheOutput {
  readonly stored: Json
  readonly digest: string
  /** SHA-256 names of the blobs that it needs. */
  readonly blobs: readonly string[]
  readonly metrics: Readonly<Record<string, number>>
  readonly artifacts: readonly RecordedArtifact[]
  readonly runId: string
  /** Null where no random number was drawn, so that the output does not depend on it. */
  readonly seed: number | null
}
export interface StageCacheOptions {
  readonly pipeline: string
  readonly clock: Clock
  /** Larger entries are not kept. */
  readonly maxEntryBytes: number
}

/** Outputs of stages by key, in storage at `cache/<xx>/<key>`; what a stage last depended on at `cache/last/<digest>`. One for each run. */
export class StageCache {
  readonly #storage: StorageAdapter
  readonly #options: StageCacheOptions
  readonly #verifier: BlobVerifier
  /** As they stood before this run, by node. */
  readonly #lasts = new Map<string, Promise<Readonly<Record<string, unknown>> | undefined>>()
  /** What this run remembered already, so that a map of a thousand items remembers once. */
  readonly #remembered = new Set<string>()
  #writer: Promise<BlobWriter> | undefined
  #wasCollected: Promise<boolean> | undefined

  constructor(storage: StorageAdapter, options: StageCacheOptions) {
    this.#storage = storage
    this.#options = options
    this.#verifier = new BlobVerifier(storage)
  }

  /** The stored output, checked: its blobs are there and match, and it can be decoded. Otherwise why not. */
  async look(request: CacheRequest): Promise<{ readonly hit: CacheHit } | { readonly miss: CacheMiss }> {
    const key = cacheEntryKey(cacheKeyOf(request.parts))
    const object = await this.#storage.get(key, signalOf(request))
    if (object === undefined) return { miss: await this.#reasonOf(request) }
    try {
      const entry = decodeCacheEntry(key, object.bytes)
      if (entry.seed !== null && entry.seed !== request.seed) return { miss: { reason: 'seed changed' } }
      const value = await this.decode(request, entry)
      if ('miss' in value) return value
      await this.#rememberHit(request, entry.runId)
      await this.#touch(key, entry)
      return { hit: hitOf(entry, value.value) }
    } catch (error) {
      return { miss: { reason: await this.#reasonOfFault(error, request) } }
    }
  }

  /** For a resumption: the output that was acknowledged under the key, undefined where it is not there, sound and the same. */
  async recall(
    request: Pick<CacheRequest, 'codec' | 'codecOptions'>,
    cacheKey: string,
    digest: string | undefined,
  ): Promise<CacheHit | undefined> {
    const key = cacheEntryKey(cacheKey)
    const object = await this.#storage.get(key, signalOf(request))
    if (object === undefined) return undefined
    try {
      const entry = decodeCacheEntry(key, object.bytes)
      const value = entry.digest === digest ? await this.decode(request, entry) : undefined
      return value === undefined || 'miss' in value ? undefined : hitOf(entry, value.value)
    } catch (error) {
      await this.#reasonOfFault(error, request)
      return undefined
    }
  }

  /** A stored value, once its blobs are found to be there and to match. @throws what the codec throws. */
  async decode(
    request: Pick<CacheRequest, 'codec' | 'codecOptions'>,
    { stored, createdAt }: { readonly stored: Json; readonly createdAt?: number },
  ): Promise<{ readonly value: unknown } | { readonly miss: CacheMiss }> {
    const { codec, codecOptions } = request
    const blobs = await codec.blobs(stored, codecOptions)
    const condition = await this.#verifier.verify(blobs, signalOf(request))
    if (condition !== 'intact') return { miss: { reason: `stored output is ${condition}` } }
    // Whoever wrote a young entry may not have come to confirm it.
    if (createdAt !== undefined && Math.abs(this.#options.clock.now() - createdAt) < dayMs) await this.confirm(blobs, signalOf(request))
    return { value: await codec.decode(stored, codecOptions) }
  }

  /** Before the stage runs: so that an attempt that never came to an end is told from a first one. */
  async begin(request: CacheRequest, runId: string): Promise<void> {
    await this.#remember(request, runId, { finished: false })
  }

  /** What comes back is set where the entry is too large and was not kept: its size. */
  async store(request: CacheRequest, output: CacheOutput): Promise<{ readonly tooLargeBytes?: number }> {
    const { stage, version, codec } = request.parts
    const key = cacheKeyOf(request.parts)
    const now = this.#options.clock.now()
    const bytes = encodeCacheEntry({ key, stage, version, codec, ...output, createdAt: now, usedAt: now })
    if (bytes.length > this.#options.maxEntryBytes) {
      await this.#remember(request, output.runId, { finished: true, tooLarge: true })
      return { tooLargeBytes: bytes.length }
    }
    await this.#put(cacheEntryKey(key), bytes, output, signalOf(request))
    await this.confirm(output.blobs, signalOf(request))
    await this.#remember(request, output.runId, { finished: true })
    return {}
  }

  /** An output that takes another's place may be in use by a run that took it: its blobs are held until that has ended. */
  async #put(key: string, bytes: Uint8Array, output: CacheOutput, options: { readonly signal?: AbortSignal }): Promise<void> {
    try {
      await this.#storage.putIfAbsent(key, bytes, options)
      return
    } catch (error) {
      if (!MillraceError.is(error, 'STORAGE_CONFLICT') && !MillraceError.is(error, 'STORAGE_OUTCOME_UNKNOWN')) throw error
    }
    const before = await this.#entryAt(key, options)
    const needed = new Set(output.blobs)
    const replaced = (before?.blobs ?? []).filter((blob) => !needed.has(blob))
    if (replaced.length > 0) await retireBlobs(this.#storage, replaced, options)
    await this.#storage.put(key, bytes, options)
  }

  async #entryAt(key: string, options: { readonly signal?: AbortSignal }): Promise<CacheEntry | undefined> {
    const object = await this.#storage.get(key, options)
    try {
      return object === undefined ? undefined : decodeCacheEntry(key, object.bytes)
    } catch {
      return undefined
    }
  }

  /** Once the entry is there, its blobs stay for as long as it does, whoever collects meanwhile. */
  async confirm(blobs: readonly string[], options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (blobs.length === 0) return
    this.#writer ??= BlobWriter.begin(this.#storage, options)
    this.#writer.catch(() => {
      this.#writer = undefined
    })
    const writer = await this.#writer
    await writer.confirm(blobs, (digest) => getBlob(this.#storage, digest, options), options)
  }

  /** What was used lately is collected last. A hint: that it cannot be written changes nothing. */
  async #touch(key: string, entry: CacheEntry): Promise<void> {
    const now = this.#options.clock.now()
    if (Math.abs(now - entry.usedAt) < dayMs) return
    await this.#storage.put(key, encodeCacheEntry({ ...entry, usedAt: now })).catch(() => {})
  }

  async #reasonOf(request: CacheRequest): Promise<CacheMiss> {
    const last = await this.#last(request)
    if (last === undefined) return { reason: 'first run' }
    const difference = differenceOf((last.parts ?? null) as Json, partsToRemember(request))
    if (difference !== undefined) return difference
    if (last.finished !== true) return { reason: 'did not finish before' }
    if (last.tooLarge === true) return { reason: 'output was too large to keep' }
    if (!request.isItem) return { reason: 'stored output is missing' }
    // Items are not remembered one by one: once anything was collected, nobody knows whether this one was there.
    return { reason: (await this.#collected(request)) ? 'no stored output for this input' : 'input changed' }
  }

  #collected(request: CacheRequest): Promise<boolean> {
    this.#wasCollected ??= this.#storage.get(collectionKey, signalOf(request)).then((object) => object !== undefined)
    return this.#wasCollected
  }

  /** A fault of what is stored is a miss; one of the storage itself, or a cancellation, is not ours to hide. */
  async #reasonOfFault(error: unknown, request: Pick<CacheRequest, 'codecOptions'>): Promise<MissReason> {
    request.codecOptions.signal?.throwIfAborted()
    if (MillraceError.is(error, 'STORAGE_UNAVAILABLE') || MillraceError.is(error, 'STORAGE_DENIED')) throw error
    if (MillraceError.is(error, 'STORAGE_NOT_FOUND')) return 'stored output is missing'
    if (!MillraceError.is(error, 'STORAGE_CORRUPT')) return 'stored output cannot be read'
    const blob = /^blobs\/..\/([0-9a-f]{64})/.exec(error.details.key)?.[1]
    if (blob !== undefined) await this.#verifier.verify([blob], signalOf(request))
    return 'stored output is corrupt'
  }

  /** Without it, going back to older parameters and on to others would be told against the wrong ones. */
  async #rememberHit(request: CacheRequest, runId: string): Promise<void> {
    const last = await this.#last(request)
    const same = last?.finished === true && differenceOf((last.parts ?? null) as Json, partsToRemember(request)) === undefined
    if (!same) await this.#remember(request, runId, { finished: true })
  }

  #last(request: CacheRequest): Promise<Readonly<Record<string, unknown>> | undefined> {
    let last = this.#lasts.get(request.node)
    if (last === undefined) {
      last = this.#readLast(request)
      this.#lasts.set(request.node, last)
    }
    return last
  }

  /** A hint for people: whatever is wrong with it makes it an absent one. */
  async #readLast(request: CacheRequest): Promise<Readonly<Record<string, unknown>> | undefined> {
    const key = this.#lastKey(request.node)
    const object = await this.#storage.get(key, signalOf(request))
    if (object === undefined) return undefined
    try {
      return decodeStored(key, object.bytes, lastFormat.format, lastFormat.formatVersion)
    } catch {
      return undefined
    }
  }

  async #remember(request: CacheRequest, runId: string, end: { readonly finished: boolean; readonly tooLarge?: boolean }): Promise<void> {
    const last = {
      ...lastFormat,
      pipeline: this.#options.pipeline,
      node: request.node,
      parts: partsToRemember(request),
      runId,
      ...end,
    }
    const once = digestOfJson(last)
    if (this.#remembered.has(once)) return
    this.#remembered.add(once)
    await this.#storage.put(this.#lastKey(request.node), encodeStored(last), signalOf(request))
  }

  #lastKey(node: string): string {
    return `cache/last/${digestOfJson([this.#options.pipeline, node])}`
  }
}

function hitOf(entry: CacheEntry, value: unknown): CacheHit {
  const { digest, runId, metrics, artifacts } = entry
  return { value, digest, from: runId, metrics, artifacts }
}

function partsToRemember(request: CacheRequest): Json {
  return rememberParts(request.isItem ? { ...request.parts, input: 'item' } : request.parts)
}

function signalOf({ codecOptions }: Pick<CacheRequest, 'codecOptions'>): { readonly signal?: AbortSignal } {
  const { signal } = codecOptions
  return signal === undefined ? {} : { signal }
}
