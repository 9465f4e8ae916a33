import { frameSizeBytes } from './frame.ts'
import { FrameBatch } from './frame-batch.ts'

interface Waiting {
  readonly payload: Uint8Array
  readonly deadlineMs: number
  readonly admit: (batch: FrameBatch) => void
  readonly refuse: () => void
}

/** One write to a segment takes about so much. */
const batchBytes = 1024 * 1024

/** Records in order, in batches that are ready to be written, bounded by their bytes until they are released; what is above the bound waits or is refused. */
export class RecordQueue {
  readonly #maxBytes: number
  #batches: FrameBatch[] = []
  #waiting: Waiting[] = []
  /** Of what is queued and of what was taken but not released. */
  #sizeBytes = 0
  #spare: Uint8Array | undefined

  constructor(options: { readonly maxBytes: number }) {
    this.#maxBytes = options.maxBytes
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0
  }

  /** The share of its bound that is taken. */
  get load(): number {
    return this.#sizeBytes / this.#maxBytes
  }

  /** When the first of those that wait gives up, by the clock that gave the deadlines; undefined when none waits. */
  get firstDeadlineMs(): number | undefined {
    return this.#waiting[0]?.deadlineMs
  }

  /** The batch that the record, copied, is in; undefined when there is no room, or others wait for it. */
  add(payload: Uint8Array): FrameBatch | undefined {
    return this.#waiting.length === 0 && this.#fits(payload) ? this.#admit(payload) : undefined
  }

  /** Waits for room, behind all others: the batch, or undefined when `refuseUntil` came to the deadline first. */
  wait(payload: Uint8Array, deadlineMs: number): Promise<FrameBatch | undefined> {
    return new Promise((resolve) => {
      this.#waiting.push({ payload, deadlineMs, admit: resolve, refuse: () => resolve(undefined) })
    })
  }

  /** Those whose deadline is not later give up. */
  refuseUntil(nowMs: number): void {
    const kept = this.#waiting.findIndex(({ deadlineMs }) => deadlineMs > nowMs)
    const refused = this.#waiting.splice(0, kept === -1 ? this.#waiting.length : kept)
    for (const { refuse } of refused) refuse()
  }

  /** The oldest batch. Give it back to `release` when it was written. */
  take(): FrameBatch | undefined {
    return this.#batches.shift()
  }

  release(batch: FrameBatch): void {
    this.#sizeBytes -= batch.sizeBytes
    if (batch.buffer.length <= 2 * batchBytes) this.#spare = batch.buffer
    let admitted = 0
    for (const { payload, admit } of this.#waiting) {
      if (!this.#fits(payload)) break
      admit(this.#admit(payload))
      admitted++
    }
    if (admitted > 0) this.#waiting = this.#waiting.slice(admitted)
  }

  /** One record alone fits, whatever its size: else it would wait for ever. */
  #fits(payload: Uint8Array): boolean {
    return this.#sizeBytes === 0 || this.#sizeBytes + frameSizeBytes(payload) <= this.#maxBytes
  }

  #admit(payload: Uint8Array): FrameBatch {
    const sizeBytes = frameSizeBytes(payload)
    let batch = this.#batches.at(-1)
    if (batch === undefined || batch.sizeBytes + sizeBytes > batchBytes) {
      batch = new FrameBatch(this.#spare)
      this.#spare = undefined
      this.#batches.push(batch)
    }
    batch.add(payload)
    this.#sizeBytes += sizeBytes
    return batch
  }
}
