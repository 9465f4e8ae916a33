import type { Random } from '../../../src/core/random.ts'
import type { DirectoryNode, NameChange, Node, Step, Tree } from './modelled-files.ts'

/**
 * The states in which a file system may be found after the power went. The model, and what it rests on:
 *
 * - Data of a file that was not synced since may be there in full, in half, as zeros of the right length, or not at all. Data that was synced is there.
 * - Changes of names are kept or lost each for itself, in any combination, until every directory that they touch was synced: no order is
 *   assumed among them, not even within one directory, which is weaker than ext4, xfs, btrfs and APFS are. Those of one operation (a rename)
 *   are kept or lost together.
 * - Syncing a file syncs no name of it, and syncing a directory neither the data of its files nor its own name in its parent.
 * - A sync that returned did what it says: disks that lie about it are outside of the model, as is rot of bytes that were synced (row 14).
 *
 * Source: Pillai et al., All File Systems Are Not Created Equal (ALICE), OSDI 2014, whose abstract persistence model this is with sync as its
 * only order; SQLite, Atomic Commit In SQLite, section 9, and its crash tests, for torn and zero pages.
 */
export interface CrashState {
  readonly tree: Tree
  /** What was lost, for a message. */
  readonly lost: string
}

interface Content {
  durable: Uint8Array
  volatile: Uint8Array
}

const nothing = new Uint8Array(0)
const dataStates = ['full', 'torn', 'zero', 'empty'] as const

/**
 * All states after the first `length` steps, or where there are more than `limit`: those in which all is lost and all is kept, and
 * as many as the limit leaves room for in which one thing is kept, one is lost, or each is as it falls.
 */
export function* crashStates(
  root: DirectoryNode,
  steps: readonly Step[],
  length: number,
  options: { readonly limit: number; readonly random: Random },
): Generator<CrashState> {
  const written = replay(steps, length)
  const { pending, unsynced } = written
  const total = 2 ** pending.length * dataStates.length ** unsynced.length
  const make = (kept: (index: number) => boolean, data: (index: number) => number): CrashState => stateOf(root, written, kept, data)
  if (total <= options.limit) {
    for (let choice = 0; choice < total; choice++) {
      const names = choice % 2 ** pending.length
      const data = Math.floor(choice / 2 ** pending.length)
      yield make(
        (index) => ((names >> index) & 1) === 1,
        (index) => Math.floor(data / 4 ** index) % 4,
      )
    }
    return
  }
  const { random } = options
  const chosen = (state?: number): ((index: number) => number) => {
    const data = unsynced.map(() => state ?? random.int(dataStates.length))
    return (index) => data[index] ?? 0
  }
  yield make(() => false, chosen(3))
  yield make(() => true, chosen(0))
  for (let count = 2; count < options.limit; count++) {
    const one = random.int(pending.length)
    if (count % 3 === 0) yield make((index) => index === one, chosen())
    else if (count % 3 === 1) yield make((index) => index !== one, chosen())
    else {
      const kept = pending.map(() => random.next() < 0.5)
      yield make((index) => kept[index] === true, chosen())
    }
  }
}

interface Written {
  readonly names: readonly NameStep[]
  /** Those of the names that may be lost. */
  readonly pending: readonly NameStep[]
  readonly contents: ReadonlyMap<number, Content>
  readonly unsynced: readonly Content[]
}

interface NameStep {
  readonly operation: string
  readonly changes: readonly NameChange[]
  /** The directories that must still be synced before it is sure. */
  readonly left: Set<number>
}

/** What is sure, and what is not yet. */
function replay(steps: readonly Step[], length: number): Written {
  const names: NameStep[] = []
  const contents = new Map<number, Content>()
  for (let index = 0; index < length; index++) {
    const step = steps[index] as Step
    if (step.type === 'names') names.push({ ...step, left: new Set(step.changes.map(({ directory }) => directory)) })
    else if (step.type === 'sync-directory') for (const change of names) change.left.delete(step.directory)
    else {
      const content = contents.get(step.file) ?? { durable: nothing, volatile: nothing }
      contents.set(step.file, content)
      if (step.type === 'data') content.volatile = step.bytes
      else content.durable = content.volatile
    }
  }
  const pending = names.filter(({ left }) => left.size > 0)
  return { names, pending, contents, unsynced: [...contents.values()].filter(({ durable, volatile }) => durable !== volatile) }
}

function stateOf(root: DirectoryNode, written: Written, kept: (index: number) => boolean, data: (index: number) => number): CrashState {
  const lostNames = new Set(written.pending.filter((_, index) => !kept(index)))
  const directories = new Map<number, Map<string, Node>>()
  for (const step of written.names) {
    if (lostNames.has(step)) continue
    for (const { directory, name, node } of step.changes) {
      const entries = directories.get(directory) ?? new Map<string, Node>()
      directories.set(directory, entries)
      if (node === undefined) entries.delete(name)
      else entries.set(name, node)
    }
  }
  const states = new Map(written.unsynced.map((content, index) => [content, dataStates[data(index)] ?? 'full']))
  const build = (node: Node): Tree => {
    if (node.kind === 'file') {
      const content = written.contents.get(node.id)
      return { bytes: content === undefined ? nothing : contentOf(content, states.get(content) ?? 'full') }
    }
    return { entries: new Map([...(directories.get(node.id) ?? [])].map(([name, child]) => [name, build(child)])) }
  }
  const lost = [...lostNames].map(({ operation, changes }) => `${operation} ${changes.at(-1)?.name}`)
  return { tree: build(root), lost: [...lost, ...[...states.values()].map((state) => `data ${state}`)].join(', ') || 'nothing' }
}

function contentOf({ durable, volatile }: Content, state: (typeof dataStates)[number]): Uint8Array {
  if (state === 'full') return volatile
  if (state === 'empty') return durable
  const common = Math.min(durable.length, volatile.length)
  if (state === 'torn') return volatile.slice(0, common + Math.floor((volatile.length - common) / 2))
  return new Uint8Array(volatile).fill(0, common)
}

/** Equal for equal trees: so that a state which many losses lead to is looked at once. */
export function fingerprint(tree: Tree): string {
  if ('bytes' in tree) return `"${Buffer.from(tree.bytes).toString('latin1')}"`
  const names = [...tree.entries.keys()].sort()
  return `{${names.map((name) => `${name}:${fingerprint(tree.entries.get(name) as Tree)}`).join(',')}}`
}
