import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { StorageAdapter } from './adapter.ts'
import { copiesNumbered, firstUnmarkedCopy } from './blob-copies.ts'
import { collectionLog, wasEverCollected } from './collection-log.ts'
import { markCopy } from './collection-marker.ts'
import { examineCopy } from './verify-blob.ts'

export interface CondemnOptions {
  readonly clock?: Clock
  readonly random?: Random
  readonly signal?: AbortSignal
}

/**
 * Takes a damaged blob out of use, so that its content, when it comes again, is stored again: the copy that writers would rely on is read, and if it is not what
 * was written, it (or the chunks of it that are damaged) is marked. Nothing is overwritten or deleted, so a copy that another process stored meanwhile stays,
 * and so does a sound one that a failing disk or network read wrongly; what is marked is collected when nothing names it any more.
 *
 * @returns true when something was found damaged and marked.
 * @throws {@link MillraceError} `STORAGE_CAPABILITY_MISSING` when the storage cannot put if absent; `FORMAT_UNSUPPORTED` for a list of chunks of a newer library.
 * @example
 * const digest = await putBlob(storage, bytes)
 * await condemnBlob(storage, digest) // false
 */
export async function condemnBlob(storage: StorageAdapter, digest: string, options: CondemnOptions = {}): Promise<boolean> {
  const { clock = systemClock } = options
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const marked = await markDamage(storage, digest, clock, signal)
  // Markers count from the first entry on: one that a process left that died before it wrote the entry needs it as well.
  const mustTell = marked > 0 || ((await firstUnmarkedCopy(storage, digest, signal)) > 0 && !(await wasEverCollected(storage, signal)))
  if (mustTell) await collectionLog(storage, options).append(() => ({ operation: { kind: 'condemned', marked } }), signal)
  return marked > 0
}

/** How many copies were marked. */
async function markDamage(
  storage: StorageAdapter,
  digest: string,
  clock: Clock,
  options: { readonly signal?: AbortSignal },
): Promise<number> {
  const copy = await firstUnmarkedCopy(storage, digest, options)
  const corruptChunks: string[] = []
  let isDamaged = false
  for await (const found of copiesNumbered(storage, digest, copy, options)) {
    const examined = await examineCopy(storage, found, options)
    if (examined.condition === 'intact') return 0
    if (examined.condition === 'corrupt') isDamaged = true
    corruptChunks.push(...examined.corruptChunks)
  }
  if (!isDamaged) return 0
  let marked = 0
  for (const chunk of corruptChunks) marked += await markDamage(storage, chunk, clock, options)
  if (corruptChunks.length > 0) return marked
  await markCopy(storage, { digest, copy }, { kind: 'condemned', time: clock.now() }, options)
  return 1
}
