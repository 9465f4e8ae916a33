import { MillraceError } from '../core/error.ts'
import type { SegmentWriter, StorageAdapter } from './adapter.ts'
import { assertBytes } from './arguments.ts'
import { unavailable } from './faults.ts'
import { partKey, partsOf, writerInNote } from './segment-parts.ts'

const attempts = 3

/** Appends in memory, and writes what has come together as a part when it is synced or large enough. Calls take effect in their order. */
export class ObjectSegmentWriter implements SegmentWriter {
  readonly key: string
  readonly #storage: StorageAdapter
  readonly #writer: string
  readonly #maxPartBytes: number
  readonly #maxCompactedBytes: number
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #sizeBytes = 0
  #parts = 0
  #last: Promise<void> = Promise.resolve()
  #sealed = false
  /** Found deleted: it stays deleted, and what is appended goes nowhere. */
  #deleted = false
  #failure: { readonly error: unknown } | undefined

  constructor(options: {
    readonly key: string
    readonly storage: StorageAdapter
    readonly writer: string
    readonly maxPartBytes: number
    readonly maxCompactedBytes: number
  }) {
    this.key = options.key
    this.#storage = options.storage
    this.#writer = options.writer
    this.#maxPartBytes = options.maxPartBytes
    this.#maxCompactedBytes = options.maxCompactedBytes
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  append(bytes: Uint8Array): Promise<void> {
    return this.#inOrder(async () => {
      assertBytes(bytes)
      if (this.#pendingBytes > 0 && this.#pendingBytes + bytes.length > this.#maxPartBytes) await this.#writePart()
      this.#pending.push(bytes.slice())
      this.#pendingBytes += bytes.length
      this.#sizeBytes += bytes.length
    })
  }

  sync(): Promise<void> {
    return this.#inOrder(() => this.#flush())
  }

  seal(): Promise<void> {
    const sealing = this.#inOrder(async () => {
      await this.#flush()
      // All of it is durable by now; what cannot be made one object stays in parts, and is read from them.
      await this.#compact().catch(() => {})
    })
    this.#sealed = true
    return sealing
  }

  async #flush(): Promise<void> {
    try {
      await this.#writePart()
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }

  /** @throws {@link MillraceError} `STORAGE_NO_SPACE`: what waits still waits. After any other fault the writer is of no more use. */
  async #writePart(): Promise<void> {
    if (this.#pendingBytes === 0) return
    const part = partKey(this.key, this.#writer, this.#parts + 1)
    try {
      if (!this.#deleted) await this.#create(part, joined(this.#pending, this.#pendingBytes))
    } catch (error) {
      if (!MillraceError.is(error, 'STORAGE_NO_SPACE')) this.#failure = { error }
      throw error
    }
    this.#parts++
    this.#pending = []
    this.#pendingBytes = 0
    if (!this.#deleted) await this.#takeBackIfDeleted(part)
  }

  /**
   * Whoever deletes a segment deletes its key, then the parts that are there: a part that was written before its key went is deleted by them, and one
   * that was written after finds the key gone here. What cannot be looked at now is left to `pruneSegments`; the part is durable all the same.
   */
  async #takeBackIfDeleted(part: string): Promise<void> {
    try {
      if (await this.#isOurs()) return
      this.#deleted = true
      await this.#storage.delete(part)
    } catch {
      // See above.
    }
  }

  async #isOurs(): Promise<boolean> {
    const note = await this.#storage.get(this.key)
    return note !== undefined && writerInNote(note.bytes) === this.#writer
  }

  /** Nobody else writes these keys: what is there already is ours, written by a try whose reply was lost. */
  async #create(key: string, bytes: Uint8Array): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#storage.putIfAbsent(key, bytes)
        return
      } catch (error) {
        const isConflict = MillraceError.is(error, 'STORAGE_CONFLICT')
        if (!isConflict && !MillraceError.is(error, 'STORAGE_OUTCOME_UNKNOWN')) throw error
        const there = await this.#storage.get(key)
        if (there !== undefined && isEqual(there.bytes, bytes)) return
        if (isConflict || there !== undefined || attempt === attempts) throw error
      }
    }
  }

  /** Replaces the note at the segment's key by its bytes, then deletes the parts: whoever reads the key finds either all parts or all bytes. */
  async #compact(): Promise<void> {
    if (this.#deleted || this.#sizeBytes > this.#maxCompactedBytes) return
    const parts = await partsOf(this.#storage, this.key, this.#writer, {})
    const bytes = new Uint8Array(this.#sizeBytes)
    let offset = 0
    for (const { key, sizeBytes } of parts) {
      const object = await this.#storage.get(key)
      if (object === undefined || offset + sizeBytes > bytes.length) return
      bytes.set(object.bytes, offset)
      offset += sizeBytes
    }
    if (parts.length !== this.#parts || offset !== bytes.length) return
    // A segment that was deleted meanwhile stays deleted.
    if (!(await this.#isOurs())) return
    await this.#storage.put(this.key, bytes)
    for (const { key } of parts) await this.#storage.delete(key)
  }

  #inOrder(work: () => Promise<void>): Promise<void> {
    if (this.#sealed) return Promise.reject(unavailable(this.#storage.name, new Error(`the segment "${this.key}" is sealed`)))
    const done = this.#last.then(() => {
      if (this.#failure !== undefined) throw this.#failure.error
      return work()
    })
    this.#last = done.catch(() => {})
    return done
  }
}

function joined(pieces: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  let offset = 0
  for (const piece of pieces) {
    bytes.set(piece, offset)
    offset += piece.length
  }
  return bytes
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index])
}
