import { constants } from 'node:fs'

/** What `FileStorage` asks of a file system, so that a test can fail any one operation. Faults are errors with a `code`, as in Node. */
export interface FileSystem {
  open(path: string, flags: number, mode?: number): Promise<OpenFile>
  link(existing: string, path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  mkdir(path: string, mode: number): Promise<void>
  rmdir(path: string): Promise<void>
  readdir(path: string): Promise<readonly DirectoryEntry[]>
  /** Of the path itself, not of what a symbolic link points to. */
  lstat(path: string): Promise<FileStatus>
  realpath(path: string): Promise<string>
}

export interface OpenFile {
  /** One call may write less than it was given. */
  write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesWritten: number }>
  read(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
  sync(): Promise<void>
  stat(): Promise<FileStatus>
  truncate(sizeBytes: number): Promise<void>
  close(): Promise<void>
}

export interface DirectoryEntry {
  readonly name: string
  isFile(): boolean
  isDirectory(): boolean
}

export interface FileStatus {
  readonly size: number
  readonly nlink: number
  readonly mtimeMs: number
  isFile(): boolean
  isDirectory(): boolean
}

/** A final symbolic link is refused, and a pipe does not block; where the platform has no such flag it is 0. */
const guarded = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

export const openFlags: { readonly read: number; readonly create: number; readonly directory: number } = {
  read: constants.O_RDONLY | guarded,
  create: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
  directory: constants.O_RDONLY,
}
