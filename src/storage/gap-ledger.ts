import type { SegmentGap, SegmentGapReason } from './segment-format.ts'

/** Records that are missing and not yet told of in the log, summed by reason, so that it stays small however long a disk is full. */
export class GapLedger {
  #gaps = new Map<SegmentGapReason, SegmentGap>()

  get isEmpty(): boolean {
    return this.#gaps.size === 0
  }

  add(gap: SegmentGap): void {
    const known = this.#gaps.get(gap.reason)
    const [records, sizeBytes] = [(known?.records ?? 0) + gap.records, (known?.sizeBytes ?? 0) + gap.sizeBytes]
    this.#gaps.set(gap.reason, { ...gap, records, sizeBytes })
  }

  /** All of it, for the log; give back with `add` what could not be written. */
  take(): readonly SegmentGap[] {
    const taken = [...this.#gaps.values()]
    this.#gaps = new Map()
    return taken
  }
}
