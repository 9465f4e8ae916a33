import type { SegmentStore } from './adapter.ts'

interface SyncInterval {
  readonly ms: number
  readonly records: number
}

/** A store where a sync costs more than on a disk: how often a log over it syncs, unless told otherwise. */
export interface SeldomSynced {
  readonly syncEvery: SyncInterval
}

/** What the store says, or what fits a disk. */
export function syncIntervalOf(store: SegmentStore | (SegmentStore & SeldomSynced)): SyncInterval {
  return 'syncEvery' in store ? store.syncEvery : { ms: 50, records: 1000 }
}
