import type { Clock } from '../../core/clock.ts'
import type { SegmentWriter } from '../adapter.ts'
import { assertBytes } from '../arguments.ts'
import { unavailable } from '../faults.ts'
import type { EntryRecord } from './records.ts'
import { entryKey, partKey } from './records.ts'

/** Runs changes in one transaction; settles when it is complete. */
export type Change = (key: string, work: (store: IDBObjectStore, abort: (fault: unknown) => void) => void) => Promise<void>

/** Appends parts, each in a transaction of its own that is durable when it completes. Calls take effect in their order. */
export class IndexedDbSegmentWriter implements SegmentWriter {
  readonly key: string
  readonly #change: Change
  readonly #clock: Clock
  #sizeBytes = 0
  #parts = 0
  #sealed = false
  #last: Promise<void> = Promise.resolve()

  constructor(key: string, change: Change, clock: Clock) {
    this.key = key
    this.#change = change
    this.#clock = clock
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#assertOpen()
    assertBytes(bytes)
    const copy = new Uint8Array(bytes)
    const done = this.#last.then(async () => {
      const entry: EntryRecord = { sizeBytes: this.#sizeBytes + copy.length, modifiedAt: this.#clock.now(), parts: this.#parts + 1 }
      await this.#change(this.key, (store, abort) => {
        const known = store.getKey(entryKey(this.key))
        known.onsuccess = () => {
          if (known.result === undefined) return abort(unavailable(this.key, new Error('the segment was deleted')))
          try {
            store.put(copy, partKey(this.key, entry.parts as number))
            store.put(entry, entryKey(this.key))
          } catch (error) {
            // Thrown out of an event handler it would only be seen as an abort.
            abort(error)
          }
        }
      })
      this.#sizeBytes = entry.sizeBytes
      this.#parts = entry.parts as number
    })
    this.#last = done.catch(() => {})
    await done
  }

  async sync(): Promise<void> {
    this.#assertOpen()
    await this.#last
  }

  async seal(): Promise<void> {
    this.#assertOpen()
    this.#sealed = true
    await this.#last
  }

  #assertOpen(): void {
    if (this.#sealed) throw unavailable(this.key, new Error('the segment is sealed'))
  }
}
