import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import type { JournalEntry } from './journal-entry.ts'
import { journalFolder, runFolder } from './journal-entry.ts'
import { readEntry } from './journal-reader.ts'
import { defaultLeaseMs } from './run-lease.ts'
import { readPast } from './run-past.ts'

/** What is there of a run, for whoever deletes it: whole, damaged, or deleted in part. */
export interface RunRemains {
  readonly epoch: number
  readonly leaseMs: number
  /** Who put the first entry; undefined where that is gone or damaged. */
  readonly beginner?: string
  /** The number of the entry that claims it. */
  readonly next: number
  /** False too where that is not known: it is watched first. */
  readonly hasEnded: boolean
}

interface Options {
  readonly signal?: AbortSignal
}

/** Undefined where nothing is there. @throws {@link MillraceError} `FORMAT_UNSUPPORTED`. */
export async function findRemains(storage: StorageAdapter, runId: string, options: Options): Promise<RunRemains | undefined> {
  if (!(await isThere(storage, runId, options))) return undefined
  // Where it was deleted while it was read, and begun anew, it looks damaged the first time.
  const past = (await unlessCorrupt(readPast(storage, runId, options))) ?? (await unlessCorrupt(readPast(storage, runId, options)))
  if (past !== undefined) return past
  const last = await lastNumber(storage, runId, options)
  const first = await entryAt(storage, runId, 0, options)
  const newest = first?.deletion === undefined ? await entryAt(storage, runId, last, options) : first
  let { next, leaseMs } = newest?.deletion ?? { next: last + 1, leaseMs: defaultLeaseMs }
  let epoch = newest?.epoch ?? 1
  // Others who went on with the deletion, of whom a listing shows not all yet.
  for (; ; next++) {
    const heir = await readHeir(storage, runId, next, options)
    if (heir === undefined) return { epoch, leaseMs, next, hasEnded: false, ...(first === undefined ? {} : { beginner: first.owner }) }
    // The id was free in between, and another run has it now.
    if (next === 0 && first === undefined) return await findRemains(storage, runId, options)
    epoch = Math.max(epoch, heir.epoch)
    leaseMs = heir.deletion?.leaseMs ?? leaseMs
  }
}

async function isThere(storage: StorageAdapter, runId: string, options: Options): Promise<boolean> {
  for await (const _ of storage.list(runFolder(runId), { ...options, limit: 1 })) return true
  return false
}

/** Of the last entry that is listed; -1 where there is none. */
async function lastNumber(storage: StorageAdapter, runId: string, options: Options): Promise<number> {
  let last = -1
  for await (const { key } of storage.list(journalFolder(runId), options)) {
    const name = key.slice(journalFolder(runId).length + 1)
    if (/^\d{16}$/.test(name)) last = Number(name)
  }
  return last
}

/** Undefined for one that is damaged, and before the first. */
export async function entryAt(storage: StorageAdapter, runId: string, number: number, options: Options): Promise<JournalEntry | undefined> {
  return number < 0 ? undefined : await unlessCorrupt(readEntry(storage, runId, number, options))
}

/** One that is damaged takes its place all the same. */
async function readHeir(storage: StorageAdapter, runId: string, number: number, options: Options): Promise<JournalEntry | undefined> {
  try {
    return await readEntry(storage, runId, number, options)
  } catch (error) {
    if (MillraceError.is(error, 'STORAGE_CORRUPT')) return { epoch: 1, owner: '', events: [] }
    throw error
  }
}

async function unlessCorrupt<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work
  } catch (error) {
    if (MillraceError.is(error, 'STORAGE_CORRUPT')) return undefined
    throw error
  }
}
