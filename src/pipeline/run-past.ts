import type { StorageAdapter } from '../storage/adapter.ts'
import { AcknowledgedWork } from './acknowledged.ts'
import { RunFold } from './fold-record.ts'
import { readJournal } from './journal-reader.ts'
import type { RunStarted } from './pipeline-event.ts'
import { unlessNotFound } from './run-not-found.ts'

/** What the journal of a run says, for whoever goes on with it. */
export interface RunPast {
  readonly started: RunStarted
  /** Who began it: of two runs that had one id in turn, no two are the same. */
  readonly beginner: string
  readonly fold: RunFold
  readonly acknowledged: AcknowledgedWork
  /** The newest one. */
  readonly epoch: number
  /** The number of the entry that is next. */
  readonly next: number
  /** Of the newest owner. */
  readonly leaseMs: number
  readonly hasEnded: boolean
}

/** Undefined when there is no such run. @throws {@link MillraceError} `STORAGE_CORRUPT` or `FORMAT_UNSUPPORTED`. */
export async function readPast(
  storage: StorageAdapter,
  runId: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<RunPast | undefined> {
  return await unlessNotFound(foldPast(storage, runId, options))
}

async function foldPast(storage: StorageAdapter, runId: string, options: { readonly signal?: AbortSignal }): Promise<RunPast | undefined> {
  const fold = new RunFold()
  const acknowledged = new AcknowledgedWork()
  let started: RunStarted | undefined
  let beginner = ''
  let epoch = 1
  let leaseMs = 0
  let hasEnded = false
  const entries = readJournal(storage, runId, options)
  for (;;) {
    const { value, done } = await entries.next()
    if (done === true)
      return started === undefined ? undefined : { started, beginner, fold, acknowledged, epoch, next: value, leaseMs, hasEnded }
    for (const event of value.events) {
      if (event.type === 'run-started') {
        started = event
        beginner = value.owner
      }
      if (event.type === 'run-resumed') epoch = event.epoch
      if (event.type === 'run-started' || event.type === 'run-resumed') leaseMs = event.leaseMs
      hasEnded = event.type === 'run-finished'
      fold.apply(event)
      acknowledged.apply(event)
    }
  }
}
