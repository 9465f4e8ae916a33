import { sha256Hex } from '../core/digest.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { crc32 } from '../storage/crc32.ts'
import type { NumberedLog, NumberedLogEntry } from '../storage/numbered-log.ts'
import type { RegistryOperation, RegistryState } from './registry-state.ts'

type RegistryLog = NumberedLog<RegistryState, RegistryOperation>
type RegistryEntry = NumberedLogEntry<RegistryState, RegistryOperation>

const format = 'millrace-registration-key'
const encoder = new TextEncoder()

/**
 * What an idempotency key has made so far, across processes and restarts, without a list of keys in the log's entries.
 *
 * Before the first entry with a key is written, the key is claimed: an object named by the key's digest that says which generation was the newest
 * then. Nobody writes an entry without a claim, so an entry with the key can only lie past the claimed generation, and whoever comes later looks at
 * the few entries from there on. Each append looks at those it has not seen before it tries the next generation, so two that race make one version.
 */
export class RegistrationKey {
  readonly digest: string
  readonly #log: RegistryLog
  /** All entries up to this generation are known not to carry the key. */
  #searchedTo: number

  private constructor(digest: string, log: RegistryLog, searchedTo: number) {
    this.digest = digest
    this.#log = log
    this.#searchedTo = searchedTo
  }

  static async claim(options: {
    readonly storage: StorageAdapter
    readonly prefix: string
    readonly log: RegistryLog
    readonly key: string
    readonly signal?: AbortSignal
  }): Promise<RegistrationKey> {
    const { storage, log } = options
    const signal = options.signal === undefined ? {} : { signal: options.signal }
    const digest = sha256Hex(options.key)
    const storageKey = `${options.prefix}/${digest}`
    const found = await storage.get(storageKey, signal)
    if (found !== undefined) return new RegistrationKey(digest, log, claimedGeneration(digest, found.bytes))
    const after = (await log.head(signal))?.generation ?? 0
    try {
      await storage.putIfAbsent(storageKey, encodeClaim(digest, after), signal)
      return new RegistrationKey(digest, log, after)
    } catch (error) {
      const mayExist = MillraceError.is(error, 'STORAGE_CONFLICT') || MillraceError.is(error, 'STORAGE_OUTCOME_UNKNOWN')
      const theirs = mayExist ? await storage.get(storageKey, signal) : undefined
      // Unknown and not there: without a claim nothing may be appended.
      if (theirs === undefined) throw error
      return new RegistrationKey(digest, log, claimedGeneration(digest, theirs.bytes))
    }
  }

  /** The entry that was made with this key, among those up to `head`. */
  async find(head: RegistryEntry | undefined, options: { readonly signal?: AbortSignal } = {}): Promise<RegistryEntry | undefined> {
    const to = head?.generation ?? 0
    for await (const entry of this.#log.entries({ ...options, from: this.#searchedTo + 1, to })) {
      if (entry.operation.type === 'register' && entry.operation.keyDigest === this.digest) return entry
    }
    this.#searchedTo = Math.max(this.#searchedTo, to)
    return undefined
  }
}

function encodeClaim(digest: string, after: number): Uint8Array {
  return encoder.encode(JSON.stringify({ format, formatVersion: 1, minReaderVersion: 1, after, crc: checksumOf(digest, after) }))
}

/** A claim that cannot be read costs a search from the beginning, nothing else. */
function claimedGeneration(digest: string, bytes: Uint8Array): number {
  try {
    const { after, crc } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly after?: unknown; readonly crc?: unknown }
    return typeof after === 'number' && crc === checksumOf(digest, after) ? after : 0
  } catch {
    return 0
  }
}

function checksumOf(digest: string, after: number): number {
  return crc32(encoder.encode(`${digest}:${after}`))
}
