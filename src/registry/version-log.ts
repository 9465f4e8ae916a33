import type { Clock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import type { Random } from '../core/random.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { NumberedLogEntry } from '../storage/numbered-log.ts'
import { NumberedLog } from '../storage/numbered-log.ts'
import { isRegistryEntry } from './check-entries.ts'
import type { IndexedEntry, IndexNode } from './log-index.ts'
import { findIndexed, indexNodes, versionKey } from './log-index.ts'
import { RecentMap } from './recent-map.ts'
import type { RegisterOperation, RegistryOperation, RegistryState } from './registry-state.ts'
import { initialRegistryState, reduceRegistry } from './registry-state.ts'

export type RegistryEntry = NumberedLogEntry<RegistryState, RegistryOperation>
export type RegisterEntry = RegistryEntry & { readonly operation: RegisterOperation }

export const registryFormat: { readonly format: string; readonly formatVersion: number } = {
  format: 'millrace-registry',
  formatVersion: 1,
}

interface SignalOption {
  readonly signal?: AbortSignal
}

/** The log of one model, and where in it each version was made, each was deleted, and each idempotency key was used. */
export class VersionLog {
  readonly log: NumberedLog<RegistryState, RegistryOperation>
  /** Version to generation, for those looked up: a record never moves. */
  readonly #generations = new RecentMap<number, number>(4_096)
  /** Entries never change, so their nodes stay true. */
  readonly #indexed = new RecentMap<number, IndexedEntry>(1_024)

  constructor(options: {
    readonly storage: StorageAdapter
    readonly prefix: string
    readonly clock: Clock
    readonly random: Random
    readonly attempts?: number
  }) {
    this.log = new NumberedLog<RegistryState, RegistryOperation>({
      ...options,
      ...registryFormat,
      check: isRegistryEntry,
      initial: initialRegistryState,
      reduce: reduceRegistry,
    })
  }

  /**
   * The entry that made a version, undefined where there is none up to `head`; a deleted one too.
   *
   * The entries are the index: `lastVersion` rises by at most one an entry, so what is read narrows the search from both sides. Without changes
   * other than registrations it needs no search at all, else twenty small reads among a million entries.
   */
  async entryOf(version: number, head: RegistryEntry | undefined, options: SignalOption = {}): Promise<RegisterEntry | undefined> {
    if (!Number.isSafeInteger(version) || version < 1 || head === undefined || head.state.lastVersion < version) return undefined
    const known = this.#generations.get(version)
    if (known !== undefined) return this.registerAt(known, options)
    let low = version
    let high = head.generation - (head.state.lastVersion - version)
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const { lastVersion } = (await this.#existing(middle, options)).state
      if (lastVersion < version) low = middle + (version - lastVersion)
      else high = middle - (lastVersion - version)
    }
    const found = await this.registerAt(low, options)
    this.#generations.set(version, low)
    return found
  }

  /** Whether the version was deleted, in the state given. */
  async isDeleted(state: RegistryState, version: number, options: SignalOption = {}): Promise<boolean> {
    return (await findIndexed(state.deletionRoot, versionKey(version), (generation) => this.#load(generation, options))) !== undefined
  }

  /** What the entry that deletes a version must hold. */
  deletionNodes(state: RegistryState, version: number, options: SignalOption = {}): Promise<readonly IndexNode[]> {
    return indexNodes(state.deletionRoot, versionKey(version), (generation) => this.#load(generation, options))
  }

  /** The version that an idempotency key made, in the state given, unless it was deleted: then the key is free again. */
  async entryOfKey(state: RegistryState, keyDigest: string, options: SignalOption = {}): Promise<RegisterEntry | undefined> {
    const found = await findIndexed(state.keyRoot, keyDigest, (generation) => this.#load(generation, options))
    if (found === undefined) return undefined
    const made = await this.registerAt(found.generation, options)
    return (await this.isDeleted(state, made.state.lastVersion, options)) ? undefined : made
  }

  /** What the entry that is made with a key must hold. */
  keyNodes(state: RegistryState, keyDigest: string, options: SignalOption = {}): Promise<readonly IndexNode[]> {
    return indexNodes(state.keyRoot, keyDigest, (generation) => this.#load(generation, options))
  }

  async #load(generation: number, options: SignalOption): Promise<IndexedEntry> {
    const known = this.#indexed.get(generation)
    if (known !== undefined) return known
    const indexed = indexedOf(await this.#existing(generation, options))
    if (indexed === undefined) throw this.#corrupt(generation, 'the index of the log points at it, and it is in no index')
    this.#indexed.set(generation, indexed)
    return indexed
  }

  /** The entry of a generation that the log says made a version. */
  async registerAt(generation: number, options: SignalOption): Promise<RegisterEntry> {
    const made = asRegister(await this.#existing(generation, options))
    if (made === undefined) throw this.#corrupt(generation, 'it holds no version')
    return made
  }

  async #existing(generation: number, options: SignalOption): Promise<RegistryEntry> {
    const entry = await this.log.entry(generation, options)
    if (entry === undefined) throw this.#corrupt(generation, 'an entry is missing between others')
    return entry
  }

  #corrupt(generation: number, reason: string): MillraceError<'STORAGE_CORRUPT'> {
    const key = this.log.keyOf(generation)
    return new MillraceError('STORAGE_CORRUPT', {
      message: `Expected the entry that the log needs at "${key}". Received something else: ${reason}.`,
      details: { key, reason },
    })
  }
}

/** The entry as one that made a version, if it is one. */
export function asRegister(entry: RegistryEntry | undefined): RegisterEntry | undefined {
  return entry !== undefined && isRegister(entry) ? entry : undefined
}

function isRegister(entry: RegistryEntry): entry is RegisterEntry {
  return entry.operation.type === 'register'
}

function indexedOf({ generation, operation }: RegistryEntry): IndexedEntry | undefined {
  if (operation.type === 'delete-version') return { generation, key: versionKey(operation.version), nodes: operation.nodes }
  if (operation.type !== 'register' || operation.key === null) return undefined
  return { generation, key: operation.key.digest, nodes: operation.key.nodes }
}
