import type { FileSystem } from './file-system.ts'
import { openFlags } from './file-system.ts'

interface Pending {
  readonly started: Promise<void>
  next: Promise<void> | undefined
}

/**
 * Makes changes of a directory durable. Those that are asked for while one is under way share the next: it begins after all of their changes
 * were made, so it covers them, and many writers into one directory cost a few fsyncs instead of one each.
 */
export class DirectorySync {
  readonly #files: FileSystem
  readonly #enabled: boolean
  readonly #pending = new Map<string, Pending>()

  constructor(files: FileSystem, enabled: boolean) {
    this.#files = files
    this.#enabled = enabled
  }

  /** Every change that was made in the directory before the call is durable when it resolves. */
  sync(path: string): Promise<void> {
    const pending = this.#pending.get(path)
    if (pending === undefined) return this.#start(path)
    // Whether the one under way began before or after our change, nobody knows; the one after it surely begins later.
    pending.next ??= pending.started.catch(() => {}).then(() => this.#start(path))
    return pending.next
  }

  #start(path: string): Promise<void> {
    const started = this.#fsync(path)
    const pending: Pending = { started, next: undefined }
    this.#pending.set(path, pending)
    const end = (): void => {
      if (pending.next === undefined && this.#pending.get(path) === pending) this.#pending.delete(path)
    }
    started.then(end, end)
    return started
  }

  async #fsync(path: string): Promise<void> {
    if (!this.#enabled) return
    const handle = await this.#files.open(path, openFlags.directory)
    try {
      await handle.sync()
    } finally {
      // Nothing depends on it.
      handle.close().catch(() => {})
    }
  }
}
