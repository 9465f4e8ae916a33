import { throwIfAborted } from '../../core/abort.ts'
import type { StoredEntry } from '../adapter.ts'
import { unavailable } from '../faults.ts'
import { assertKey, isKeySegment } from '../key.ts'
import type { S3Client } from './client.ts'
import type { ListedObject } from './list-page.ts'
import { listPage, pageSize } from './list-page.ts'
import type { S3ListOrder } from './options.ts'

export interface ListOptions {
  /** Of whole segments, without a slash at its end. */
  readonly prefix: string
  readonly after?: string | undefined
  readonly limit: number
  readonly order: S3ListOrder
  readonly signal?: AbortSignal | undefined
}

interface Listing {
  readonly client: S3Client
  readonly signal: AbortSignal | undefined
  /** How many entries are still wanted. */
  left: number
}

/**
 * Entries in the order of their keys' bytes, whatever the order of the server, in the memory of one page (for a server that lists by segments: one for each
 * folder on the way down). Objects whose keys are none of ours are left out.
 */
export async function* listObjects(client: S3Client, options: ListOptions): AsyncGenerator<StoredEntry, void, undefined> {
  const { prefix, after, limit, order, signal } = options
  const folder = prefix === '' ? '' : `${prefix}/`
  // Keys below it are behind `after`, or before it, or `after` is among them.
  if (after !== undefined && after > folder && !after.startsWith(folder)) return
  const relative = after === undefined || after <= folder ? undefined : after.slice(folder.length)
  const listing: Listing = { client, signal, left: limit }
  const entries = order === 'bytes' ? inByteOrder(listing, folder, relative) : bySegments(listing, folder, relative)
  if (limit === 0) return
  for await (const entry of entries) {
    throwIfAborted(signal)
    listing.left--
    yield entry
    throwIfAborted(signal)
    if (listing.left <= 0) return
  }
}

async function* inByteOrder(listing: Listing, folder: string, after: string | undefined): AsyncGenerator<StoredEntry, void, undefined> {
  const { client, signal } = listing
  const prefix = client.settings.prefix + folder
  let last = after === undefined ? '' : prefix + after
  let token: string | undefined
  do {
    const startAfter = after === undefined ? undefined : prefix + after
    const page = await listPage(client, { prefix, startAfter, token, maxKeys: Math.min(pageSize, listing.left), signal })
    for (const object of page.objects) {
      if (object.key <= last) {
        // A server that counts what it was asked to leave out.
        if (after !== undefined && object.key <= prefix + after) continue
        throw outOfOrder(client)
      }
      last = object.key
      const entry = entryOf(client, object)
      if (entry !== undefined) yield entry
    }
    token = page.next
  } while (token !== undefined)
}

/**
 * For servers that list folder by folder. Within a folder they sort names, `a` before `a-b`; by bytes `a-b` comes before `a/x`. So a folder is held back until no
 * name can come that sorts before it with its slash. Those held are each the beginning of the next, so they are few.
 */
async function* bySegments(listing: Listing, folder: string, after: string | undefined): AsyncGenerator<StoredEntry, void, undefined> {
  const slash = after?.indexOf('/') ?? -1
  const first = after === undefined || slash === -1 ? after : after.slice(0, slash)
  const rest = slash === -1 ? undefined : after?.slice(slash + 1)
  const held = first === undefined ? [] : [...foldersBehind(first), first]
  const open = (name: string): AsyncGenerator<StoredEntry, void, undefined> =>
    bySegments(listing, `${folder}${name}/`, name === first ? rest : undefined)
  for await (const item of namesIn(listing, folder, first)) {
    // `a-b` after `a/x`: its name sorts behind `a`, its keys before `after`.
    if (rest !== undefined && isBetween(item.name, first as string)) continue
    for (let top = held.at(-1); top !== undefined && !isBetween(item.name, top); top = held.at(-1)) {
      held.pop()
      yield* open(top)
    }
    if (item.object === undefined) held.push(item.name)
    else {
      const entry = entryOf(listing.client, item.object)
      if (entry !== undefined) yield entry
    }
  }
  for (let top = held.pop(); top !== undefined; top = held.pop()) yield* open(top)
}

/** Folders whose names sort before this one and whose keys sort behind it: `a` for `a-b`. They may not be there. */
function foldersBehind(name: string): readonly string[] {
  const names: string[] = []
  for (let end = 1; end < name.length; end++) {
    const start = name.slice(0, end)
    if ((name[end] as string) < '/' && isKeySegment(start)) names.push(start)
  }
  return names
}

/** True where a name sorts behind a folder's name and before the folder's keys, or is the same. */
function isBetween(name: string, folder: string): boolean {
  return name.startsWith(folder) && (name.length === folder.length || (name[folder.length] as string) < '/')
}

interface Named {
  readonly name: string
  /** Undefined for a folder. */
  readonly object?: ListedObject
}

/** What is directly in a folder, sorted by name, behind `after`. */
async function* namesIn(listing: Listing, folder: string, after: string | undefined): AsyncGenerator<Named, void, undefined> {
  const { client, signal } = listing
  const prefix = client.settings.prefix + folder
  const startAfter = after === undefined ? undefined : prefix + after
  let last = after ?? ''
  let token: string | undefined
  do {
    const page = await listPage(client, { prefix, startAfter, token, delimiter: '/', maxKeys: pageSize, signal })
    const objects: Named[] = page.objects.map((object) => ({ name: object.key.slice(prefix.length), object }))
    const folders: Named[] = page.folders.map((path) => ({ name: path.slice(prefix.length, -1) }))
    const names = [...objects, ...folders].filter(({ name }) => isKeySegment(name) && (after === undefined || name > after))
    for (const item of names.sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0))) {
      if (item.name < last) throw outOfOrder(client)
      last = item.name
      yield item
    }
    token = page.next
  } while (token !== undefined)
}

/** Undefined for an object that is not ours: a marker of a folder, a name in capitals. */
function entryOf(client: S3Client, object: ListedObject): StoredEntry | undefined {
  const key = client.ownKey(object.key)
  try {
    assertKey(key)
  } catch {
    return undefined
  }
  return { key, sizeBytes: object.sizeBytes, modifiedAt: object.modifiedAt }
}

function outOfOrder(client: S3Client): Error {
  return unavailable(
    client.settings.name,
    new Error('a listing that is sorted neither by bytes nor by segments, or not as `listOrder` says'),
  )
}
