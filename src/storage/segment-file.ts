import type { Clock } from '../core/clock.ts'
import type { SegmentStore, SegmentWriter } from './adapter.ts'
import { BlockDigest } from './block-digest.ts'
import type { Frame } from './frame.ts'
import { encodeFrame, frameSizeBytes } from './frame.ts'
import type { FrameBatch } from './frame-batch.ts'
import { encodeFooter, encodeHeader, segmentKey } from './segment-format.ts'

/** One open segment of a log: frames in, a footer with the digest at the end. */
export class SegmentFile {
  readonly openedAtMs: number
  readonly #writer: SegmentWriter
  readonly #clock: Clock
  readonly #digest = new BlockDigest()
  /** Written with the first frames, so that a full disk does not cost a new segment for each try. */
  #header: Frame | undefined
  #records = 0

  private constructor(writer: SegmentWriter, clock: Clock, header: Frame) {
    this.#writer = writer
    this.#clock = clock
    this.#header = header
    this.openedAtMs = clock.monotonicMs()
  }

  static async open(
    store: SegmentStore,
    options: { readonly prefix: string; readonly writer: string; readonly index: number; readonly sequence: number; readonly clock: Clock },
  ): Promise<SegmentFile> {
    const { prefix, writer, index, sequence, clock } = options
    const segment = await store.createSegment(segmentKey(prefix, writer, index))
    return new SegmentFile(segment, clock, { kind: 'header', sequence, payload: encodeHeader({ writer, index, openedAt: clock.now() }) })
  }

  get key(): string {
    return this.#writer.key
  }

  get sizeBytes(): number {
    return this.#writer.sizeBytes
  }

  /** All frames in one write; nothing for none. */
  async append(frames: readonly Frame[]): Promise<void> {
    const all = this.#header === undefined ? frames : [this.#header, ...frames]
    if (all.length === 0) return
    const bytes = new Uint8Array(all.reduce((sum, frame) => sum + frameSizeBytes(frame.payload), 0))
    let offset = 0
    for (const frame of all) offset = encodeFrame(frame, bytes, offset)
    await this.#write(bytes)
    this.#header = undefined
  }

  /** All records in one write, numbered from `sequence` on. */
  async appendBatch(batch: FrameBatch, sequence: number): Promise<void> {
    await this.#write(batch.encode(sequence))
    this.#records += batch.records
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#writer.append(bytes)
    await this.#digest.update(bytes)
  }

  sync(): Promise<void> {
    return this.#writer.sync()
  }

  /** Writes the footer; durable and closed when it resolves. */
  async seal(sequence: number): Promise<void> {
    if (this.#header !== undefined) await this.append([])
    const footer = { records: this.#records, sealedAt: this.#clock.now(), sha256: await this.#digest.digestHex() }
    const payload = encodeFooter(footer)
    const bytes = new Uint8Array(frameSizeBytes(payload))
    encodeFrame({ kind: 'footer', sequence, payload }, bytes, 0)
    await this.#writer.append(bytes)
    await this.#writer.seal()
  }

  /** Closes a segment that failed, without a footer. */
  async abandon(): Promise<void> {
    await this.#writer.seal().catch(() => {})
  }
}
