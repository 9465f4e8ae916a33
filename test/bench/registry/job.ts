import { Registry } from 'millrace/registry'
import type { StorageAdapter } from 'millrace/storage'
import { packageMaker } from './package.ts'

/** What one writer does until its time is up. */
export interface Job {
  readonly operation: 'register' | 'alias'
  readonly model: string
  readonly writer: string
  readonly durationMs: number
}

export interface Done {
  readonly operations: number
  /** Spent in operations. */
  readonly elapsedMs: number
}

/** A registry as a process would open it, warmed up by one operation; then as many as fit into the time. */
export async function perform(storage: StorageAdapter, job: Job, start: () => Promise<void>): Promise<Done> {
  const registry = new Registry({ storage })
  const packages = packageMaker(job.writer, 4_096)
  let elapsedMs = 0
  /** What is measured is the operation, not the making of its package. */
  const once = async (turn: number): Promise<void> => {
    const modelPackage = packages.next()
    const began = performance.now()
    if (job.operation === 'register') await registry.register(job.model, modelPackage)
    // Each move is to another version, or it would be none.
    else await registry.setAlias(job.model, `alias-${job.writer}`, 1 + (turn % 2))
    elapsedMs += performance.now() - began
  }
  await once(0)
  await start()
  elapsedMs = 0
  const began = performance.now()
  let operations = 0
  while (performance.now() - began < job.durationMs) {
    operations++
    await once(operations)
  }
  return { operations, elapsedMs }
}
