import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listRuns } from '../../src/pipeline/index.ts'
import { Pipeline } from '../../src/pipeline/pipeline.ts'
import { Registry } from '../../src/registry/registry.ts'
import type { StorageAdapter } from '../../src/storage/adapter.ts'
import { getBlob, putBlob } from '../../src/storage/blobs.ts'
import { FileStorage } from '../../src/storage/file.ts'
import { MemoryStorage } from '../../src/storage/memory.ts'
import { FaultyStorage, failNth } from '../../src/testing/index.ts'
import { stage } from '../unit/pipeline/support/stages.ts'
import { packageNamed } from '../unit/registry/registry-fixtures.ts'
import { outcomeOf } from './support/crash-store.ts'
import { size } from './support/size.ts'

let parent = ''
let count = 0
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'millrace-storage-faults-'))
})
afterAll(() => rm(parent, { recursive: true, force: true }))

const adapters: Readonly<Record<string, () => Promise<StorageAdapter>>> = {
  MemoryStorage: async () => new MemoryStorage(),
  // What is proved here is what lies above the storage, and does not depend on fsync.
  FileStorage: () => FileStorage.open(join(parent, String(++count)), { durability: 'process' }),
}
const faults = ['refused', 'no-space', 'request-lost', 'reply-lost'] as const
const storageFaults = ['STORAGE_UNAVAILABLE', 'STORAGE_NO_SPACE', 'STORAGE_OUTCOME_UNKNOWN']

const row4 = 'row 4: N-th I/O fails (EIO), for every N: typed error; old or new state, never a mix'

describe.each(Object.keys(adapters))('above %s, each operation of the storage that fails', (name) => {
  const open = adapters[name] as () => Promise<StorageAdapter>
  const step = name === 'MemoryStorage' ? 1 : size(3, 1)

  /** Does the work with the N-th operation failing, for each N until it is not reached; `before` is not made to fail. */
  async function failEach(
    before: (storage: StorageAdapter) => Promise<unknown>,
    work: (storage: StorageAdapter) => Promise<unknown>,
    check: (storage: StorageAdapter, outcome: string, at: string) => Promise<void>,
  ): Promise<void> {
    for (const fault of faults) {
      for (let index = 1; ; index += step) {
        const storage = await open()
        await before(storage)
        const faulty = new FaultyStorage(storage, failNth(index, fault))
        const outcome = await outcomeOf(work(faulty))
        await check(storage, outcome, `operation ${index}, ${fault}, gave ${outcome}`)
        if (faulty.failures === 0) {
          expect(outcome).toBe('done')
          expect(index).toBeGreaterThan(1)
          break
        }
      }
    }
  }

  const first = async (storage: StorageAdapter): Promise<void> => {
    const registry = new Registry({ storage })
    await registry.register('churn', packageNamed('first'), { idempotencyKey: 'first' })
    await registry.setAlias('churn', 'champion', 1)
  }

  test(`${row4}: Registry.register`, async () => {
    const register = (storage: StorageAdapter): Promise<unknown> =>
      new Registry({ storage }).register('churn', packageNamed('second'), { idempotencyKey: 'second' })
    await failEach(first, register, async (storage, outcome, at) => {
      expect(['done', ...storageFaults], at).toContain(outcome)
      const registry = new Registry({ storage })
      const versions: number[] = []
      for await (const { version } of registry.versions('churn')) versions.push(version)
      expect(outcome === 'done' ? ['1,2'] : ['1', '1,2'], at).toContain(versions.join())
      for (const version of versions) await registry.load('churn', version)
      expect((await registry.alias('churn', 'champion'))?.version, at).toBe(1)
      expect((await registry.register('churn', packageNamed('second'), { idempotencyKey: 'second' })).version, at).toBe(2)
      expect((await registry.register('churn', packageNamed('third'))).version, at).toBe(3)
    })
  })

  test(`${row4}: Registry.setAlias, tag, removeAlias and deleteVersion`, async () => {
    const before = async (storage: StorageAdapter): Promise<void> => {
      await first(storage)
      await new Registry({ storage }).register('churn', packageNamed('second'))
      await new Registry({ storage }).register('churn', packageNamed('third'))
    }
    const works: readonly (readonly [(registry: Registry) => Promise<unknown>, readonly string[]])[] = [
      [(registry) => registry.setAlias('churn', 'champion', 2), ['1,2,3 champion@1 {}', '1,2,3 champion@2 {}']],
      [(registry) => registry.removeAlias('churn', 'champion'), ['1,2,3 champion@1 {}', '1,2,3 champion@undefined {}']],
      [(registry) => registry.tag('churn', 1, { stage: 'checked' }), ['1,2,3 champion@1 {}', '1,2,3 champion@1 {"stage":"checked"}']],
      [(registry) => registry.deleteVersion('churn', 3), ['1,2,3 champion@1 {}', '1,2 champion@1 {}']],
    ]
    for (const [work, [old, changed]] of works) {
      await failEach(
        before,
        (storage) => work(new Registry({ storage })),
        async (storage, outcome, at) => {
          expect(['done', ...storageFaults], at).toContain(outcome)
          const registry = new Registry({ storage })
          const versions: number[] = []
          for await (const { version } of registry.versions('churn')) versions.push(version)
          const alias = (await registry.alias('churn', 'champion'))?.version
          const { tags } = await registry.version('churn', 1)
          const state = `${versions.join()} champion@${alias} ${JSON.stringify(tags)}`
          expect(outcome === 'done' ? [changed] : [old, changed], at).toContain(state)
          // And once more, when all is well, it is done or was done.
          const again = await outcomeOf(work(registry))
          expect(state === changed ? ['done', 'VERSION_DELETED'] : ['done'], at).toContain(again)
        },
      )
    }
  })

  test(`${row4}: a blob`, async () => {
    const bytes = new Uint8Array(10_000).fill(3)
    const nothing = async (): Promise<void> => {}
    await failEach(
      nothing,
      (storage) => putBlob(storage, bytes),
      async (storage, outcome, at) => {
        expect(['done', ...storageFaults], at).toContain(outcome)
        const digest = await putBlob(storage, bytes)
        expect(await getBlob(storage, digest), at).toEqual(bytes)
      },
    )
  })

  test(`${row4}: a pipeline run`, async () => {
    // So long a run that ended without saying so is watched before another goes on with it.
    const leaseMs = 40
    const pipeline = new Pipeline('sums')
      .pipe(stage('make', () => ({ values: Float64Array.from([1, 2, 3]) })))
      .pipe(stage('add', ({ values }: { values: Float64Array }) => values.reduce((sum, value) => sum + value, 0)))
      .pipe(stage('double', (sum: number) => sum * 2))
    const nothing = async (): Promise<void> => {}
    await failEach(
      nothing,
      (storage) => pipeline.run({ storage, id: 'run-1', leaseMs }),
      async (storage, outcome, at) => {
        expect(['done', 'RUN_FAILED', ...storageFaults], at).toContain(outcome)
        // Whatever there is of it can be read, and it is finished or run once more.
        const known: string[] = []
        for await (const { id } of listRuns(storage)) known.push(id)
        expect([[], ['run-1']], at).toContainEqual(known)
        if (outcome === 'done') expect(known, at).toEqual(['run-1'])
        const again = await pipeline.run(known.length === 0 ? { storage } : { storage, resume: 'run-1', leaseMs })
        expect(again.output, at).toBe(12)
      },
    )
  })
})
