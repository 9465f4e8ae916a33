import { MillraceError } from '../core/error.ts'
import { Events } from '../core/events.ts'
import { unavailable } from './faults.ts'
import type { Frame } from './frame.ts'
import { assertPayloadSize, maxPayloadBytes } from './frame.ts'
import type { FrameBatch } from './frame-batch.ts'
import { GapLedger } from './gap-ledger.ts'
import { QueueDeadlines } from './queue-deadlines.ts'
import { RecordQueue } from './record-queue.ts'
import { RecordSample } from './record-sample.ts'
import { SegmentFile } from './segment-file.ts'
import { encodeGap } from './segment-format.ts'
import type { SegmentLog, SegmentLogEvent, SegmentLogWriterOptions } from './segment-log-types.ts'

const done: Promise<void> = Promise.resolve()

/** The log of `openSegmentLog`: one chain of work touches the segment, and records that come meanwhile make the next batch. */
export class SegmentLogWriter implements SegmentLog {
  readonly #options: SegmentLogWriterOptions
  readonly #queue: RecordQueue
  readonly #deadlines: QueueDeadlines
  readonly #sample: RecordSample | undefined
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
  #ageTimer: AbortController | undefined
  #closed: Promise<void> | undefined

  constructor(options: SegmentLogWriterOptions) {
    this.#options = options
    this.#queue = new RecordQueue(options.queue)
    this.#deadlines = new QueueDeadlines(this.#queue, options.clock)
    this.#sample = options.queue.policy === 'sample' ? new RecordSample(options.queue) : undefined
  }

  get dropped(): { readonly records: number; readonly sizeBytes: number } {
    return { ...this.#dropped }
  }

  on(listener: (event: SegmentLogEvent) => void): () => void {
    return this.#events.on(listener)
  }

  append(payload: Uint8Array, options: { readonly id?: string } = {}): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(unavailable(this.#options.prefix, new Error('the log is closed')))
    // No promise of its own for a record that is only queued: there are many.
    if (payload.length > maxPayloadBytes) return done.then(() => assertPayloadSize(payload))
    const sample = this.#sample
    if (sample !== undefined && this.#queue.load >= sample.above && !sample.keeps(options.id)) return this.#drop('sampled', payload)
    const batch = this.#queue.add(payload)
    if (batch === undefined) return this.#options.queue.policy === 'block' ? this.#wait(payload) : this.#drop('queue-full', payload)
    this.#drain()
    return this.#options.fsync === 'always' ? batch.settled : done
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
          this.#deadlines.stop()
          this.#throwFailure()
        }
      })
    }
    return this.#closed
  }

  #drop(reason: 'queue-full' | 'sampled', payload: Uint8Array): Promise<void> {
    const dropped = { records: 1, sizeBytes: payload.length }
    this.#dropped = { records: this.#dropped.records + 1, sizeBytes: this.#dropped.sizeBytes + payload.length }
    this.#gaps.add({ reason, ...dropped, ...(reason === 'sampled' ? { rate: this.#options.queue.rate } : {}) })
    this.#events.emit({ type: 'records-dropped', reason, ...dropped })
    return done
  }

  async #wait(payload: Uint8Array): Promise<void> {
    const { queue, clock, prefix, fsync } = this.#options
    const waiting = this.#queue.wait(payload, clock.monotonicMs() + queue.timeoutMs)
    if (queue.timeoutMs < Number.POSITIVE_INFINITY) this.#deadlines.watch()
    const batch = await waiting
    if (batch === undefined) {
      await this.#drop('queue-full', payload)
      throw unavailable(prefix, new Error(`no room in the queue for ${queue.timeoutMs} ms`))
    }
    if (fsync === 'always') await batch.settled
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
      for (let batch = this.#queue.take(); batch !== undefined; batch = this.#queue.take()) await this.#writeBatch(batch)
      this.#draining = false
    })
  }

  async #writeBatch(batch: FrameBatch): Promise<void> {
    try {
      await this.#write(batch)
      if (this.#options.fsync === 'always') await this.#sync()
      else await this.#acknowledge(batch)
      batch.settle()
    } catch (error) {
      // Under 'always' whoever appended is told; otherwise they were answered before, and the log tells.
      if (this.#options.fsync !== 'always') this.#lose('write-failed', batch.total, error)
      batch.settle({ error })
    } finally {
      this.#queue.release(batch)
    }
  }

  /** Appends gaps that are not told yet, then the records. */
  async #write(batch?: FrameBatch): Promise<void> {
    const segment = await this.#currentSegment()
    await this.#writing(segment, async () => {
      const gaps = this.#gaps.take()
      try {
        await segment.append(gaps.map((gap): Frame => ({ kind: 'gap', sequence: this.#nextSequence(), payload: encodeGap(gap) })))
      } catch (error) {
        for (const gap of gaps) this.#gaps.add(gap)
        throw error
      }
    })
    if (batch === undefined) return
    await this.#writing(segment, async () => {
      const first = this.#sequence + 1
      this.#sequence += batch.records
      await segment.appendBatch(batch, first)
    })
  }

  async #writing(segment: SegmentFile, work: () => Promise<void>): Promise<void> {
    const before = this.#sequence
    try {
      await work()
      this.#dirty = true
    } catch (error) {
      // The next segment's header goes on from what was written: a reader sees that nothing is missing.
      this.#sequence = before
      // A full disk leaves the segment as it was; after any other fault it is of no more use.
      if (!MillraceError.is(error, 'STORAGE_NO_SPACE')) await this.#abandon(segment, error)
      throw error
    }
  }

  async #writeGaps(): Promise<void> {
    if (!this.#gaps.isEmpty) await this.#write()
  }

  async #acknowledge(batch: FrameBatch): Promise<void> {
    const { fsync, clock } = this.#options
    const total = batch.total
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
    this.#sealAtAge(opened)
    return opened
  }

  /** Also when no record comes: whoever reads sealed segments only, or removes old ones, waits no longer than that. */
  #sealAtAge(segment: SegmentFile): void {
    const timer = new AbortController()
    this.#ageTimer = timer
    this.#options.clock.sleep(this.#options.rotation.ageMs, timer.signal, { background: true }).then(
      () =>
        this.#inOrder(async () => {
          if (this.#segment === segment) await this.#seal()
        }).catch(() => {}),
      () => {},
    )
  }

  async #seal(): Promise<void> {
    this.#stopTimer()
    this.#ageTimer?.abort()
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
    this.#ageTimer?.abort()
    this.#segment = undefined
    if (this.#unsynced.records > 0) this.#lose('sync-failed', this.#unsynced, error)
    this.#clean()
    await segment.abandon()
    this.#events.emit({ type: 'segment-failed', key: segment.key, error })
  }

  #lose(reason: 'write-failed' | 'sync-failed', total: { readonly records: number; readonly sizeBytes: number }, error: unknown): void {
    this.#gaps.add({ reason, ...total })
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
