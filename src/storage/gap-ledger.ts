import type { SegmentGap, SegmentGapReason } from './segment-format.ts'

/** Records that are missing and not yet told of in the log, summed by reason, so that it stays small however long a disk is full. */
export class GapLedger {
  #gaps = new Map<SegmentGapReason, SegmentGap>()

  get isEmpty(): boolean {
    return this.#gaps.size === 0
  }

  add(reason: SegmentGapReason, total: { readonly records: number; readonly sizeBytes: number }): void {
    const known = this.#gaps.get(reason)
    const records = (known?.records ?? 0) + total.records
    this.#gaps.set(reason, { reason, records, sizeBytes: (known?.sizeBytes ?? 0) + total.sizeBytes })
  }

  /** All of it, for the log; give back with `add` what could not be written. */
  take(): readonly SegmentGap[] {
    const taken = [...this.#gaps.values()]
    this.#gaps = new Map()
    return taken
  }
}
