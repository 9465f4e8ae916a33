import type { SegmentStore } from './adapter.ts'

export interface SyncInterval {
  readonly ms: number
  readonly records: number
}

/** Beside the stores, not in them: how often a log syncs is nothing that whoever implements `SegmentStore` has to think of. */
const intervals = new WeakMap<SegmentStore, SyncInterval>()

/** Notes how often a log over a store where a sync costs more than on a disk syncs, unless told otherwise. */
export function setSyncInterval(store: SegmentStore, interval: SyncInterval): void {
  intervals.set(store, interval)
}

/** For a decorator: a log over it syncs as often as one over the store below. */
export function forwardSyncInterval(store: SegmentStore, below: SegmentStore): void {
  const interval = intervals.get(below)
  if (interval !== undefined) intervals.set(store, interval)
}

/** What the store says, or what fits a disk. */
export function syncIntervalOf(store: SegmentStore): SyncInterval {
  return intervals.get(store) ?? { ms: 50, records: 1000 }
}
