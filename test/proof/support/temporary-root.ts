import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { endWorkers } from './workers.ts'

/** A folder of its own for each test of the file; after it, no process of it is left. */
export function temporaryRoot(): () => string {
  let root = ''
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'millrace-proof-'))
  })
  afterEach(async () => {
    await endWorkers()
    await rm(root, { recursive: true, force: true })
  })
  return () => root
}
