import type { FileSystem, OpenFile } from './file-system.ts'
import { openFlags } from './file-system.ts'

interface Pending {
  readonly started: Promise<void>
  next: Promise<void> | undefined
}

/** A directory that was opened ahead of its sync. */
export interface PreparedSync {
  /** As {@link DirectorySync.sync}. */
  sync(): Promise<void>
  /** For one that is not synced after all; else it changes nothing. */
  release(): void
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
    return this.#sync(path, () => this.#files.open(path, openFlags.directory))
  }

  /**
   * Opens the directory now, so that a write need not wait for that between its last step and the sync. It must stay what the path names until then, as it does while
   * a file of the caller's is in it.
   */
  async prepare(path: string): Promise<PreparedSync> {
    // Most probably the sync will be shared.
    if (!this.#enabled || this.#pending.has(path)) return { sync: () => this.sync(path), release: () => {} }
    let file: OpenFile | undefined = await this.#files.open(path, openFlags.directory)
    const take = (): OpenFile | undefined => {
      const taken = file
      file = undefined
      return taken
    }
    const release = (): void => closeInBackground(take())
    const open = async (): Promise<OpenFile> => take() ?? (await this.#files.open(path, openFlags.directory))
    return { sync: () => this.#sync(path, open).finally(release), release }
  }

  #sync(path: string, open: () => Promise<OpenFile>): Promise<void> {
    const pending = this.#pending.get(path)
    if (pending === undefined) return this.#start(path, open)
    // Whether the one under way began before or after our change, nobody knows; the one after it surely begins later.
    pending.next ??= pending.started.catch(() => {}).then(() => this.#start(path, open))
    return pending.next
  }

  #start(path: string, open: () => Promise<OpenFile>): Promise<void> {
    const started = this.#fsync(open)
    const pending: Pending = { started, next: undefined }
    this.#pending.set(path, pending)
    const end = (): void => {
      if (pending.next === undefined && this.#pending.get(path) === pending) this.#pending.delete(path)
    }
    started.then(end, end)
    return started
  }

  async #fsync(open: () => Promise<OpenFile>): Promise<void> {
    if (!this.#enabled) return
    const file = await open()
    try {
      await file.sync()
    } finally {
      closeInBackground(file)
    }
  }
}

/** Nothing depends on it. */
function closeInBackground(file: OpenFile | undefined): void {
  file?.close().catch(() => {})
}
