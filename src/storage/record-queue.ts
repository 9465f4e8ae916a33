import { frameSizeBytes } from './frame.ts'

/** A record on its way to a segment. */
export interface QueuedRecord {
  readonly payload: Uint8Array
  readonly sizeBytes: number
  /** Called once: without an error when the record is acknowledged. */
  readonly settle: (failure?: { readonly error: unknown }) => void
}

interface Waiting {
  readonly record: QueuedRecord
  readonly admit: () => void
}

/** Records in order, bounded by their bytes until they are released; what is above the bound waits or is refused. */
export class RecordQueue {
  readonly #maxBytes: number
  readonly #policy: 'block' | 'drop-newest'
  #records: QueuedRecord[] = []
  #waiting: Waiting[] = []
  /** Of what is queued and of what was taken but not released. */
  #sizeBytes = 0

  constructor(options: { readonly maxBytes: number; readonly policy: 'block' | 'drop-newest' }) {
    this.#maxBytes = options.maxBytes
    this.#policy = options.policy
  }

  get isEmpty(): boolean {
    return this.#records.length === 0
  }

  /** Resolves when the record is in the queue, its payload copied; undefined when it is refused. */
  add(payload: Uint8Array, settle: QueuedRecord['settle']): Promise<void> | undefined {
    const record = { payload, sizeBytes: frameSizeBytes(payload), settle }
    if (this.#waiting.length === 0 && this.#fits(record)) {
      this.#admit(record)
      return Promise.resolve()
    }
    if (this.#policy === 'drop-newest') return undefined
    return new Promise((resolve) => this.#waiting.push({ record, admit: resolve }))
  }

  /** The oldest records of together about `sizeBytes`, at least one. Give them back to `release` when they need no memory any more. */
  take(sizeBytes: number): QueuedRecord[] {
    let [count, total] = [0, 0]
    for (const record of this.#records) {
      if (count > 0 && total + record.sizeBytes > sizeBytes) break
      total += record.sizeBytes
      count++
    }
    const taken = this.#records.slice(0, count)
    this.#records = this.#records.slice(count)
    return taken
  }

  release(records: readonly QueuedRecord[]): void {
    for (const record of records) this.#sizeBytes -= record.sizeBytes
    let admitted = 0
    for (const { record, admit } of this.#waiting) {
      if (!this.#fits(record)) break
      this.#admit(record)
      admit()
      admitted++
    }
    if (admitted > 0) this.#waiting = this.#waiting.slice(admitted)
  }

  /** One record alone fits, whatever its size: else it would wait for ever. */
  #fits(record: QueuedRecord): boolean {
    return this.#sizeBytes === 0 || this.#sizeBytes + record.sizeBytes <= this.#maxBytes
  }

  #admit(record: QueuedRecord): void {
    this.#sizeBytes += record.sizeBytes
    this.#records.push({ ...record, payload: record.payload.slice() })
  }
}
