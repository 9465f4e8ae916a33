import { encodeFrameHeader, frameHeaderBytes, frameSizeBytes } from './frame.ts'

const firstBytes = 64 * 1024

/**
 * Records that go to a segment in one write: each payload is copied once, to where its frame will be, and the frames' headers are filled in when the
 * batch is written, as only then their numbers are known.
 */
export class FrameBatch {
  #bytes: Uint8Array
  #sizeBytes = 0
  #records = 0
  #settled: Promise<void> | undefined
  #resolve: (() => void) | undefined
  #reject: ((error: unknown) => void) | undefined

  /** `buffer` is memory of a batch that was written. */
  constructor(buffer: Uint8Array | undefined) {
    this.#bytes = buffer ?? new Uint8Array(0)
  }

  get records(): number {
    return this.#records
  }

  /** Of its frames. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Of its records alone. */
  get payloadBytes(): number {
    return this.#sizeBytes - this.#records * frameHeaderBytes
  }

  /** Its memory, for another batch once it is written. */
  get buffer(): Uint8Array {
    return this.#bytes
  }

  /** Settles with the batch. One promise for all records, made when it is asked for. */
  get settled(): Promise<void> {
    this.#settled ??= new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    return this.#settled
  }

  add(payload: Uint8Array): void {
    const sizeBytes = this.#sizeBytes + frameSizeBytes(payload)
    if (sizeBytes > this.#bytes.length) this.#grow(sizeBytes)
    new DataView(this.#bytes.buffer).setUint32(this.#sizeBytes + 4, payload.length, true)
    this.#bytes.set(payload, this.#sizeBytes + frameHeaderBytes)
    this.#sizeBytes = sizeBytes
    this.#records++
  }

  /** The frames, numbered from `sequence` on: a view of the batch's memory. */
  encode(sequence: number): Uint8Array {
    const view = new DataView(this.#bytes.buffer)
    let next = sequence
    for (let offset = 0; offset < this.#sizeBytes; next++) {
      const payloadBytes = view.getUint32(offset + 4, true)
      offset = encodeFrameHeader({ kind: 'data', sequence: next, payloadBytes }, this.#bytes, view, offset)
    }
    return this.#bytes.subarray(0, this.#sizeBytes)
  }

  /** What it holds, without the frames around it. */
  get total(): { readonly records: number; readonly sizeBytes: number } {
    return { records: this.records, sizeBytes: this.payloadBytes }
  }

  settle(failure?: { readonly error: unknown }): void {
    if (failure === undefined) this.#resolve?.()
    else this.#reject?.(failure.error)
  }

  #grow(sizeBytes: number): void {
    const grown = new Uint8Array(Math.max(sizeBytes, firstBytes, this.#sizeBytes * 2))
    grown.set(this.#bytes.subarray(0, this.#sizeBytes))
    this.#bytes = grown
  }
}
