import type { StorageAdapter } from './adapter.ts'
import type { DecodedFrame, FrameFault } from './frame.ts'
import { decodeFrame, findMagic, frameHeaderBytes } from './frame.ts'

const windowBytes = 4 * 1024 * 1024
/** Damage may look like any number of long frames: so many times the segment's size is spent on checksums that do not fit, then no more. */
const searchEffort = 8

/** The bytes of one segment, read by ranges: a segment is never in memory as a whole. Its size is that of the moment it was opened. */
export class SegmentBytes {
  readonly key: string
  readonly sizeBytes: number
  readonly #storage: StorageAdapter
  readonly #signal: AbortSignal | undefined
  #window: Uint8Array = new Uint8Array(0)
  #windowStart = 0
  #isGone = false

  constructor(storage: StorageAdapter, key: string, sizeBytes: number, signal: AbortSignal | undefined) {
    this.#storage = storage
    this.key = key
    this.sizeBytes = sizeBytes
    this.#signal = signal
  }

  /** True when somebody removed the segment while it was read. */
  get isGone(): boolean {
    return this.#isGone
  }

  /** The frame at `offset`, a view that lasts until the next call. */
  async frameAt(offset: number): Promise<DecodedFrame | FrameFault> {
    const frame = decodeFrame(await this.#view(offset, frameHeaderBytes), 0)
    if (!('fault' in frame) || frame.fault === 'broken' || offset + frame.neededBytes > this.sizeBytes) return frame
    return decodeFrame(await this.#view(offset, frame.neededBytes), 0)
  }

  /** Bytes of the segment, a view that lasts until the next call. */
  async slice(offset: number, length: number): Promise<Uint8Array> {
    return (await this.#view(offset, length)).subarray(0, length)
  }

  /** Where the next sound frame with a later sequence begins, behind a broken one; -1 when there is none. */
  async findFrame(broken: number, afterSequence: number): Promise<number> {
    const isSound = async (offset: number): Promise<boolean> => {
      const frame = await this.frameAt(offset)
      return !('fault' in frame) && frame.sequence > afterSequence
    }
    // First where the broken frame says it ends: what is inside its payload only looks like frames.
    const end = broken + (await this.#claimedBytes(broken))
    if (end > broken && end < this.sizeBytes && (await isSound(end))) return end
    let effort = searchEffort * this.sizeBytes
    for (let offset = broken + 1; offset < this.sizeBytes && effort > 0; ) {
      const view = await this.#view(offset, 1)
      if (view.length === 0) return -1
      const found = findMagic(view, 0)
      if (found === -1) {
        offset += view.length
        continue
      }
      if (await isSound(offset + found)) return offset + found
      effort -= await this.#claimedBytes(offset + found)
      offset += found + 1
    }
    return -1
  }

  /** How long the frame at `offset` says it is; 0 when that is more than there is. */
  async #claimedBytes(offset: number): Promise<number> {
    const view = await this.#view(offset, frameHeaderBytes)
    if (view.length < frameHeaderBytes) return 0
    const frame = decodeFrame(view.subarray(0, frameHeaderBytes), 0)
    const claimed = 'fault' in frame && frame.fault === 'incomplete' ? frame.neededBytes : 0
    return offset + claimed <= this.sizeBytes ? claimed : 0
  }

  /** At least `length` bytes from `offset`, or all to the end. */
  async #view(offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.sizeBytes)
    if (offset < this.#windowStart || end > this.#windowStart + this.#window.length) {
      const range = { start: offset, end: Math.min(this.sizeBytes, Math.max(end, offset + windowBytes)) }
      const object = await this.#storage.get(this.key, { range, ...(this.#signal === undefined ? {} : { signal: this.#signal }) })
      this.#isGone ||= object === undefined
      this.#window = object?.bytes ?? new Uint8Array(0)
      this.#windowStart = offset
    }
    return this.#window.subarray(offset - this.#windowStart)
  }
}
