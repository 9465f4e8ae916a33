/**
 * An index over the entries of a log that is kept in those very entries: a persistent trie. Each indexed entry holds the nodes on the way from the
 * root to itself, copied from the entry that was the newest before it, and points at older entries for all other ways; the newest entry is the root.
 *
 * So a look-up reads as many entries as the trie is deep, 4 among 10,000 keys and 6 among 10 million, an entry grows by one small node
 * for every sixteenfold of keys, nothing is written beside the entry, and the index can never disagree with the log.
 *
 * Source: path copying (Driscoll et al., "Making data structures persistent", 1989) of a trie with 16 ways (Fredkin, "Trie memory", 1960).
 */

/** Sixteen generations, one a digit of the key: the newest entry on that way; 0: none, or the entry that holds the node. */
export type IndexNode = readonly number[]

/** An entry of the log as the index sees it. */
export interface IndexedEntry {
  readonly generation: number
  /** Hexadecimal digits; no key is the beginning of another. */
  readonly key: string
  readonly nodes: readonly IndexNode[]
}

/** Reads the indexed entry of a generation. */
export type LoadIndexed = (generation: number) => Promise<IndexedEntry>

/** The newest entry with the key, as of the entry `root`; null is the root of an empty index. */
export async function findIndexed(root: number | null, key: string, load: LoadIndexed): Promise<IndexedEntry | undefined> {
  let entry = root === null ? undefined : await load(root)
  for (let depth = 0; entry !== undefined; depth++) {
    const node: IndexNode | undefined = entry.nodes[depth]
    if (node === undefined) return entry.key === key ? entry : undefined
    if (key[depth] === entry.key[depth]) continue
    const next = node[digitAt(key, depth)] ?? 0
    entry = next === 0 ? undefined : await load(next)
  }
  return undefined
}

/** The nodes that the next entry must hold to be found under the key, and all others still under theirs. */
export async function indexNodes(root: number | null, key: string, load: LoadIndexed): Promise<readonly IndexNode[]> {
  const nodes: number[][] = []
  let entry = root === null ? undefined : await load(root)
  // As deep as the two keys agree, where the way ends at another one's entry.
  for (let depth = 0; entry !== undefined && (depth < entry.nodes.length || entry.key !== key); depth++) {
    const node = [...(entry.nodes[depth] ?? emptyNode)]
    const digit = digitAt(key, depth)
    const isShared = key[depth] === entry.key[depth]
    node[digitAt(entry.key, depth)] = entry.generation
    const next = node[digit] ?? 0
    // Its own way is the entry itself, which does not know its generation before it is written.
    node[digit] = 0
    nodes.push(node)
    if (!isShared) entry = next === 0 ? undefined : await load(next)
  }
  return nodes
}

/** The key of a version: its digits, the lowest first, so that neighbours part at the root. */
export function versionKey(version: number): string {
  return [...version.toString(16).padStart(14, '0')].reverse().join('')
}

const emptyNode: IndexNode = Array.from({ length: 16 }, () => 0)

function digitAt(key: string, depth: number): number {
  return Number.parseInt(key[depth] ?? '0', 16)
}
