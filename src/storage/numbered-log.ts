import { throwIfAborted } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { mapConcurrently } from '../core/concurrency.ts'
import { MillraceError } from '../core/error.ts'
import type { IdentifierSource } from '../core/identifiers.ts'
import { createIdentifierSource } from '../core/identifiers.ts'
import type { Json } from '../core/json.ts'
import { toJson } from '../core/json.ts'
import type { Random } from '../core/random.ts'
import { systemRandom } from '../core/random.ts'
import type { StorageAdapter } from './adapter.ts'
import type { NumberedLogEntry } from './numbered-log-entry.ts'
import { decodeLogEntry, encodeLogEntry } from './numbered-log-entry.ts'

export type { NumberedLogEntry } from './numbered-log-entry.ts'

/** What `decide` answers: append this operation, or nothing is to be done and here is the result. */
export type Decision<Operation extends Json, Existing> = { readonly operation: Operation } | { readonly existing: Existing }

/** What `append` did: the entry that was made, or what `decide` found to be there already. */
export type Appended<State extends Json, Operation extends Json, Existing> =
  | { readonly entry: NumberedLogEntry<State, Operation>; readonly existing?: never }
  | { readonly existing: Existing; readonly entry?: never }

export interface NumberedLogOptions<State extends Json, Operation extends Json> {
  readonly storage: StorageAdapter
  /** Entries live at `<prefix>/<16-digit generation>`, the hint at `<prefix>-hint`. */
  readonly prefix: string
  /** Names what the entries are, such as `millrace-registry`; stored in each. */
  readonly format: string
  readonly formatVersion: number
  /** The oldest reader that understands entries of this version; default `formatVersion`. */
  readonly minReaderVersion?: number
  /** Before the first entry. */
  readonly initial: State
  /** Pure: the state after an operation. It must not grow with the number of entries, since each entry holds it. */
  readonly reduce: (state: State, operation: Operation, at: { readonly generation: number; readonly time: number }) => State
  readonly clock?: Clock
  /** For the jitter between attempts and the ids of operations. */
  readonly random?: Random
  /** How often an append is tried against other writers before it gives up; default 100. */
  readonly attempts?: number
}

const hintFormatVersion = 1
const readAhead = 16
const firstDelayMs = 2
const longestDelayMs = 250

/**
 * A log of numbered entries over `putIfAbsent`: any number of writers in any number of processes append to it, and each sees the state that its
 * decision rests on. There is no lock and no head to overwrite: whoever comes second at a generation gets a conflict, reads again, decides again.
 *
 * Guarantees: generations have no gaps; an acknowledged append is there and is there once, also when the storage lost its reply
 * (`STORAGE_OUTCOME_UNKNOWN`), as the id of the operation is compared; entries never change, and must never be deleted, since a slow writer could
 * make a deleted generation again and believe that it won.
 *
 * The newest generation is found from a hint that may be stale, wrong or absent, by doubling steps and halving them.
 *
 * Source: the transaction log of Delta Lake (Armbrust et al., VLDB 2020).
 *
 * @throws {@link MillraceError} `STORAGE_CAPABILITY_MISSING` when the storage cannot put if absent.
 * @example
 * const reduce = (sum: number, step: number): number => sum + step
 * const log = new NumberedLog({ storage, prefix: 'counter', format: 'counter', formatVersion: 1, initial: 0, reduce })
 * const { entry } = await log.append(() => ({ operation: 2 }))
 * entry?.state // 2
 */
export class NumberedLog<State extends Json, Operation extends Json> {
  readonly #options: NumberedLogOptions<State, Operation>
  readonly #clock: Clock
  readonly #random: Random
  readonly #newId: IdentifierSource
  /** The newest entry that this instance has seen; entries never change, so it stays true. */
  #known: NumberedLogEntry<State, Operation> | undefined

  constructor(options: NumberedLogOptions<State, Operation>) {
    const { storage } = options
    if (!storage.capabilities.putIfAbsent) {
      throw new MillraceError('STORAGE_CAPABILITY_MISSING', {
        message: `Expected a storage that can put if absent for the log at "${options.prefix}". Received "${storage.name}", which cannot.`,
        details: { storage: storage.name, capability: 'putIfAbsent' },
      })
    }
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? systemRandom
    this.#newId = createIdentifierSource({ clock: this.#clock, random: this.#random })
  }

  /** The newest entry, undefined while the log is empty. Whatever was acknowledged before the call began is in it. */
  async head(options: { readonly signal?: AbortSignal } = {}): Promise<NumberedLogEntry<State, Operation> | undefined> {
    let last = this.#known ?? (await this.#hinted(options.signal))
    let step = 1
    let absent = Number.POSITIVE_INFINITY
    for (let generation = generationOf(last) + 1; generation < absent; generation = generationOf(last) + step) {
      const found = await this.entry(generation, options)
      if (found === undefined) absent = generation
      else last = found
      step = Number.isFinite(absent) ? Math.max(1, Math.floor((absent - generationOf(last)) / 2)) : step * 2
    }
    if (last !== undefined && last.generation > generationOf(this.#known)) this.#known = last
    return last
  }

  /**
   * One entry, undefined past the end.
   *
   * @throws {@link MillraceError} `STORAGE_CORRUPT` for bytes that are not what was written; `FORMAT_UNSUPPORTED` for an entry of a newer library.
   */
  async entry(
    generation: number,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<NumberedLogEntry<State, Operation> | undefined> {
    if (generation === this.#known?.generation) return this.#known
    const key = this.keyOf(generation)
    const object = await this.#options.storage.get(key, options)
    if (object === undefined) return undefined
    const { format, formatVersion } = this.#options
    return decodeLogEntry<State, Operation>(object.bytes, { key, generation, format, formatVersion })
  }

  /**
   * Entries in order, from generation `from` (default 1) to `to` (default the newest when the iteration begins), a few read ahead.
   *
   * @throws {@link MillraceError} `STORAGE_CORRUPT` when one is missing or does not follow the one before it.
   */
  async *entries(
    options: { readonly from?: number; readonly to?: number; readonly signal?: AbortSignal } = {},
  ): AsyncIterable<NumberedLogEntry<State, Operation>> {
    const signal = options.signal === undefined ? {} : { signal: options.signal }
    const end = options.to ?? generationOf(await this.head(signal))
    let before: NumberedLogEntry<State, Operation> | undefined
    for (let start = Math.max(1, options.from ?? 1); start <= end; start += readAhead) {
      const wanted = Array.from({ length: Math.min(readAhead, end - start + 1) }, (_, index) => start + index)
      const read = await mapConcurrently(wanted, readAhead, (generation) => this.entry(generation, signal), options.signal)
      for (const [index, entry] of read.entries()) {
        const key = this.keyOf(start + index)
        if (entry === undefined) throw corrupt(key, 'an entry is missing between others')
        if (before !== undefined && entry.prevOpId !== before.opId) throw corrupt(key, 'it does not follow the entry before it')
        before = entry
        yield entry
      }
    }
  }

  /**
   * Appends what `decide` makes of the newest state. `decide` is called again whenever another writer came first, so it must change nothing itself;
   * it may read, and what it throws is thrown.
   *
   * @throws {@link MillraceError} `STORAGE_CONFLICT` when other writers came first at every attempt: nothing was appended;
   * `STORAGE_OUTCOME_UNKNOWN` when the storage lost the reply and cannot be read either: it may have been appended.
   */
  async append<Existing = never>(
    decide: (
      state: State,
      head: NumberedLogEntry<State, Operation> | undefined,
    ) => Decision<Operation, Existing> | Promise<Decision<Operation, Existing>>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Appended<State, Operation, Existing>> {
    const { signal } = options
    const attempts = this.#options.attempts ?? 100
    const opId = this.#newId()
    /** Set while a write of ours may or may not have been applied at this generation. */
    let unknown: { readonly generation: number; readonly error: unknown } | undefined
    for (let attempt = 0; ; attempt++) {
      try {
        throwIfAborted(signal)
        const head = await this.head(options)
        if (unknown !== undefined && generationOf(head) >= unknown.generation) {
          const settled = await this.entry(unknown.generation, options)
          if (settled?.opId === opId) return { entry: settled }
          unknown = undefined
        }
        const decision = await decide(head === undefined ? this.#options.initial : head.state, head)
        if ('existing' in decision) return { existing: decision.existing }
        const entry = this.#next(head, decision.operation, opId)
        const outcome = await this.#write(entry, signal)
        if (outcome.entry !== undefined) return { entry: outcome.entry }
        if (outcome.unknown !== undefined) unknown = { generation: entry.generation, error: outcome.unknown }
        else if (unknown?.generation === entry.generation) unknown = undefined
        if (attempt + 1 >= attempts) throw unknown?.error ?? this.#contended(entry.generation, attempts)
        await this.#clock.sleep(this.#delayMs(attempt), signal)
      } catch (error) {
        if (unknown !== undefined && error !== unknown.error && signal?.aborted !== true)
          throw this.#outcomeUnknown(unknown.generation, error)
        throw error
      }
    }
  }

  #next(head: NumberedLogEntry<State, Operation> | undefined, operation: Operation, opId: string): NumberedLogEntry<State, Operation> {
    const at = { generation: generationOf(head) + 1, time: this.#clock.now() }
    const state = this.#options.reduce(head === undefined ? this.#options.initial : head.state, operation, at)
    // Through JSON, so that the entry returned is the entry stored.
    return { ...at, opId, prevOpId: head?.opId ?? null, operation: toJson(operation) as Operation, state: toJson(state) as State }
  }

  /** An entry when ours is there, `unknown` when it may be, neither when another's is. */
  async #write(
    entry: NumberedLogEntry<State, Operation>,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly entry?: NumberedLogEntry<State, Operation>; readonly unknown?: unknown }> {
    const { storage, format, formatVersion } = this.#options
    const versions = { format, formatVersion, minReaderVersion: this.#options.minReaderVersion ?? formatVersion }
    try {
      await storage.putIfAbsent(this.keyOf(entry.generation), encodeLogEntry(entry, versions), signal === undefined ? {} : { signal })
    } catch (error) {
      if (MillraceError.is(error, 'STORAGE_OUTCOME_UNKNOWN')) return { unknown: error }
      if (!MillraceError.is(error, 'STORAGE_CONFLICT')) throw error
      // A storage that retries by itself may collide with its own first try.
      const winner = await this.entry(entry.generation, signal === undefined ? {} : { signal })
      return winner?.opId === entry.opId ? { entry: await this.#acknowledge(winner) } : {}
    }
    return { entry: await this.#acknowledge(entry) }
  }

  /** The entry is in; nothing after this may fail the append, the hint least of all. */
  async #acknowledge(entry: NumberedLogEntry<State, Operation>): Promise<NumberedLogEntry<State, Operation>> {
    if (entry.generation > generationOf(this.#known)) this.#known = entry
    const hint = { format: 'millrace-log-hint', formatVersion: hintFormatVersion, minReaderVersion: 1, generation: entry.generation }
    try {
      await this.#options.storage.put(this.#hintKey(), new TextEncoder().encode(JSON.stringify(hint)))
    } catch {
      // A stale hint costs a few more reads.
    }
    return entry
  }

  /** The entry that the hint names, if it names one that is there. */
  async #hinted(signal: AbortSignal | undefined): Promise<NumberedLogEntry<State, Operation> | undefined> {
    const options = signal === undefined ? {} : { signal }
    const object = await this.#options.storage.get(this.#hintKey(), options)
    if (object === undefined) return undefined
    const generation = generationInHint(object.bytes)
    return generation === undefined ? undefined : await this.entry(generation, options)
  }

  /** Where an entry lies. */
  keyOf(generation: number): string {
    return `${this.#options.prefix}/${String(generation).padStart(16, '0')}`
  }

  #hintKey(): string {
    return `${this.#options.prefix}-hint`
  }

  /** Anywhere between nothing and a bound that doubles, so that writers that collided once do not collide again. */
  #delayMs(attempt: number): number {
    return this.#random.next() * Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(attempt, 16))
  }

  #contended(generation: number, attempts: number): MillraceError<'STORAGE_CONFLICT'> {
    const key = this.keyOf(generation)
    return new MillraceError('STORAGE_CONFLICT', {
      message: `Expected to append to the log at "${this.#options.prefix}" within ${attempts} attempts. Received another writer's entry each time, the last at "${key}".`,
      details: { key },
    })
  }

  #outcomeUnknown(generation: number, cause: unknown): MillraceError<'STORAGE_OUTCOME_UNKNOWN'> {
    const key = this.keyOf(generation)
    return new MillraceError('STORAGE_OUTCOME_UNKNOWN', {
      message: `Expected to read "${key}" back after the reply to its write was lost. Received a failure: it may have been written.`,
      details: { key },
      cause,
    })
  }
}

function generationOf(entry: { readonly generation: number } | undefined): number {
  return entry?.generation ?? 0
}

/** Whatever is wrong with a hint makes it an absent one. */
function generationInHint(bytes: Uint8Array): number | undefined {
  try {
    const { generation } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly generation?: unknown }
    return typeof generation === 'number' && Number.isSafeInteger(generation) && generation > 0 ? generation : undefined
  } catch {
    return undefined
  }
}

function corrupt(key: string, reason: string): MillraceError<'STORAGE_CORRUPT'> {
  return new MillraceError('STORAGE_CORRUPT', {
    message: `Expected entries without a gap, each after the one before. Received a broken log at "${key}": ${reason}.`,
    details: { key, reason },
  })
}
