import { MillraceError } from '../core/error.ts'
import { receivedText } from '../core/received.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { runFolder } from './journal-entry.ts'
import type { RunOutcome, RunRecord } from './run-record.ts'
import { findRun, isRunId } from './run-store.ts'

/** A run that is there and cannot be read: damaged, or of a newer library. */
export interface RunIssue {
  readonly type: 'unreadable'
  readonly runId: string
  readonly error: MillraceError<'STORAGE_CORRUPT'> | MillraceError<'FORMAT_UNSUPPORTED'>
}

export interface ListRunsOptions {
  /** Of the pipeline of this name. */
  readonly pipeline?: string
  readonly outcome?: RunOutcome
  /** Runs that have all of these tags. */
  readonly tags?: Readonly<Record<string, string>>
  /** Milliseconds since 1970 UTC, by the clock of whoever started the run; both ends are left out. */
  readonly startedAfter?: number
  readonly startedBefore?: number
  /** Begin behind this run id, in the order of the listing. */
  readonly after?: string
  /** At most so many of those that pass the filters. */
  readonly limit?: number
  /** By ids that the library made; default `oldest-first`. */
  readonly order?: 'oldest-first' | 'newest-first'
  /** Told of each run that cannot be read, and the listing goes on with the next. Without it, the first of them is thrown. */
  readonly onIssue?: (issue: RunIssue) => void
  readonly signal?: AbortSignal
}

interface Signal {
  readonly signal?: AbortSignal
}

/**
 * The records of runs in the order of their keys, which is the order of their starts for ids that the library made (of ids of your own `a-b` comes before `a`).
 * A run that has ended costs two reads, one that has not its whole journal. `newest-first` reads no more records than it gives or filters out, but
 * lists the keys of all runs before the first, and once more for each 10,000 runs.
 *
 * @throws {@link MillraceError} `ARGUMENT_INVALID`; `STORAGE_CORRUPT` or `FORMAT_UNSUPPORTED` at a run that cannot be read, unless there is an `onIssue`.
 * @example
 * const onIssue = ({ runId, error }: RunIssue): void => logger.warn('run', { runId, code: error.code })
 * for await (const record of listRuns(storage, { order: 'newest-first', limit: 10, onIssue })) console.log(record.id, record.outcome)
 */
export async function* listRuns(storage: StorageAdapter, options: ListRunsOptions = {}): AsyncGenerator<RunRecord, void, undefined> {
  const { limit = Number.POSITIVE_INFINITY, order = 'oldest-first', after, signal } = options
  checkOptions(options)
  const withSignal = signal === undefined ? {} : { signal }
  let count = 0
  if (limit === 0) return
  for await (const runId of order === 'oldest-first' ? runIds(storage, after, withSignal) : newestRunIds(storage, after, withSignal)) {
    const record = await read(storage, runId, options)
    if (record === undefined || !passes(record, options)) continue
    yield record
    if (++count >= limit) return
  }
}

async function read(storage: StorageAdapter, runId: string, { onIssue, signal }: ListRunsOptions): Promise<RunRecord | undefined> {
  try {
    return await findRun(storage, runId, signal === undefined ? {} : { signal })
  } catch (error) {
    const isOfRun = MillraceError.is(error, 'STORAGE_CORRUPT') || MillraceError.is(error, 'FORMAT_UNSUPPORTED')
    if (!isOfRun || onIssue === undefined) throw error
    onIssue({ type: 'unreadable', runId, error })
    return undefined
  }
}

function passes(record: RunRecord, { pipeline, outcome, tags = {}, startedAfter, startedBefore }: ListRunsOptions): boolean {
  if (pipeline !== undefined && record.pipeline !== pipeline) return false
  if (outcome !== undefined && record.outcome !== outcome) return false
  if (startedAfter !== undefined && !(record.startedAt > startedAfter)) return false
  if (startedBefore !== undefined && !(record.startedAt < startedBefore)) return false
  return Object.entries(tags).every(([name, value]) => record.tags[name] === value)
}

/** Above this many keys of one run the rest of them is stepped over with a new listing. */
const maxKeysOfRun = 100
/** How many ids are held to give them in reverse. */
const maxHeldIds = 10_000

/** The folders below `runs`, read as they come as long as runs are small. */
async function* runIds(storage: StorageAdapter, afterRun: string | undefined, options: Signal): AsyncGenerator<string, void, undefined> {
  let after = afterRun === undefined ? undefined : endOf(afterRun)
  for (;;) {
    let runId: string | undefined
    let keys = 0
    let isStepping = false
    for await (const { key } of storage.list('runs', { ...options, ...(after === undefined ? {} : { after }) })) {
      const found = key.split('/')[1] as string
      if (found !== runId) {
        runId = found
        keys = 0
        yield found
      } else if (++keys >= maxKeysOfRun) {
        after = endOf(found)
        isStepping = true
        break
      }
    }
    if (!isStepping) return
  }
}

/** The same from the end: storage lists in one direction only. */
async function* newestRunIds(
  storage: StorageAdapter,
  before: string | undefined,
  options: Signal,
): AsyncGenerator<string, void, undefined> {
  for (let end = before; ; ) {
    let held: string[] = []
    let isMore = false
    for await (const runId of runIds(storage, undefined, options)) {
      // As keys are: each id with what ends it.
      if (end !== undefined && `${runId}/` >= `${end}/`) break
      held.push(runId)
      if (held.length < 2 * maxHeldIds) continue
      held = held.slice(maxHeldIds)
      isMore = true
    }
    if (held.length > maxHeldIds) {
      held = held.slice(-maxHeldIds)
      isMore = true
    }
    yield* held.toReversed()
    if (!isMore) return
    end = held[0]
  }
}

/** Behind all that lies in the run's folder. */
function endOf(runId: string): string {
  return `${runFolder(runId)}/zzzz`
}

const outcomes: readonly RunOutcome[] = ['succeeded', 'failed', 'cancelled', 'unfinished']
const orders: readonly unknown[] = ['oldest-first', 'newest-first']

function checkOptions({ outcome, after, limit, order, startedAfter, startedBefore }: ListRunsOptions): void {
  if (outcome !== undefined && !outcomes.includes(outcome)) throw invalid('outcome', `one of ${outcomes.join(', ')}`, outcome)
  if (order !== undefined && !orders.includes(order)) throw invalid('order', `one of ${orders.join(', ')}`, order)
  if (after !== undefined && !isRunId(after)) throw invalid('after', 'the id of a run', after)
  if (limit !== undefined && !(limit >= 0 && (Number.isInteger(limit) || limit === Number.POSITIVE_INFINITY)))
    throw invalid('limit', '0, 1, 2 and so on', limit)
  for (const [name, time] of Object.entries({ startedAfter, startedBefore }))
    if (time !== undefined && !(typeof time === 'number' && !Number.isNaN(time))) throw invalid(name, 'milliseconds since 1970', time)
}

function invalid(argument: string, expected: string, value: unknown): MillraceError<'ARGUMENT_INVALID'> {
  const received = receivedText(value)
  return new MillraceError('ARGUMENT_INVALID', {
    message: `Expected "${argument}" to be ${expected}. Received ${received}.`,
    details: { argument, expected, received },
  })
}
