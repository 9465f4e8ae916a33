import type { FileSystem, OpenFile } from 'millrace/storage/file'
import { nodeFileSystem } from '../../../src/storage/file/node-file-system.ts'

export interface FileFault {
  /** Whether the operation takes effect before it fails, as when a reply is lost on the way. */
  readonly applied: boolean
  readonly code: string
}

/** The platform's file system with one operation that fails, or with a fault of a kind. */
export class FaultyFiles {
  operations: string[] = []
  /** Fails the operation with this number, 1 for the first; 0 for none. */
  failAt = 0
  fault: FileFault = { applied: false, code: 'EIO' }
  /** Fails operations of this name as long as it is set. */
  failing: { readonly operation: string; readonly fault: FileFault } | undefined
  /** One call writes at most so many bytes. */
  writeAtMost: number = Number.POSITIVE_INFINITY

  /** False for a file system without hard links. */
  links = true

  readonly files: FileSystem = {
    open: async (path, flags, mode) => this.#file(await this.#run('open', () => nodeFileSystem.open(path, flags, mode))),
    link: (existing, path) =>
      this.#run('link', () => {
        if (this.links) return nodeFileSystem.link(existing, path)
        throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' })
      }),
    rename: (from, to) => this.#run('rename', () => nodeFileSystem.rename(from, to)),
    unlink: (path) => this.#run('unlink', () => nodeFileSystem.unlink(path)),
    mkdir: (path, mode) => this.#run('mkdir', () => nodeFileSystem.mkdir(path, mode)),
    rmdir: (path) => this.#run('rmdir', () => nodeFileSystem.rmdir(path)),
    readdir: (path) => this.#run('readdir', () => nodeFileSystem.readdir(path)),
    lstat: (path) => this.#run('lstat', () => nodeFileSystem.lstat(path)),
    realpath: (path) => this.#run('realpath', () => nodeFileSystem.realpath(path)),
  }

  reset(): void {
    this.operations = []
    this.failAt = 0
    this.failing = undefined
  }

  #file(file: OpenFile): OpenFile {
    return {
      write: (bytes, offset, length, position) =>
        this.#run('write', () => file.write(bytes, offset, Math.min(length, this.writeAtMost), position)),
      read: (bytes, offset, length, position) => this.#run('read', () => file.read(bytes, offset, length, position)),
      sync: () => this.#run('sync', () => file.sync()),
      stat: () => this.#run('stat', () => file.stat()),
      truncate: (sizeBytes) => this.#run('truncate', () => file.truncate(sizeBytes)),
      // A descriptor is released even where close reports a fault.
      close: () => this.#run('close', () => file.close(), true),
    }
  }

  async #run<Result>(operation: string, work: () => Promise<Result>, always = false): Promise<Result> {
    this.operations.push(operation)
    const fault =
      this.operations.length === this.failAt ? this.fault : this.failing?.operation === operation ? this.failing.fault : undefined
    if (fault === undefined) return await work()
    if (fault.applied || always) {
      const result = await work()
      // What opened a file and then failed must not leak it.
      if (operation === 'open') await (result as OpenFile).close()
    }
    throw Object.assign(new Error(`${fault.code}: injected fault, ${operation}`), { code: fault.code })
  }
}
