import type { ByteRange, StorageAdapter, StoredObject } from './adapter.ts'

/**
 * Where blobs lie. A copy that a collector has chosen is marked first, for good, and its key is never relied on again: content that comes again
 * gets the next copy's key. Copies are numbered from 0, and so the marked ones of a blob are the first of them without a gap.
 */

interface Options {
  readonly signal?: AbortSignal
}

/** Which copy of a blob: its content, or the list of chunks that stands for content above 8 MB. */
export interface CopyName {
  readonly digest: string
  readonly copy: number
  readonly isList: boolean
}

/** One stored copy of a blob. */
export interface BlobCopy extends CopyName {
  readonly key: string
  readonly object: StoredObject
}

/**
 * Where a blob lives, unless it was collected and came again. Above 8 MB it lies in chunks, each a blob of its own, and the list of them lies at this key
 * with `.chunks` behind it.
 *
 * @example
 * blobKey('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad').slice(0, 12) // 'blobs/ba/ba7'
 */
export function blobKey(digest: string): string {
  return copyKey(digest, 0)
}

export function copyKey(digest: string, copy: number): string {
  return `blobs/${digest.slice(0, 2)}/${digest}${copy === 0 ? '' : `-${copy}`}`
}

/** Where the list of the chunks of a large blob lies. Its key alone tells it from content: bytes can be damaged so that nothing is left to tell it by. */
export function listKey(digest: string, copy: number): string {
  return `${copyKey(digest, copy)}.chunks`
}

export function keyOfCopy({ digest, copy, isList }: CopyName): string {
  return isList ? listKey(digest, copy) : copyKey(digest, copy)
}

/** Where it is written, for ever, that nobody may rely on a copy any more. */
export function markerKey(digest: string, copy: number): string {
  return `collected/${digest.slice(0, 2)}/${digest}${copy === 0 ? '' : `-${copy}`}`
}

/** The copy that a key of {@link keyOfCopy} is of, undefined for any other key. */
export function copyOfKey(key: string): CopyName | undefined {
  const [, folder, digest, copy, list] = /^blobs\/([0-9a-f]{2})\/([0-9a-f]{64})(?:-([1-9][0-9]{0,8}))?(\.chunks)?$/.exec(key) ?? []
  return digest === undefined || folder !== digest.slice(0, 2) ? undefined : { digest, copy: Number(copy ?? 0), isList: list !== undefined }
}

/** The number of the first copy without a marker: by doubling steps and halving them, one failed read for what was never collected. */
export async function firstUnmarkedCopy(storage: StorageAdapter, digest: string, options: Options = {}): Promise<number> {
  let marked = -1
  let unmarked = Number.POSITIVE_INFINITY
  for (let step = 1; marked + 1 < unmarked; ) {
    const copy = marked + step
    if ((await storage.get(markerKey(digest, copy), options)) === undefined) unmarked = copy
    else marked = copy
    step = Number.isFinite(unmarked) ? Math.max(1, Math.floor((unmarked - marked) / 2)) : step * 2
  }
  return unmarked
}

interface CopiesOptions extends Options {
  /** Of content; lists are read whole. */
  readonly range?: ByteRange
  /** For chunks, which are never lists, whatever lies there: no list is looked for. */
  readonly contentOnly?: boolean
}

/**
 * The copies that are there, in the order in which a reader tries them: 0, which in a storage that nothing was collected from is the only one, then from
 * the first unmarked one down. A marked one may still be there, and is as good as any as long as its bytes are. Content comes before the list of the same
 * number: what is large costs one failed read more.
 */
export async function* copiesOf(
  storage: StorageAdapter,
  digest: string,
  options: CopiesOptions = {},
): AsyncGenerator<BlobCopy, void, undefined> {
  yield* copiesNumbered(storage, digest, 0, options)
  const unmarked = await firstUnmarkedCopy(storage, digest, options.signal === undefined ? {} : { signal: options.signal })
  for (let copy = unmarked; copy > 0; copy--) yield* copiesNumbered(storage, digest, copy, options)
}

/** What is there under one number: the content, the list of its chunks, or nothing. */
export async function* copiesNumbered(
  storage: StorageAdapter,
  digest: string,
  copy: number,
  options: CopiesOptions = {},
): AsyncGenerator<BlobCopy, void, undefined> {
  const { range, contentOnly = false, ...io } = options
  for (const isList of contentOnly ? [false] : [false, true]) {
    const key = keyOfCopy({ digest, copy, isList })
    const object = await storage.get(key, isList || range === undefined ? io : { ...io, range })
    if (object !== undefined) yield { digest, copy, isList, key, object }
  }
}
