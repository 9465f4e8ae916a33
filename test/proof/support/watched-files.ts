import { nodeFileSystem } from '../../../src/storage/file/node-file-system.ts'
import type { FileSystem, OpenFile } from '../../../src/storage/file.ts'

export interface FileOperation {
  /** 1 for the first. */
  readonly index: number
  readonly name: string
  /** Of `link` and `rename`, the new one. */
  readonly path: string
}

export type Side = 'before' | 'after'

/** The platform's file system, with somebody who is told of each operation before it is begun and after it was done, and whom it waits for. */
export class WatchedFiles implements FileSystem {
  readonly #watch: (operation: FileOperation, side: Side) => void | Promise<void>
  readonly #open = new Set<OpenFile>()
  #operations = 0
  #isClosed = false

  constructor(watch: (operation: FileOperation, side: Side) => void | Promise<void>) {
    this.#watch = watch
  }

  get operations(): number {
    return this.#operations
  }

  async #do<Result>(name: string, path: string, work: () => Promise<Result>): Promise<Result> {
    this.#operations++
    const operation = { index: this.#operations, name, path }
    await this.#watch(operation, 'before')
    try {
      return await work()
    } finally {
      // One that failed was done, too: that a file is not there is an answer.
      await this.#watch(operation, 'after')
    }
  }

  async open(path: string, flags: number, mode?: number): Promise<OpenFile> {
    const file = await this.#do('open', path, async () => {
      const opened = await nodeFileSystem.open(path, flags, mode)
      // What was under way when the others were closed.
      if (this.#isClosed) await opened.close()
      else this.#open.add(opened)
      return opened
    })
    return {
      write: (bytes, offset, length, position) => this.#do('write', path, () => file.write(bytes, offset, length, position)),
      read: (bytes, offset, length, position) => this.#do('read', path, () => file.read(bytes, offset, length, position)),
      sync: () => this.#do('sync', path, () => file.sync()),
      stat: () => this.#do('stat', path, () => file.stat()),
      truncate: (sizeBytes) => this.#do('truncate', path, () => file.truncate(sizeBytes)),
      close: () =>
        this.#do('close', path, async () => {
          this.#open.delete(file)
          await file.close()
        }),
    }
  }

  /** What the end of a process does, where the process goes on. */
  async closeAll(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#open].map((file) => file.close()))
    this.#open.clear()
  }

  link: FileSystem['link'] = (existing, path) => this.#do('link', path, () => nodeFileSystem.link(existing, path))
  rename: FileSystem['rename'] = (from, to) => this.#do('rename', to, () => nodeFileSystem.rename(from, to))
  unlink: FileSystem['unlink'] = (path) => this.#do('unlink', path, () => nodeFileSystem.unlink(path))
  mkdir: FileSystem['mkdir'] = (path, mode) => this.#do('mkdir', path, () => nodeFileSystem.mkdir(path, mode))
  rmdir: FileSystem['rmdir'] = (path) => this.#do('rmdir', path, () => nodeFileSystem.rmdir(path))
  readdir: FileSystem['readdir'] = (path) => this.#do('readdir', path, () => nodeFileSystem.readdir(path))
  lstat: FileSystem['lstat'] = (path) => this.#do('lstat', path, () => nodeFileSystem.lstat(path))
  realpath: FileSystem['realpath'] = (path) => this.#do('realpath', path, () => nodeFileSystem.realpath(path))
}

/** Stops at one side of an operation as a process that is killed there: from then on nothing is done any more, and nothing returns. */
export function crashingFiles(isReached: (operation: FileOperation) => boolean, side: Side, onCrash: () => void = () => {}): WatchedFiles {
  let isOver = false
  return new WatchedFiles((operation, at) => {
    if (!isOver && at === side && isReached(operation)) {
      isOver = true
      onCrash()
    }
    return isOver ? new Promise(() => {}) : undefined
  })
}

/** Stops its own process by SIGSTOP at one side of an operation, the first time that it is reached; SIGCONT lets it go on. */
export function suspendingFiles(isReached: (operation: FileOperation) => boolean, side: Side): WatchedFiles {
  let isOver = false
  return new WatchedFiles((operation, at) => {
    if (isOver || at !== side || !isReached(operation)) return
    isOver = true
    process.kill(process.pid, 'SIGSTOP')
  })
}

/** The operation that gives an entry of a model's log its name, for others to see. */
export function isCommit({ name, path }: FileOperation): boolean {
  return name === 'link' && /\/models\/[^/]+\/log\/\d{16}$/.test(path)
}
