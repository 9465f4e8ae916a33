import type { Clock } from '../core/clock.ts'
import type { Json } from '../core/json.ts'
import type { Random } from '../core/random.ts'
import type { StorageAdapter } from './adapter.ts'
import type { EntryCheck, NumberedLogEntry } from './numbered-log-entry.ts'

/** What `decide` answers: append this operation, or nothing is to be done and here is the result. */
export type Decision<Operation extends Json, Existing> = { readonly operation: Operation } | { readonly existing: Existing }

/** What `decide` gives: at once where it need not read. */
export type Decided<Operation extends Json, Existing> = Decision<Operation, Existing> | Promise<Decision<Operation, Existing>>

/** Decides on the newest state; `head` is the entry that it is the state of. */
export type Decide<State extends Json, Operation extends Json, Existing> = (
  state: State,
  head: NumberedLogEntry<State, Operation> | undefined,
) => Decided<Operation, Existing>

/** What `append` did: the entry that was made, or what `decide` found to be there already. */
export type Appended<State extends Json, Operation extends Json, Existing> =
  | { readonly entry: NumberedLogEntry<State, Operation>; readonly existing?: never }
  | { readonly existing: Existing; readonly entry?: never }

export interface SignalOption {
  readonly signal?: AbortSignal
}

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
  /** What makes an entry one of this log; one that is not is `STORAGE_CORRUPT`. Default: any operation and state. */
  readonly check?: EntryCheck
  /** False for a log that stays short, such as the notes about one thing: its end is found without a hint. Default true. */
  readonly hint?: boolean
  readonly clock?: Clock
  /** For the jitter between attempts and the ids of operations. */
  readonly random?: Random
  /** How often an append is tried against other writers before it gives up; default 100. */
  readonly attempts?: number
}
