import { dirname } from 'node:path'
import type { FileSystem, OpenFile } from './file-system.ts'
import { openFlags } from './file-system.ts'
import { removeTemporary } from './remove-temporary.ts'

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
  readonly #prepared = new Set<string>()
  /** By folder: none unless a sync has failed. */
  readonly #marks = new Map<string, readonly string[]>()

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
   * a file of the caller's is in it. One directory is opened ahead once at a time: further writers of it will most probably share a sync.
   */
  async prepare(path: string): Promise<PreparedSync> {
    const unprepared = { sync: () => this.sync(path), release: () => {} }
    if (!this.#enabled || this.#pending.has(path) || this.#prepared.has(path)) return unprepared
    this.#prepared.add(path)
    let file: OpenFile | undefined
    try {
      file = await this.#files.open(path, openFlags.directory)
    } catch {
      // Only the head start is lost.
      this.#prepared.delete(path)
      return unprepared
    }
    const take = (): OpenFile | undefined => {
      const taken = file
      file = undefined
      if (taken !== undefined) this.#prepared.delete(path)
      return taken
    }
    const release = (): void => closeInBackground(take())
    const open = async (): Promise<OpenFile> => take() ?? (await this.#files.open(path, openFlags.directory))
    return { sync: () => this.#sync(path, open).finally(release), release }
  }

  /** A temporary that tells readers of a name that may not be durable: it goes with the next sync of its folder that succeeds, by whomever of this store. */
  removeOnceSynced(temporary: string): void {
    const folder = dirname(temporary)
    this.#marks.set(folder, [...(this.#marks.get(folder) ?? []), temporary])
  }

  #sync(path: string, open: () => Promise<OpenFile>): Promise<void> {
    const pending = this.#pending.get(path)
    if (pending === undefined) return this.#start(path, open)
    // Whether the one under way began before or after our change, nobody knows; the one after it surely begins later.
    pending.next ??= pending.started.catch(() => {}).then(() => this.#start(path, open))
    return pending.next
  }

  #start(path: string, open: () => Promise<OpenFile>): Promise<void> {
    const started = this.#fsync(path, open)
    const pending: Pending = { started, next: undefined }
    this.#pending.set(path, pending)
    const end = (): void => {
      if (pending.next === undefined && this.#pending.get(path) === pending) this.#pending.delete(path)
    }
    started.then(end, end)
    return started
  }

  async #fsync(path: string, open: () => Promise<OpenFile>): Promise<void> {
    if (!this.#enabled) return
    const file = await open()
    // Those that were there before the sync began.
    const marks = this.#marks.get(path)
    try {
      await file.sync()
    } finally {
      closeInBackground(file)
    }
    if (marks === undefined) return
    const later = (this.#marks.get(path) ?? []).filter((mark) => !marks.includes(mark))
    if (later.length > 0) this.#marks.set(path, later)
    else this.#marks.delete(path)
    for (const mark of marks) await removeTemporary(this.#files, mark)
  }
}

/** Nothing depends on it. */
function closeInBackground(file: OpenFile | undefined): void {
  file?.close().catch(() => {})
}
