import type { Clock } from '../core/clock.ts'
import { MillraceError } from '../core/error.ts'
import type { StorageAdapter } from './adapter.ts'

/** Written anew each time, never deleted; its place in a list tells the time. */
const probeKey = 'probes/time'

/** The time by the storage's own clock, which `modifiedAt` is by: ages do not depend on whose clock is wrong. */
export async function storageTime(storage: StorageAdapter, clock: Clock, options: { readonly signal?: AbortSignal }): Promise<number> {
  const stored = { format: 'millrace-probe', formatVersion: 1, minReaderVersion: 1, time: clock.now() }
  await storage.put(probeKey, new TextEncoder().encode(JSON.stringify(stored)), options)
  for await (const { key, modifiedAt } of storage.list('probes', options)) if (key === probeKey) return modifiedAt
  throw new MillraceError('STORAGE_UNAVAILABLE', {
    message: `Expected the storage "${storage.name}" to list "${probeKey}", which was just written. Received a list without it.`,
    details: { storage: storage.name, reason: 'a list without what was just written' },
  })
}
