import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from '../storage/adapter.ts'
import { defaultLeaseMs } from './run-lease.ts'
import { decodeStored, encodeStored } from './stored-json.ts'

const format = { format: 'millrace-run-open', formatVersion: 1, minReaderVersion: 1 } as const
const open = 'runs-open'
const resumable = 'runs-resumable'

interface Options {
  readonly signal?: AbortSignal
}

/** A run whose outputs must stay, by its marker. */
export interface OpenRun {
  readonly runId: string
  readonly epoch: number
  /** True while it is under way, or its process died; false where it failed or was cancelled, so that it uses nothing until it is resumed. */
  readonly isInProgress: boolean
  /** When the marker was written, by the store's clock: what the run uses it takes later. */
  readonly modifiedAt: number
}

/** Before the run takes anything from the cache: from now on its outputs are held, at least until it has shown no life for its lease. */
export async function markOpen(
  storage: StorageAdapter,
  { runId, epoch, leaseMs }: { readonly runId: string; readonly epoch: number; readonly leaseMs: number },
): Promise<void> {
  await storage.put(markerKey(open, runId, epoch), encodeStored({ ...format, runId, epoch, leaseMs }))
}

/** The lease of a run in progress by its marker; that of runs that were given none where it cannot be read. */
export async function leaseOf(storage: StorageAdapter, { runId, epoch }: OpenRun, options: Options = {}): Promise<number> {
  const key = markerKey(open, runId, epoch)
  const object = await storage.get(key, options)
  if (object === undefined) return defaultLeaseMs
  try {
    const { leaseMs } = decodeStored(key, object.bytes, format.format, format.formatVersion)
    return typeof leaseMs === 'number' ? leaseMs : defaultLeaseMs
  } catch (error) {
    if (MillraceError.is(error, 'STORAGE_CORRUPT')) return defaultLeaseMs
    throw error
  }
}

/** When the run has ended; what can be resumed is held a while longer. Markers of later epochs are not ours. */
export async function markEnded(
  storage: StorageAdapter,
  runId: string,
  epoch: number,
  options: { readonly isResumable: boolean },
): Promise<void> {
  const own = markerKey(resumable, runId, epoch)
  if (options.isResumable) await storage.put(own, encodeStored({ ...format, runId, epoch }))
  if (epoch === 1) {
    await storage.delete(markerKey(open, runId, epoch))
    return
  }
  for (const folder of [open, resumable]) {
    for await (const { key } of storage.list(`${folder}/${runId}`)) {
      const isOurs = Number(key.split('/')[2]) <= epoch
      if (isOurs && !(options.isResumable && key === own)) await storage.delete(key)
    }
  }
}

/** All markers; a run that several processes had in turn may have several. */
export async function* listOpenRuns(storage: StorageAdapter, options: Options = {}): AsyncGenerator<OpenRun, void, undefined> {
  for (const folder of [open, resumable]) {
    for await (const { key, modifiedAt } of storage.list(folder, options)) {
      const [, runId, epoch] = key.split('/')
      if (runId !== undefined) yield { runId, epoch: Number(epoch), isInProgress: folder === open, modifiedAt }
    }
  }
}

/** Lets a run go, whoever has had it. */
export async function deleteMarkers(storage: StorageAdapter, runId: string): Promise<void> {
  for (const folder of [open, resumable]) for await (const { key } of storage.list(`${folder}/${runId}`)) await storage.delete(key)
}

/** Lets a run go. */
export async function deleteMarker(storage: StorageAdapter, { runId, epoch, isInProgress }: OpenRun): Promise<void> {
  await storage.delete(markerKey(isInProgress ? open : resumable, runId, epoch))
}

function markerKey(folder: string, runId: string, epoch: number): string {
  return `${folder}/${runId}/${String(epoch).padStart(16, '0')}`
}
