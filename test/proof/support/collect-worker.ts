// Collects whatever nothing names, however young it is, one pass after the other until it is killed; tells when each begins and what it took away.
import { Registry } from '../../../src/registry/registry.ts'
import { registryReferences } from '../../../src/registry/registry-references.ts'
import type { BlobReferences, CollectedBlobs } from '../../../src/storage/blob-references.ts'
import { collectBlobs } from '../../../src/storage/collect-blobs.ts'
import { FileStorage } from '../../../src/storage/file.ts'
import { LatencyStorage } from '../../../src/testing/latency-storage.ts'
import { collect } from '../../unit/registry/registry-fixtures.ts'
import { say, waitForStart } from './workers.ts'

export interface CollectWorkerOptions {
  readonly root: string
  readonly name: string
  /** True, which is a mistake: what was named since it marked what is to go is not looked for. */
  readonly readsOnce: boolean
}

export type CollectWorkerLine = { readonly step: 'collecting' } | { readonly step: 'collected'; readonly blobs: number }

const { root, name, readsOnce } = JSON.parse(process.argv[2] ?? '') as CollectWorkerOptions
// Slower than those who register, so that they get on between what it decides and what it does.
const meanMs = { list: 10, delete: 15, putIfAbsent: 2 }
const storage = new LatencyStorage(await FileStorage.open(root), { meanMs, spread: 1, seed: name })
const registry = new Registry({ storage })
await waitForStart()
const tell = (line: CollectWorkerLine): void => say(line)
for (;;) {
  tell({ step: 'collecting' })
  const { collected } = await pass()
  tell({ step: 'collected', blobs: collected.blobs })
}

async function pass(): Promise<CollectedBlobs> {
  if (readsOnce) return await collectBlobs(storage, { references: [asFirstRead(registryReferences(storage))], olderThanMs: 0 })
  return await registry.collectGarbage({ dryRun: false, olderThanMs: 0 })
}

function asFirstRead(source: BlobReferences): BlobReferences {
  let first: readonly string[] | undefined
  return {
    name: source.name,
    async *references(options) {
      first ??= await collect(source.references(options))
      yield* first
    },
  }
}
