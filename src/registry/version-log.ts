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

/** Why a log is not read on: what stands here may hold versions that its end, as it is found, knows nothing of. */
const gapReason = 'an entry is missing between others'

const entryKey = /\/\d{16}$/

interface SignalOption {
  readonly signal?: AbortSignal
}

/** The log of one model, and where in it each version was made, each was deleted, and each idempotency key was used. */
export class VersionLog {
  readonly log: NumberedLog<RegistryState, RegistryOperation>
  readonly #storage: StorageAdapter
  readonly #prefix: string
  #isEndSure = false
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
    this.#storage = options.storage
    this.#prefix = options.prefix
    this.log = new NumberedLog<RegistryState, RegistryOperation>({
      ...options,
      ...registryFormat,
      check: isRegistryEntry,
      initial: initialRegistryState,
      reduce: reduceRegistry,
    })
  }

  /**
   * The newest entry. A log that has lost an entry seems to end before it; so the first look of an instance reads what would be behind the gap, one small
   * read more. Of a gap of several entries only {@link assertWhole} knows.
   *
   * @throws {@link MillraceError} `STORAGE_CORRUPT`.
   */
  async head(options: SignalOption = {}): Promise<RegistryEntry | undefined> {
    const head = await this.log.head(options)
    if (this.#isEndSure) return head
    const missing = (head?.generation ?? 0) + 1
    if ((await this.log.entry(missing + 1, options)) !== undefined) await this.#assertEntry(missing, options)
    this.#isEndSure = true
    return head
  }

  /** For whoever changes the log: nothing is appended into a gap. Costs two reads the first time, nothing afterwards. */
  async assertEnd(options: SignalOption = {}): Promise<void> {
    if (!this.#isEndSure) await this.head(options)
  }

  /**
   * That nothing is missing behind an entry: one listing of what is there, which is nothing, or what others write at this moment.
   *
   * @throws {@link MillraceError} `STORAGE_CORRUPT` naming the first entry that is missing.
   */
  async assertWhole(head: RegistryEntry | undefined, options: SignalOption = {}): Promise<void> {
    let generation = head?.generation ?? 0
    for await (const { key } of this.#storage.list(this.#prefix, { ...options, after: this.log.keyOf(generation) })) {
      if (!entryKey.test(key)) continue
      // A listing is not of one moment: what it passed by may have been written since.
      while (this.log.keyOf(++generation) < key) await this.#assertEntry(generation, options)
    }
  }

  async #assertEntry(generation: number, options: SignalOption): Promise<void> {
    if ((await this.log.entry(generation, options)) === undefined) throw this.#corrupt(generation, gapReason)
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
    if (entry === undefined) throw this.#corrupt(generation, gapReason)
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
