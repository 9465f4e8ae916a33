import { constants } from 'node:fs'
import type { DirectoryEntry, FileStatus, FileSystem, OpenFile } from '../../../src/storage/file/file-system.ts'

/** A file or a directory. What is durable of it is not here: it follows from the steps that were recorded. */
export type Node = FileNode | DirectoryNode
export interface FileNode {
  readonly kind: 'file'
  readonly id: number
  bytes: Uint8Array
  links: number
  mtimeMs: number
}
export interface DirectoryNode {
  readonly kind: 'directory'
  readonly id: number
  readonly entries: Map<string, Node>
  mtimeMs: number
}

/** A name of a directory that an operation sets, or takes away. */
export interface NameChange {
  readonly directory: number
  readonly name: string
  readonly node: Node | undefined
}

/** What the platter may see of one operation. An operation's changes of names are kept or lost together. */
export type Step =
  | { readonly type: 'names'; readonly operation: string; readonly changes: readonly NameChange[] }
  | { readonly type: 'data'; readonly file: number; readonly bytes: Uint8Array }
  | { readonly type: 'sync-file'; readonly file: number }
  | { readonly type: 'sync-directory'; readonly directory: number }

/** A tree as it is found when the power is back. */
export type Tree = { readonly bytes: Uint8Array } | { readonly entries: ReadonlyMap<string, Tree> }

/**
 * A file system in memory that behaves as POSIX says while the power is on and records each operation as what it changes, so that
 * `crash-states.ts` can say what may be left of it.
 */
export class ModelledFiles {
  readonly steps: Step[] = []
  /** False for a file system without hard links. */
  links = true
  /** Called before each operation: lets a scheduler choose who goes on, or a kill stop the caller for ever. */
  turn: (operation: string) => Promise<void> | undefined = () => undefined
  /** Milliseconds since 1970; one passes with each operation. */
  nowMs = 1_800_000_000_000
  #nextId = 1
  readonly root: DirectoryNode

  /** What the tree holds is durable. */
  constructor(tree: Tree = { entries: new Map() }) {
    const root = this.#load(tree)
    if (root.kind !== 'directory') throw new TypeError('the root is a directory')
    this.root = root
  }

  /** For one process: what it does goes through its own `turn`, where it is given one. */
  filesFor(turn?: (operation: string) => Promise<void> | undefined): FileSystem {
    const before = async (operation: string): Promise<void> => {
      await (turn ?? this.turn)(operation)
      this.nowMs++
    }
    const on = async <Result>(operation: string, work: () => Result): Promise<Result> => {
      await before(operation)
      return work()
    }
    return {
      open: (path, flags) => on('open', () => this.#open(path, flags, on)),
      link: (existing, path) => on('link', () => this.#link(existing, path)),
      rename: (from, to) => on('rename', () => this.#rename(from, to)),
      unlink: (path) => on('unlink', () => this.#unlink(path)),
      mkdir: (path) => on('mkdir', () => this.#mkdir(path)),
      rmdir: (path) => on('rmdir', () => this.#rmdir(path)),
      readdir: (path) => on('readdir', () => [...this.#directory(path).entries].map(([name, node]) => entryOf(name, node))),
      lstat: (path) => on('lstat', () => statusOf(this.#node(path))),
      realpath: (path) =>
        on('realpath', () => {
          this.#node(path)
          return path
        }),
    }
  }

  get files(): FileSystem {
    return this.filesFor()
  }

  /** All paths, files and directories. */
  paths(): string[] {
    const found: string[] = []
    const walk = (directory: DirectoryNode, path: string): void => {
      for (const [name, node] of directory.entries) {
        found.push(`${path}/${name}`)
        if (node.kind === 'directory') walk(node, `${path}/${name}`)
      }
    }
    walk(this.root, '')
    return found
  }

  #load(tree: Tree): Node {
    const id = this.#nextId++
    if ('bytes' in tree) {
      this.#record({ type: 'data', file: id, bytes: tree.bytes })
      this.#record({ type: 'sync-file', file: id })
      return { kind: 'file', id, bytes: tree.bytes, links: 1, mtimeMs: this.nowMs }
    }
    const directory: DirectoryNode = { kind: 'directory', id, entries: new Map(), mtimeMs: this.nowMs }
    for (const [name, child] of tree.entries) this.#names('load', { parent: directory, name, node: this.#load(child) })
    this.#record({ type: 'sync-directory', directory: id })
    return directory
  }

  #record(step: Step): void {
    this.steps.push(step)
  }

  #names(operation: string, ...changes: readonly { readonly parent: DirectoryNode; readonly name: string; readonly node?: Node }[]): void {
    for (const { parent, name, node } of changes) {
      if (node === undefined) parent.entries.delete(name)
      else parent.entries.set(name, node)
      parent.mtimeMs = this.nowMs
    }
    this.#record({
      type: 'names',
      operation,
      changes: changes.map(({ parent, name, node }) => ({ directory: parent.id, name, node })),
    })
  }

  #node(path: string): Node {
    let node: Node = this.root
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (node.kind !== 'directory') throw fault('ENOTDIR', path)
      const next = node.entries.get(name)
      if (next === undefined) throw fault('ENOENT', path)
      node = next
    }
    return node
  }

  #directory(path: string): DirectoryNode {
    const node = this.#node(path)
    if (node.kind !== 'directory') throw fault('ENOTDIR', path)
    return node
  }

  #place(path: string): { readonly parent: DirectoryNode; readonly name: string; readonly node: Node | undefined } {
    const slash = path.lastIndexOf('/')
    const parent = this.#directory(path.slice(0, slash))
    const name = path.slice(slash + 1)
    return { parent, name, node: parent.entries.get(name) }
  }

  #open(path: string, flags: number, on: <Result>(operation: string, work: () => Result) => Promise<Result>): OpenFile {
    if ((flags & constants.O_CREAT) === 0) return this.#handle(this.#node(path), on)
    const { parent, name, node } = this.#place(path)
    if (node !== undefined) throw fault('EEXIST', path)
    const file: FileNode = { kind: 'file', id: this.#nextId++, bytes: new Uint8Array(0), links: 1, mtimeMs: this.nowMs }
    this.#names('create', { parent, name, node: file })
    return this.#handle(file, on)
  }

  #handle(node: Node, on: <Result>(operation: string, work: () => Result) => Promise<Result>): OpenFile {
    const fileOf = (): FileNode => {
      if (node.kind === 'file') return node
      throw fault('EISDIR', '')
    }
    const change = (bytes: Uint8Array): void => {
      const file = fileOf()
      file.bytes = bytes
      file.mtimeMs = this.nowMs
      this.#record({ type: 'data', file: file.id, bytes })
    }
    return {
      write: (bytes, offset, length, position) =>
        on('write', () => {
          const { bytes: old } = fileOf()
          const grown = new Uint8Array(Math.max(old.length, position + length))
          grown.set(old)
          grown.set(bytes.subarray(offset, offset + length), position)
          change(grown)
          return { bytesWritten: length }
        }),
      read: (bytes, offset, length, position) =>
        on('read', () => {
          const part = fileOf().bytes.subarray(position, position + length)
          bytes.set(part, offset)
          return { bytesRead: part.length }
        }),
      sync: () =>
        on(node.kind === 'file' ? 'sync' : 'sync-directory', () => {
          if (node.kind === 'file') this.#record({ type: 'sync-file', file: node.id })
          else this.#record({ type: 'sync-directory', directory: node.id })
        }),
      stat: () => on('stat', () => statusOf(node)),
      truncate: (sizeBytes) => on('truncate', () => change(fileOf().bytes.slice(0, sizeBytes))),
      close: () => on('close', () => {}),
    }
  }

  #link(existing: string, path: string): void {
    const node = this.#node(existing)
    if (!this.links || node.kind !== 'file') throw fault('EPERM', existing)
    const place = this.#place(path)
    if (place.node !== undefined) throw fault('EEXIST', path)
    node.links++
    this.#names('link', { ...place, node })
  }

  #unlink(path: string): void {
    const { parent, name, node } = this.#place(path)
    if (node === undefined) throw fault('ENOENT', path)
    if (node.kind === 'directory') throw fault('EISDIR', path)
    node.links--
    this.#names('unlink', { parent, name })
  }

  #rename(from: string, to: string): void {
    const source = this.#place(from)
    const target = this.#place(to)
    const { node } = source
    if (node === undefined) throw fault('ENOENT', from)
    if (node === target.node) return
    if (target.node?.kind === 'directory') {
      if (node.kind === 'file') throw fault('EISDIR', to)
      if (target.node.entries.size > 0) throw fault('ENOTEMPTY', to)
    } else if (target.node !== undefined) {
      if (node.kind === 'directory') throw fault('ENOTDIR', to)
      target.node.links--
    }
    this.#names('rename', { parent: source.parent, name: source.name }, { parent: target.parent, name: target.name, node })
  }

  #mkdir(path: string): void {
    const { parent, name, node } = this.#place(path)
    if (node !== undefined) throw fault('EEXIST', path)
    const directory: DirectoryNode = { kind: 'directory', id: this.#nextId++, entries: new Map(), mtimeMs: this.nowMs }
    this.#names('mkdir', { parent, name, node: directory })
  }

  #rmdir(path: string): void {
    const { parent, name, node } = this.#place(path)
    if (node === undefined) throw fault('ENOENT', path)
    if (node.kind === 'file') throw fault('ENOTDIR', path)
    if (node.entries.size > 0) throw fault('ENOTEMPTY', path)
    this.#names('rmdir', { parent, name })
  }
}

function fault(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}

function statusOf(node: Node): FileStatus {
  const [size, nlink] = node.kind === 'file' ? [node.bytes.length, node.links] : [0, 1]
  return { size, nlink, mtimeMs: node.mtimeMs, isFile: () => node.kind === 'file', isDirectory: () => node.kind === 'directory' }
}

function entryOf(name: string, node: Node): DirectoryEntry {
  return { name, isFile: () => node.kind === 'file', isDirectory: () => node.kind === 'directory' }
}
