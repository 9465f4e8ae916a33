import { mapConcurrently } from '../core/concurrency.ts'
import type { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { corrupt } from '../storage/faults.ts'
import type { JournalEntry } from './journal-entry.ts'
import { decodeEntry, journalFolder, journalKey } from './journal-entry.ts'
import { runNotFound } from './run-not-found.ts'

interface Options {
  readonly signal?: AbortSignal
}

const readAhead = 16

/**
 * The entries of a run's journal in order, from number `from` (default the first) to its end, a few read ahead; none when there is no such run.
 * What comes back at the end is the number that is next.
 *
 * @throws {@link MillraceError} `RUN_NOT_FOUND` when the run is being deleted, or was while it was read; `STORAGE_CORRUPT` or `FORMAT_UNSUPPORTED`.
 */
export async function* readJournal(
  storage: StorageAdapter,
  runId: string,
  options: Options & { readonly from?: number } = {},
): AsyncGenerator<JournalEntry, number, undefined> {
  const { signal } = options
  const withSignal = signal === undefined ? {} : { signal }
  let next = options.from ?? 0
  const after = next === 0 ? {} : { after: journalKey(runId, next - 1) }
  let keys: string[] = []
  for await (const { key } of storage.list(journalFolder(runId), { ...withSignal, ...after })) {
    const expected = journalKey(runId, next + keys.length)
    if (key !== expected) throw await missing(storage, runId, expected, 'an entry is missing between others', withSignal)
    keys.push(key)
    if (keys.length < readAhead) continue
    yield* await readEntries(storage, runId, keys, options)
    next += keys.length
    keys = []
  }
  yield* await readEntries(storage, runId, keys, options)
  next += keys.length
  // What a listing does not show yet. A look at a run that is not there costs no more than the listing.
  while (next > 0) {
    const entry = await readEntry(storage, runId, next, withSignal)
    if (entry === undefined) break
    if (entry.deletion !== undefined) throw runNotFound(storage, runId)
    yield entry
    next++
  }
  return next
}

/** One entry, undefined past the end. */
export async function readEntry(
  storage: StorageAdapter,
  runId: string,
  number: number,
  options: Options = {},
): Promise<JournalEntry | undefined> {
  const key = journalKey(runId, number)
  const object = await storage.get(key, options)
  return object === undefined ? undefined : decodeEntry(key, object.bytes)
}

async function readEntries(
  storage: StorageAdapter,
  runId: string,
  keys: readonly string[],
  { signal }: Options,
): Promise<readonly JournalEntry[]> {
  const withSignal = signal === undefined ? {} : { signal }
  const read = async (key: string): Promise<JournalEntry> => {
    const object = await storage.get(key, withSignal)
    if (object === undefined) throw await missing(storage, runId, key, 'it was listed and is gone', withSignal)
    const entry = decodeEntry(key, object.bytes)
    if (entry.deletion !== undefined) throw runNotFound(storage, runId)
    return entry
  }
  return await mapConcurrently(keys, readAhead, read, signal)
}

/** An entry is gone: of a run that is being deleted, whose first entry says so to the last, or was deleted since; else the journal is damaged. */
async function missing(
  storage: StorageAdapter,
  runId: string,
  key: string,
  reason: string,
  options: Options,
): Promise<MillraceError<'RUN_NOT_FOUND'> | MillraceError<'STORAGE_CORRUPT'>> {
  const first = await readEntry(storage, runId, 0, options)
  if (first?.deletion !== undefined) return runNotFound(storage, runId)
  if (first === undefined && !(await hasEntries(storage, runId, options))) return runNotFound(storage, runId)
  return corrupt(key, reason)
}

async function hasEntries(storage: StorageAdapter, runId: string, options: Options): Promise<boolean> {
  for await (const _ of storage.list(journalFolder(runId), { ...options, limit: 1 })) return true
  return false
}
