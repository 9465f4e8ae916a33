import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { NumberedLogEntry } from '../storage/numbered-log.ts'
import { NumberedLog } from '../storage/numbered-log.ts'
import type { RegisterOperation, RegistryOperation, RegistryState } from './registry-state.ts'
import { initialRegistryState, reduceRegistry } from './registry-state.ts'

export type RegistryEntry = NumberedLogEntry<RegistryState, RegistryOperation>
export type RegisterEntry = RegistryEntry & { readonly operation: RegisterOperation }

/** The log of one model, and where in it each version was made. */
export class VersionLog {
  readonly log: NumberedLog<RegistryState, RegistryOperation>
  /** Version to generation, for those looked up: a record never moves. */
  readonly #generations = new Map<number, number>()

  constructor(options: {
    readonly storage: StorageAdapter
    readonly prefix: string
    readonly clock: Clock
    readonly random: Random
    readonly attempts?: number
  }) {
    this.log = new NumberedLog<RegistryState, RegistryOperation>({
      ...options,
      format: 'millrace-registry',
      formatVersion: 1,
      initial: initialRegistryState,
      reduce: reduceRegistry,
    })
  }

  /**
   * The entry that made a version, undefined where there is none.
   *
   * The entries are the index: `lastVersion` never falls along the log, so the first entry that has it is found by halving, in twenty small reads
   * among a million entries, and no page has to be kept in step with the log.
   */
  async entryOf(version: number, options: { readonly signal?: AbortSignal } = {}): Promise<RegisterEntry | undefined> {
    if (!Number.isSafeInteger(version) || version < 1) return undefined
    const known = this.#generations.get(version)
    if (known !== undefined) return asRegister(await this.log.entry(known, options))
    const head = await this.log.head(options)
    if (head === undefined || head.state.lastVersion < version) return undefined
    let low = version
    let high = head.generation
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const entry = await this.log.entry(middle, options)
      if (entry !== undefined && entry.state.lastVersion < version) low = middle + 1
      else high = middle
    }
    const found = asRegister(await this.log.entry(low, options))
    if (found !== undefined) this.#generations.set(version, low)
    return found
  }
}

/** The entry as one that made a version, if it is one. */
export function asRegister(entry: RegistryEntry | undefined): RegisterEntry | undefined {
  return entry !== undefined && isRegister(entry) ? entry : undefined
}

function isRegister(entry: RegistryEntry): entry is RegisterEntry {
  return entry.operation.type === 'register'
}
