import type { Clock } from '../core/clock.ts'
import { isPlainObject } from '../core/json.ts'
import type { Random } from '../core/random.ts'
import type { StorageAdapter } from './adapter.ts'
import { NumberedLog } from './numbered-log.ts'

/** Something was marked: by a pass that is about to delete, or because it was found damaged. */
export interface CollectionOperation extends Readonly<Record<string, string | number>> {
  readonly kind: 'pass' | 'condemned'
  /** How many copies were marked. */
  readonly marked: number
}

/** How often, so far. */
export interface CollectionState extends Readonly<Record<string, number>> {
  readonly passes: number
  readonly condemned: number
}

export type CollectionLog = NumberedLog<CollectionState, CollectionOperation>

const prefix = 'collections/log'

/** @throws {@link MillraceError} `STORAGE_CAPABILITY_MISSING` when the storage cannot put if absent. */
export function collectionLog(storage: StorageAdapter, options: { readonly clock?: Clock; readonly random?: Random } = {}): CollectionLog {
  return new NumberedLog<CollectionState, CollectionOperation>({
    storage,
    prefix,
    format: 'millrace-collections',
    formatVersion: 1,
    initial: { passes: 0, condemned: 0 },
    check: ({ operation, state }) =>
      isPlainObject(operation) && isPlainObject(state) && [operation.marked, state.passes, state.condemned].every(Number.isFinite),
    reduce: (state, { kind }) => ({
      passes: state.passes + (kind === 'pass' ? 1 : 0),
      condemned: state.condemned + (kind === 'condemned' ? 1 : 0),
    }),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.random === undefined ? {} : { random: options.random }),
  })
}

/** True when a marker may count: the log has an entry. One read. */
export async function wasEverCollected(storage: StorageAdapter, options: { readonly signal?: AbortSignal } = {}): Promise<boolean> {
  return (await storage.get(`${prefix}/0000000000000001`, options)) !== undefined
}
