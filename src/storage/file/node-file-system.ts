import fs from 'node:fs'
import { promisify } from 'node:util'
import { inputOutputError } from './file-faults.ts'
import type { FileSystem, OpenFile } from './file-system.ts'

const open = promisify(fs.open)
const write = promisify(fs.write)
const read = promisify(fs.read)
const fsync = promisify(fs.fsync)
const fstat = promisify(fs.fstat)
const ftruncate = promisify(fs.ftruncate)
const close = promisify(fs.close)
const mkdir = promisify(fs.mkdir)
const readdir = promisify(fs.readdir)

/**
 * The platform's file system. By its functions with callbacks: a small durable write is some ten calls, and those of `fs.promises`, with an object that watches over
 * each open file, take about twice the processor's time in this process.
 */
export const nodeFileSystem: FileSystem = {
  open: async (path, flags, mode) => new Descriptor(await open(path, flags, mode)),
  link: promisify(fs.link),
  rename: promisify(fs.rename),
  unlink: promisify(fs.unlink),
  mkdir: async (path, mode) => {
    await mkdir(path, { mode })
  },
  rmdir: promisify(fs.rmdir),
  readdir: (path) => readdir(path, { withFileTypes: true }),
  lstat: promisify(fs.lstat),
  realpath: promisify(fs.realpath.native),
}

/** An open file, until it is closed: after that its number may be another file's, so that no call may reach the system with it. */
class Descriptor implements OpenFile {
  readonly #number: number
  #isOpen = true

  constructor(number: number) {
    this.#number = number
  }

  write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesWritten: number }> {
    return this.#isOpen ? write(this.#number, bytes, offset, length, position) : closed()
  }

  read(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }> {
    return this.#isOpen ? read(this.#number, bytes, offset, length, position) : closed()
  }

  sync(): Promise<void> {
    return this.#isOpen ? fsync(this.#number) : closed()
  }

  stat(): Promise<fs.Stats> {
    return this.#isOpen ? fstat(this.#number) : closed()
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#isOpen ? ftruncate(this.#number, sizeBytes) : closed()
  }

  close(): Promise<void> {
    if (!this.#isOpen) return closed()
    this.#isOpen = false
    return close(this.#number)
  }
}

function closed(): Promise<never> {
  return Promise.reject(inputOutputError('the file has been closed'))
}
