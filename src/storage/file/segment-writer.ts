import { MillraceError } from '../../core/error.ts'
import type { SegmentWriter } from '../adapter.ts'
import { assertBytes } from '../arguments.ts'
import { noSpace, unavailable } from '../faults.ts'
import { faultOf } from './file-faults.ts'
import type { OpenFile } from './file-system.ts'
import { writeFully } from './staging.ts'

/** Appends to one file. Calls take effect in their order. */
export class FileSegmentWriter implements SegmentWriter {
  readonly key: string
  readonly #file: OpenFile
  readonly #storage: string
  readonly #sync: boolean
  #length = 0
  #last: Promise<void> = Promise.resolve()
  #sealed = false
  /** After a failed fsync nobody knows which bytes are on the device, and a second one may report a success that is none. */
  #failure: MillraceError | undefined

  constructor(options: { readonly key: string; readonly file: OpenFile; readonly storage: string; readonly sync: boolean }) {
    this.key = options.key
    this.#file = options.file
    this.#storage = options.storage
    this.#sync = options.sync
  }

  get sizeBytes(): number {
    return this.#length
  }

  append(bytes: Uint8Array): Promise<void> {
    return this.#inOrder(async () => {
      assertBytes(bytes)
      try {
        await writeFully(this.#file, bytes, this.#length)
        this.#length += bytes.length
      } catch (error) {
        throw await this.#takeBack(error)
      }
    })
  }

  sync(): Promise<void> {
    return this.#inOrder(() => this.#fsync())
  }

  seal(): Promise<void> {
    if (this.#sealed) return Promise.reject(this.#closed())
    const sealing = this.#last.then(async () => {
      try {
        if (this.#failure !== undefined) throw this.#failure
        await this.#fsync()
      } finally {
        await this.#file.close().catch(() => {})
      }
    })
    this.#sealed = true
    return sealing
  }

  async #fsync(): Promise<void> {
    if (!this.#sync) return
    try {
      await this.#file.sync()
    } catch (error) {
      this.#failure = faultOf(error, this.key, this.#storage)
      throw this.#failure
    }
  }

  /** Cuts off what a failed append left; when that fails too, the writer is of no more use. */
  async #takeBack(error: unknown): Promise<MillraceError> {
    const fault = faultOf(error, this.key, this.#storage)
    try {
      await this.#file.truncate(this.#length)
      if (MillraceError.is(fault, 'STORAGE_NO_SPACE')) return noSpace(this.key, error)
      this.#failure = fault
    } catch (cause) {
      this.#failure = unavailable(this.#storage, cause)
    }
    return this.#failure
  }

  #inOrder(work: () => Promise<void>): Promise<void> {
    if (this.#sealed) return Promise.reject(this.#closed())
    const done = this.#last.then(() => {
      if (this.#failure !== undefined) throw this.#failure
      return work()
    })
    this.#last = done.catch(() => {})
    return done
  }

  #closed(): MillraceError {
    return unavailable(this.#storage, new Error(`the segment "${this.key}" is sealed`))
  }
}
