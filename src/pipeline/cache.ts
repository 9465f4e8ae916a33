import { digestOfJson } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { Json } from '../core/json.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { BlobVerifier } from './blob-verifier.ts'
import type { KeyParts } from './cache-key.ts'
import { cacheKeyOf, differenceOf, rememberParts } from './cache-key.ts'
import type { MissReason } from './cache-reason.ts'
import type { Codec, CodecOptions } from './stage-definition.ts'
import { decodeStored, encodeStored } from './stored-json.ts'

const entryFormat = { format: 'millrace-cache-entry', formatVersion: 1, minReaderVersion: 1 } as const
const lastFormat = { format: 'millrace-cache-last', formatVersion: 1, minReaderVersion: 1 } as const

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
}
export interface CacheMiss {
  readonly reason: MissReason
  readonly detail?: string
}
export interface CacheOutput {
  readonly stored: Json
  readonly digest: string
  readonly runId: string
  readonly createdAt: number
  /** Null where no random number was drawn, so that the output does not depend on it. */
  readonly seed: number | null
}

/** Outputs of stages by key, in storage at `cache/<xx>/<key>`; what a stage last depended on at `cache/last/<digest>`. One for each run. */
export class StageCache {
  readonly #storage: StorageAdapter
  readonly #pipeline: string
  readonly #verifier: BlobVerifier
  /** As they stood before this run, by node. */
  readonly #lasts = new Map<string, Promise<Readonly<Record<string, unknown>> | undefined>>()
  /** What this run remembered already, so that a map of a thousand items remembers once. */
  readonly #remembered = new Set<string>()

  constructor(storage: StorageAdapter, pipeline: string) {
    this.#storage = storage
    this.#pipeline = pipeline
    this.#verifier = new BlobVerifier(storage)
  }

  /** The stored output, checked: its blobs are there and match, and it can be decoded. Otherwise why not. */
  async look(request: CacheRequest): Promise<{ readonly hit: CacheHit } | { readonly miss: CacheMiss }> {
    const key = entryKey(cacheKeyOf(request.parts))
    const object = await this.#storage.get(key, signalOf(request))
    if (object === undefined) return { miss: await this.#reasonOf(request) }
    try {
      const entry = decodeStored(key, object.bytes, entryFormat.format, entryFormat.formatVersion)
      const { seed, digest, runId } = entry
      if (seed !== null && seed !== request.seed) return { miss: { reason: 'seed changed' } }
      const stored = (entry.stored ?? null) as Json
      const condition = await this.#verifier.verify(await request.codec.blobs(stored, request.codecOptions), signalOf(request))
      if (condition !== 'intact') return { miss: { reason: `stored output is ${condition}` } }
      const value = await request.codec.decode(stored, request.codecOptions)
      await this.#rememberHit(request, String(runId))
      return { hit: { value, digest: String(digest), from: String(runId) } }
    } catch (error) {
      return { miss: { reason: await this.#reasonOfFault(error, request) } }
    }
  }

  /** Before the stage runs: so that an attempt that never came to an end is told from a first one. */
  async begin(request: CacheRequest, runId: string): Promise<void> {
    await this.#remember(request, runId, false)
  }

  async store(request: CacheRequest, output: CacheOutput): Promise<void> {
    const { stored, digest, runId, createdAt, seed } = output
    const { stage, version, codec } = request.parts
    const key = cacheKeyOf(request.parts)
    const entry = encodeStored({ ...entryFormat, key, stage, version, codec, stored, digest, runId, createdAt, seed })
    await this.#storage.put(entryKey(key), entry, signalOf(request))
    await this.#remember(request, runId, true)
  }

  async #reasonOf(request: CacheRequest): Promise<CacheMiss> {
    const last = await this.#last(request)
    if (last === undefined) return { reason: 'first run' }
    const difference = differenceOf((last.parts ?? null) as Json, partsToRemember(request))
    if (difference !== undefined) return difference
    if (last.finished !== true) return { reason: 'did not finish before' }
    return { reason: request.isItem ? 'input changed' : 'stored output is missing' }
  }

  /** A fault of what is stored is a miss; one of the storage itself, or a cancellation, is not ours to hide. */
  async #reasonOfFault(error: unknown, request: CacheRequest): Promise<MissReason> {
    request.codecOptions.signal?.throwIfAborted()
    if (MillraceError.is(error, 'STORAGE_UNAVAILABLE')) throw error
    if (MillraceError.is(error, 'STORAGE_NOT_FOUND')) return 'stored output is missing'
    if (!MillraceError.is(error, 'STORAGE_CORRUPT')) return 'stored output cannot be read'
    const blob = /^blobs\/..\/([0-9a-f]{64})$/.exec(error.details.key)?.[1]
    if (blob !== undefined) await this.#verifier.verify([blob], signalOf(request))
    return 'stored output is corrupt'
  }

  /** Without it, going back to older parameters and on to others would be told against the wrong ones. */
  async #rememberHit(request: CacheRequest, runId: string): Promise<void> {
    const last = await this.#last(request)
    const same = last?.finished === true && differenceOf((last.parts ?? null) as Json, partsToRemember(request)) === undefined
    if (!same) await this.#remember(request, runId, true)
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

  async #remember(request: CacheRequest, runId: string, finished: boolean): Promise<void> {
    const last = { ...lastFormat, pipeline: this.#pipeline, node: request.node, parts: partsToRemember(request), runId, finished }
    const once = digestOfJson(last)
    if (this.#remembered.has(once)) return
    this.#remembered.add(once)
    await this.#storage.put(this.#lastKey(request.node), encodeStored(last), signalOf(request))
  }

  #lastKey(node: string): string {
    return `cache/last/${digestOfJson([this.#pipeline, node])}`
  }
}

function partsToRemember(request: CacheRequest): Json {
  return rememberParts(request.isItem ? { ...request.parts, input: 'item' } : request.parts)
}

function entryKey(key: string): string {
  return `cache/${key.slice(0, 2)}/${key}`
}

function signalOf(request: CacheRequest): { readonly signal?: AbortSignal } {
  const { signal } = request.codecOptions
  return signal === undefined ? {} : { signal }
}
