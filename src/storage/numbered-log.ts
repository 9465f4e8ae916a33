import { throwIfAborted } from '../core/abort.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { mapConcurrently } from '../core/concurrency.ts'
import { MillraceError } from '../core/error.ts'
import type { IdentifierSource } from '../core/identifiers.ts'
import { createIdentifierSource } from '../core/identifiers.ts'
import type { Json } from '../core/json.ts'
import type { Random } from '../core/random.ts'
import { systemRandom } from '../core/random.ts'
import type { NumberedLogEntry } from './numbered-log-entry.ts'
import { decodeLogEntry } from './numbered-log-entry.ts'
import { brokenLog, contended, unsettled } from './numbered-log-faults.ts'
import { NumberedLogHint } from './numbered-log-hint.ts'
import { contentionDelayMs, nextLogEntry } from './numbered-log-next.ts'
import { OperationText } from './numbered-log-operation.ts'
import type { Appended, Decide, Decided, Decision, NumberedLogOptions, SignalOption } from './numbered-log-types.ts'
import { Turns } from './turns.ts'

export type { EntryCheck, NumberedLogEntry } from './numbered-log-entry.ts'

export type { Appended, Decide, Decided, Decision, NumberedLogOptions } from './numbered-log-types.ts'

const readAhead = 16
/** So many appends after a collision look for other writers' entries before they write. */
const wariness = 16

/**
 * A log of numbered entries over `putIfAbsent`: any number of writers in any number of processes append to it, and each sees the state that its
 * decision rests on. There is no lock and no head to overwrite: whoever comes second at a generation gets a conflict, reads again, decides again.
 *
 * Guarantees: generations have no gaps; an acknowledged append is there and is there once, also when the storage lost its reply
 * (`STORAGE_OUTCOME_UNKNOWN`), as the id of the operation is compared; entries never change, and must never be deleted, since a slow writer could
 * make a deleted generation again and believe that it won.
 * The time of an entry is never before that of the one before it, whatever the clocks of the writers do.
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
  readonly #hint: NumberedLogHint | undefined
  /** Appends of this instance write one after the other: they need not collide with each other. */
  readonly #turns = new Turns()
  /** The newest entry that this instance has seen; entries never change, so it stays true. */
  #known: NumberedLogEntry<State, Operation> | undefined
  /** How many of the next appends look before they write, as others have been met here. */
  #wary = 0

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
    this.#hint = options.hint === false ? undefined : new NumberedLogHint(storage, options.prefix)
  }

  /** The newest entry, undefined while the log is empty. Whatever was acknowledged before the call began is in it. */
  async head(options: SignalOption = {}): Promise<NumberedLogEntry<State, Operation> | undefined> {
    let last = this.#known ?? (await this.#hinted(options))
    let step = 1
    let absent = Number.POSITIVE_INFINITY
    for (let generation = generationOf(last) + 1; generation < absent; generation = generationOf(last) + step) {
      const found = await this.entry(generation, options)
      if (found === undefined) absent = generation
      else last = found
      // At each step, so that where reads often fail the next search begins further on.
      this.#learn(last)
      step = Number.isFinite(absent) ? Math.max(1, Math.floor((absent - generationOf(last)) / 2)) : step * 2
    }
    return last
  }

  /**
   * One entry, undefined past the end.
   *
   * @throws {@link MillraceError} `STORAGE_CORRUPT` for bytes that are not what was written; `FORMAT_UNSUPPORTED` for an entry of a newer library.
   */
  async entry(generation: number, options: SignalOption = {}): Promise<NumberedLogEntry<State, Operation> | undefined> {
    if (generation === this.#known?.generation) return this.#known
    const key = this.keyOf(generation)
    const object = await this.#options.storage.get(key, options)
    if (object === undefined) return undefined
    const { format, formatVersion, check } = this.#options
    return decodeLogEntry<State, Operation>(object.bytes, { key, generation, format, formatVersion, check })
  }

  /** The newest entry of that time or before, undefined where there is none: times never fall along the log, so it is found by halving. */
  async entryAt(time: number, options: SignalOption = {}): Promise<NumberedLogEntry<State, Operation> | undefined> {
    const head = await this.head(options)
    if (head === undefined || head.time <= time) return head
    let found: NumberedLogEntry<State, Operation> | undefined
    let [low, high] = [1, head.generation]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const entry = await this.entry(middle, options)
      if (entry === undefined) throw brokenLog(this.keyOf(middle), 'an entry is missing between others')
      if (entry.time <= time) {
        found = entry
        low = middle + 1
      } else high = middle
    }
    return found
  }

  /**
   * Entries in order, from generation `from` (default 1) to `to` (default the newest when the iteration begins), a few read ahead.
   *
   * @throws {@link MillraceError} `STORAGE_CORRUPT` when one is missing or does not follow the one before it.
   */
  async *entries(
    options: { readonly from?: number; readonly to?: number } & SignalOption = {},
  ): AsyncGenerator<NumberedLogEntry<State, Operation>, void, undefined> {
    const signal = options.signal === undefined ? {} : { signal: options.signal }
    const end = options.to ?? generationOf(await this.head(signal))
    let before: NumberedLogEntry<State, Operation> | undefined
    for (let start = Math.max(1, options.from ?? 1); start <= end; start += readAhead) {
      const wanted = Array.from({ length: Math.min(readAhead, end - start + 1) }, (_, index) => start + index)
      const read = await mapConcurrently(wanted, readAhead, (generation) => this.entry(generation, signal), options.signal)
      for (const [index, entry] of read.entries()) {
        const key = this.keyOf(start + index)
        if (entry === undefined) throw brokenLog(key, 'an entry is missing between others')
        if (before !== undefined && entry.prevOpId !== before.opId) throw brokenLog(key, 'it does not follow the entry before it')
        before = entry
        yield entry
      }
    }
  }

  /**
   * Appends what `decide` makes of the newest state. `decide` is called again whenever another writer came first, so it must change nothing itself;
   * it may read, and what it throws is thrown. What comes of it, rests on a state that was the newest while this call ran.
   *
   * Alone, it is one request: the entry after the newest one known is created without a look first, since whoever is not up to date gets a conflict.
   *
   * @param options - `look`: true to read what others wrote before the first decision, for decisions that are dear.
   * @throws {@link MillraceError} `STORAGE_CONFLICT` when other writers came first at every attempt: nothing was appended;
   * `STORAGE_OUTCOME_UNKNOWN` when the storage lost the reply and cannot be read either: it may have been appended.
   */
  async append<Existing = never>(
    decide: Decide<State, Operation, Existing>,
    options: { readonly look?: boolean } & SignalOption = {},
  ): Promise<Appended<State, Operation, Existing>> {
    const { signal } = options
    const io = signal === undefined ? {} : { signal }
    const attempts = this.#options.attempts ?? 100
    const opId = this.#newId()
    const draft = new OperationText<Operation>()
    /** Set while a write of ours may or may not have been applied at this generation. */
    let unknown: { readonly generation: number; readonly error: unknown } | undefined
    let isFirst = true
    let attempt = 0
    while (true) {
      try {
        throwIfAborted(signal)
        const isCurrent = !isFirst || options.look === true || this.#known === undefined || this.#wary > 0
        isFirst = false
        let head = isCurrent ? await this.head(io) : this.#known
        if (unknown !== undefined && generationOf(head) >= unknown.generation) {
          const settled = await this.entry(unknown.generation, io)
          if (settled?.opId === opId) return { entry: settled }
          unknown = undefined
        }
        const decided = this.#decide(decide, head)
        const isQuick = !(decided instanceof Promise)
        const decision = isCurrent ? await decided : await this.#ifStillCurrent(head, decided, io)
        if (decision === undefined) continue
        if ('existing' in decision) return { existing: decision.existing }
        let operation = decision.operation
        const outcome = await this.#turns.take(async () => {
          if (generationOf(this.#known) > generationOf(head)) {
            // Another append of this instance came first; what takes no time is decided again at once, unless what it met may be our own entry.
            const again = isQuick && unknown === undefined ? this.#decide(decide, this.#known) : undefined
            if (again instanceof Promise) again.catch(() => {})
            if (again === undefined || again instanceof Promise || !('operation' in again)) return 'overtaken'
            head = this.#known
            operation = again.operation
          }
          return await this.#write(nextLogEntry(this.#options, head, { ...draft.of(operation), opId, now: this.#clock.now() }), io)
        }, signal)
        if (outcome !== 'overtaken') {
          if (outcome.entry !== undefined) return { entry: outcome.entry }
          const generation = generationOf(head) + 1
          if (outcome.unknown !== undefined) unknown = { generation, error: outcome.unknown }
          else if (unknown?.generation === generation) unknown = undefined
        }
        if (attempt + 1 >= attempts) throw unknown?.error ?? contended(this.#options.prefix, this.keyOf(generationOf(head) + 1), attempts)
        if (outcome !== 'overtaken') await this.#clock.sleep(contentionDelayMs(attempt, this.#random), signal)
        attempt++
      } catch (error) {
        if (unknown !== undefined && error !== unknown.error && signal?.aborted !== true)
          throw unsettled(this.keyOf(unknown.generation), error)
        throw error
      }
    }
  }

  /** What is thrown at once rejects as well, so that it is looked at like all refusals. */
  #decide<Existing>(
    decide: Decide<State, Operation, Existing>,
    head: NumberedLogEntry<State, Operation> | undefined,
  ): Decided<Operation, Existing> {
    try {
      return decide(head === undefined ? this.#options.initial : head.state, head)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** A refusal, or that nothing is to be done, counts only on the newest state; undefined: there is a newer one. */
  async #ifStillCurrent<Existing>(
    head: NumberedLogEntry<State, Operation> | undefined,
    decided: Decided<Operation, Existing>,
    options: SignalOption,
  ): Promise<Decision<Operation, Existing> | undefined> {
    let failure: { readonly error: unknown } | undefined
    let decision: Decision<Operation, Existing> | undefined
    try {
      decision = await decided
      if ('operation' in decision) return decision
    } catch (error) {
      throwIfAborted(options.signal)
      failure = { error }
    }
    if (generationOf(await this.head(options)) > generationOf(head)) return undefined
    if (failure !== undefined) throw failure.error
    return decision
  }

  /** An entry when ours is there, `unknown` when it may be, neither when another's is. */
  async #write(
    { entry, bytes }: { readonly entry: NumberedLogEntry<State, Operation>; readonly bytes: Uint8Array },
    options: SignalOption,
  ): Promise<{ readonly entry?: NumberedLogEntry<State, Operation>; readonly unknown?: unknown }> {
    const { storage } = this.#options
    const hinting = this.#hint?.passed(entry.generation - 1, options)
    try {
      await storage.putIfAbsent(this.keyOf(entry.generation), bytes, options)
    } catch (error) {
      if (MillraceError.is(error, 'STORAGE_OUTCOME_UNKNOWN')) return { unknown: error }
      if (!MillraceError.is(error, 'STORAGE_CONFLICT')) throw error
      this.#wary = wariness
      // A storage that retries by itself may collide with its own first try.
      const winner = await this.entry(entry.generation, options)
      this.#learn(winner)
      return winner?.opId === entry.opId ? { entry: winner } : {}
    } finally {
      await hinting
    }
    if (this.#wary > 0) this.#wary--
    this.#learn(entry)
    return { entry }
  }

  #learn(entry: NumberedLogEntry<State, Operation> | undefined): void {
    if (entry !== undefined && entry.generation > generationOf(this.#known)) this.#known = entry
  }

  /** The entry that the hint names, if it names one that is there. */
  async #hinted(options: SignalOption): Promise<NumberedLogEntry<State, Operation> | undefined> {
    const generation = await this.#hint?.read(options)
    return generation === undefined ? undefined : await this.entry(generation, options)
  }

  /** Where an entry lies. */
  keyOf(generation: number): string {
    return `${this.#options.prefix}/${String(generation).padStart(16, '0')}`
  }
}

function generationOf(entry: { readonly generation: number } | undefined): number {
  return entry?.generation ?? 0
}
