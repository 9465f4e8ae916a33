import type { ByteRange, StorageAdapter, StoredObject } from './adapter.ts'

/**
 * Where blobs lie. A copy that a collector has chosen is marked first, for good, and its key is never relied on again: content that comes again
 * gets the next copy's key. Copies are numbered from 0, and so the marked ones of a blob are the first of them without a gap.
 */

interface Options {
  readonly signal?: AbortSignal
}

/** One stored copy of a blob. */
export interface BlobCopy {
  readonly copy: number
  readonly key: string
  readonly object: StoredObject
}

/**
 * Where a blob lives, unless it was collected and came again.
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

/** Where it is written, for ever, that nobody may rely on a copy any more. */
export function markerKey(digest: string, copy: number): string {
  return `collected/${digest.slice(0, 2)}/${digest}${copy === 0 ? '' : `-${copy}`}`
}

/** The copy that a key of {@link copyKey} is of, undefined for any other key. */
export function copyOfKey(key: string): { readonly digest: string; readonly copy: number } | undefined {
  const [, folder, digest, copy] = /^blobs\/([0-9a-f]{2})\/([0-9a-f]{64})(?:-([1-9][0-9]{0,8}))?$/.exec(key) ?? []
  return digest === undefined || folder !== digest.slice(0, 2) ? undefined : { digest, copy: Number(copy ?? 0) }
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

/**
 * The copies that are there, in the order in which a reader tries them: 0, which in a storage that nothing was collected from is the only one, then from
 * the first unmarked one down. A marked one may still be there, and is as good as any as long as its bytes are.
 */
export async function* copiesOf(
  storage: StorageAdapter,
  digest: string,
  options: Options & { readonly range?: ByteRange } = {},
): AsyncGenerator<BlobCopy, void, undefined> {
  const first = await storage.get(blobKey(digest), options)
  if (first !== undefined) yield { copy: 0, key: blobKey(digest), object: first }
  const unmarked = await firstUnmarkedCopy(storage, digest, options.signal === undefined ? {} : { signal: options.signal })
  for (let copy = unmarked; copy > 0; copy--) {
    const key = copyKey(digest, copy)
    const object = await storage.get(key, options)
    if (object !== undefined) yield { copy, key, object }
  }
}
