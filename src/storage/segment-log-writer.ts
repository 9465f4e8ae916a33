import type { Clock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import { Events } from '../core/events.ts'
import type { SegmentStore } from './adapter.ts'
import { unavailable } from './faults.ts'
import type { Frame } from './frame.ts'
import { assertPayloadSize } from './frame.ts'
import { GapLedger } from './gap-ledger.ts'
import type { QueuedRecord } from './record-queue.ts'
import { RecordQueue } from './record-queue.ts'
import { SegmentFile } from './segment-file.ts'
import { encodeGap } from './segment-format.ts'
import type { FsyncPolicy, SegmentLog, SegmentLogEvent } from './segment-log-types.ts'

interface WriterOptions {
  readonly store: SegmentStore
  readonly prefix: string
  /** Unique, and later writers have later ones. */
  readonly writer: string
  readonly fsync: FsyncPolicy
  readonly rotation: { readonly sizeBytes: number; readonly ageMs: number }
  readonly queue: { readonly maxBytes: number; readonly policy: 'block' | 'drop-newest' }
  readonly clock: Clock
}

/** One write to the segment takes about so much from the queue. */
const batchBytes = 1024 * 1024

/** The log of `openSegmentLog`: one chain of work touches the segment, and records that come meanwhile make the next batch. */
export class SegmentLogWriter implements SegmentLog {
  readonly #options: WriterOptions
  readonly #queue: RecordQueue
  readonly #gaps = new GapLedger()
  readonly #events = new Events<SegmentLogEvent>()
  #dropped = { records: 0, sizeBytes: 0 }
  #segment: SegmentFile | undefined
  #segments = 0
  #sequence = 0
  #work: Promise<void> = Promise.resolve()
  #draining = false
  /** Written since the last fsync, and of that, what was acknowledged. */
  #dirty = false
  #unsynced = { records: 0, sizeBytes: 0 }
  /** What acknowledged records were lost by, for the next flush. */
  #failure: { readonly error: unknown } | undefined
  #timer: AbortController | undefined
  #closed: Promise<void> | undefined

  constructor(options: WriterOptions) {
    this.#options = options
    this.#queue = new RecordQueue(options.queue)
  }

  get dropped(): { readonly records: number; readonly sizeBytes: number } {
    return { ...this.#dropped }
  }

  on(listener: (event: SegmentLogEvent) => void): () => void {
    return this.#events.on(listener)
  }

  async append(payload: Uint8Array): Promise<void> {
    if (this.#closed !== undefined) throw unavailable(this.#options.prefix, new Error('the log is closed'))
    assertPayloadSize(payload)
    if (this.#options.fsync !== 'always') return await this.#enqueue(payload, () => {})
    await new Promise<void>((resolve, reject) => {
      this.#enqueue(payload, (failure) => (failure === undefined ? resolve() : reject(failure.error))).then((): void => {}, reject)
    })
  }

  async flush(): Promise<void> {
    this.#drain()
    await this.#inOrder(async () => {
      try {
        await this.#writeGaps()
        await this.#sync()
      } finally {
        this.#throwFailure()
      }
    })
  }

  close(): Promise<void> {
    if (this.#closed === undefined) {
      this.#drain()
      this.#closed = this.#inOrder(async () => {
        try {
          await this.#writeGaps()
          await this.#seal()
        } finally {
          this.#stopTimer()
          this.#throwFailure()
        }
      })
    }
    return this.#closed
  }

  async #enqueue(payload: Uint8Array, settle: QueuedRecord['settle']): Promise<void> {
    const admitted = this.#queue.add(payload, settle)
    if (admitted === undefined) {
      const dropped = { records: 1, sizeBytes: payload.length }
      this.#dropped = { records: this.#dropped.records + 1, sizeBytes: this.#dropped.sizeBytes + payload.length }
      this.#gaps.add('queue-full', dropped)
      this.#events.emit({ type: 'records-dropped', ...dropped })
      settle()
      return
    }
    this.#drain()
    await admitted
  }

  #inOrder(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work)
    this.#work = done.catch(() => {})
    return done
  }

  #drain(): void {
    if (this.#draining || this.#queue.isEmpty) return
    this.#draining = true
    void this.#inOrder(async () => {
      while (!this.#queue.isEmpty) await this.#writeBatch(this.#queue.take(batchBytes))
      this.#draining = false
    })
  }

  async #writeBatch(records: readonly QueuedRecord[]): Promise<void> {
    try {
      await this.#write(records.map((record) => record.payload))
      if (this.#options.fsync === 'always') await this.#sync()
      else await this.#acknowledge(records)
      for (const record of records) record.settle()
    } catch (error) {
      // Under 'always' whoever appended is told; otherwise they were answered before, and the log tells.
      if (this.#options.fsync !== 'always') this.#lose('write-failed', totalOf(records), error)
      for (const record of records) record.settle({ error })
    } finally {
      this.#queue.release(records)
    }
  }

  /** Appends gaps that are not told yet, then the records, in one write. */
  async #write(payloads: readonly Uint8Array[]): Promise<void> {
    const segment = await this.#currentSegment()
    const gaps = this.#gaps.take()
    const before = this.#sequence
    const frames = [
      ...gaps.map((gap): Frame => ({ kind: 'gap', sequence: this.#nextSequence(), payload: encodeGap(gap) })),
      ...payloads.map((payload): Frame => ({ kind: 'data', sequence: this.#nextSequence(), payload })),
    ]
    try {
      await segment.append(frames)
      this.#dirty = true
    } catch (error) {
      // The next segment's header goes on from what was written: a reader sees that nothing is missing.
      this.#sequence = before
      for (const { reason, ...total } of gaps) this.#gaps.add(reason, total)
      // A full disk leaves the segment as it was; after any other fault it is of no more use.
      if (!MillraceError.is(error, 'STORAGE_NO_SPACE')) await this.#abandon(segment, error)
      throw error
    }
  }

  async #writeGaps(): Promise<void> {
    if (!this.#gaps.isEmpty) await this.#write([])
  }

  async #acknowledge(records: readonly QueuedRecord[]): Promise<void> {
    const { fsync, clock } = this.#options
    const total = totalOf(records)
    this.#unsynced = { records: this.#unsynced.records + total.records, sizeBytes: this.#unsynced.sizeBytes + total.sizeBytes }
    if (typeof fsync !== 'object') return
    if (this.#unsynced.records >= fsync.records) {
      // It is remembered for the next flush.
      await this.#sync().catch(() => {})
    } else if (this.#timer === undefined) {
      const timer = new AbortController()
      this.#timer = timer
      clock.sleep(fsync.ms, timer.signal).then(
        () => this.#inOrder(() => this.#sync()).catch(() => {}),
        () => {},
      )
    }
  }

  async #sync(): Promise<void> {
    this.#stopTimer()
    const segment = this.#segment
    if (segment === undefined || !this.#dirty) return
    try {
      await segment.sync()
      this.#clean()
    } catch (error) {
      await this.#abandon(segment, error)
      throw error
    }
  }

  async #currentSegment(): Promise<SegmentFile> {
    const { store, prefix, writer, rotation, clock } = this.#options
    const current = this.#segment
    if (current !== undefined) {
      if (current.sizeBytes < rotation.sizeBytes && clock.monotonicMs() - current.openedAtMs < rotation.ageMs) return current
      // That it has no footer is no fault of the next record, and records lost with it are remembered.
      await this.#seal().catch(() => {})
    }
    // A number that failed is not tried again: the segment may have been made all the same.
    this.#segments++
    const opened = await SegmentFile.open(store, { prefix, writer, index: this.#segments, sequence: this.#sequence + 1, clock })
    this.#sequence++
    this.#segment = opened
    this.#events.emit({ type: 'segment-opened', key: opened.key })
    return opened
  }

  async #seal(): Promise<void> {
    this.#stopTimer()
    const segment = this.#segment
    if (segment === undefined) return
    try {
      await segment.seal(this.#nextSequence())
    } catch (error) {
      this.#sequence--
      await this.#abandon(segment, error)
      throw error
    }
    this.#segment = undefined
    this.#clean()
    this.#events.emit({ type: 'segment-sealed', key: segment.key, sizeBytes: segment.sizeBytes })
  }

  /** Closes the segment as it is. What was acknowledged in it and not synced may be lost. */
  async #abandon(segment: SegmentFile, error: unknown): Promise<void> {
    this.#stopTimer()
    this.#segment = undefined
    if (this.#unsynced.records > 0) this.#lose('sync-failed', this.#unsynced, error)
    this.#clean()
    await segment.abandon()
    this.#events.emit({ type: 'segment-failed', key: segment.key, error })
  }

  #lose(reason: 'write-failed' | 'sync-failed', total: { readonly records: number; readonly sizeBytes: number }, error: unknown): void {
    this.#gaps.add(reason, total)
    this.#failure = { error }
  }

  #throwFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure.error
  }

  #clean(): void {
    this.#dirty = false
    this.#unsynced = { records: 0, sizeBytes: 0 }
  }

  #stopTimer(): void {
    this.#timer?.abort()
    this.#timer = undefined
  }

  #nextSequence(): number {
    this.#sequence++
    return this.#sequence
  }
}

function totalOf(records: readonly QueuedRecord[]): { readonly records: number; readonly sizeBytes: number } {
  return { records: records.length, sizeBytes: records.reduce((sum, record) => sum + record.payload.length, 0) }
}
